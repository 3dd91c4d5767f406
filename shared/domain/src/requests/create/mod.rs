//! Making a link: from what the caller said and what the records hold to the terms of a link, or to every problem of
//! the request at once.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::business::settings::Settings;
use crate::gateway::GatewayRulebook;
use crate::ids::{AccountId, ContactId, FieldKey, ItemId, LinkId, PayToken, ReceiptTypeId, ReferenceId, Role};
use crate::link::ReceiptType;
use crate::link::{AccountTerms, AfterPayment, AmountSource, ContactTerms, ItemTerms, Terms, check_content, pay_url};
use crate::locale::Locale;
use crate::messages::choice::{MessageChoice, MessageTemplate};
use crate::messages::compose::{MessageContext, MessageSources, Preview, preview};
use crate::messages::provider::{MessageProviders, MessageRouter, Wording};
use crate::messages::recipients::{Channel, DeliveryOptions, RecipientSelection, ResolvedRecipients, resolve};
use crate::messages::template::MessageText;
use crate::money::{Currency, Money};
use crate::problem::{Field, Problems, Rejection};
use crate::records::account::{Account, Ready};
use crate::records::contact::{Contact, ContactChange, Email, Mobile, SocialAddress};
use crate::records::item::{Item, ItemChange};
use crate::requests::expiry::Expiry;

/// A create request after its fields were read one by one.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub account_id: Field<AccountId>,
    pub contact_id: Field<ContactId>,
    pub item_id: Field<ItemId>,
    /// What the request says about the contact and the item, where it brings them along with their ids.
    pub contact: Option<ContactChange>,
    pub item: Option<ItemChange>,
    pub amount: Field<i64>,
    pub currency: Field<Currency>,
    pub expires_at: Field<Expiry>,
    pub expires_in_days: Field<Expiry>,
    pub description: Field<String>,
    pub recipients: Recipients,
    pub after_payment: AfterPaymentRequest,
    pub message: MessageRequest,
    pub reference_id: Field<ReferenceId>,
    pub return_url: Field<String>,
    pub locale: Field<Locale>,
    pub metadata: Field<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Default)]
pub struct Recipients {
    pub contact: Field<bool>,
    pub roles: Field<Vec<Role>>,
    pub mobiles: Field<Vec<Mobile>>,
    pub emails: Field<Vec<Email>>,
    pub social: Field<Vec<SocialAddress>>,
}

impl Recipients {
    /// Everybody named; what could not be read is reported already.
    pub(crate) fn selection(&self) -> RecipientSelection {
        RecipientSelection {
            contact: self.contact.as_ref().value().copied().unwrap_or(false),
            roles: self.roles.clone().value().unwrap_or_default(),
            mobiles: self.mobiles.clone().value().unwrap_or_default(),
            emails: self.emails.clone().value().unwrap_or_default(),
            social: self.social.clone().value().unwrap_or_default(),
        }
    }

    pub(crate) fn any_refused(&self) -> bool {
        matches!(self.contact, Field::Refused)
            || matches!(self.roles, Field::Refused)
            || matches!(self.mobiles, Field::Refused)
            || matches!(self.emails, Field::Refused)
            || matches!(self.social, Field::Refused)
    }
}

#[derive(Clone, Debug, Default)]
pub struct AfterPaymentRequest {
    pub register_receipt: Field<bool>,
    pub receipt_type_id: Field<ReceiptTypeId>,
    pub receipt_field: Field<FieldKey>,
}

#[derive(Clone, Debug, Default)]
pub struct MessageRequest {
    pub mode: Field<MessageMode>,
    pub channels: Field<Vec<Channel>>,
    pub sms: Field<MessageText>,
    pub email: Field<MessageText>,
    pub social: Field<MessageText>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MessageMode {
    #[default]
    Default,
    Custom,
}

impl MessageMode {
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        match text {
            "default" => Ok(Self::Default),
            "custom" => Ok(Self::Custom),
            _ => Err(Rejection::new("unknown_choice", "The mode of a message is default or custom.")),
        }
    }
}

