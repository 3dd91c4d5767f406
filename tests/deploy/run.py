"""Deploys template.yaml to an emulator of AWS by following the guide, and takes links through their whole life there.

Called by `make test-deploy`, which builds what runs. PAYLINK_DEPLOY_TEST_PORT is the first of three ports."""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import boto3
from samtranslator.yaml_helper import yaml_parse

import guide
import transformed
from emulator import REGION, ROOT, Crm, Emulator, browse, send, wait_for

HERE = Path(__file__).resolve().parent
NUMBER, ADDRESS = "+61491570006", "pay@business.example"

NOT_EMULATED = """\
What this test replaces, and therefore does not show:
  - `sam build`: the functions are built for this machine, not for release, and laid out as it would lay them out.
    Cross-compiling with zig, the processor of Lambda and the release profile are not tried here;
  - `make tools-deploy` and the choice of region and credentials: see what is said to be left out above.

What the emulator does not do, and this test therefore does not show:
  - the routes of the HTTP API: it leaves out the OpenAPI body of the SAM transform, and they are made from that body;
  - the condition ses:FromAddress, instead of which the role may send as anybody;
  - leading keys: it checks actions and resources of every role, and `make test` checks the keys;
  - parameters in the SAM transform, so that Tracing is checked with AWS's own transform instead;
  - KMS, point-in-time recovery, TTL, deletion protection and throttles: they are taken and not enforced;
  - the sandboxes of SES and SNS, the account's preferences of SMS, identities of SES v2 in SES v1, and DNS;
  - alarms that compute with metrics, and metrics in logs;
  - access logs, reserved concurrency and Lambda's limits of memory.\
"""


class Api:
    """The API as a CRM calls it."""

    def __init__(self, base: str, key: str):
        self.base, self.key = base, key

    def call(self, method: str, path: str, body=None) -> dict:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        answer = send(method, self.base + path, headers, None if body is None else json.dumps(body))
        assert answer.status in (200, 201, 204), f"{method} {path}: {answer.status} {answer.text}"
        return answer.json() if answer.text else {}

    def link(self, link: dict) -> dict:
        return self.call("GET", f"/v1/payment-links/{link['id']}")


def step(text: str) -> None:
    print(f"\n== {text}", flush=True)


def environment_of_the_guide(emulator: Emulator, crm: Crm) -> dict[str, str]:
    """What the person who follows the guide has chosen, and the emulator's own places."""
    return {
        **emulator.environment(),
        "PATH": f"{HERE}:{ROOT / '.tools/emulator/bin'}:{os.environ['PATH']}",
        "DEPLOY_SCRATCH": str(emulator.scratch),
        "DEPLOY_TESTS": str(HERE),
        "DEPLOY_PYTHON": sys.executable,
        "DEPLOY_SAM": str(ROOT / ".tools/sam/bin/sam"),
        "STACK": "paylink",
        "EMAIL_SENDER": ADDRESS,
        "MERCHANT_ID": "1344b5d4-0048-11e8-94db-005056a205be",
        "GATEWAY_MODE": "sandbox",
        "EVENTS_URL": crm.url,
        "PARAMETERS": f"EmailSender={ADDRESS} Architecture={architecture()} GatewayUrls={gateway_urls(emulator.gateways)}",
    }


def gateway_urls(gateways: str) -> str:
    """Where the simulated gateways are, quoted as SAM reads a value with quotes in it."""
    zarinpal = {name: f"{gateways}/zarinpal" for name in ("api", "pages", "refunds")}
    urls = json.dumps({"zarinpal": {"sandbox": zarinpal}}, separators=(",", ":"))
    return '"' + urls.replace('"', '\\"') + '"'


def architecture() -> str:
    return "arm64" if os.uname().machine in ("aarch64", "arm64") else "x86_64"


def open_and_choose(link: dict, outcome: str):
    """The customer opens the link, and chooses what happens on the simulated gateway's page."""
    opened = browse(link["url"])
    assert opened.status == 303, f"{opened.status} {opened.text}"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return send("POST", opened.location, form, f"outcome={outcome}")


def pay(link: dict) -> str:
    """The customer pays and comes back: the page that is shown at the end."""
    returned = browse(open_and_choose(link, "paid").location)
    assert returned.status == 303, f"{returned.status} {returned.text}"
    page = browse(returned.location)
    assert page.status == 200, page.text
    return page.text


