#!/usr/bin/env bash
# Runs schemathesis against the whole product on this machine: thousands of calls made up from the OpenAPI document, with
# the key, of which none may be answered by a 5xx or in a way that the document does not allow. Called by `make test-api`.
set -euo pipefail
cd "$(dirname "$0")/../.."

port=${PAYLINK_API_TEST_PORT:-9300}
data=$(mktemp -d)
base=http://localhost:$port

PAYLINK_LOCAL_PORT=$port PAYLINK_LOCAL_DATA=$data target/debug/paylink-local >"$data/log" 2>&1 &
cloud=$!
trap 'kill $cloud 2>/dev/null || true; wait $cloud 2>/dev/null || true; rm -rf "$data"' EXIT

for _ in $(seq 300); do
  curl -sf "$base/v1/openapi.json" -o /dev/null && break
  kill -0 $cloud 2>/dev/null || { cat "$data/log"; exit 1; }
  sleep 1
done

# Which checks, and why no others: data that fits the schema may still be refused by the rules (422), and the local server
# answers unknown methods and broken bytes by itself; those are tested at the handlers.
.tools/api/bin/st run "$base/v1/openapi.json" \
  --header 'Authorization: Bearer local-crm-key' \
  --phases examples,coverage,fuzzing \
  --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
  --max-examples "${PAYLINK_API_TEST_EXAMPLES:-15}" \
  --suppress-health-check all \
  --seed 1 --workers 2 --request-timeout 30 --no-color
