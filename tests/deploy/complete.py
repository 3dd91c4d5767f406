"""Adds to a deployed stack what the emulator leaves out of it: the routes of the HTTP API, which AWS makes from the API's
`Body`, and leave to send email, whose condition `ses:FromAddress` the emulator does not know and takes as not met. And takes
away what it could not work with: the rule that files are reached over TLS alone, because it has none.

What is there already, as after an update, stays as it is."""

import json
import os
import re

import boto3


def processed_template(stack: str) -> dict:
    """The template as CloudFormation has it after the SAM transform."""
    answer = boto3.client("cloudformation").get_template(StackName=stack, TemplateStage="Processed")
    body = answer["TemplateBody"]
    return body if isinstance(body, dict) else json.loads(body)


def physical_ids(stack: str) -> dict[str, str]:
    """The names of the stack's resources, by their names in the template."""
    resources = boto3.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}


def create_routes(stack: str) -> int:
    """Makes every route that is not there yet, and answers how many it made."""
    gateway, functions = boto3.client("apigatewayv2"), boto3.client("lambda")
    ids = physical_ids(stack)
    api = ids["Api"]
    known = {route["RouteKey"] for route in gateway.get_routes(ApiId=api)["Items"]}
    made = 0
    for path, operations in processed_template(stack)["Resources"]["Api"]["Properties"]["Body"]["paths"].items():
        for method, operation in operations.items():
            key = f"{'ANY' if 'any' in method else method.upper()} {path}"
            if key in known:
                continue
            integration = operation["x-amazon-apigateway-integration"]
            function = re.search(r"\$\{(\w+)\.Arn\}", json.dumps(integration["uri"]))[1]
            arn = functions.get_function(FunctionName=ids[function])["Configuration"]["FunctionArn"]
            target = gateway.create_integration(
                ApiId=api,
                IntegrationType="AWS_PROXY",
                IntegrationUri=arn,
                PayloadFormatVersion=integration["payloadFormatVersion"],
            )
            gateway.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{target['IntegrationId']}")
            made += 1
    return made


def let_send_email(stack: str) -> None:
    """Gives the role that the template lets send email as one address leave to send it as any."""
    resources = processed_template(stack)["Resources"]
    roles = [name for name, resource in resources.items() if "ses:SendEmail" in json.dumps(resource)]
    assert roles == ["DeliverMessagesRole"], f"only deliver-messages may send email, and here {roles} may"
    assert "ses:FromAddress" in json.dumps(resources[roles[0]]), "any address may be sent from"
    statement = {"Effect": "Allow", "Action": "ses:SendEmail", "Resource": "*"}
    boto3.client("iam").put_role_policy(
        RoleName=physical_ids(stack)[roles[0]],
        PolicyName="condition-unknown-to-the-emulator",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


def let_files_be_reached(stack: str) -> None:
    """Takes away the policy of the bucket that refuses calls without TLS, and looks that it did nothing else."""
    resource = processed_template(stack)["Resources"]["FilesOverTlsOnly"]
    statements = resource["Properties"]["PolicyDocument"]["Statement"]
    assert [one["Condition"] for one in statements] == [{"Bool": {"aws:SecureTransport": "false"}}], statements
    boto3.client("s3").delete_bucket_policy(Bucket=physical_ids(stack)["Files"])


if __name__ == "__main__":
    print(f"Made {create_routes(os.environ['STACK'])} routes from the transformed template.")
    let_send_email(os.environ["STACK"])
    let_files_be_reached(os.environ["STACK"])
