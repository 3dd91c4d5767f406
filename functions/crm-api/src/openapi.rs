//! The calls of this function for the OpenAPI document, and the document itself, which anybody may read.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::messages::template::{FILTERS, VARIABLES};
use store::Scope;
use views::audit::AuditView;
use views::event::LoggedEventView;
use views::{LinkView, ReceiptView};
use web::codes::CATALOGUE;
use web::openapi::Operation;
use web::records::{ContactBody, ItemBody};
use web::texts::TextBody;

use crate::handlers::accounts::{AccountBody, AccountView};
use crate::handlers::actions::{CancelBody, ResendBody, ResolveBody};
use crate::handlers::businesses::{BusinessBody, BusinessView, EraseBody, ResumeBody, SuspendBody};
use crate::handlers::contacts::ContactView;
use crate::handlers::endpoints::{EndpointBody, EndpointView, RotateBody};
use crate::handlers::events::RedeliverBody;
use crate::handlers::export::ExportEntry;
use crate::handlers::gateways::GatewayView;
use crate::handlers::items::ItemView;
use crate::handlers::links::AmendBody;
use crate::handlers::providers::{ProviderBody, ProviderView};
use crate::handlers::receipt_types::{ReceiptTypeBody, ReceiptTypeView};
use crate::handlers::settings::{PlatformDefaultsBody, PlatformDefaultsShape, SettingsBody, SettingsShape};
use crate::handlers::templates::TemplateView;
use crate::handlers::usage::UsageView;

/// The whole document as a test writes it down, so that answering it costs nothing and a change of it can be reviewed.
pub(crate) const DOCUMENT: &str = include_str!("../openapi.json");

const LINKS: &str = "Payment links";
const RECEIPTS: &str = "Receipts";
const EVENTS: &str = "Events";
const RECORDS: &str = "Records";
const SETTINGS: &str = "Settings";
const BUSINESSES: &str = "Businesses";

pub(crate) async fn read() -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
    ];
    (headers, DOCUMENT).into_response()
}

pub fn operations() -> Vec<Operation> {
    [links(), receipts(), events(), records(), settings(), businesses()].into_iter().flatten().collect()
}

/// What a reader of the document should know first.
pub fn description() -> String {
    let codes: String = CATALOGUE.iter().map(|(code, meaning)| format!("- `{code}`: {meaning}\n")).collect();
    let variables: String = VARIABLES.iter().map(|name| format!("- `{{{{ {name} }}}}`\n")).collect();
    let filters: String = FILTERS.iter().map(|one| format!("- `{}`: {}\n", one.name, one.description)).collect();
    [
        include_str!("openapi.md").trim(),
        "Texts of messages may use these variables:",
        variables.trim(),
        "and these filters, as in `{{ amount | toman }}`:",
        filters.trim(),
        "A problem carries one of these codes:",
        codes.trim(),
    ]
    .join("\n\n")
}

fn get(path: &'static str, id: &'static str, group: &'static str, summary: &'static str) -> Operation {
    Operation::new("get", path, id, group, summary).needs(Scope::Read)
}

fn put(path: &'static str, id: &'static str, group: &'static str, summary: &'static str, scope: Scope) -> Operation {
    Operation::new("put", path, id, group, summary).needs(scope).refuses(400)
}

fn post(path: &'static str, id: &'static str, group: &'static str, summary: &'static str, scope: Scope) -> Operation {
    Operation::new("post", path, id, group, summary).needs(scope).idempotent().refuses(409)
}

fn delete(path: &'static str, id: &'static str, group: &'static str, summary: &'static str, scope: Scope) -> Operation {
    Operation::new("delete", path, id, group, summary).needs(scope).refuses(400).answers_nothing("It is gone.")
}

/// A list that goes on page by page.
fn paged(operation: Operation) -> Operation {
    operation.query("limit", "How many at most.").query("cursor", "Where the page before ended.")
}