/// The records that the request names, as they are once the link is made: what it brings along is in them. One of those
/// that is missing has its problem reported already.
#[derive(Clone, Copy, Debug)]
pub struct CreateContext<'a> {
    pub account: Option<&'a Account>,
    pub contact: Option<&'a Contact>,
    pub item: Option<&'a Item>,
    pub receipt_types: &'a BTreeMap<ReceiptTypeId, ReceiptType>,
    pub templates: &'a [MessageTemplate],
    pub settings: &'a Settings,
    pub providers: &'a MessageProviders,
    pub gateways: &'a GatewayRulebook,
}

impl<'a> CreateContext<'a> {
    pub(crate) fn router(self) -> MessageRouter<'a> {
        MessageRouter { settings: self.settings, providers: self.providers }
    }
}

/// Where the link will be: what its messages show, and the id that theirs derive from.
#[derive(Clone, Debug)]
pub struct LinkAddress {
    id: LinkId,
    url: String,
}

impl LinkAddress {
    pub fn new(base: &str, token: &PayToken) -> Self {
        Self { id: LinkId::of(token), url: pay_url(base, token.expose()) }
    }

    /// A place for a link that is not made: its address is as long as a real one and leads nowhere, because no token has a
    /// hyphen.
    pub fn placeholder(base: &str) -> Self {
        Self { id: LinkId::of(&PayToken::from_random([0; 16])), url: pay_url(base, "placeholder-of-a-token") }
    }
}

/// What every rule made of a request. A link needs all of it and no problem; a draft shows what there is.
#[derive(Debug)]
pub struct Decision<'a> {
    pub request: Request,
    pub account: Option<ReadyAccount<'a>>,
    pub contact: Option<&'a Contact>,
    pub item: Option<&'a Item>,
    pub amount: Option<(Money, AmountSource)>,
    /// Exclusive.
    pub expires_at: Option<Timestamp>,
    pub after_payment: Option<AfterPayment>,
    pub message: Option<MessageChoice>,
    pub notified: ResolvedRecipients,
    /// The request's, else the contact's.
    pub locale: Option<Locale>,
    pub problems: Problems,
    url: String,
}

/// Asks every rule about a request. `problems` carries what reading the body found.
pub fn decide<'a>(
    request: Request,
    records: CreateContext<'a>,
    address: LinkAddress,
    now: Timestamp,
    mut problems: Problems,
) -> Decision<'a> {
    let found = &mut problems;
    let account = find_account(&request, records, found);
    let item = find_item(&request, records, found);
    let contact = find_contact(&request, records, item, found);
    let amount = decide_amount(&request, records, account, item, contact, found);
    let expires_at = decide_expiry(&request, records, now, found);
    let receipt_type_id = default_receipt_type(&request.after_payment, records, found);
    let otherwise = AfterPayment { register_receipt: true, receipt_type_id, receipt_field: None };
    let on_item = match (item, &request.item_id) {
        (Some(item), _) => OnItem::Found(item),
        (None, Field::Absent) => OnItem::None,
        (None, Field::Value(_) | Field::Refused) => OnItem::Refused,
    };
    let after_payment = decide_after_payment(&request.after_payment, &otherwise, on_item, records.receipt_types, found);
    let message = decide_message(&request.message, found);
    let notified = decide_recipients(&request, contact, records, &address.id, found);
    check_size(&request, message.as_ref(), &notified, found);
    let locale = request.locale.clone().value().or_else(|| contact.and_then(|contact| contact.locale.clone()));
    let url = address.url;
    let mut decision = Decision {
        request,
        account,
        contact,
        item,
        amount,
        expires_at,
        after_payment,
        message,
        notified,
        locale,
        problems: Problems::default(),
        url,
    };
    // Only what somebody gets is a reason to refuse.
    let channels = decision.channels_used();
    decision.write(decision.context(), &channels, records, &mut problems);
    decision.problems = problems;
    decision
}

