"""The gateways' official Python clients, against the simulators, as in peers.js."""

import hashlib
import hmac
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request

import mollie.api.client
import razorpay
import stripe
import zibal.client

SIMULATORS, FUNCTIONS = os.environ["SIMULATORS"], os.environ["FUNCTIONS"]
BACK = "http://localhost:1/back"


class Stay(urllib.request.HTTPRedirectHandler):
    """A browser that does not follow."""

    def redirect_request(self, *_):
        return None


def post(url, body, headers=None):
    """Posts, and says the status and where the answer leads."""
    opener = urllib.request.build_opener(Stay)
    try:
        answer = opener.open(urllib.request.Request(url, data=body, headers=headers or {}, method="POST"))
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, answer.headers.get("location")


def press(page, outcome):
    """Presses a button of a simulator's payment page."""
    return post(page, urllib.parse.urlencode({"outcome": outcome}).encode())[1]


def tell(gateway, what, order):
    """Tells a simulator how it behaves, as a tester does."""
    headers = {"content-type": "application/json"}
    return post(f"{SIMULATORS}/{gateway}/simulator/{what}", json.dumps(order).encode(), headers)


def try_stripe():
    addresses = {"api": f"{SIMULATORS}/stripe"}
    client = stripe.StripeClient("sk_test_localDemoBusiness", base_addresses=addresses)
    price = {"currency": "eur", "unit_amount": 1999, "product_data": {"name": "Invoice 77"}}
    order = {"mode": "payment", "success_url": BACK, "line_items": [{"quantity": 1, "price_data": price}]}
    session = client.v1.checkout.sessions.create(order)
    press(session.url, "paid_no_webhook")
    paid = client.v1.checkout.sessions.retrieve(session.id)
    assert (paid.payment_status, paid.amount_total) == ("paid", 1999), paid
    refund = client.v1.refunds.create({"payment_intent": paid.payment_intent, "amount": 1999})
    assert refund.status == "succeeded", refund
    assert client.v1.refunds.retrieve(refund.id).payment_intent == paid.payment_intent
    expanded = {"expand": ["payment_intent.latest_charge.balance_transaction"]}
    charge = client.v1.checkout.sessions.retrieve(session.id, expanded).payment_intent.latest_charge
    assert (charge.refunded, charge.balance_transaction.currency) == (True, "eur"), charge


def try_razorpay():
    client = razorpay.Client(auth=("rzp_test_localDemoBusiness", "localDemoSecret"), base_url=f"{SIMULATORS}/razorpay")
    order = {
        "amount": 50_000, "currency": "INR", "reference_id": "order-py", "callback_url": BACK,
        "callback_method": "get", "expire_by": int(time.time()) + 3600,
    }
    link = client.payment_link.create(order)
    back = urllib.parse.parse_qs(urllib.parse.urlparse(press(link["short_url"], "paid_no_webhook")).query)
    named = {name.removeprefix("razorpay_"): values[0] for name, values in back.items()}
    client.utility.verify_payment_link_signature({
        "payment_link_id": named["payment_link_id"],
        "payment_link_reference_id": named["payment_link_reference_id"],
        "payment_link_status": named["payment_link_status"],
        "razorpay_payment_id": named["payment_id"],
        "razorpay_signature": named["signature"],
    })
    assert client.payment_link.fetch(link["id"])["status"] == "paid"
    refund = client.payment.refund(named["payment_id"], {"amount": 50_000})
    assert refund["status"] == "processed", refund
    # A signature that the official library accepts is one that we listen to.
    body = json.dumps({"entity": "event", "event": "payment.captured", "payload": {}})
    signature = hmac.new(b"localDemoWebhookSecret", body.encode(), hashlib.sha256).hexdigest()
    client.utility.verify_webhook_signature(body, signature, "localDemoWebhookSecret")
    for given, expected in [(signature, 200), (signature[::-1], 400)]:
        headers = {"content-type": "application/json", "x-razorpay-signature": given}
        status, _ = post(f"{FUNCTIONS}/gateways/razorpay/notify/demo/rupee", body.encode(), headers)
        assert status == expected, (status, expected)


def try_mollie():
    client = mollie.api.client.Client(api_endpoint=f"{SIMULATORS}/mollie")
    client.set_api_key("test_localDemoBusinessKeyOfThirtyChars")
    amount = {"currency": "EUR", "value": "19.99"}
    payment = client.payments.create({"amount": amount, "description": "Invoice 77", "redirectUrl": BACK})
    press(payment.checkout_url, "paid")
    paid = client.payments.get(payment.id)
    assert paid.is_paid() and paid.amount["value"] == "19.99", paid
    tell("mollie", "next_refund", {"becomes": "pending"})
    refund = paid.refunds.create({"amount": amount})
    assert refund.status == "pending", refund
    tell("mollie", f"{payment.id}/complete_refund", {"outcome": "succeeded"})
    assert paid.refunds.get(refund.id).status == "refunded"
    opened = client.payments.create({"amount": amount, "description": "Invoice 77", "redirectUrl": BACK})
    press(opened.checkout_url, "cancelable")
    assert client.payments.delete(opened.id).is_canceled()


def try_zibal():
    # The client has its host in a constant.
    zibal.client.IPG_BASE_URL = f"{SIMULATORS}/zibal/v1/"
    client = zibal.client.ZibalIPGClient(merchant="zibal")
    begun = client.request_transaction(amount=20_000, callback_url=BACK, description="Invoice 77", order_id="order-py")
    press(f"{SIMULATORS}/zibal/start/{begun.track_id}", "paid_no_return")
    verified = client.verify_transaction(track_id=begun.track_id)
    assert (verified.amount, verified.order_id) == (20_000, "order-py"), verified
    asked = client.inquiry_transaction(track_id=begun.track_id)
    assert (asked.status, asked.amount, asked.shaparak_fee) == (1, 20_000, 1_200), asked
    # Repeated, it names neither the amount nor anything else.
    assert client.verify_transaction(track_id=begun.track_id).result_code == 201


for attempt in [try_stripe, try_razorpay, try_mollie, try_zibal]:
    attempt()
    print(f"ok {attempt.__name__}")