fn links() -> Vec<Operation> {
    let one = "/v1/payment-links/{id}";
    vec![
        paged(
            get("/v1/payment-links", "list_payment_links", LINKS, "List payment links, the newest first")
                .query("contact_id", "Exactly one of contact_id, item_id, reference_id and day is given.")
                .query("item_id", "See contact_id.")
                .query("reference_id", "See contact_id.")
                .query("day", "A day of the business, such as 2026-12-01; see contact_id.")
                .query("status", "Only links that are `active`, `paid`, `expired` or `cancelled` at this moment."),
        )
        .lists::<LinkView>("A page of links."),
        get(one, "read_payment_link", LINKS, "Read a payment link").answers::<LinkView>(200, "The link."),
        Operation::new("patch", one, "change_payment_link", LINKS, "Change an active link; its amount never changes")
            .needs(Scope::Write)
            .takes::<AmendBody>()
            .answers::<LinkView>(200, "The link as it is now.")
            .refuses(409),
        post("/v1/payment-links/{id}/cancel", "cancel_payment_link", LINKS, "Cancel an active link", Scope::Write)
            .may_take::<CancelBody>()
            .answers::<LinkView>(200, "The cancelled link."),
        post("/v1/payment-links/{id}/messages", "resend", LINKS, "Tell people once more", Scope::Write)
            .may_take::<ResendBody>()
            .answers::<LinkView>(200, "The link with the new messages, queued.")
            .refuses_too_many(
                "People were notified a moment ago, or as often as is allowed, or the business used up a quota.",
            ),
        post(
            "/v1/payment-links/{id}/attempts/{attempt}/resolve",
            "resolve_attempt",
            LINKS,
            "Decide about an attempt that needs a person",
            Scope::Write,
        )
        .takes::<ResolveBody>()
        .answers::<LinkView>(200, "The link as it is now."),
        get("/v1/payment-links/{id}/qr.svg", "read_qr_svg", LINKS, "The pay URL as a QR code")
            .answers_file("image/svg+xml", "A picture."),
        get("/v1/payment-links/{id}/qr.png", "read_qr_png", LINKS, "The pay URL as a QR code")
            .answers_file("image/png", "A picture."),
    ]
}

fn receipts() -> Vec<Operation> {
    vec![
        paged(
            get("/v1/receipts", "list_receipts", RECEIPTS, "List receipts, the newest first")
                .query("contact_id", "Exactly one of contact_id, item_id, payment_link_id and day is given.")
                .query("item_id", "See contact_id.")
                .query("payment_link_id", "See contact_id.")
                .query(
                    "day",
                    "A day of the business on which receipts were registered, such as 2026-12-01; see contact_id.",
                ),
        )
        .lists::<ReceiptView>("A page of receipts."),
        get("/v1/receipts/{id}", "read_receipt", RECEIPTS, "Read a receipt")
            .answers::<ReceiptView>(200, "The receipt."),
    ]
}

