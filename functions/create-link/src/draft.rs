//! `POST /v1/payment-links/draft`: what a link would be, as the CRM's form shows it. It writes nothing.

use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use domain::business::settings::Settings;
use domain::link::{PaymentLink, PaymentPlan};
use domain::messages::channel::Channel;
use domain::messages::compose::Preview;
use domain::messages::recipients::Recipient;
use domain::messages::sms::SmsLength;
use domain::money::Money;
use domain::records::item::Item;
use domain::requests::create::{MessageMode, Request, WhenPaidElsewhere};
use domain::requests::draft::{AccountChoice, ItemMoney, PersonChoice, ReceiptTypeChoice, Sources};
use domain::{Field, Problem, Problems};
use lambda_http::request::RequestContext;
use serde::Serialize;
use serde_json::{Map, Value, json};
use store::Scope;
use use_cases::draft::{Draft, DraftRecords};
use utoipa::ToSchema;
use views::reminders::PlannedReminderView;
use views::schema::{ChannelName, ModeName};
use views::{ReceiptFieldView, SocialView, UnreachedView, amount_display, instant};
use web::base_url::base_url;
use web::problem::FieldProblem;
use web::{ApiProblem, JsonBody};

use crate::App;
use web::link_body::CreateBody;

/// A link before it is made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentLinkDraft)]
pub(crate) struct DraftView {
    #[schema(pattern = "^payment_link_draft$")]
    object: &'static str,
    /// The create body with every default filled in, to be sent back as it is. What cannot be used stands there as it
    /// came, beside its problem.
    #[schema(value_type = CreateBody)]
    request: Value,
    /// Where each value came from that may be left out.
    #[schema(value_type = SourcesView)]
    sources: Sources,
    amount_display: Option<String>,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    #[schema(format = DateTime)]
    due_at: Option<String>,
    /// What was paid for the item and what asks for it already; null without an item.
    item: Option<ItemView>,
    choices: ChoicesView,
    recipients: Vec<RecipientView>,
    unreached: Vec<UnreachedView>,
    /// The messages as they would be sent, with a placeholder link of the real length. Until an account is chosen they are
    /// those that read the same on each live account that can be chosen, and where there is none on each sandbox account.
    messages: Vec<PreviewView>,
    /// The reminders that would go out where nobody pays and nothing changes, as the hours and closed days are now.
    reminders: Vec<PlannedReminderView>,
    /// What would refuse the request.
    #[schema(value_type = Vec<FieldProblem>)]
    problems: Vec<Problem>,
}

/// `request`, `item`, `balance`, `contact`, `settings` or `only_choice`; null where there is no value.
#[derive(ToSchema)]
#[schema(as = DraftSources)]
#[expect(dead_code, reason = "this is only the shape of the domain's own type")]
struct SourcesView {
    account_id: Option<String>,
    contact_id: Option<String>,
    amount: Option<String>,
    expires_at: Option<String>,
    due_at: Option<String>,
    receipt_type_id: Option<String>,
    locale: Option<String>,
}

/// The item as far as money goes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DraftItem)]
struct ItemView {
    id: String,
    title: String,
    /// What came for it by all links in the mode of the account, less what went back, in minor units. Null where it has no
    /// amount.
    amount_paid: Option<i64>,
    /// What is left to pay of it.
    amount_due: Option<i64>,
    currency: Option<&'static str>,
    amount_paid_display: Option<String>,
    amount_due_display: Option<String>,
    /// The newest links of it that can be paid, at most twenty, in the mode of the account where one is chosen.
    active_links: Vec<ActiveLinkView>,
}

