"""What an integrator writes with the client that openapi-python-client makes.

It has to pass the type checker, and is run against the product.
"""

import os
from typing import assert_never

from paylink import AuthenticatedClient
from paylink.api.contacts import get_contact, put_contact
from paylink.api.events import list_events
from paylink.api.payment_links import create_payment_link, draft_payment_link, list_payment_links, get_payment_link
from paylink.api.receipts import get_receipt
from paylink.models import (
    AttemptFailedEvent,
    AttemptNeedsReviewEvent,
    AuditEntryCreatedEvent,
    Contact,
    ContactInput,
    DisputeLostEvent,
    DisputeOpenedEvent,
    DisputeWonEvent,
    EventPage,
    LookBackFailedEvent,
    PaymentLinkStatus,
    MessageFailedEvent,
    PaymentLink,
    PaymentLinkCreate,
    PaymentLinkCancelledEvent,
    PaymentLinkCreatedEvent,
    PaymentLinkDraft,
    PaymentLinkDraftCreate,
    PaymentLinkExpiredEvent,
    PaymentLinkHeldEvent,
    PaymentLinkOpenedEvent,
    PaymentLinkPage,
    PaymentLinkPaidEvent,
    PaymentLinkPartPaidEvent,
    PaymentLinkReleasedEvent,
    PaymentLinkRenewalRequestedEvent,
    PaymentLinkReplacedEvent,
    Problem,
    Receipt,
    ReceiptRegisteredEvent,
    ReceiptVoidedEvent,
    RecipientsInput,
    RefundCreatedEvent,
    RefundFailedEvent,
    RefundNeedsReviewEvent,
    RefundSucceededEvent,
)

client = AuthenticatedClient(base_url=os.environ["PAYLINK_URL"], token=os.environ["PAYLINK_API_KEY"])
paid_link = os.environ["PAYLINK_PAID_LINK"]


def wanted(amount: int) -> PaymentLinkCreate:
    recipients = RecipientsInput(contact=True, roles=["manager"])
    return PaymentLinkCreate(
        account_id="main", contact_id="c-1042", amount=amount, expires_in_days=7, recipients=recipients,
        description="By openapi-python-client",
    )


def say_status(link: PaymentLink) -> str:
    match link.status:
        case PaymentLinkStatus.ACTIVE:
            return f"waits until {link.expires_at}"
        case PaymentLinkStatus.PAID:
            return f"was paid at {link.paid_at}"
        case PaymentLinkStatus.EXPIRED:
            return f"expired at {link.expired_at}"
        case PaymentLinkStatus.CANCELLED:
            return f"was cancelled at {link.cancelled_at}"
        case PaymentLinkStatus.REPLACED:
            return f"was replaced by {link.replaced_by}"
        case other:
            assert_never(other)


def refusals() -> None:
    """What cannot be made is said by the draft; making it is refused with a problem, which is of another type."""
    draft = draft_payment_link.sync(client=client, body=PaymentLinkDraftCreate.from_dict(wanted(0).to_dict()))
    assert isinstance(draft, PaymentLinkDraft), draft
    assert [(problem.pointer, problem.code) for problem in draft.problems] == [("/amount", "amount_not_payable")]
    refused = create_payment_link.sync(client=client, body=wanted(0))
    assert isinstance(refused, Problem) and refused.errors, refused
    assert [error.code for error in refused.errors] == ["amount_not_payable"], refused


def links() -> PaymentLink:
    """The same key twice is the same link, and every link is on one of the pages. Answers the one that was paid."""
    key = "by-openapi-python-client"
    made = create_payment_link.sync(client=client, body=wanted(1_500_000), idempotency_key=key)
    again = create_payment_link.sync(client=client, body=wanted(1_500_000), idempotency_key=key)
    assert isinstance(made, PaymentLink) and isinstance(again, PaymentLink), made
    assert made.id == again.id
    assert say_status(made).startswith("waits until 2"), made

    found: dict[str, PaymentLink] = {}
    page = list_payment_links.sync(client=client, limit=1)
    while isinstance(page, PaymentLinkPage):
        found |= {link.id: link for link in page.data}
        if page.next_cursor is None:
            break
        page = list_payment_links.sync(client=client, limit=1, cursor=page.next_cursor)
    assert made.id in found and paid_link in found, page
    return found[paid_link]


def money(paid: PaymentLink) -> Receipt:
    read = get_payment_link.sync(client=client, id=paid_link)
    assert isinstance(read, PaymentLink) and read.receipts == paid.receipts, read
    receipt = get_receipt.sync(client=client, id=read.receipts[0])
    assert isinstance(receipt, Receipt), receipt
    assert (receipt.payment_link_id, receipt.amount) == (paid.id, paid.amount), receipt
    return receipt


def records() -> None:
    """What was read of a record can be put back as it is, but for what is to be another."""
    read = get_contact.sync(client=client, id="c-1042")
    assert isinstance(read, Contact), read
    body = ContactInput.from_dict(read.to_dict())
    body.profile_url = "https://crm.example/by-openapi-python-client"
    put = put_contact.sync(client=client, id="c-1042", body=body)
    assert isinstance(put, Contact) and put.profile_url == body.profile_url, put
    assert (put.name, put.mobile, put.people) == (read.name, read.mobile, read.people), put


def events(paid: PaymentLink, receipt: Receipt) -> None:
    """What an event carries follows from its type, and every type is named."""
    page = list_events.sync(client=client, limit=100)
    assert isinstance(page, EventPage), page
    said: dict[str, str | None] = {}
    for event in page.data:
        if event.payment_link_id != paid.id:
            continue
        match event:
            case (
                PaymentLinkCreatedEvent() | PaymentLinkOpenedEvent() | PaymentLinkPaidEvent() | PaymentLinkExpiredEvent()
                | PaymentLinkPartPaidEvent() | PaymentLinkReplacedEvent() | PaymentLinkRenewalRequestedEvent()
                | PaymentLinkCancelledEvent() | PaymentLinkHeldEvent() | PaymentLinkReleasedEvent() | AttemptFailedEvent()
                | AttemptNeedsReviewEvent() | RefundCreatedEvent() | RefundSucceededEvent() | RefundFailedEvent()
                | RefundNeedsReviewEvent() | DisputeOpenedEvent() | DisputeWonEvent() | DisputeLostEvent()
                | MessageFailedEvent()
            ):
                said[event.type_] = say_status(event.data)
            case ReceiptRegisteredEvent() | ReceiptVoidedEvent():
                said[event.type_] = event.data.gateway_reference
            case LookBackFailedEvent():
                said[event.type_] = event.data.failure_code
            case AuditEntryCreatedEvent():
                said[event.type_] = event.data.action.value
            case other:
                assert_never(other)
    assert said["payment_link.paid"] == say_status(paid), said
    assert said["receipt.registered"] == receipt.gateway_reference, said


refusals()
records()
link = links()
events(link, money(link))
