"""What the product is checked for, leaving out what the local server answers by itself.

`cargo lambda watch` refuses bytes that are no UTF-8, in a body or in a header, with a 500 of its own before any function
sees them. API Gateway does not; what the functions do with such bytes is tested at the handlers.
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
        check(ctx, response, case)