/// A link that can be paid while another one is drafted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DraftActiveLink)]
struct ActiveLinkView {
    id: String,
    #[schema(value_type = ModeName)]
    mode: &'static str,
    amount: i64,
    /// What is left to pay of it.
    amount_due: i64,
    currency: &'static str,
    amount_due_display: String,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

/// What can be chosen in each step.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DraftChoices)]
struct ChoicesView {
    accounts: Vec<AccountChoiceView>,
    receipt_types: Vec<ReceiptTypeChoiceView>,
    people: Vec<PersonChoiceView>,
    receipt_fields: Vec<ReceiptFieldView>,
    #[schema(value_type = Vec<ChannelName>)]
    channels: Vec<&'static str>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountChoice)]
struct AccountChoiceView {
    id: String,
    name: String,
    currency: &'static str,
    #[schema(value_type = ModeName)]
    mode: &'static str,
    can_be_chosen: bool,
    /// Why it cannot.
    reason: Option<ReasonView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountChoiceReason)]
struct ReasonView {
    code: &'static str,
    detail: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReceiptTypeChoice)]
struct ReceiptTypeChoiceView {
    id: String,
    name: String,
    parent_id: Option<String>,
    can_be_chosen: bool,
}

/// Somebody who can be told, with the address on each channel that messages can be sent to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PersonChoice)]
struct PersonChoiceView {
    /// What `recipients.people` calls the person; `contact` for the contact itself.
    person: String,
    /// `contact` for the contact itself.
    role: String,
    name: Option<String>,
    channels: AddressesView,
    /// The person's other addresses: nobody takes messages there, and the reason says why.
    unreached: Vec<UnreachedView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PersonAddresses)]
struct AddressesView {
    sms: Option<String>,
    email: Option<String>,
    social: Vec<SocialView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DraftRecipient)]
struct RecipientView {
    #[schema(value_type = ChannelName)]
    channel: &'static str,
    /// The network of a social address.
    network: Option<String>,
    to: String,
    /// `contact` for the contact itself, else the roles; empty for an address typed by hand.
    roles: Vec<String>,
    /// The `id` at the contact of each person whose address it is, `contact` for the contact itself; empty for an address
    /// typed by hand.
    people: Vec<String>,
    /// Whether it is told only when the channel before it fails for good.
    standby: bool,
}

/// A message as it would be sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MessagePreview)]
struct PreviewView {
    #[schema(value_type = ChannelName)]
    channel: &'static str,
    /// The message provider, where it sends an approved template; `body` holds the values of its placeholders.
    provider: Option<String>,
    subject: Option<String>,
    body: String,
    /// What an email shows beside its text.
    html: Option<String>,
    #[schema(value_type = Option<SmsLengthView>)]
    sms: Option<SmsLength>,
}

/// How long an SMS is.
#[derive(ToSchema)]
#[schema(as = SmsLength)]
#[expect(dead_code, reason = "this is only the shape of the domain's own type")]
struct SmsLengthView {
    /// `GSM-7` or `UCS-2`.
    encoding: String,
    characters: u32,
    segments: u32,
}

pub(crate) async fn draft(
    State(app): State<App>,
    context: Option<Extension<RequestContext>>,
    parts: Parts,
    body: Result<JsonBody<CreateBody>, ApiProblem>,
) -> Result<Response, ApiProblem> {
    let caller = app.callers.authenticate(&parts, Scope::Read).await?.signed(app.clock.now(), &parts.uri).await?;
    let body = body?;
    // A person looks at it: what was set a moment ago is there.
    let configuration = caller.store.fresh_configuration().await?;
    let base = base_url(app.base_url.as_deref(), &configuration, context.as_deref())?;
    let mut problems = Problems::default();
    let request = body.fields.read(configuration.router(), app.clock.now(), &mut problems);
    let records = DraftRecords::read(&caller.store, configuration, request, problems, app.clock.now()).await?;
    let draft = records.draft(&app.gateways, &base, app.clock.now());
    let headers = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((headers, Json(DraftView::new(draft, body.value))).into_response())
}

