#!/usr/bin/env bash
# Runs schemathesis against the whole product on this machine: thousands of calls made up from the OpenAPI document, of
# which none may be answered by a 5xx or in a way that the document does not allow. They are made with the platform's key,
# which is let into every call, and name the demo business. Called by `make test-api`.
set -euo pipefail
cd "$(dirname "$0")/../.."

root=$PWD
port=${PAYLINK_API_TEST_PORT:-9300}
data=$(mktemp -d)
base=http://localhost:$port

PAYLINK_LOCAL_PORT=$port PAYLINK_LOCAL_DATA=$data PAYLINK_LOCAL_REBUILD=off target/debug/paylink-local >"$data/log" 2>&1 &
cloud=$!
trap 'kill $cloud 2>/dev/null || true; wait $cloud 2>/dev/null || true; rm -rf "$data"' EXIT

for _ in $(seq 300); do
  curl -sf "$base/v1/openapi.json" -o /dev/null && break
  kill -0 $cloud 2>/dev/null || { cat "$data/log"; exit 1; }
  sleep 1
done

# The local server starts a function when it is first called; both are there before anything is measured by the clock.
curl -s --retry 5 --max-time 60 -X POST "$base/v1/payment-links/draft" -o /dev/null

# What is checked is in hooks.py: no 5xx of ours, and no status, media type or body that the document does not have. Data
# that fits the schema may still be refused by the rules with a 422. It runs beside the data, because it writes files where
# it is, and a new file in the project makes the local server start its functions again in the middle of a call.
cd "$data"
SCHEMATHESIS_HOOKS=$root/tests/api/hooks.py "$root/.tools/api/bin/st" run "$base/v1/openapi.json" \
  --header 'Authorization: Bearer plp_local-platform-key' \
  --header 'Paylink-Business: demo' \
  --phases examples,coverage,fuzzing \
  --checks answered_as_documented \
  --max-examples "${PAYLINK_API_TEST_EXAMPLES:-15}" \
  --suppress-health-check all \
  --seed 1 --workers 1 --request-timeout 120 --no-color
