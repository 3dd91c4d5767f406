//! Searching contacts, items, links and receipts by whatever somebody has of them.

use axum::extract::State;
use axum::response::Response;
use domain::Timestamp;
use domain::business::settings::Settings;
use domain::gateway::GatewayKind;
use domain::link::PaymentLink;
use domain::search::{
    ContactBy, ContactMatch, ItemBy, ItemMatch, LinkBy, PersonMatch, ReceiptBy, ReceiptMatch, SearchQuery,
};
use serde::Serialize;
use store::{Found, Matches};
use utoipa::ToSchema;
use views::schema::{GatewayName, LinkStatusName, ModeName};
use views::{instant, one_of};
use web::ApiProblem;
use web::extract::Query;

use crate::app::App;
use crate::caller::MaySearch;
use crate::lists::Parameters;
use crate::respond::answer;

/// At most this many of each kind are answered. Whoever has more types more.
const MOST: usize = 10;

one_of! { ContactMatchedBy, "What the query is of the contact, or of one of the people at it.", ContactBy::ALL.map(ContactBy::as_str) }
one_of! { ItemMatchedBy, "What the query is of the item.", ItemBy::ALL.map(ItemBy::as_str) }
one_of! { PaymentLinkMatchedBy, "What the query is of the link.", LinkBy::ALL.map(LinkBy::as_str) }
one_of! {
    ReceiptMatchedBy,
    "What the query is of the receipt. `card`: the last four digits of the card. `amount`: the amount in the currency's minor unit. `amount_in_toman`: a tenth of an amount in Rial. `amount_in_main_unit`: an amount of a currency with decimals, as 19.99.",
    ReceiptBy::ALL.map(ReceiptBy::as_str)
}

/// What a query is the beginning or the whole of, each kind by itself and at most ten of each.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SearchResult)]
pub(crate) struct SearchView {
    #[schema(pattern = "^search_result$")]
    object: &'static str,
    contacts: ContactMatches,
    items: ItemMatches,
    payment_links: PaymentLinkMatches,
    receipts: ReceiptMatches,
}

/// Contacts in the order of the alphabet, by what was found of them.
#[derive(Debug, Serialize, ToSchema)]
struct ContactMatches {
    data: Vec<ContactMatchView>,
    /// Whether there are more than are shown.
    has_more: bool,
}

/// A contact that was found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ContactMatch)]
struct ContactMatchView {
    /// The contact's.
    id: String,
    #[schema(pattern = "^contact_match$")]
    object: &'static str,
    name: String,
    #[schema(value_type = ContactMatchedBy)]
    matched_by: &'static str,
    /// Whose name, number or email it is, where it is not the contact's own.
    person: Option<PersonMatchView>,
}

/// One of the people at a contact that was found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PersonMatch)]
struct PersonMatchView {
    id: String,
    role: String,
    name: Option<String>,
}

/// Items in the order of the alphabet, by what was found of them.
#[derive(Debug, Serialize, ToSchema)]
struct ItemMatches {
    data: Vec<ItemMatchView>,
    /// Whether there are more than are shown.
    has_more: bool,
}

/// An item that was found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ItemMatch)]
struct ItemMatchView {
    /// The item's.
    id: String,
    #[schema(pattern = "^item_match$")]
    object: &'static str,
    kind: String,
    title: String,
    contact_id: String,
    #[schema(value_type = ItemMatchedBy)]
    matched_by: &'static str,
}

/// The link of this id, or the newest that has this `reference_id`.
#[derive(Debug, Serialize, ToSchema)]
struct PaymentLinkMatches {
    data: Vec<PaymentLinkMatchView>,
    /// Whether earlier links had the same `reference_id`.
    has_more: bool,
}

/// A link that was found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentLinkMatch)]
struct PaymentLinkMatchView {
    /// The link's.
    id: String,
    #[schema(pattern = "^payment_link_match$")]
    object: &'static str,
    #[schema(value_type = ModeName)]
    mode: &'static str,
    #[schema(value_type = LinkStatusName)]
    status: &'static str,
    reference_id: Option<String>,
    contact_id: String,
    /// As it was when the link was made.
    contact_name: String,
    item_id: Option<String>,
    description: Option<String>,
    /// In the currency's minor unit.
    amount: i64,
    currency: &'static str,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(value_type = PaymentLinkMatchedBy)]
    matched_by: &'static str,
}

/// Receipts, the newest first.
#[derive(Debug, Serialize, ToSchema)]
struct ReceiptMatches {
    data: Vec<ReceiptMatchView>,
    /// Whether there are more than are shown.
    has_more: bool,
}