impl DraftView {
    fn new(draft: Draft<'_>, body: Value) -> Self {
        let request = filled_in(body, &draft);
        let Draft { decision, sources, accounts, receipt_types, people, previews, settings, .. } = draft;
        let item = decision.item.map(|item| ItemView::new(item, draft.item_money, &draft.open_links, settings));
        let fields = decision.item.map(|item| item.receipt_fields.as_slice()).unwrap_or_default();
        Self {
            object: "payment_link_draft",
            request,
            sources,
            amount_display: decision.amount.map(|(money, _)| amount_display(money, settings)),
            expires_at: decision.expires_at.map(|at| instant(at, settings)),
            due_at: decision.due_at.map(|at| instant(at, settings)),
            item,
            choices: ChoicesView {
                accounts: accounts.into_iter().map(account).collect(),
                receipt_types: receipt_types.into_iter().map(receipt_type).collect(),
                people: people.into_iter().map(person).collect(),
                receipt_fields: fields.iter().map(ReceiptFieldView::new).collect(),
                channels: Channel::ALL.map(Channel::as_str).to_vec(),
            },
            recipients: decision.notified.recipients.iter().map(recipient).collect(),
            unreached: decision.notified.unreached.iter().map(UnreachedView::new).collect(),
            messages: previews.iter().map(message).collect(),
            reminders: draft.reminders.iter().map(|one| PlannedReminderView::new(one, settings)).collect(),
            problems: decision.problems.into_vec(),
        }
    }
}

impl ItemView {
    fn new(item: &Item, money: Option<ItemMoney>, open: &[&PaymentLink], settings: &Settings) -> Self {
        let display = |money: Money| amount_display(money, settings);
        let active = |link: &&PaymentLink| {
            let due = link.amount_due();
            ActiveLinkView {
                id: link.id().to_string(),
                mode: link.terms().mode.as_str(),
                amount: link.terms().amount.minor_units(),
                amount_due: due.minor_units(),
                currency: due.currency().code(),
                amount_due_display: display(due),
                created_at: instant(link.created_at(), settings),
                expires_at: instant(link.terms().expires_at, settings),
            }
        };
        Self {
            id: item.id.to_string(),
            title: item.title.clone(),
            amount_paid: money.map(|money| money.paid.minor_units()),
            amount_due: money.map(|money| money.due.minor_units()),
            currency: money.map(|money| money.due.currency().code()),
            amount_paid_display: money.map(|money| display(money.paid)),
            amount_due_display: money.map(|money| display(money.due)),
            active_links: open.iter().map(active).collect(),
        }
    }
}

/// The body as it came, with the defaults where it says nothing. What was refused stays, so that the form shows what the
/// operator typed beside the problem.
fn filled_in(body: Value, draft: &Draft<'_>) -> Value {
    let Value::Object(mut body) = body else { return body };
    let decision = &draft.decision;
    let request = &decision.request;
    fill(&mut body, "account_id", request.account_id.as_ref().value());
    // A contact that is brought along has its id in there.
    let is_inline = body.get("contact").is_some_and(|contact| !contact.is_null());
    fill(&mut body, "contact_id", decision.contact.filter(|_| !is_inline).map(|contact| &contact.id));
    fill(&mut body, "item_id", None::<()>);
    if !matches!(request.amount, Field::Refused) {
        fill(&mut body, "amount", decision.amount.map(|(money, _)| money.minor_units()));
        fill(&mut body, "currency", decision.amount.map(|(money, _)| money.currency().code()));
    }
    let days = draft.settings.default_expires_in_days;
    let has_expiry = !matches!((&request.expires_at, &request.expires_in_days), (Field::Absent, Field::Absent));
    // Where parts have dates, the link ends after them, and none is due but these.
    let has_parts = decision.plan.as_ref().is_some_and(|plan| !plan.parts().is_empty());
    let end = decision.expires_at.filter(|_| has_parts && !has_expiry).map(|at| instant(at, draft.settings));
    fill(&mut body, "expires_in_days", (!has_expiry && end.is_none()).then_some(days));
    fill(&mut body, "expires_at", end);
    fill(&mut body, "due_at", decision.due_at.filter(|_| !has_parts).map(|at| instant(at, draft.settings)));
    let minimum = match (&request.payment_plan, &decision.plan) {
        (Field::Absent, Some(PaymentPlan::Minimum(minimum))) => Some(json!({ "minimum": minimum })),
        _ => None,
    };
    fill(&mut body, "payment_plan", minimum);
    fill(&mut body, "when_paid_elsewhere", Some(WhenPaidElsewhere::default().as_str()));
    for name in ["description", "internal_note", "reference_id", "reminders", "return_url"] {
        fill(&mut body, name, None::<()>);
    }
    fill(&mut body, "locale", decision.locale.as_ref());
    fill(&mut body, "metadata", Some(json!({})));
    fill_nested(&mut body, "recipients", |recipients| {
        fill(recipients, "contact", Some(false));
        for name in ["roles", "people", "mobiles", "emails", "social"] {
            fill(recipients, name, Some(json!([])));
        }
    });
    fill_nested(&mut body, "after_payment", |after| {
        let registers = !matches!(request.after_payment.register_receipt, Field::Value(false));
        fill(after, "register_receipt", Some(true));
        fill(after, "receipt_type_id", draft.default_receipt_type.filter(|_| registers));
        fill(after, "receipt_field", None::<()>);
        fill(after, "send_receipt", Some(draft.settings.send_receipts));
    });
    fill_nested(&mut body, "message", |message| fill_message(message, request));
    Value::Object(body)
}