impl Decision<'_> {
    /// The terms, or everything that stands against them.
    pub fn into_terms(self) -> Result<Terms, Problems> {
        let Self {
            request, account, contact, item, amount, expires_at, after_payment, message, notified, locale, ..
        } = self;
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let (Some((account, ready)), Some(contact), Some((amount, amount_source)), Some(expires_at)) =
            (account, contact, amount, expires_at)
        else {
            return Err(self.problems);
        };
        let (Some(after_payment), Some(message)) = (after_payment, message) else { return Err(self.problems) };
        Ok(Terms {
            mode: account.mode,
            account: AccountTerms {
                id: account.id.clone(),
                name: account.name.clone(),
                gateway: ready.gateway,
                credentials: ready.credentials.clone(),
                late_payment: account.online_payment.late_payment,
                summary_page: account.online_payment.summary_page,
            },
            contact: ContactTerms {
                id: contact.id.clone(),
                name: contact.name.clone(),
                profile_url: contact.profile_url.clone(),
            },
            item: item.map(|item| ItemTerms { id: item.id.clone(), title: item.title.clone() }),
            amount,
            amount_source,
            expires_at,
            description: request.description.value(),
            after_payment,
            message,
            recipients: notified.recipients,
            unreached: notified.unreached,
            reference_id: request.reference_id.value(),
            return_url: request.return_url.value(),
            locale,
            metadata: request.metadata.value().unwrap_or_default(),
        })
    }

    /// Every message that the choice of channels allows, as it would be sent, also where nobody is named to get it yet.
    pub(crate) fn previews(&self, records: CreateContext<'_>) -> Vec<Preview> {
        self.write(self.context(), &self.channels(), records, &mut Problems::default())
    }

    /// The same where the link is made on this account.
    pub(crate) fn previews_on(&self, account: &Account, records: CreateContext<'_>) -> Vec<Preview> {
        let (request, scratch) = (&self.request, &mut Problems::default());
        let amount = find_amount(request, Some(account.currency), self.item, self.contact, scratch);
        let context = amount.and_then(|(amount, _)| self.context_on(account, amount));
        self.write(context, &self.channels(), records, scratch)
    }

    /// The channels that there is a text for.
    fn channels(&self) -> Vec<Channel> {
        self.message.as_ref().map(MessageChoice::channels).unwrap_or_default()
    }

    /// Those of them that a recipient has an address on.
    fn channels_used(&self) -> Vec<Channel> {
        let used = |channel: &Channel| self.notified.recipients.iter().any(|recipient| recipient.channel == *channel);
        self.channels().into_iter().filter(used).collect()
    }

    fn write(
        &self,
        context: Option<MessageContext<'_>>,
        channels: &[Channel],
        records: CreateContext<'_>,
        problems: &mut Problems,
    ) -> Vec<Preview> {
        match (context, &self.message) {
            (Some(context), Some(message)) => {
                let sources = MessageSources { templates: records.templates, router: records.router() };
                preview(&context, message, channels, &self.notified.recipients, sources, problems)
            }
            (None, _) | (Some(_), None) => Vec::new(),
        }
    }

    /// What a message could say, where enough of it is decided to say anything.
    fn context(&self) -> Option<MessageContext<'_>> {
        let (account, _) = self.account?;
        let (amount, _) = self.amount?;
        self.context_on(account, amount)
    }

    fn context_on<'b>(&'b self, account: &'b Account, amount: Money) -> Option<MessageContext<'b>> {
        Some(MessageContext {
            mode: account.mode,
            account_name: &account.name,
            contact_name: &self.contact?.name,
            item_title: self.item.map(|item| item.title.as_str()),
            amount,
            expires_at: self.expires_at?,
            description: self.request.description.as_ref().value().map(String::as_str),
            reference_id: self.request.reference_id.as_ref().value(),
            locale: self.locale.as_ref(),
            url: &self.url,
        })
    }
}

/// An account and how a link on it can be paid.
pub type ReadyAccount<'a> = (&'a Account, Ready<'a>);