def the_first_link_is_told_and_paid(emulator: Emulator, api: Api, crm: Crm, link: dict) -> None:
    assert (link["status"], link["mode"], link["amount"]) == ("active", "sandbox", 50000), link
    texts = wait_for("the SMS", lambda: emulator.text_messages(NUMBER))
    assert any(link["url"] in text for text in texts), texts
    emails = wait_for("the email", lambda: emulator.emails(ADDRESS))
    assert any(link["url"] in json.dumps(email) for email in emails), emails
    assert "پرداخت شد" in pay(link)
    paid = api.link(link)
    assert paid["status"] == "paid" and len(paid["receipts"]) == 1, paid
    receipt = api.call("GET", f"/v1/receipts/{paid['receipts'][0]}")
    assert (receipt["amount"], receipt["receipt_type_id"]) == (50000, "online"), receipt
    listed = api.call("GET", "/v1/receipts?contact_id=first")["data"]
    assert [one["id"] for one in listed] == paid["receipts"]
    books = send("GET", f"{emulator.gateways}/zarinpal/books.json").json()
    assert [one["amount"] for one in books if one["taken"]] == [50000], books
    assert crm.told(link["id"], "receipt.registered")["data"]["id"] == receipt["id"]
    # A paid link is never paid again.
    assert browse(link["url"]).status == 200


def further_links_are_paid_cancelled_and_expire(api: Api, crm: Crm) -> None:
    body = {"account_id": "main", "contact_id": "first", "amount": 70000, "currency": "IRR"}

    def make(more: dict) -> dict:
        return api.call("POST", "/v1/payment-links", {**body, **more})

    soon = (datetime.now(timezone.utc) + timedelta(seconds=5)).isoformat()
    expiring = make({"expires_at": soon})
    paid, cancelled = make({}), make({})
    pay(paid)
    crm.told(paid["id"], "payment_link.paid")
    api.call("POST", f"/v1/payment-links/{cancelled['id']}/cancel", {"reason": "not needed"})
    crm.told(cancelled["id"], "payment_link.cancelled")
    assert browse(cancelled["url"]).status == 410
    # Nobody invokes expire-links here: the emulated schedule does.
    crm.told(expiring["id"], "payment_link.expired")
    assert browse(expiring["url"]).status == 410


def another_business_is_kept_apart(environment: dict[str, str], base: str, first: dict) -> None:
    """The deployer makes a second business, which sees nothing of the first. From then on a command has to say which it is
    about."""

    def admin(*arguments: str, succeeds: bool = True) -> str:
        command = [str(ROOT / "target/debug/paylink-admin"), *arguments]
        ended = subprocess.run(command, env=environment, text=True, capture_output=True)
        assert (ended.returncode == 0) == succeeds, f"{arguments}: {ended.stdout}{ended.stderr}"
        return ended.stdout.strip() if succeeds else ended.stderr

    admin("business", "create", "second", "Second Business")
    second = Api(base, admin("api-key", "create", "crm", "--business", "second"))
    assert "--business" in admin("settings", succeeds=False)
    assert second.call("GET", "/v1/payment-links?contact_id=first")["data"] == []
    authorization = {"Authorization": f"Bearer {second.key}"}
    answer = send("GET", f"{base}/v1/payment-links/{first['id']}", authorization)
    assert answer.status == 404, f"{answer.status} {answer.text}"
    platform = {"Authorization": f"Bearer {admin('api-key', 'create', 'platform', '--platform', 'read')}"}
    answer = send("GET", f"{base}/v1/payment-links/{first['id']}", {**platform, "Paylink-Business": "main"})
    assert answer.status == 200, f"{answer.status} {answer.text}"
    answer = send("POST", f"{base}/v1/businesses/second/suspend", platform)
    assert answer.status == 403, f"a key that only reads: {answer.status} {answer.text}"


def secrets_lie_apart(tables: dict[str, str]) -> None:
    """What lets somebody act in a business's name is in the table of secrets, and nothing else is."""
    secrets = {"credentials", "endpoint-secret", "pay-token-secret"}

    def kinds(table: str) -> set[str]:
        items = boto3.client("dynamodb").scan(TableName=table)["Items"]
        return {item["pk"]["S"].split("#")[0] for item in items}

    assert kinds(tables["PAYLINK_SECRETS_TABLE"]) == secrets, kinds(tables["PAYLINK_SECRETS_TABLE"])
    others = kinds(tables["PAYLINK_TABLE"])
    assert {"config", "keys", "link", "receipt"} <= others and not others & secrets, others


def an_update_with_everything_optional_keeps_the_data(environment: dict[str, str], api: Api, paid: dict) -> None:
    """The same stack with a domain of its own and an email identity: what was made before stays, and new links begin with
    the domain."""
    certificate = boto3.client("acm").request_certificate(DomainName="pay.business.example")["CertificateArn"]
    zones = boto3.client("route53")
    zone = zones.create_hosted_zone(Name="business.example", CallerReference="test")["HostedZone"]["Id"].split("/")[-1]
    more = [
        "DomainName=pay.business.example",
        f"CertificateArn={certificate}",
        f"HostedZoneId={zone}",
        "EmailIdentity=business.example",
        "PublicConcurrency=20",
    ]
    deploy = [str(HERE / "sam"), "deploy", "--stack-name", "paylink", "--resolve-s3", "--capabilities", "CAPABILITY_IAM"]
    parameters = ["--parameter-overrides", *environment["PARAMETERS"].split(), *more]
    subprocess.run([*deploy, *parameters], env=environment, check=True, stdout=subprocess.DEVNULL)
    assert api.link(paid)["status"] == "paid"
    body = {"account_id": "main", "contact_id": "first", "amount": 60000, "currency": "IRR"}
    made = api.call("POST", "/v1/payment-links", body)
    assert made["url"].startswith("https://pay.business.example/p/"), made["url"]
    assert browse(paid["url"]).status == 200, "a link that was made before goes on with the host it began with"