/// A custom message names its channels itself.
fn fill_message(message: &mut Map<String, Value>, request: &Request) {
    fill(message, "mode", Some("default"));
    match request.message.mode {
        Field::Absent | Field::Value(MessageMode::Default) => fill(message, "channels", Some(Channel::ALL)),
        Field::Value(MessageMode::Custom) | Field::Refused => {}
    }
}

/// Sets a field that is absent, for which `null` counts.
fn fill(object: &mut Map<String, Value>, name: &str, value: Option<impl Serialize>) {
    let entry = object.entry(name).or_insert(Value::Null);
    if entry.is_null() {
        *entry = json!(value);
    }
}

/// Fills an object within the body; something else than an object is one of the problems and stays.
fn fill_nested(object: &mut Map<String, Value>, name: &str, with: impl FnOnce(&mut Map<String, Value>)) {
    let entry = object.entry(name).or_insert(Value::Null);
    if entry.is_null() {
        *entry = json!({});
    }
    if let Value::Object(entry) = entry {
        with(entry);
    }
}

fn account(choice: AccountChoice<'_>) -> AccountChoiceView {
    let AccountChoice { account, refused } = choice;
    AccountChoiceView {
        id: account.id.to_string(),
        name: account.name.clone(),
        currency: account.currency.code(),
        mode: account.mode.as_str(),
        can_be_chosen: refused.is_none(),
        reason: refused.map(|refused| ReasonView { code: refused.code, detail: refused.detail }),
    }
}

fn receipt_type(choice: ReceiptTypeChoice<'_>) -> ReceiptTypeChoiceView {
    let ReceiptTypeChoice { receipt_type, can_be_chosen } = choice;
    ReceiptTypeChoiceView {
        id: receipt_type.id.to_string(),
        name: receipt_type.name.clone(),
        parent_id: receipt_type.parent_id.as_ref().map(ToString::to_string),
        can_be_chosen,
    }
}

fn person(person: PersonChoice<'_>) -> PersonChoiceView {
    PersonChoiceView {
        person: person.who.id.to_string(),
        role: person.who.role.to_string(),
        name: person.name.map(str::to_owned),
        channels: AddressesView {
            sms: person.mobile.map(|mobile| mobile.as_str().to_owned()),
            email: person.email.map(|email| email.as_str().to_owned()),
            social: person.social.into_iter().map(SocialView::new).collect(),
        },
        unreached: person.unreached.iter().map(UnreachedView::new).collect(),
    }
}

fn recipient(recipient: &Recipient) -> RecipientView {
    RecipientView {
        channel: recipient.channel.as_str(),
        network: recipient.network.as_ref().map(ToString::to_string),
        to: recipient.to.clone(),
        roles: recipient.roles().into_iter().map(ToString::to_string).collect(),
        people: recipient.people.iter().map(|person| person.id.to_string()).collect(),
        standby: !recipient.stands_in_for.is_empty(),
    }
}

fn message(preview: &Preview) -> PreviewView {
    PreviewView {
        channel: preview.channel.as_str(),
        provider: preview.provider.as_ref().map(ToString::to_string),
        subject: preview.message.subject.clone(),
        body: preview.message.text.clone(),
        html: preview.message.html.clone(),
        sms: preview.sms,
    }
}
