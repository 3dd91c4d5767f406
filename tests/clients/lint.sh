#!/usr/bin/env bash
# Holds the OpenAPI document against the rules that Redocly and Spectral recommend. A warning or a hint fails as an error
# does. Called by `make lint-openapi`.
set -euo pipefail
cd "$(dirname "$0")"

document=${OPENAPI:-../../functions/crm-api/openapi.json}
export PATH=$PWD/node_modules/.bin:$PWD/../../.tools/clients/bin:$PATH
export REDOCLY_SUPPRESS_UPDATE_NOTICE=true

found=
redocly lint --config rules/redocly.yaml "$document" || found=yes
spectral lint --ruleset rules/spectral.yaml --fail-severity hint "$document" || found=yes
[[ -z $found ]]
