//! Reading, listing and changing payment links.

use axum::extract::State;
use axum::response::Response;
use domain::business::settings::Settings;
use domain::gateway::Mode;
use domain::ids::{AccountId, ContactId, ItemId, LinkId, ReferenceId};
use domain::link::{CreatedBy, LinkFilter, LinkStatusKind, PaymentLink};
use domain::messages::delivery::MessageStates;
use domain::requests::amend::Amendment;
use domain::requests::due_date::DueDate;
use domain::requests::expiry::Expiry;
use domain::{Problems, Timestamp};
use serde::Deserialize;
use store::{BusinessStore, LinkList, SortKey};
use use_cases::Revised;
use utoipa::ToSchema;
use views::LinkView;
use views::schema::MetadataUpdate;
use web::body::{GivenTexts, Unknown, refuse_unknown};
use web::conditions::Conditions;
use web::extract::{Path, Query};
use web::fields::{
    AfterPaymentBody, AfterPaymentUpdate, nested, read_changed_description, read_changed_internal_note,
    read_changed_metadata,
};
use web::reminders::{LinkRemindersBody, read_of_link};
use web::{ApiProblem, Caller, Given, JsonBody};

use crate::app::App;
use crate::caller::{MayRead, MayWrite};
use crate::lists::{ListView, Parameters};
use crate::refused;
use crate::respond::{answer, shown, written};

pub(crate) async fn read(
    MayRead(caller): MayRead,
    State(app): State<App>,
    Conditions(conditions): Conditions,
    Path(id): Path<String>,
) -> Result<Response, ApiProblem> {
    let id = link_id(&id)?;
    let configuration = caller.store.configuration().await?;
    let file = caller.store.link_history(&id).await?.ok_or_else(|| ApiProblem::not_found("payment link"))?;
    shown(view_of(&file.link, &file.messages, &configuration.settings, app.clock.now()), &conditions)
}

/// A link with its messages, whose states lie beside it, as its end by time does until somebody writes it down. Its tag
/// tells these as well, and how the business reads instants and amounts.
fn view_of(link: &PaymentLink, messages: &MessageStates, settings: &Settings, now: Timestamp) -> Revised<LinkView> {
    let tag = link.tag_of_answer(messages, settings, now);
    Revised { record: LinkView::new(link, messages, settings, now), tag: Some(tag) }
}

/// What a list of links takes.
pub(crate) const PARAMETERS: [&str; 25] = [
    "contact_id",
    "item_id",
    "account_id",
    "reference_id",
    "status",
    "mode",
    "needs_review",
    "opened",
    "begun",
    "message_failed",
    "held",
    "part_paid",
    "created_from",
    "created_to",
    "due_from",
    "due_to",
    "expires_from",
    "expires_to",
    "amount_from",
    "amount_to",
    "currency",
    "created_by",
    "order",
    "limit",
    "cursor",
];

/// What the parameters of a list of links choose.
pub(crate) fn filter_of(parameters: &mut Parameters, settings: &Settings) -> LinkFilter {
    LinkFilter {
        contact_id: parameters.parse("contact_id", ContactId::parse),
        item_id: parameters.parse("item_id", ItemId::parse),
        reference_id: parameters.parse("reference_id", ReferenceId::parse),
        account_id: parameters.parse("account_id", AccountId::parse),
        mode: parameters.parse("mode", Mode::parse),
        statuses: parameters.several("status", LinkStatusKind::parse),
        needs_review: parameters.flag("needs_review"),
        is_opened: parameters.flag("opened"),
        is_begun: parameters.flag("begun"),
        message_failed: parameters.flag("message_failed"),
        is_held: parameters.flag("held"),
        is_part_paid: parameters.flag("part_paid"),
        created: parameters.times(("created_from", "created_to"), settings),
        due: parameters.times(("due_from", "due_to"), settings),
        expires: parameters.times(("expires_from", "expires_to"), settings),
        amount: parameters.amounts(),
        created_by: parameters.parse("created_by", CreatedBy::parse),
    }
}

/// Links by any of what can be asked for, all where nothing is.
pub(crate) async fn list(
    MayRead(caller): MayRead,
    State(app): State<App>,
    Query(pairs): Query,
) -> Result<Response, ApiProblem> {
    let mut parameters = Parameters::read(pairs, &PARAMETERS);
    let configuration = caller.store.configuration().await?;
    let filter = filter_of(&mut parameters, &configuration.settings);
    let now = app.clock.now();
    let list = LinkList { filter, order: parameters.order(), now };
    Ok(answer(page(&caller.store, &list, parameters).await?))
}

