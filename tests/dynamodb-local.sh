#!/usr/bin/env bash
# Runs the tests of the store, of restores and of the functions on Amazon's DynamoDB Local: `dynamodb-local.sh JAR` all of
# them, `dynamodb-local.sh JAR store functions::api` those of these modules, `dynamodb-local.sh JAR ^functions::conformance`
# all but those. Every few tests have an engine to themselves, because this one becomes slower with every table that there
# ever was: with one engine for the whole store its tests take three times as long, and calls are given up in the middle.
set -euo pipefail
cd "$(dirname "$0")/.."

TESTS_AT_AN_ENGINE=15

jar=$1
shift
port=${DYNAMODB_LOCAL_PORT:-9012}
engine=
trap '[[ -z $engine ]] || kill "$engine" 2>/dev/null || true' EXIT

test_suite() {
  cargo test --quiet --workspace --test suite -- "$@"
}

tests=$(test_suite --list --format terse | sed -nE 's/^((store|restore|functions)::.*): test$/\1/p')
[[ -n $tests ]] || { echo 'error: the suite has no tests of the store' >&2; exit 1; }
for wish in "$@"; do
  grep -q "^${wish#^}::" <<<"$tests" || { echo "error: there is no module ${wish#^} of the store, restore or functions" >&2; exit 2; }
  if [[ $wish = ^* ]]; then tests=$(grep -v "^${wish#^}::" <<<"$tests"); fi
done
wanted=$(printf '%s\n' "$@" | grep -v -e '^^' -e '^$' | sed 's/.*/^&::/' || true)
if [[ -n $wanted ]]; then tests=$(grep -f <(printf '%s\n' "$wanted") <<<"$tests"); fi
mapfile -t tests <<<"$tests"

for ((first = 0; first < ${#tests[@]}; first += TESTS_AT_AN_ENGINE)); do
  began=$SECONDS
  some=("${tests[@]:first:TESTS_AT_AN_ENGINE}")
  (cd "$(dirname "$jar")" && exec java -Djava.library.path=./DynamoDBLocal_lib -jar "$(basename "$jar")" -inMemory -port "$port") >/dev/null 2>&1 &
  engine=$!
  for _ in $(seq 60); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.5; done
  PAYLINK_TEST_DYNAMODB_ENDPOINT=http://127.0.0.1:$port test_suite --exact "${some[@]}"
  kill "$engine"
  wait "$engine" 2>/dev/null || true
  engine=
  printf '%s of %s, from %s on: %ss\n' "$((first + ${#some[@]}))" "${#tests[@]}" "${some[0]}" "$((SECONDS - began))"
done
