#!/usr/bin/env bash
# Makes clients of the OpenAPI document by five generators, and compiles them together with what an integrator would write
# on each. All of it is left in target/clients, where tests/tests/suite/clients.rs runs it. Called by `make test-clients`.
#
# The commands are those of docs/clients.md; that test compares the two.
set -euo pipefail
cd "$(dirname "$0")/../.."

here=$PWD
export PATH=$here/tests/clients/node_modules/.bin:$here/.tools/clients/bin:$PATH

# An integrator's project, with the document in it.
rm -rf target/clients
mkdir -p target/clients
cp -r tests/clients/{*.config.js,tsconfig.json,mypy.ini,package.json,typescript,python,php} target/clients
cp "${OPENAPI:-functions/crm-api/openapi.json}" target/clients/openapi.json
ln -s "$here/tests/clients/node_modules" target/clients/node_modules
cd target/clients

# What a generator says that is not about this document, or changes nothing of what it makes:
# of every document openapi-generator says that 3.1 is new to it, and of a text in a union that it has no name;
# openapi-typescript says that a union among the sides of a union is no object.
known='OpenAPI 3.1 support is still in beta|Failed to get the schema name: null|neither an object schema nor an allOf array'

# Runs a generator, and fails where it says that it left out or guessed at a part of the document: none ends with another
# status for that.
generate() {
  local log
  echo "== $1"
  log=$("$@" 2>&1) || { echo "$log" >&2; return 1; }
  if grep -iE 'warn|error|⚠' <<<"$log" | grep -vE "$known"; then
    echo "error: $1 does not take the document as it is" >&2
    return 1
  fi
}

generate openapi-typescript openapi.json --output generated/openapi-typescript.d.ts
generate openapi-ts
generate orval
generate openapi-python-client generate --path openapi.json --config python/generator.yaml --meta none --output-path generated/python/paylink
generate openapi-generator-cli generate --generator-name php-nextgen --input-spec openapi.json --output generated/php --additional-properties invokerPackage=Paylink --global-property apis,models,supportingFiles

echo '== tsc'
tsc
echo '== mypy'
mypy generated/python/paylink python/program.py
# What the classes of PHP are made of is looked at when they are loaded, by php/program.php.
echo '== php'
find generated/php/src php -name '*.php' -print0 | xargs -0 -n 1 php -l | { ! grep -v '^No syntax errors'; }
