//! The calls of this function for the OpenAPI document, and the document itself, which anybody may read.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::messages::template::{FILTERS, VARIABLES};
use domain::search::LONGEST_QUERY;
use store::Scope;
use views::audit::AuditView;
use views::event::LoggedEventView;
use views::look_back::LookBackView;
use views::reconciliation::ReconciliationView;
use views::schema::{
    CalendarName, EventName, GatewayName, LinkStatusName, ModeName, ReceiptKindName, RefundCauseName, RefundMethodName,
    RefundStatusName, TotalsGroupingName,
};
use views::{LinkView, MessageView, ReceiptView, RefundView};
use web::body::RecordBody;
use web::codes::CATALOGUE;
use web::openapi::groups::{
    ACCOUNTS, AUDIT_LOG, BATCHES, BUSINESSES, CONTACTS, EVENTS, EXPORTS, Group, ITEMS, MESSAGE_PROVIDERS,
    MESSAGE_TEMPLATES, PAYMENT_LINKS, RECEIPT_TYPES, RECEIPTS, RECONCILIATION, REFUNDS, SEARCH, SETTINGS, TOTALS,
    WEBHOOK_ENDPOINTS,
};
use web::openapi::{Operation, Part, Values, Whole};
use web::records::{ContactBody, ItemBody};

use crate::handlers::accounts::{AccountBody, AccountView};
use crate::handlers::actions::{CancelBody, ResendBody, ResolveBody};
use crate::handlers::batches::{BatchBody, BatchView, RunBody};
use crate::handlers::business_export::ExportEntry;
use crate::handlers::businesses::{BusinessBody, BusinessView, EraseBody, ResumeBody, SuspendBody};
use crate::handlers::contacts::ContactView;
use crate::handlers::endpoints::{EndpointBody, EndpointView};
use crate::handlers::events::RedeliverBody;
use crate::handlers::exports::{ExportBody, ExportView};
use crate::handlers::gateways::GatewayView;
use crate::handlers::holds::HoldBody;
use crate::handlers::items::ItemView;
use crate::handlers::links::AmendBody;
use crate::handlers::message_reports::ReportBody;
use crate::handlers::providers::{ProviderBody, ProviderView};
use crate::handlers::receipt_types::{ReceiptTypeBody, ReceiptTypeView};
use crate::handlers::recording::{PaymentRecordBody, VoidBody};
use crate::handlers::refunds::{RefundBody, ResolveRefundBody};
use crate::handlers::rotation::RotateBody;
use crate::handlers::search::SearchView;
use crate::handlers::settings::{PlatformDefaultsBody, PlatformDefaultsShape, SettingsBody, SettingsShape};
use crate::handlers::templates::{TemplateBody, TemplateView};
use crate::handlers::totals::TotalsView;
use crate::handlers::usage::UsageView;

/// The whole document as a test writes it down, so that answering it costs nothing and a change of it can be reviewed; without
/// the blanks that it has there.
pub(crate) const DOCUMENT: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

pub(crate) async fn read() -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
        // It is the same for everybody and no secret: any page in a browser may show it.
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    ];
    (headers, DOCUMENT).into_response()
}