fn find_account<'a>(
    request: &Request,
    records: CreateContext<'a>,
    problems: &mut Problems,
) -> Option<ReadyAccount<'a>> {
    let id = request.account_id.as_ref().require("/account_id", problems)?;
    let Some(account) = records.account else {
        problems.refuse("/account_id", "unknown_account", format!("There is no account {id}."));
        return None;
    };
    let ready = problems.check("/account_id", account.ready()).value()?;
    Some((account, ready))
}

fn find_item<'a>(request: &Request, records: CreateContext<'a>, problems: &mut Problems) -> Option<&'a Item> {
    let id = request.item_id.as_ref().value()?;
    if records.item.is_none() && request.item.is_none() {
        problems.refuse("/item_id", "unknown_item", format!("There is no item {id}."));
    }
    records.item
}

fn find_contact<'a>(
    request: &Request,
    records: CreateContext<'a>,
    item: Option<&Item>,
    problems: &mut Problems,
) -> Option<&'a Contact> {
    let at = if request.contact.is_some() { "/contact/id" } else { "/contact_id" };
    let id = match (&request.contact_id, item) {
        (Field::Value(id), Some(item)) if *id != item.contact_id => {
            let detail = format!("The item {} belongs to the contact {}.", item.id, item.contact_id);
            problems.refuse(at, "contact_mismatch", detail);
            return None;
        }
        (Field::Value(id), _) => id,
        (Field::Absent, Some(item)) => &item.contact_id,
        (Field::Absent, None) => {
            // An item that was named and not found is reported already.
            if matches!(request.item_id, Field::Absent) {
                problems.refuse("/contact_id", "required", "Name a contact, or an item that belongs to one.");
            }
            return None;
        }
        (Field::Refused, _) => return None,
    };
    if records.contact.is_none() && request.contact.is_none() {
        problems.refuse(at, "unknown_contact", format!("There is no contact {id}."));
    }
    records.contact
}

/// The first present of request, item and balance. It is never skipped because it is zero or negative.
fn decide_amount(
    request: &Request,
    records: CreateContext<'_>,
    account: Option<ReadyAccount<'_>>,
    item: Option<&Item>,
    contact: Option<&Contact>,
    problems: &mut Problems,
) -> Option<(Money, AmountSource)> {
    let currency = account.map(|(account, _)| account.currency);
    let (money, source) = find_amount(request, currency, item, contact, problems)?;
    if money.minor_units() <= 0 {
        let detail =
            format!("{} is {}, and only an amount above zero can be paid.", called(source), money.minor_units());
        problems.refuse("/amount", "amount_not_payable", detail);
    } else if let Some(account) = account
        && let Err((pointer, rejection)) = fits(money, source, account, records.gateways)
    {
        problems.add(pointer, rejection);
    }
    Some((money, source))
}

/// What is asked for. An amount without a currency is in that of the account.
fn find_amount(
    request: &Request,
    of_account: Option<Currency>,
    item: Option<&Item>,
    contact: Option<&Contact>,
    problems: &mut Problems,
) -> Option<(Money, AmountSource)> {
    match (&request.amount, &request.currency) {
        (Field::Refused, _) | (_, Field::Refused) => None,
        (Field::Absent, Field::Value(_)) => {
            problems.refuse(
                "/currency",
                "currency_without_amount",
                "A currency is only given together with an amount.",
            );
            None
        }
        (Field::Value(amount), currency) => {
            let currency = currency.as_ref().value().copied().or(of_account)?;
            let money = problems.check("/amount", Money::new(*amount, currency)).value()?;
            Some((money, AmountSource::Request))
        }
        (Field::Absent, Field::Absent) => {
            let found = amount_on_record(item, contact);
            // Without a contact it is not known whether there is a balance.
            if found.is_none() && contact.is_some() {
                let detail = "Give an amount: neither the item nor the contact's balance has one.";
                problems.refuse("/amount", "required", detail);
            }
            found
        }
    }
}