fn events() -> Vec<Operation> {
    let endpoint = "/v1/webhook-endpoints/{id}";
    vec![
        paged(
            get("/v1/events", "list_events", EVENTS, "List events in the order in which they were recorded")
                .query("type", "Only events of this type.")
                .query("after", "The id of the last event seen; without it the list begins thirty days ago."),
        )
        .lists::<LoggedEventView>("A page of events. An event is listed ten seconds after it was recorded."),
        get("/v1/events/{id}", "read_event", EVENTS, "Read an event and the log of its deliveries")
            .answers::<LoggedEventView>(200, "The event."),
        post("/v1/events/{id}/redeliver", "redeliver_event", EVENTS, "Send an event again", Scope::Write)
            .may_take::<RedeliverBody>()
            .answers::<LoggedEventView>(202, "It is sent within a minute."),
        paged(get("/v1/webhook-endpoints", "list_webhook_endpoints", EVENTS, "List webhook endpoints"))
            .lists::<EndpointView>("A page of endpoints, by their ids."),
        get(endpoint, "read_webhook_endpoint", EVENTS, "Read a webhook endpoint")
            .answers::<EndpointView>(200, "The endpoint.")
            .refuses(400),
        put(endpoint, "write_webhook_endpoint", EVENTS, "Make or replace a webhook endpoint", Scope::Admin)
            .takes::<EndpointBody>()
            .answers::<EndpointView>(200, "The endpoint; with its secret where it is new, and only then.")
            .refuses(409),
        delete(endpoint, "delete_webhook_endpoint", EVENTS, "Delete a webhook endpoint", Scope::Admin),
        post(
            "/v1/webhook-endpoints/{id}/rotate-secret",
            "rotate_webhook_secret",
            EVENTS,
            "Make a new signing secret; the earlier one signs for a while beside it",
            Scope::Admin,
        )
        .may_take::<RotateBody>()
        .answers::<EndpointView>(200, "The endpoint with its new secret."),
    ]
}

fn records() -> Vec<Operation> {
    let (account, contact) = ("/v1/accounts/{id}", "/v1/contacts/{id}");
    let (item, kind) = ("/v1/items/{id}", "/v1/receipt-types/{id}");
    vec![
        paged(
            get("/v1/accounts", "list_accounts", RECORDS, "List accounts")
                .query("online_payment", "`true`: only those that a link can be made on; `false`: only the others."),
        )
        .lists::<AccountView>("A page of accounts, by their ids."),
        get(account, "read_account", RECORDS, "Read an account")
            .answers::<AccountView>(200, "The account.")
            .refuses(400),
        put(account, "write_account", RECORDS, "Make or replace an account", Scope::Admin)
            .takes::<AccountBody>()
            .answers::<AccountView>(200, "The account.")
            .refuses(409),
        delete(account, "delete_account", RECORDS, "Retire an account; its links go on", Scope::Admin),
        paged(get(
            "/v1/gateways",
            "list_gateways",
            RECORDS,
            "List the gateways that an account can have, and what each needs",
        ))
        .lists::<GatewayView>("A page of gateways, by their ids."),
        paged(get("/v1/receipt-types", "list_receipt_types", RECORDS, "List receipt types"))
            .lists::<ReceiptTypeView>("A page of receipt types, by their ids."),
        get(kind, "read_receipt_type", RECORDS, "Read a receipt type")
            .answers::<ReceiptTypeView>(200, "The receipt type.")
            .refuses(400),
        put(kind, "write_receipt_type", RECORDS, "Make or replace a receipt type", Scope::Admin)
            .takes::<ReceiptTypeBody>()
            .answers::<ReceiptTypeView>(200, "The receipt type."),
        delete(kind, "delete_receipt_type", RECORDS, "Delete a receipt type", Scope::Admin).refuses(409),
        paged(get("/v1/contacts", "list_contacts", RECORDS, "List contacts"))
            .lists::<ContactView>("A page of contacts, by their ids."),
        get(contact, "read_contact", RECORDS, "Read a contact")
            .answers::<ContactView>(200, "The contact.")
            .refuses(400),
        put(contact, "write_contact", RECORDS, "Make or replace a contact", Scope::Write)
            .takes::<ContactBody>()
            .answers::<ContactView>(200, "The contact."),
        delete(contact, "delete_contact", RECORDS, "Delete a contact; its links and receipts stay", Scope::Write),
        paged(get("/v1/items", "list_items", RECORDS, "List items with their receipts"))
            .lists::<ItemView>("A page of items, by their ids."),
        get(item, "read_item", RECORDS, "Read an item with its receipts")
            .answers::<ItemView>(200, "The item.")
            .refuses(400),
        put(item, "write_item", RECORDS, "Make or replace an item; its receipts stay", Scope::Write)
            .takes::<ItemBody>()
            .answers::<ItemView>(200, "The item."),
        delete(item, "delete_item", RECORDS, "Delete an item; its links and receipts stay", Scope::Write),
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
        get(one, "read_business", "Read a business").answers::<BusinessView>(200, "The business.").refuses(400),
        Operation::new("put", one, "write_business", BUSINESSES, "Make or replace a business")
            .needs_platform(Scope::Platform)
            .takes::<BusinessBody>()
            .answers::<BusinessView>(200, "The business.")
            .refuses(409),
        post("/v1/businesses/{id}/suspend", "suspend_business", "Let a business make no link and begin no payment")
            .may_take::<SuspendBody>()
            .answers::<BusinessView>(200, "The business, suspended."),
        post("/v1/businesses/{id}/resume", "resume_business", "Let a business make links and take payments again")
            .may_take::<ResumeBody>()
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
        .answers::<BusinessView>(200, "The business, for which nobody can speak any more."),
        get("/v1/platform-defaults", "read_platform_defaults", "Read what businesses start with")
            .answers::<PlatformDefaultsShape>(200, "The defaults."),
        Operation::new(
            "put",
            "/v1/platform-defaults",
            "write_platform_defaults",
            BUSINESSES,
            "Replace what businesses start with",
        )
        .needs_platform(Scope::Platform)
        .takes::<PlatformDefaultsBody>()
        .answers::<PlatformDefaultsShape>(200, "The defaults."),
        get("/v1/businesses/{id}/usage", "read_usage", "Read what a business used in a month")
            .query("month", "One of the business's months, such as 2026-11. Left out, the one that is.")
            .answers::<UsageView>(200, "Its links, receipts and messages of the month, counted.")
            .refuses(400),
    ]
}