def what_watches_it_is_deployed(emulator: Emulator) -> None:
    """The alarms and the dashboard find everything that they are about. Four alarms compute with metrics, which the emulator
    does not know: they are taken out."""
    template = yaml_parse((ROOT / "infra/monitoring.yaml").read_text())
    computing = [name for name, one in template["Resources"].items() if "Metrics" in one["Properties"]]
    assert computing == ["ConfirmationIsLate", "GatewayRefusesUs", "TableTurnsAway", "SecretsTableTurnsAway"], computing
    for name in computing:
        del template["Resources"][name]
    (emulator.scratch / "monitoring.json").write_text(json.dumps(template))
    for name, file in (
        ("paylink-bootstrap", ROOT / "infra/bootstrap.yaml"),
        ("paylink-monitoring", emulator.scratch / "monitoring.json"),
    ):
        command = ["cloudformation", "deploy", "--stack-name", name, "--template-file", str(file)]
        aws = [str(ROOT / ".tools/emulator/bin/aws"), *command, "--capabilities", "CAPABILITY_IAM"]
        subprocess.run(aws, env=emulator.environment(), check=True)
    alarms = boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]
    functions = {one["FunctionName"] for one in boto3.client("lambda").list_functions()["Functions"]}
    for alarm in alarms:
        for dimension in alarm["Dimensions"]:
            assert dimension["Name"] != "FunctionName" or dimension["Value"] in functions, alarm["AlarmName"]
    assert len(alarms) == len([one for one in template["Resources"].values() if one["Type"] == "AWS::CloudWatch::Alarm"])


def nothing_was_refused(emulator: Emulator) -> None:
    """No function met a permission that it lacks, and none wrote of an error."""
    logs = boto3.client("logs", endpoint_url=emulator.endpoint, region_name=REGION)
    seen = 0
    for group in logs.describe_log_groups()["logGroups"]:
        for event in logs.filter_log_events(logGroupName=group["logGroupName"])["events"]:
            seen += 1
            for sign in ("AccessDenied", "not authorized", '"level":"ERROR"', "Task timed out"):
                assert sign not in event["message"], f"{group['logGroupName']}: {event['message']}"
    assert seen > 0, "no function wrote a line"


def main() -> None:
    scratch = Path(tempfile.mkdtemp(prefix="paylink-deploy-"))
    emulator = Emulator(scratch)
    os.environ.update(emulator.environment())
    done = False
    try:
        step("The transformed template has no cycle, and traces nothing unless it is asked to")
        transformed.check(ROOT)
        step("The emulator, the gateways' simulators and a CRM")
        emulator.start()
        crm = Crm()
        step("The guide, line by line")
        environment = environment_of_the_guide(emulator, crm)
        ended = guide.follow(environment)
        api = Api(ended["api"], ended["key"])
        crm.secret = base64.b64decode(json.loads(ended["endpoint"])["secret"].removeprefix("whsec_"))
        step("The link that the guide made is told and paid")
        the_first_link_is_told_and_paid(emulator, api, crm, json.loads(ended["link"]))
        step("Further links are paid, cancelled and expire, and the CRM is told")
        further_links_are_paid_cancelled_and_expire(api, crm)
        step("Secrets lie in a table of their own, and a second business is kept apart")
        tables = {name: ended[name] for name in ("PAYLINK_TABLE", "PAYLINK_SECRETS_TABLE")}
        secrets_lie_apart(tables)
        another_business_is_kept_apart({**environment, **tables}, api.base, json.loads(ended["link"]))
        step("An update with everything optional")
        an_update_with_everything_optional_keeps_the_data(environment, api, json.loads(ended["link"]))
        step("The account's bootstrap, the alarms and the dashboard")
        what_watches_it_is_deployed(emulator)
        step("No permission was missing")
        nothing_was_refused(emulator)
        done = True
        print(f"\nThe guide leads to a paid link.\n\n{NOT_EMULATED}")
    finally:
        emulator.stop()
        if done:
            shutil.rmtree(scratch)
        else:
            print(f"\nThe logs are in {scratch}.", file=sys.stderr)


if __name__ == "__main__":
    main()
