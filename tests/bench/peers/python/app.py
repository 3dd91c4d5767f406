"""Create, pay and confirm as a user would write them for Lambda in Python: boto3's table resource, made once, and urllib3,
which comes with it. The table, its indexes and the calls are those of Paylink's functions."""

import hashlib
import json
import os
import secrets
import time
from datetime import datetime, timezone
from decimal import Decimal

import boto3
import urllib3

TABLE = os.environ["PAYLINK_TABLE"]
BASE = os.environ["PAYLINK_BASE_URL"]
GATEWAY = os.environ["PEER_ZARINPAL_URL"]
KEY_HASH = os.environ["PEER_API_KEY_SHA256"]
MERCHANT = os.environ["PEER_MERCHANT_ID"]
resource = boto3.resource("dynamodb", endpoint_url=os.environ["AWS_ENDPOINT_URL_DYNAMODB"])
table = resource.Table(TABLE)
http = urllib3.PoolManager()


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def answer(status, body):
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}


def redirect(location):
    return {"statusCode": 303, "headers": {"location": location}}


def now_ms():
    return int(time.time() * 1000)


def iso(milliseconds):
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).isoformat()


def at_gateway(call, body):
    reply = http.request(
        "POST",
        f"{GATEWAY}/pg/v4/payment/{call}.json",
        headers={"content-type": "application/json", "accept": "application/json"},
        body=json.dumps({"merchant_id": MERCHANT, **body}),
    )
    return json.loads(reply.data)["data"]


def create(event):
    key = event["headers"].get("authorization", "").replace("Bearer ", "")
    if sha256(key) != KEY_HASH:
        return answer(401, {"code": "unauthorized"})
    request = json.loads(event["body"])
    token = secrets.token_hex(16)
    link_id = "pl_" + sha256(token)[:22]
    found = resource.batch_get_item(
        RequestItems={
            TABLE: {
                "ConsistentRead": True,
                "Keys": [
                    {"pk": f"link#{link_id}", "sk": "link"},
                    {"pk": "config#demo", "sk": f"account#{request['account_id']}"},
                    {"pk": f"contact#demo#{request['contact_id']}", "sk": "contact"},
                    {"pk": f"item#demo#{request['item_id']}", "sk": "item"},
                ],
            }
        }
    )
    records = {item["pk"].split("#")[0]: item for item in found["Responses"][TABLE]}
    if not {"config", "contact", "item"} <= records.keys():
        return answer(422, {"code": "not_found"})
    now = now_ms()
    amount = int(request.get("amount") or records["item"]["amount"]["amount"])
    if amount <= 0:
        return answer(422, {"code": "amount_not_payable"})
    table.put_item(
        Item={
            "pk": f"link#{link_id}", "sk": "link", "id": link_id, "token": token, "version": 1, "status": "active",
            "amount": amount, "currency": "IRR", "account_id": request["account_id"],
            "contact_id": request["contact_id"], "item_id": request["item_id"],
            "description": request["description"], "after_payment": request["after_payment"], "attempts": [],
            "created_at": iso(now), "expires_at": iso(now + 7 * 86_400_000),
            "by_contact": f"links#demo#{request['contact_id']}", "by_item": f"links#demo#{request['item_id']}",
            "by_state": "live#demo", "listed_at": f"{now}#{link_id}",
            "due_kind": f"peer#{int(sha256(link_id)[:2], 16) % 16}", "due_at": now + 7 * 86_400_000,
        },
        ConditionExpression="attribute_not_exists(pk)",
    )
    return answer(201, {"id": link_id, "url": f"{BASE}/p/{token}", "status": "active", "amount": amount})