fn settings() -> Vec<Operation> {
    let template = "/v1/message-templates/{kind}/{channel}/{locale}";
    let provider = "/v1/message-providers/{id}";
    vec![
        get("/v1/settings", "read_settings", SETTINGS, "Read the settings")
            .answers::<SettingsShape>(200, "The settings."),
        put("/v1/settings", "write_settings", SETTINGS, "Replace the settings", Scope::Admin)
            .takes::<SettingsBody>()
            .answers::<SettingsShape>(200, "The settings."),
        paged(
            Operation::new(
                "get",
                "/v1/audit-log",
                "list_audit_entries",
                SETTINGS,
                "List who changed what the business's money depends on, the newest first",
            )
            .needs(Scope::Read),
        )
        .lists::<AuditView>("A page of entries."),
        paged(get(
            "/v1/message-providers",
            "list_message_providers",
            SETTINGS,
            "List the ways messages leave besides SNS and SES",
        ))
        .lists::<ProviderView>("A page of message providers, by their ids."),
        get(provider, "read_message_provider", SETTINGS, "Read a message provider")
            .answers::<ProviderView>(200, "The provider.")
            .refuses(400),
        put(provider, "write_message_provider", SETTINGS, "Make or replace a message provider", Scope::Admin)
            .takes::<ProviderBody>()
            .answers::<ProviderView>(200, "The provider.")
            .refuses(409),
        delete(provider, "delete_message_provider", SETTINGS, "Delete a message provider", Scope::Admin).refuses(409),
        paged(get("/v1/message-templates", "list_message_templates", SETTINGS, "List the texts of messages"))
            .lists::<TemplateView>("A page of texts: the business's own, and then the built-in ones."),
        get(template, "read_message_template", SETTINGS, "Read the text of a message")
            .answers::<TemplateView>(200, "The business's own text, or the built-in one.")
            .refuses(400),
        put(template, "write_message_template", SETTINGS, "Replace the text of a message", Scope::Admin)
            .takes::<TextBody>()
            .answers::<TemplateView>(200, "The text."),
        delete(template, "delete_message_template", SETTINGS, "Go back to the built-in text", Scope::Admin),
    ]
}