/// A receipt that was found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReceiptMatch)]
struct ReceiptMatchView {
    /// The receipt's.
    id: String,
    #[schema(pattern = "^receipt_match$")]
    object: &'static str,
    #[schema(value_type = ModeName)]
    mode: &'static str,
    payment_link_id: String,
    contact_id: String,
    /// In the currency's minor unit.
    amount: i64,
    currency: &'static str,
    /// Null of money that came or went by other means.
    #[schema(value_type = Option<GatewayName>)]
    gateway: Option<&'static str>,
    /// Null where nothing is known that it is found by.
    gateway_reference: Option<String>,
    /// The card that paid, where the gateway tells, with most digits hidden.
    masked_card: Option<String>,
    #[schema(format = DateTime)]
    registered_at: String,
    /// One text can be several things of a receipt.
    #[schema(value_type = Vec<ReceiptMatchedBy>)]
    matched_by: Vec<&'static str>,
}

impl SearchView {
    fn new(found: Found, settings: &Settings, now: Timestamp) -> Self {
        let Found { contacts, items, links, receipts } = found;
        let (data, has_more) = shown(contacts, ContactMatchView::new);
        let contacts = ContactMatches { data, has_more };
        let (data, has_more) = shown(items, ItemMatchView::new);
        let items = ItemMatches { data, has_more };
        let (data, has_more) = shown(links, |(link, by)| PaymentLinkMatchView::new(&link, by, settings, now));
        let payment_links = PaymentLinkMatches { data, has_more };
        let (data, has_more) = shown(receipts, |receipt| ReceiptMatchView::new(receipt, settings));
        let receipts = ReceiptMatches { data, has_more };
        Self { object: "search_result", contacts, items, payment_links, receipts }
    }
}

fn shown<T, V>(matches: Matches<T>, view: impl FnMut(T) -> V) -> (Vec<V>, bool) {
    (matches.entries.into_iter().map(view).collect(), matches.has_more)
}

impl ContactMatchView {
    fn new(found: ContactMatch) -> Self {
        let person = |PersonMatch { id, role, name }| PersonMatchView { id: id.into(), role: role.into(), name };
        Self {
            id: found.contact_id.into(),
            object: "contact_match",
            name: found.name,
            matched_by: found.by.as_str(),
            person: found.person.map(person),
        }
    }
}

impl ItemMatchView {
    fn new(found: ItemMatch) -> Self {
        Self {
            id: found.item_id.into(),
            object: "item_match",
            kind: found.kind,
            title: found.title,
            contact_id: found.contact_id.into(),
            matched_by: found.by.as_str(),
        }
    }
}

impl PaymentLinkMatchView {
    fn new(link: &PaymentLink, by: LinkBy, settings: &Settings, now: Timestamp) -> Self {
        let terms = link.terms();
        Self {
            id: link.id().to_string(),
            object: "payment_link_match",
            mode: terms.mode.as_str(),
            status: link.status_at(now).kind().as_str(),
            reference_id: terms.reference_id.as_ref().map(ToString::to_string),
            contact_id: terms.contact.id.to_string(),
            contact_name: terms.contact.name.clone(),
            item_id: terms.item.as_ref().map(|item| item.id.to_string()),
            description: terms.description.clone(),
            amount: terms.amount.minor_units(),
            currency: terms.amount.currency().code(),
            created_at: instant(link.created_at(), settings),
            matched_by: by.as_str(),
        }
    }
}

impl ReceiptMatchView {
    fn new(found: ReceiptMatch, settings: &Settings) -> Self {
        Self {
            id: found.receipt_id.into(),
            object: "receipt_match",
            mode: found.mode.as_str(),
            payment_link_id: found.link_id.into(),
            contact_id: found.contact_id.into(),
            amount: found.money.minor_units(),
            currency: found.money.currency().code(),
            gateway: found.gateway.map(GatewayKind::as_str),
            gateway_reference: Some(found.gateway_reference).filter(|reference| !reference.is_empty()),
            masked_card: found.masked_card,
            registered_at: instant(found.registered_at, settings),
            matched_by: found.by.into_iter().map(ReceiptBy::as_str).collect(),
        }
    }
}

/// Searches for everything that a text may be.
pub(crate) async fn search(
    MaySearch(caller): MaySearch,
    State(app): State<App>,
    Query(pairs): Query,
) -> Result<Response, ApiProblem> {
    let mut parameters = Parameters::read(pairs, &["q"]);
    let configuration = caller.store.configuration().await?;
    let settings = &configuration.settings;
    let parse = |text: &str| SearchQuery::parse(text, &settings.default_region);
    let query = parameters.require("q", "Say what is to be searched for.", parse);
    parameters.checked()?;
    let found = match &query {
        Some(query) => caller.store.search(query, MOST).await?,
        None => Found::default(),
    };
    Ok(answer(SearchView::new(found, settings, app.clock.now())))
}
