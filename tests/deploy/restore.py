"""Restoring both tables to one instant, as docs/deploy.md says: links are paid and people told, much is lost, and what was lost
comes back while nobody hears of anything twice.

The emulator makes a copy of a table of what it holds at that moment, whatever instant is asked for. So the copies are asked
for at the instant itself, under the names that the command would give them, and the command finds them there."""

import json
import time
from datetime import datetime, timezone

import boto3

from emulator import FORM, Crm, Emulator, browse, press, send, wait_for
from guide import DEPLOY, Guide

HEADING = "Restore"
# The address of nobody who is told anything else.
PERSON = "restored@business.example"


def rehearse(guide: Guide, emulator: Emulator, api, crm: Crm) -> None:
    shell = guide.shell
    shell.run("TABLE=$(output TableName) SECRETS_TABLE=$(output SecretsTableName)")
    table, secrets = shell.value("TABLE"), shell.value("SECRETS_TABLE")
    dynamodb, reserved = boto3.client("dynamodb"), reservations()

    # Before the instant: one link that somebody was told of, and one whose customer is at the gateway.
    contact = {"id": "restored", "name": "Restored Customer", "email": PERSON}
    body = {"account_id": "main", "amount": 80000, "currency": "IRR", "contact": contact}
    told = api.call("POST", "/v1/payment-links", {**body, "recipients": {"emails": [PERSON]}})
    paid = api.call("POST", "/v1/payment-links", body)
    wait_for("the email", lambda: emulator.emails(PERSON))
    crm.told(told["id"], "payment_link.created")
    crm.told(paid["id"], "payment_link.created")
    settings = api.call("GET", "/v1/settings")
    page = press(paid["url"]).location
    instant = datetime.now(timezone.utc).replace(microsecond=0)
    for name in (table, secrets):
        dynamodb.restore_table_to_point_in_time(
            SourceTableName=name,
            TargetTableName=f"{name}-at-{instant:%Y%m%dT%H%M%SZ}",
            RestoreDateTime=instant,
        )
    copies = [f"{name}-at-{instant:%Y%m%dT%H%M%SZ}" for name in (table, secrets)]

    # After it: that customer pays, another link is made and told, and the settings are overwritten.
    returned = browse(send("POST", page, FORM, "outcome=paid").location)
    assert returned.status == 303, f"{returned.status} {returned.text}"
    crm.told(paid["id"], "payment_link.paid")
    receipts = api.link(paid)["receipts"]
    assert len(receipts) == 1, receipts
    new = api.call("POST", "/v1/payment-links", {**body, "recipients": {"emails": [PERSON]}})
    wait_for("the second email", lambda: len(emulator.emails(PERSON)) == 2)
    crm.told(new["id"], "payment_link.created")
    api.call("PUT", "/v1/settings", {"business_name": "Overwritten", "time_zone": "UTC"})

    # The damage.
    lose(dynamodb, table, lambda at: at["pk"]["S"] in (f"link#{told['id']}", f"link#{paid['id']}", "contact#main#restored"))
    assert send("GET", f"{api.base}/v1/payment-links/{told['id']}", {"Authorization": f"Bearer {api.key}"}).status == 404
    emails, events = len(emulator.emails(PERSON)), told_so_often(crm)

    shell.set("DEPLOY_RESTORE_TO", instant.isoformat())
    guide.follow(DEPLOY, HEADING)

    assert api.link(told)["status"] == "active"
    there = api.link(paid)
    assert (there["status"], there["receipts"]) == ("paid", receipts), there
    assert api.link(new)["status"] == "active", "what was made since stays"
    listed = {one["id"] for one in api.call("GET", "/v1/payment-links?contact_id=restored")["data"]}
    assert listed == {told["id"], paid["id"], new["id"]}, listed
    assert api.call("GET", "/v1/contacts/restored")["name"] == "Restored Customer"
    assert api.call("GET", "/v1/settings")["business_name"] == settings["business_name"]
    # A link that ends shows that stream and schedules have come round again, and with them whatever they would tell.
    soon = datetime.fromtimestamp(time.time() + 5, timezone.utc).isoformat()
    ending = api.call("POST", "/v1/payment-links", {**body, "expires_at": soon})
    crm.told(ending["id"], "payment_link.expired")
    assert len(emulator.emails(PERSON)) == emails, "somebody got a message twice"
    again = {id: times for id, times in told_so_often(crm).items() if id in events and times != events[id]}
    assert not again, f"the CRM heard of these twice: {again}"
    entries = [entry["changes"] for entry in api.call("GET", "/v1/audit-log?limit=20")["data"]]
    assert "restored_to" in json.dumps(entries), "what came back is in the business's log"
    everything_is_as_it_was(table, copies, reserved)


def lose(dynamodb, table: str, which) -> None:
    for item in dynamodb.scan(TableName=table)["Items"]:
        at = {name: item[name] for name in ("pk", "sk")}
        if which(at):
            dynamodb.delete_item(TableName=table, Key=at)


def told_so_often(crm: Crm) -> dict[str, int]:
    times: dict[str, int] = {}
    for _, body in list(crm.received):
        event = json.loads(body)["id"]
        times[event] = times.get(event, 0) + 1
    return times


def reservations() -> dict[str, int | None]:
    """How many executions are reserved for each function."""
    functions = boto3.client("lambda")
    names = [one["FunctionName"] for one in functions.list_functions()["Functions"]]
    return {
        name: functions.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions") for name in names
    }


def everything_is_as_it_was(table: str, copies: list[str], reserved: dict) -> None:
    """The functions run as before, the copies are gone, and nothing of the restore is left."""
    functions = boto3.client("lambda")
    assert reservations() == reserved, reservations()
    mappings = functions.list_event_source_mappings()["EventSourceMappings"]
    assert mappings and all(one["State"] in ("Enabled", "Enabling") for one in mappings), mappings
    tables = boto3.client("dynamodb").list_tables()["TableNames"]
    assert not set(copies) & set(tables), tables
    left = boto3.client("dynamodb").get_item(TableName=table, Key={"pk": {"S": "restore"}, "sk": {"S": "state"}})
    assert "Item" not in left, left