/// Whether an account can be chosen for what the request asks for, by the rules that the link itself is asked for. An
/// amount that no account takes speaks against none of them.
pub(crate) fn can_choose(account: &Account, request: &Request, records: CreateContext<'_>) -> Result<(), Rejection> {
    let ready = account.ready()?;
    let scratch = &mut Problems::default();
    match find_amount(request, Some(account.currency), records.item, records.contact, scratch) {
        Some((money, source)) if money.minor_units() > 0 => {
            fits(money, source, (account, ready), records.gateways).map_err(|(_, rejection)| rejection)
        }
        Some(_) | None => Ok(()),
    }
}

/// What is asked for where the request names no amount.
fn amount_on_record(item: Option<&Item>, contact: Option<&Contact>) -> Option<(Money, AmountSource)> {
    let of_item = item.and_then(|item| item.amount).map(|amount| (amount, AmountSource::Item));
    of_item.or_else(|| contact.and_then(|contact| contact.balance).map(|balance| (balance, AmountSource::Balance)))
}

fn called(source: AmountSource) -> &'static str {
    match source {
        AmountSource::Request => "The amount",
        AmountSource::Item => "The item's amount",
        AmountSource::Balance => "What the contact owes",
    }
}

/// Whether an amount can be paid on an account. The error comes with the field to change.
fn fits(
    money: Money,
    source: AmountSource,
    (account, ready): ReadyAccount<'_>,
    gateways: &GatewayRulebook,
) -> Result<(), (&'static str, Rejection)> {
    let gateway = ready.gateway;
    if money.currency() != account.currency {
        let pointer = if source == AmountSource::Request { "/currency" } else { "/amount" };
        let (from, there) = (called(source), account.currency);
        let detail = format!("{from} is in {}, the account {} in {there}.", money.currency(), account.id);
        return Err((pointer, Rejection::new("currency_mismatch", detail)));
    }
    if !gateway.takes(money.currency()) {
        let detail = format!("The gateway {} does not take {}.", gateway.as_str(), money.currency());
        return Err(("/currency", Rejection::new("currency_not_supported", detail)));
    }
    gateways.check_amount(gateway, money).map_err(|rejection| ("/amount", rejection))
}

/// The end of the link, by at most one of the two ways to say it.
pub(crate) fn choose_expiry<'a>(
    expires_at: &'a Field<Expiry>,
    expires_in_days: &'a Field<Expiry>,
    problems: &mut Problems,
) -> Field<(&'static str, Expiry)> {
    match (expires_at, expires_in_days) {
        (Field::Refused, _) | (_, Field::Refused) => Field::Refused,
        (Field::Value(_), Field::Value(_)) => {
            let detail = "Give expires_at or expires_in_days, not both.";
            problems.refuse("/expires_in_days", "both_given", detail);
            Field::Refused
        }
        (Field::Value(expiry), Field::Absent) => Field::Value(("/expires_at", *expiry)),
        (Field::Absent, Field::Value(expiry)) => Field::Value(("/expires_in_days", *expiry)),
        (Field::Absent, Field::Absent) => Field::Absent,
    }
}

fn decide_expiry(
    request: &Request,
    records: CreateContext<'_>,
    now: Timestamp,
    problems: &mut Problems,
) -> Option<Timestamp> {
    let (pointer, expiry) = match choose_expiry(&request.expires_at, &request.expires_in_days, problems) {
        Field::Value(chosen) => chosen,
        Field::Absent => ("/expires_in_days", Expiry::InDays(records.settings.default_expires_in_days)),
        Field::Refused => return None,
    };
    problems.check(pointer, expiry.resolve(now, &records.settings.zone())).value()
}

/// What is known of the item whose field a receipt is to be attached to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OnItem<'a> {
    /// The link is made on none.
    None,
    /// One was named that is not there, and that is reported already.
    Refused,
    /// The item was deleted since the link was made.
    Gone,
    Found(&'a Item),
}

