"""What the product is checked for, leaving out what the local server answers by itself.

`cargo lambda watch` refuses bytes that are no UTF-8, in a body or in a header, with a 500 of its own before any function
sees them. API Gateway does not; what the functions do with such bytes is tested at the handlers.

A draft shows what it cannot use as it came, so that it fits its schema only where the request did. `tests/src/answers.rs`
holds the drafts of all other tests against the document, and whatever does not fit against the problems that name it.
"""

import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)


def is_of_the_local_server(response):
    return response.status_code == 500 and b"httpstatuses.com" in response.content


def is_a_draft(response, case):
    return response.status_code == 200 and case.operation.path == "/v1/payment-links/draft"


@schemathesis.check
def answered_as_documented(ctx, response, case):
    if is_of_the_local_server(response):
        return
    for check in (
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ):
        if check is response_schema_conformance and is_a_draft(response, case):
            continue
        check(ctx, response, case)