pub(crate) async fn page(
    store: &BusinessStore,
    list: &LinkList,
    mut parameters: Parameters,
) -> Result<ListView<LinkView>, ApiProblem> {
    let (limit, after) = parameters.paging(SortKey::Time(list.order))?;
    let page = store.list_links(list, limit, after.as_ref()).await?;
    let messages = store.message_states(&page.entries).await?;
    let configuration = store.configuration().await?;
    let view = |link| LinkView::new(link, &messages, &configuration.settings, list.now);
    Ok(ListView::new(page.entries.iter().map(view).collect(), page.next.as_ref()))
}

/// What to change about an active link.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = PaymentLinkUpdate)]
pub(crate) struct AmendBody {
    /// Until when the link can be paid, as when it is made: an instant with an offset, or a date, which means the end
    /// of that day in the business's time zone. Give this or `expires_in_days`, not both. Left out, it stays.
    #[serde(default)]
    #[schema(value_type = String)]
    expires_at: Given<String>,
    /// The same in days from today, 0 to 730: until the end of that day. Left out, it stays.
    #[serde(default)]
    #[schema(value_type = i64, format = "days")]
    expires_in_days: Given<i64>,
    /// When the customer owes the money, as when it is made; `null` takes it away. Left out, it stays.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    due_at: Given<String>,
    /// What the payment is for, at most 500 characters; an empty text takes it away, and so does `null`. Left out, it stays.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "text-500")]
    description: Given<String>,
    /// What nobody but the CRM reads, at most 500 characters; an empty text takes it away, and so does `null`. Left out,
    /// it stays.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "text-500")]
    internal_note: Given<String>,
    /// What is recorded once the money is there. What is left out of it stays.
    #[serde(default)]
    #[schema(value_type = AfterPaymentUpdate)]
    after_payment: Given<AfterPaymentBody>,
    /// When people are reminded of this link, in the place of what the settings say; with `null` as these say. Left out, it stays.
    #[serde(default)]
    #[schema(value_type = Option<LinkRemindersBody>)]
    reminders: Given<LinkRemindersBody>,
    /// Laid over what there is: at most 20 pairs of texts in all, keys of 1 to 40 and values of at most 500 characters. A
    /// pair that is `null` is taken away, and `null` alone takes all of them away. Left out, it stays.
    #[serde(default)]
    #[schema(value_type = Option<MetadataUpdate>)]
    metadata: GivenTexts,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

impl AmendBody {
    fn read(self, problems: &mut Problems) -> Amendment {
        let p = problems;
        refuse_unknown::<Self>("", self.unknown, p);
        let (expires_at, expires_in_days) = ("/expires_at", "/expires_in_days");
        let after_payment = self.after_payment.unless_null("/after_payment", p);
        Amendment {
            expires_at: self.expires_at.unless_null(expires_at, p).text(expires_at, p, Expiry::parse),
            expires_in_days: self.expires_in_days.unless_null(expires_in_days, p).parse(
                expires_in_days,
                p,
                Expiry::parse_days,
            ),
            due_at: self.due_at.change("/due_at", p, |text| DueDate::parse(&text)),
            description: read_changed_description(self.description, p),
            internal_note: read_changed_internal_note(self.internal_note, p),
            after_payment: nested(after_payment, "/after_payment", p, AfterPaymentBody::read_change),
            reminders: self.reminders.or_none(|given| read_of_link(given, p)),
            metadata: read_changed_metadata(self.metadata, p),
        }
    }
}

/// Changes an active link. Its amount is not among what can be changed.
pub(crate) async fn amend(
    MayWrite(caller): MayWrite,
    State(app): State<App>,
    Conditions(conditions): Conditions,
    Path(id): Path<String>,
    body: JsonBody<AmendBody>,
) -> Result<Response, ApiProblem> {
    let id = link_id(&id)?;
    let mut problems = Problems::default();
    let amendment = body.fields.read(&mut problems);
    let (store, now) = (&caller.store, || app.clock.now());
    let amended = use_cases::amend::amend(store, &now, &id, &conditions, &amendment, problems).await;
    show(&app, &caller, &amended.map_err(refused::amend)?).await
}

/// A link that was just written.
pub(crate) async fn show(app: &App, caller: &Caller, link: &PaymentLink) -> Result<Response, ApiProblem> {
    let messages = caller.store.message_states(std::slice::from_ref(link)).await?;
    let configuration = caller.store.configuration().await?;
    Ok(written(view_of(link, &messages, &configuration.settings, app.clock.now())))
}

/// An id of another form names nothing, so it is not found rather than wrong.
pub(crate) fn link_id(text: &str) -> Result<LinkId, ApiProblem> {
    LinkId::parse(text).map_err(|_| ApiProblem::not_found("payment link"))
}