def pay(token):
    link_id = "pl_" + sha256(token)[:22]
    key = {"pk": f"link#{link_id}", "sk": "link"}
    link = table.get_item(Key=key, ConsistentRead=True).get("Item")
    if link is None:
        return answer(404, {"code": "not_found"})
    if link["status"] != "active" or datetime.fromisoformat(link["expires_at"]) <= datetime.now(timezone.utc):
        return answer(410, {"code": link["status"]})
    if link["attempts"] and link["attempts"][-1]["session_ends_at"] > now_ms():
        return redirect(link["attempts"][-1]["pay_at"])
    attempt = secrets.token_hex(16)
    opened = at_gateway("request", {
        "amount": int(link["amount"]), "currency": "IRR", "description": link["description"],
        "callback_url": f"{BASE}/gateways/zarinpal/return/{link_id}/{attempt}", "metadata": {"order_id": attempt},
    })
    pay_at = f"{GATEWAY}/pg/StartPay/{opened['authority']}"
    table.update_item(
        Key=key,
        UpdateExpression="SET attempts = list_append(attempts, :attempt), version = version + :one, due_at = :due",
        ConditionExpression="version = :seen",
        ExpressionAttributeValues={
            ":attempt": [{
                "id": attempt, "authority": opened["authority"], "pay_at": pay_at, "state": "open",
                "session_ends_at": now_ms() + 900_000,
            }],
            ":one": 1, ":seen": link["version"], ":due": now_ms() + 60_000,
        },
    )
    return redirect(pay_at)


def confirm(link_id, attempt_id):
    key = {"pk": f"link#{link_id}", "sk": "link"}
    link = table.get_item(Key=key, ConsistentRead=True).get("Item")
    positions = [at for at, attempt in enumerate(link["attempts"] if link else []) if attempt["id"] == attempt_id]
    if not positions:
        return answer(404, {"code": "not_found"})
    at = positions[0]
    done = redirect(f"{BASE}/p/{link['token']}/result")
    if link["status"] != "active":
        return done
    # Verifying takes the money, so that the intention is written first.
    table.update_item(
        Key=key,
        UpdateExpression=f"SET attempts[{at}].#state = :confirming, version = version + :one, due_at = :due",
        ConditionExpression="version = :seen",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={
            ":confirming": "confirming", ":one": 1, ":seen": link["version"], ":due": now_ms() + 60_000,
        },
    )
    data = at_gateway("verify", {"amount": int(link["amount"]), "authority": link["attempts"][at]["authority"]})
    if not data or data.get("code") not in (100, 101):
        return done
    now = iso(now_ms())
    receipt = "rc_" + sha256(attempt_id)[:22]

    def put(item, **more):
        return {"Put": {"TableName": TABLE, "Item": item, **more}}

    resource.meta.client.transact_write_items(TransactItems=[
        {
            "Update": {
                "TableName": TABLE, "Key": key,
                "UpdateExpression":
                    f"SET #status = :paid, paid_at = :now, attempts[{at}].#state = :paid, version = version + :one "
                    "REMOVE due_kind, due_at",
                "ConditionExpression": "version = :seen",
                "ExpressionAttributeNames": {"#status": "status", "#state": "state"},
                "ExpressionAttributeValues": {
                    ":paid": "paid", ":now": now, ":one": 1, ":seen": link["version"] + Decimal(1),
                },
            }
        },
        put(
            {"pk": f"claim#sandbox#zarinpal#{data['ref_id']}", "sk": "claim", "attempt_id": attempt_id},
            ConditionExpression="attribute_not_exists(pk)",
        ),
        put(
            {
                "pk": f"receipt#demo#{receipt}", "sk": "receipt", "id": receipt, "link_id": link_id,
                "amount": link["amount"], "currency": "IRR", "reference": str(data["ref_id"]), "paid_at": now,
                "by_contact": f"receipts#demo#{link['contact_id']}", "by_item": f"receipts#demo#{link['item_id']}",
                "listed_at": f"{now_ms()}#{receipt}",
            },
            ConditionExpression="attribute_not_exists(pk)",
        ),
        put({"pk": f"item#demo#{link['item_id']}", "sk": f"receipt#payment#{receipt}", "link_id": link_id}),
    ])
    return done


def handler(event, _context):
    parts = event["rawPath"].split("/")
    if parts[1] == "v1":
        return create(event)
    if parts[1] == "p":
        return pay(parts[2])
    if parts[1] == "gateways" and parts[3] == "return":
        return confirm(parts[4], parts[5])
    return answer(404, {"code": "not_found"})