/// Decides what is recorded after payment. What is left out stays as in `otherwise`.
pub(crate) fn decide_after_payment(
    after: &AfterPaymentRequest,
    otherwise: &AfterPayment,
    item: OnItem<'_>,
    receipt_types: &BTreeMap<ReceiptTypeId, ReceiptType>,
    problems: &mut Problems,
) -> Option<AfterPayment> {
    let register_receipt = match after.register_receipt {
        Field::Absent => otherwise.register_receipt,
        Field::Value(choice) => choice,
        Field::Refused => return None,
    };
    if !register_receipt {
        for (given, pointer) in [
            (after.receipt_type_id.as_ref().value().is_some(), "/after_payment/receipt_type_id"),
            (after.receipt_field.as_ref().value().is_some(), "/after_payment/receipt_field"),
        ] {
            if given {
                problems.refuse(pointer, "no_receipt", "Without a receipt there is nothing to say about it.");
            }
        }
        return Some(AfterPayment { register_receipt, receipt_type_id: None, receipt_field: None });
    }
    let receipt_type_id = match after.receipt_type_id.as_ref() {
        Field::Value(id) => {
            problems.check("/after_payment/receipt_type_id", find_receipt_type(id, receipt_types)).value()
        }
        Field::Absent => otherwise.receipt_type_id.clone(),
        Field::Refused => None,
    };
    let receipt_field = match after.receipt_field.as_ref() {
        Field::Value(_) if matches!(item, OnItem::Refused) => None,
        Field::Value(field) => problems.check("/after_payment/receipt_field", find_field(field, item)).value(),
        Field::Absent => otherwise.receipt_field.clone(),
        Field::Refused => None,
    };
    Some(AfterPayment { register_receipt, receipt_type_id, receipt_field })
}

/// The receipt type of the settings, where the request leaves it to them. It has to be a leaf like any other.
fn default_receipt_type(
    after: &AfterPaymentRequest,
    records: CreateContext<'_>,
    problems: &mut Problems,
) -> Option<ReceiptTypeId> {
    let is_wanted = matches!(after.receipt_type_id, Field::Absent)
        && matches!(after.register_receipt, Field::Absent | Field::Value(true));
    let id = records.settings.default_receipt_type_id.as_ref().filter(|_| is_wanted)?;
    problems.check("/after_payment/receipt_type_id", find_receipt_type(id, records.receipt_types)).value()
}

fn find_field(field: &FieldKey, item: OnItem<'_>) -> Result<FieldKey, Rejection> {
    let refused = |detail: String| Err(Rejection::new("unknown_receipt_field", detail));
    match item {
        OnItem::Found(item) if item.has_receipt_field(field) => Ok(field.clone()),
        OnItem::Found(item) => refused(format!("The item {} has no receipt field {field}.", item.id)),
        OnItem::None => refused("Only a link that is made on an item has a receipt field.".to_owned()),
        OnItem::Gone | OnItem::Refused => refused("The item is not there, so it has no receipt field.".to_owned()),
    }
}

/// A link names a leaf: a type that has sub-types is only a heading for them.
pub fn find_receipt_type(
    id: &ReceiptTypeId,
    receipt_types: &BTreeMap<ReceiptTypeId, ReceiptType>,
) -> Result<ReceiptTypeId, Rejection> {
    if !receipt_types.contains_key(id) {
        return Err(Rejection::new("unknown_receipt_type", format!("There is no receipt type {id}.")));
    }
    if receipt_types.values().any(|other| other.parent_id.as_ref() == Some(id)) {
        return Err(Rejection::new("receipt_type_has_sub_types", format!("Choose one of the sub-types of {id}.")));
    }
    Ok(id.clone())
}