pub fn operations() -> Vec<Operation> {
    [
        links(),
        receipts(),
        refunds(),
        vec![search(), totals(), reconciliation()],
        exports(),
        batches(),
        events(),
        records(),
        settings(),
        businesses(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What a reader of the document should know first.
pub fn description() -> &'static str {
    include_str!("openapi.md").trim()
}

/// What is said of single schemas beside what their types say. It is long, and made of what the code knows: generated
/// clients copy the head of the document into each of their files.
pub fn said_of_schemas() -> Vec<(&'static str, String)> {
    let codes: String = CATALOGUE.iter().map(|(code, meaning)| format!("- `{code}`: {meaning}\n")).collect();
    let variables: String = VARIABLES.iter().map(|name| format!("- `{{{{ {name} }}}}`\n")).collect();
    let filters: String = FILTERS.iter().map(|one| format!("- `{}`: {}\n", one.name, one.description)).collect();
    let texts = [
        "These variables may be used:",
        variables.trim(),
        "and these filters, as in `{{ amount | toman }}`:",
        filters.trim(),
    ];
    let problems = ["`code` is one of these, or one that a later release brings:", codes.trim()];
    vec![
        ("MessageTextInput", texts.join("\n\n")),
        ("MessageTemplateInput", texts.join("\n\n")),
        ("Problem", problems.join("\n\n")),
    ]
}

fn get(path: &'static str, id: &'static str, group: Group, summary: &'static str) -> Operation {
    Operation::new("get", path, id, group, summary).needs(Scope::Read)
}

fn put(path: &'static str, id: &'static str, group: Group, summary: &'static str, scope: Scope) -> Operation {
    Operation::new("put", path, id, group, summary).needs(scope).replaces_one()
}

/// A change of a part of what [`put`] writes.
fn patch<T: RecordBody>(
    path: &'static str,
    id: &'static str,
    group: Group,
    summary: &'static str,
    scope: Scope,
) -> Operation {
    Operation::new("patch", path, id, group, summary).needs(scope).merges::<Part<T>>().changes_one()
}

/// A call that shows one record.
fn get_one(path: &'static str, id: &'static str, group: Group, summary: &'static str) -> Operation {
    get(path, id, group, summary).shows_one()
}

fn post(path: &'static str, id: &'static str, group: Group, summary: &'static str, scope: Scope) -> Operation {
    Operation::new("post", path, id, group, summary).needs(scope).idempotent().refuses(409)
}

fn delete(path: &'static str, id: &'static str, group: Group, summary: &'static str, scope: Scope) -> Operation {
    Operation::new("delete", path, id, group, summary)
        .needs(scope)
        .guarded()
        .answers_nothing("It is gone.")
        .refuses(409)
}

/// A list that goes on page by page.
fn paged(operation: Operation) -> Operation {
    operation.query("limit", "How many at most.").query("cursor", "Where the page before ended.")
}

/// A list that is narrowed by amounts and comes in either order.
fn ordered(operation: Operation) -> Operation {
    operation
        .query_of("amount_from", Values::MinorUnits, "This amount or more, in minor units of `currency`.")
        .query_of("amount_to", Values::MinorUnits, "This amount or less.")
        .query("currency", "Only this currency, by its ISO 4217 code; needed with an amount.")
        .query_word::<SortOrderName>("order", "What comes first; left out, the newest.")
}

views::one_of! { SortOrderName as "SortOrder", "What comes first.", ["newest", "oldest"] }

fn links() -> Vec<Operation> {
    let one = "/v1/payment-links/{id}";
    vec![
        paged(ordered(
            get(
                "/v1/payment-links",
                "list_payment_links",
                PAYMENT_LINKS,
                "List payment links, by any of what is given",
            )
            .query("contact_id", "Only links of this contact.")
            .query("item_id", "Only links made on this item.")
            .query("account_id", "Only links whose money arrives on this account.")
            .query("reference_id", "Only links that have or had this reference; the last fifty at most.")
            .query_words::<LinkStatusName>("status", "Only links that have one of these statuses at this moment, with commas between them or given several times.",
            )
            .query_word::<ModeName>("mode", "Only live links, or only those of the sandbox.")
            .query_of("needs_review", Values::Flag, "Whether a person has to look at an attempt.")
            .query_of("opened", Values::Flag, "Whether a person has opened the link while it could be paid.")
            .query_of("begun", Values::Flag, "Whether a session was opened at a gateway.")
            .query_of(
                "message_failed",
                Values::Flag,
                "Whether a message failed for good since people were told the last time.",
            )
            .query_of("held", Values::Flag, "Whether something holds it at this moment.")
            .query_of("part_paid", Values::Flag, "Whether some of it is paid, and not all.")
            .query("created_from", "Links made on this day of the business or later, or at this instant or later.")
            .query("created_to", "Links made on this day or earlier, or before this instant.")
            .query("due_from", "Links whose `due_at` ends this day or a later one, or is later than this instant.")
            .query("due_to", "Links whose `due_at` ends this day or an earlier one, or is no later than this instant.")
            .query("expires_from", "The same of `expires_at`.")
            .query("expires_to", "The same of `expires_at`.")
            .query("created_by", "Only links that this person, or where none was named this integration, made."),
        ))
        .lists::<LinkView>("A page of links."),
        get_one(one, "get_payment_link", PAYMENT_LINKS, "Read a payment link").answers::<LinkView>(200, "The link."),
        Operation::new(
            "patch",
            one,
            "update_payment_link",
            PAYMENT_LINKS,
            "Change an active link; its amount never changes",
        )
        .needs(Scope::Write)
        .merges::<AmendBody>()
        .changes_one()
        .answers::<LinkView>(200, "The link as it is now.")
        .refuses(409),
        post(
            "/v1/payment-links/{id}/cancel",
            "cancel_payment_link",
            PAYMENT_LINKS,
            "Cancel an active link",
            Scope::Write,
        )
        .may_take::<CancelBody>()
        .tells("ETag")
        .answers::<LinkView>(200, "The cancelled link."),
        post(
            "/v1/payment-links/{id}/messages",
            "resend_payment_link",
            PAYMENT_LINKS,
            "Tell people once more",
            Scope::Write,
        )
        .may_take::<ResendBody>()
        .tells("ETag")
        .answers::<LinkView>(200, "The link with the new messages, queued.")
        .refuses_too_many(
            "People were notified a moment ago, or as often as is allowed, or the business used up a quota.",
        ),
        Operation::new(
            "post",
            "/v1/payment-links/{id}/messages/{message}/report",
            "report_message",
            PAYMENT_LINKS,
            "Report what became of a message that a line of your own was handed",
        )
        .needs(Scope::Report)
        .takes::<ReportBody>()
        .answers::<MessageView>(200, "The message as it is now. What is final stays, whatever is reported afterwards.")
        .refuses(409),
        post(
            "/v1/payment-links/{id}/attempts/{attempt}/resolve",
            "resolve_attempt",
            PAYMENT_LINKS,
            "Decide about an attempt that needs a person",
            Scope::Write,
        )
        .takes::<ResolveBody>()
        .tells("ETag")
        .answers::<LinkView>(200, "The link as it is now."),
        post(
            "/v1/payment-links/{id}/payments",
            "record_payment",
            PAYMENT_LINKS,
            "Write down money that came by other means than a gateway, as the payment of an active or expired link",
            Scope::Write,
        )
        .only_once()
        .takes::<PaymentRecordBody>()
        .tells("ETag")
        .answers::<LinkView>(201, "The link, which is paid now."),
        post(
            "/v1/payment-links/{id}/attempts/{attempt}/void",
            "void_attempt",
            PAYMENT_LINKS,
            "Void a payment that was written down by mistake and has no receipt; no money goes back",
            Scope::Write,
        )
        .may_take::<VoidBody>()
        .tells("ETag")
        .answers::<LinkView>(200, "The link as it is now. It stays paid: make another one for what is due."),
        post("/v1/payment-links/{id}/hold", "hold_payment_link", PAYMENT_LINKS, "Hold an active link for a while", Scope::Write)
            .takes::<HoldBody>()
            .tells("ETag")
            .answers::<LinkView>(200, "The link as it is now."),
        Operation::new(
            "delete",
            "/v1/payment-links/{id}/hold",
            "release_payment_link",
            PAYMENT_LINKS,
            "Go on with a link that is held",
        )
        .needs(Scope::Write)
        .idempotent()
        .tells("ETag")
        .answers::<LinkView>(200, "The link as it is now.")
        .refuses(409),
        get("/v1/payment-links/{id}/qr.svg", "get_payment_link_qr_svg", PAYMENT_LINKS, "The pay URL as a QR code")
            .answers_file("image/svg+xml", "A picture."),
        get("/v1/payment-links/{id}/qr.png", "get_payment_link_qr_png", PAYMENT_LINKS, "The pay URL as a QR code")
            .answers_file("image/png", "A picture."),
    ]
}

fn receipts() -> Vec<Operation> {
    vec![
        paged(ordered(
            get("/v1/receipts", "list_receipts", RECEIPTS, "List receipts, by any of what is given")
                .query_word::<ReceiptKindName>("kind", "Only receipts of this kind.")
                .query("contact_id", "Only receipts of this contact.")
                .query("item_id", "Only receipts of links made on this item.")
                .query("payment_link_id", "Only the receipts of this link.")
                .query("account_id", "Only receipts of money on this account.")
                .query_word::<GatewayName>("gateway", "Only receipts of money that this gateway confirmed.")
                .query("receipt_type_id", "Only receipts of this type.")
                .query_word::<ModeName>("mode", "Only live receipts, or only those of the sandbox.")
                .query(
                    "registered_from",
                    "Receipts registered on this day of the business or later, or at this instant or later.",
                )
                .query("registered_to", "Receipts registered on this day or earlier, or before this instant."),
        ))
        .lists::<ReceiptView>("A page of receipts."),
        get("/v1/receipts/{id}", "get_receipt", RECEIPTS, "Read a receipt").answers::<ReceiptView>(200, "The receipt."),
        post(
            "/v1/receipts/{id}/void",
            "void_receipt",
            RECEIPTS,
            "Void what was written down by mistake: a payment or a refund by other means; no money moves",
            Scope::Write,
        )
        .may_take::<VoidBody>()
        .answers::<ReceiptView>(
            200,
            "The receipt as it is now. That a payment is void says it at once, and that a refund is, within a minute.",
        ),
    ]
}

fn refunds() -> Vec<Operation> {
    let begun = "The refund as it begins. It is `pending` until the gateway says that the money went; the CRM is told.";
    vec![
        post(
            "/v1/receipts/{id}/refunds",
            "create_refund",
            REFUNDS,
            "Send money of a payment back, whole or in part, or note that it went by other means",
            Scope::Refund,
        )
        .only_once()
        .may_take::<RefundBody>()
        .answers::<RefundView>(201, begun),
        post(
            "/v1/payment-links/{id}/attempts/{attempt}/refunds",
            "create_refund_of_attempt",
            REFUNDS,
            "The same of a payment without a receipt, by the attempt that paid",
            Scope::Refund,
        )
        .only_once()
        .may_take::<RefundBody>()
        .answers::<RefundView>(201, begun),
        paged(
            get("/v1/refunds", "list_refunds", REFUNDS, "List refunds in the order in which they were begun")
                .query_words::<RefundStatusName>(
                    "status",
                    "Only refunds of these statuses, with commas between them or given several times.",
                )
                .query_word::<RefundCauseName>("cause", "Only refunds of this cause.")
                .query_word::<RefundMethodName>("method", "Only refunds by this means.")
                .query("contact_id", "Only refunds of payments of this contact.")
                .query("payment_link_id", "Only refunds of payments of this link.")
                .query("account_id", "Only refunds of money from this account.")
                .query_word::<ModeName>("mode", "Only live refunds, or only those of the sandbox.")
                .query(
                    "created_from",
                    "Refunds begun on this day of the business or later, or at this instant or later.",
                )
                .query("created_to", "Refunds begun on this day or earlier, or before this instant.")
                .query_word::<SortOrderName>("order", "What comes first; left out, the newest."),
        )
        .lists::<RefundView>("A page of refunds. One is listed once `refund.created` was sent."),
        get("/v1/refunds/{id}", "get_refund", REFUNDS, "Read a refund").answers::<RefundView>(200, "The refund."),
        post(
            "/v1/refunds/{id}/resolve",
            "resolve_refund",
            REFUNDS,
            "Note what became of a refund that needs a person",
            Scope::Refund,
        )
        .takes::<ResolveRefundBody>()
        .answers::<RefundView>(200, "The refund as it is now."),
    ]
}

fn totals() -> Operation {
    get("/v1/totals", "get_totals", TOTALS, "Add up links and receipts, and how long what is due has been so")
        .query("from", "The first day, a date of the business. Left out, the first of the month that `to` lies in.")
        .query("to", "The last day, which is among them, less than three years later. Left out, today.")
        .query_word::<TotalsGroupingName>("group_by", "Left out, `day`. By `gateway`, a link counts at the one that its account had when it was made, and \
             money at the one that it was paid at. By `created_by`, names are told apart by a mark of three bytes: two with \
             the same mark are one group, under the name of either.")
        .query_word::<CalendarName>("calendar", "By which weeks, months and years are counted. Left out, the business's own. With `persian`, `from` and `to` may \
             be dates such as 1405-09-01.",
        )
        .query_word::<ModeName>("mode", "Left out, `live`.")
        .answers::<TotalsView>(200, "The sums. Where there is too much for one call, 409 `totals_not_ready` says to ask again, and `totals_too_large` that it is of no use.")
        .refuses(409)
}

fn reconciliation() -> Operation {
    let summary = "Hold what books have of an account's days against a list that you have";
    let operation =
        Operation::new("post", "/v1/reconciliation", "reconcile_with_list", RECONCILIATION, summary).needs(Scope::Read);
    web::reconciliation::asked_by(operation)
        .takes_csv(
            "A list of payments and refunds, such as an export of the gateway's panel or of a bank: at most 5,000 lines and 512 \
             KB in UTF-8, with commas, semicolons or tabs between. The first line names the columns, in any order: \
             `reference` (the receipt's `gateway_reference`), `time` (`2026-12-01 14:05:00` in the business's time zone, in \
             the Persian calendar too where that is its calendar, or an instant with an offset), and the amount by its \
             unit: `amount_rial` or `amount_toman`; `amount_eur` with decimals, or whatever the account's currency is; \
             `amount_minor` in minor units. A refund has a negative amount, or the word `refund` in a column `kind`, which \
             otherwise has `payment`. `fee_…` is read likewise, and `payment_reference` names the payment of a refund. Other \
             columns are passed over.",
        )
        .answers::<ReconciliationView>(
            200,
            "What both sides have, and what only one of them has. In `errors` of a 422 a pointer is the line of the list and the column: `/12/amount_rial`.",
        )
        .refuses(404)
        .refuses(409)
}

fn exports() -> Vec<Operation> {
    vec![
        post("/v1/exports", "create_export", EXPORTS, "Carry a list away as a file", Scope::Read)
            .takes::<ExportBody>()
            .answers::<ExportView>(
                201,
                "The export as it begins. Read it again until it is over; a short one is done within seconds.",
            ),
        paged(get("/v1/exports", "list_exports", EXPORTS, "List exports, what was asked for last first"))
            .lists::<ExportView>("A page of exports of the last thirty days, without addresses of files."),
        get("/v1/exports/{id}", "get_export", EXPORTS, "Read an export, with an address of its file")
            .answers::<ExportView>(200, "The export."),
        post("/v1/exports/{id}/cancel", "cancel_export", EXPORTS, "Cancel an export that is not made yet", Scope::Read)
            .answers::<ExportView>(200, "The export, which is cancelled."),
    ]
}

fn batches() -> Vec<Operation> {
    vec![
        post("/v1/batches", "create_batch", BATCHES, "Begin a batch of links out of a file", Scope::Write)
            .takes::<BatchBody>()
            .answers::<BatchView>(201, "The batch, with the address that its file is put to. Then have it checked."),
        paged(get("/v1/batches", "list_batches", BATCHES, "List batches, what was asked for last first"))
            .lists::<BatchView>("A page of batches of the last thirty days, without addresses of files."),
        get("/v1/batches/{id}", "get_batch", BATCHES, "Read a batch, with addresses of its files")
            .answers::<BatchView>(200, "The batch."),
        post(
            "/v1/batches/{id}/check",
            "check_batch",
            BATCHES,
            "Have the uploaded file read and its rows looked at",
            Scope::Write,
        )
        .answers::<BatchView>(200, "The batch, which is being checked. Nothing is made and nobody is told."),
        post(
            "/v1/batches/{id}/run",
            "run_batch",
            BATCHES,
            "Have the links of a checked batch made, or made on",
            Scope::Write,
        )
        .may_take::<RunBody>()
        .answers::<BatchView>(200, "The batch, which is running."),
        post(
            "/v1/batches/{id}/pause",
            "pause_batch",
            BATCHES,
            "Make no more links until the batch is run again",
            Scope::Write,
        )
        .answers::<BatchView>(
            200,
            "The batch, which is paused. Up to a hundred links of what was begun may still be made.",
        ),
        post("/v1/batches/{id}/cancel", "cancel_batch", BATCHES, "Make no more links at all", Scope::Write)
            .answers::<BatchView>(200, "The batch. The links that are made stay."),
    ]
}

fn search() -> Operation {
    get("/v1/search", "search", SEARCH, "Find contacts, items, links and receipts by whatever one has of them")
        .needs_query(
            "q",
            LONGEST_QUERY,
            "One line of at most 100 characters. A contact is found by a whole mobile number or email address, its own or \
             that of one of its people, or by the beginning of any word of a name, with what follows it. An item is found \
             by the beginning of its id or of any word of its title; a link by its id or its `reference_id`; a receipt by \
             the gateway's reference, the last four digits of the card, or the amount: in minor units, in Toman where it \
             is in Rial, or with decimals. Case, accents, the digits of any script, the spellings of Persian and Arabic \
             letters, and how the parts of a word are parted, do not count.",
        )
        .answers::<SearchView>(200, "What was found, at most ten of each kind. A receipt is found once `receipt.registered` was sent.")
}

fn events() -> Vec<Operation> {
    let endpoint = "/v1/webhook-endpoints/{id}";
    vec![
        paged(
            get("/v1/events", "list_events", EVENTS, "List events in the order in which they were recorded")
                .query_words::<EventName>(
                    "type",
                    "Only events of these types, with commas between them or given several times.",
                )
                .query("payment_link_id", "Only events about this link.")
                .query("after", "The id of the last event seen; without it the list begins thirty days ago.")
                .query(
                    "recorded_from",
                    "Events recorded on this day of the business or later, or at this instant or later.",
                )
                .query("recorded_to", "Events recorded on this day or earlier, or before this instant."),
        )
        .lists::<LoggedEventView>("A page of events. An event is listed ten seconds after it was recorded."),
        get("/v1/events/{id}", "get_event", EVENTS, "Read an event and the log of its deliveries")
            .answers::<LoggedEventView>(200, "The event."),
        post("/v1/events/{id}/redeliver", "redeliver_event", EVENTS, "Send an event again", Scope::Write)
            .may_take::<RedeliverBody>()
            .answers::<LoggedEventView>(202, "It is sent within a minute."),
        paged(get("/v1/webhook-endpoints", "list_webhook_endpoints", WEBHOOK_ENDPOINTS, "List webhook endpoints"))
            .lists::<EndpointView>("A page of endpoints, by their ids."),
        get_one(endpoint, "get_webhook_endpoint", WEBHOOK_ENDPOINTS, "Read a webhook endpoint")
            .answers::<EndpointView>(200, "The endpoint.")
            .refuses(400),
        put(endpoint, "put_webhook_endpoint", WEBHOOK_ENDPOINTS, "Make or replace a webhook endpoint", Scope::Admin)
            .takes::<Whole<EndpointBody>>()
            .answers::<EndpointView>(200, "The endpoint; with its secret where it is new, and only then.")
            .refuses(409),
        patch::<EndpointBody>(
            endpoint,
            "update_webhook_endpoint",
            WEBHOOK_ENDPOINTS,
            "Change a part of a webhook endpoint",
            Scope::Admin,
        )
        .answers::<EndpointView>(200, "The endpoint.")
        .refuses(409),
        delete(endpoint, "delete_webhook_endpoint", WEBHOOK_ENDPOINTS, "Delete a webhook endpoint", Scope::Admin),
        post(
            "/v1/webhook-endpoints/{id}/rotate-secret",
            "rotate_webhook_endpoint_secret",
            WEBHOOK_ENDPOINTS,
            "Make a new signing secret; the earlier one signs for a while beside it",
            Scope::Admin,
        )
        .may_take::<RotateBody>()
        .tells("ETag")
        .answers::<EndpointView>(200, "The endpoint with its new secret."),
    ]
}

fn records() -> Vec<Operation> {
    let (account, contact) = ("/v1/accounts/{id}", "/v1/contacts/{id}");
    let (item, kind) = ("/v1/items/{id}", "/v1/receipt-types/{id}");
    vec![
        paged(get("/v1/accounts", "list_accounts", ACCOUNTS, "List accounts").query_of(
            "online_payment",
            Values::Flag,
            "`true`: only those that a link can be made on; `false`: only the others.",
        ))
        .lists::<AccountView>("A page of accounts, by their ids."),
        get_one(account, "get_account", ACCOUNTS, "Read an account")
            .answers::<AccountView>(200, "The account.")
            .refuses(400),
        put(account, "put_account", ACCOUNTS, "Make or replace an account", Scope::Admin)
            .takes::<Whole<AccountBody>>()
            .answers::<AccountView>(200, "The account.")
            .refuses(409),
        patch::<AccountBody>(account, "update_account", ACCOUNTS, "Change a part of an account", Scope::Admin)
            .answers::<AccountView>(200, "The account.")
            .refuses(409),
        get("/v1/accounts/{id}/look-back", "get_look_back", ACCOUNTS, "Read how far an account's lists were looked at")
            .answers::<LookBackView>(
                200,
                "How far Paylink has looked at the gateway's own lists. A 404 where there is no such account, or where its \
                 gateway never had lists that show what happened to payments.",
            )
            .refuses(400)
            .refuses(404),
        delete(account, "delete_account", ACCOUNTS, "Retire an account; its links go on", Scope::Admin),
        paged(get(
            "/v1/gateways",
            "list_gateways",
            ACCOUNTS,
            "List the gateways that an account can have, and what each needs",
        ))
        .lists::<GatewayView>("A page of gateways, by their ids."),
        paged(get("/v1/receipt-types", "list_receipt_types", RECEIPT_TYPES, "List receipt types"))
            .lists::<ReceiptTypeView>("A page of receipt types, by their ids."),
        get_one(kind, "get_receipt_type", RECEIPT_TYPES, "Read a receipt type")
            .answers::<ReceiptTypeView>(200, "The receipt type.")
            .refuses(400),
        put(kind, "put_receipt_type", RECEIPT_TYPES, "Make or replace a receipt type", Scope::Admin)
            .takes::<Whole<ReceiptTypeBody>>()
            .answers::<ReceiptTypeView>(200, "The receipt type.")
            .refuses(409),
        patch::<ReceiptTypeBody>(
            kind,
            "update_receipt_type",
            RECEIPT_TYPES,
            "Change a part of a receipt type",
            Scope::Admin,
        )
        .answers::<ReceiptTypeView>(200, "The receipt type.")
        .refuses(409),
        delete(kind, "delete_receipt_type", RECEIPT_TYPES, "Delete a receipt type", Scope::Admin).refuses(409),
        paged(get("/v1/contacts", "list_contacts", CONTACTS, "List contacts"))
            .lists::<ContactView>("A page of contacts, by their ids."),
        get_one(contact, "get_contact", CONTACTS, "Read a contact")
            .answers::<ContactView>(200, "The contact.")
            .refuses(400),
        put(contact, "put_contact", CONTACTS, "Make or replace a contact", Scope::Write)
            .takes::<Whole<ContactBody>>()
            .answers::<ContactView>(200, "The contact.")
            .refuses(409),
        patch::<ContactBody>(contact, "update_contact", CONTACTS, "Change a part of a contact", Scope::Write)
            .answers::<ContactView>(200, "The contact.")
            .refuses(409),
        delete(contact, "delete_contact", CONTACTS, "Delete a contact; its links and receipts stay", Scope::Write),
        paged(get("/v1/items", "list_items", ITEMS, "List items with their receipts"))
            .lists::<ItemView>("A page of items, by their ids."),
        get_one(item, "get_item", ITEMS, "Read an item with its receipts")
            .answers::<ItemView>(200, "The item.")
            .refuses(400),
        put(item, "put_item", ITEMS, "Make or replace an item; its receipts stay", Scope::Write)
            .takes::<Whole<ItemBody>>()
            .answers::<ItemView>(200, "The item.")
            .refuses(409),
        patch::<ItemBody>(item, "update_item", ITEMS, "Change a part of an item; its receipts stay", Scope::Write)
            .answers::<ItemView>(200, "The item.")
            .refuses(409),
        delete(item, "delete_item", ITEMS, "Delete an item; its links and receipts stay", Scope::Write),
    ]
}

/// What the platform does.
fn businesses() -> Vec<Operation> {
    let one = "/v1/businesses/{id}";
    let get = |path, id, summary| Operation::new("get", path, id, BUSINESSES, summary).needs_platform(Scope::Read);
    let post = |path, id, summary| {
        Operation::new("post", path, id, BUSINESSES, summary).needs_platform(Scope::Platform).refuses(400).refuses(409)
    };
    vec![
        paged(get("/v1/businesses", "list_businesses", "List the businesses of the stack"))
            .lists::<BusinessView>("A page of businesses, by their ids."),
        get(one, "get_business", "Read a business").shows_one().answers::<BusinessView>(200, "The business."),
        Operation::new("put", one, "put_business", BUSINESSES, "Make or replace a business")
            .needs_platform(Scope::Platform)
            .takes::<Whole<BusinessBody>>()
            .replaces_one()
            .answers::<BusinessView>(200, "The business.")
            .refuses(409),
        Operation::new("patch", one, "update_business", BUSINESSES, "Change a part of a business")
            .needs_platform(Scope::Platform)
            .merges::<Part<BusinessBody>>()
            .changes_one()
            .answers::<BusinessView>(200, "The business.")
            .refuses(409),
        post("/v1/businesses/{id}/suspend", "suspend_business", "Let a business make no link and begin no payment")
            .may_take::<SuspendBody>()
            .tells("ETag")
            .answers::<BusinessView>(200, "The business, suspended."),
        post("/v1/businesses/{id}/resume", "resume_business", "Let a business make links and take payments again")
            .may_take::<ResumeBody>()
            .tells("ETag")
            .answers::<BusinessView>(200, "The business, active."),
        paged(get("/v1/businesses/{id}/export", "export_business", "Read everything that a business has, in one walk"))
            .lists::<ExportEntry>("A page of it. One may have few entries, or none, and go on.")
            .refuses(409),
        post(
            "/v1/businesses/{id}/erase",
            "erase_business",
            "Mark a suspended business to be erased by the deployer; it cannot be taken back",
        )
        .takes::<EraseBody>()
        .tells("ETag")
        .answers::<BusinessView>(200, "The business, for which nobody can speak any more."),
        get("/v1/platform-defaults", "get_platform_defaults", "Read what businesses start with")
            .shows_one()
            .answers::<PlatformDefaultsShape>(200, "The defaults."),
        Operation::new(
            "put",
            "/v1/platform-defaults",
            "put_platform_defaults",
            BUSINESSES,
            "Replace what businesses start with",
        )
        .needs_platform(Scope::Platform)
        .takes::<Whole<PlatformDefaultsBody>>()
        .replaces_one()
        .answers::<PlatformDefaultsShape>(200, "The defaults.")
        .refuses(409),
        Operation::new(
            "patch",
            "/v1/platform-defaults",
            "update_platform_defaults",
            BUSINESSES,
            "Change a part of what businesses start with",
        )
        .needs_platform(Scope::Platform)
        .merges::<Part<PlatformDefaultsBody>>()
        .changes_one()
        .answers::<PlatformDefaultsShape>(200, "The defaults.")
        .refuses(409),
        get("/v1/businesses/{id}/usage", "get_business_usage", "Read what a business used in a month")
            .query("month", "One of the business's months, such as 2026-11. Left out, the one that is.")
            .answers::<UsageView>(200, "Its links, receipts and messages of the month, counted.")
            .refuses(400),
    ]
}

fn settings() -> Vec<Operation> {
    let template = "/v1/message-templates/{kind}/{channel}/{locale}";
    let provider = "/v1/message-providers/{id}";
    vec![
        get_one("/v1/settings", "get_settings", SETTINGS, "Read the settings")
            .answers::<SettingsShape>(200, "The settings."),
        put("/v1/settings", "put_settings", SETTINGS, "Replace the settings", Scope::Admin)
            .takes::<Whole<SettingsBody>>()
            .answers::<SettingsShape>(200, "The settings.")
            .refuses(409),
        patch::<SettingsBody>(
            "/v1/settings",
            "update_settings",
            SETTINGS,
            "Change a part of the settings",
            Scope::Admin,
        )
        .answers::<SettingsShape>(200, "The settings.")
        .refuses(409),
        paged(
            Operation::new(
                "get",
                "/v1/audit-log",
                "list_audit_entries",
                AUDIT_LOG,
                "List who changed what the business's money depends on, the newest first",
            )
            .needs(Scope::Read),
        )
        .lists::<AuditView>("A page of entries."),
        paged(get(
            "/v1/message-providers",
            "list_message_providers",
            MESSAGE_PROVIDERS,
            "List the ways messages leave besides SNS and SES",
        ))
        .lists::<ProviderView>("A page of message providers, by their ids."),
        get_one(provider, "get_message_provider", MESSAGE_PROVIDERS, "Read a message provider")
            .answers::<ProviderView>(200, "The provider.")
            .refuses(400),
        put(provider, "put_message_provider", MESSAGE_PROVIDERS, "Make or replace a message provider", Scope::Admin)
            .takes::<Whole<ProviderBody>>()
            .answers::<ProviderView>(200, "The provider; with what signs where that is new, and only then.")
            .refuses(409),
        patch::<ProviderBody>(
            provider,
            "update_message_provider",
            MESSAGE_PROVIDERS,
            "Change a part of a message provider",
            Scope::Admin,
        )
        .answers::<ProviderView>(200, "The provider; with what signs where that is new, and only then.")
        .refuses(409),
        post(
            "/v1/message-providers/{id}/rotate-secret",
            "rotate_message_provider_secret",
            MESSAGE_PROVIDERS,
            "Make a new secret that signs messages to a webhook; the earlier one signs for a while beside it",
            Scope::Admin,
        )
        .may_take::<RotateBody>()
        .tells("ETag")
        .answers::<ProviderView>(200, "The provider with its new secret."),
        delete(provider, "delete_message_provider", MESSAGE_PROVIDERS, "Delete a message provider", Scope::Admin)
            .refuses(409),
        paged(get("/v1/message-templates", "list_message_templates", MESSAGE_TEMPLATES, "List the texts of messages"))
            .lists::<TemplateView>("A page of texts: the business's own, and then the built-in ones."),
        get_one(template, "get_message_template", MESSAGE_TEMPLATES, "Read the text of a message")
            .answers::<TemplateView>(200, "The business's own text, or the built-in one.")
            .refuses(400),
        put(template, "put_message_template", MESSAGE_TEMPLATES, "Replace the text of a message", Scope::Admin)
            .takes::<Whole<TemplateBody>>()
            .answers::<TemplateView>(200, "The text.")
            .refuses(409),
        patch::<TemplateBody>(
            template,
            "update_message_template",
            MESSAGE_TEMPLATES,
            "Change a part of the business's own text of a message",
            Scope::Admin,
        )
        .answers::<TemplateView>(200, "The text.")
        .refuses(409),
        delete(template, "delete_message_template", MESSAGE_TEMPLATES, "Go back to the built-in text", Scope::Admin),
    ]
}