pub(crate) fn decide_message(request: &MessageRequest, problems: &mut Problems) -> Option<MessageChoice> {
    let channels = match &request.channels {
        Field::Refused => return None,
        Field::Absent => None,
        Field::Value(channels) => Some(channels.clone()),
    };
    match request.mode {
        Field::Refused => None,
        Field::Absent | Field::Value(MessageMode::Default) => {
            for (given, pointer) in [
                (!matches!(request.sms, Field::Absent), "/message/sms"),
                (!matches!(request.email, Field::Absent), "/message/email"),
                (!matches!(request.social, Field::Absent), "/message/social"),
            ] {
                if given {
                    problems.refuse(pointer, "text_not_used", "A text belongs to a message of mode custom.");
                }
            }
            Some(MessageChoice::Default { channels: channels.unwrap_or_else(|| Channel::ALL.to_vec()) })
        }
        Field::Value(MessageMode::Custom) => decide_custom_message(request, channels, problems),
    }
}

/// The texts given must be exactly those of the channels named.
fn decide_custom_message(
    request: &MessageRequest,
    channels: Option<Vec<Channel>>,
    problems: &mut Problems,
) -> Option<MessageChoice> {
    let Some(channels) = channels.filter(|channels| !channels.is_empty()) else {
        problems.refuse("/message/channels", "required", "Name the channels of the custom message.");
        return None;
    };
    let texts = [(Channel::Sms, &request.sms), (Channel::Email, &request.email), (Channel::Social, &request.social)];
    for (channel, text) in texts {
        let pointer = format!("/message/{}", channel.as_str());
        match (channels.contains(&channel), text) {
            (true, Field::Absent) => problems.refuse(pointer, "required", "This channel is named and needs its text."),
            (false, Field::Value(_) | Field::Refused) => {
                problems.refuse(pointer, "text_not_used", "This channel is not among the channels named.");
            }
            (true, Field::Value(_) | Field::Refused) | (false, Field::Absent) => {}
        }
    }
    Some(MessageChoice::Custom {
        sms: request.sms.clone().value(),
        email: request.email.clone().value(),
        social: request.social.clone().value(),
    })
}

/// Most of a link is whom it tells and in which words, so that is where too much of it is.
fn check_size(
    request: &Request,
    message: Option<&MessageChoice>,
    notified: &ResolvedRecipients,
    problems: &mut Problems,
) {
    let description = request.description.as_ref().value();
    let metadata = request.metadata.as_ref().value();
    problems.check(
        "/recipients",
        check_content(&(message, &notified.recipients, &notified.unreached, description, metadata)),
    );
}

/// The channels that the message goes out on, whatever becomes of its texts.
fn channels_named(request: &MessageRequest) -> Option<Vec<Channel>> {
    match (&request.mode, &request.channels) {
        (Field::Refused, _) | (_, Field::Refused) => None,
        (Field::Absent | Field::Value(_), Field::Value(channels)) => Some(channels.clone()),
        (Field::Absent | Field::Value(MessageMode::Default), Field::Absent) => Some(Channel::ALL.to_vec()),
        // That none are named is reported already.
        (Field::Value(MessageMode::Custom), Field::Absent) => None,
    }
}

fn decide_recipients(
    request: &Request,
    contact: Option<&Contact>,
    records: CreateContext<'_>,
    link: &LinkId,
    problems: &mut Problems,
) -> ResolvedRecipients {
    let selection = request.recipients.selection();
    let (Some(contact), Some(channels)) = (contact, channels_named(&request.message)) else {
        return ResolvedRecipients::default();
    };
    let nothing_refused = !request.recipients.any_refused();
    if selection.is_empty() {
        if matches!(request.message.mode, Field::Value(MessageMode::Custom)) && nothing_refused {
            problems.refuse("/recipients", "required", "A custom message needs somebody to send it to.");
        }
        return ResolvedRecipients::default();
    }
    let wording = match request.message.mode {
        Field::Value(MessageMode::Custom) => Wording::Custom,
        Field::Value(MessageMode::Default) | Field::Absent | Field::Refused => Wording::Default,
    };
    let options = DeliveryOptions { channels: &channels, wording, router: records.router() };
    let notified = resolve(&selection, contact, options, link, 0);
    if notified.recipients.is_empty() && nothing_refused {
        problems.refuse(
            "/recipients",
            "nobody_reachable",
            "None of these recipients can be reached on these channels.",
        );
    }
    notified
}

#[cfg(test)]
mod tests;
