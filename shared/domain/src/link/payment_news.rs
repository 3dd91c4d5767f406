//! What people are told after the payment: that it came, and that money of it went back. Such messages are not kept on the link.
//! They follow from whom it was made for and from its payments, as they are at the moment, so that they cost nobody who pays
//! anything, and what turned out to be wrong before it was told is not told.

use std::borrow::Cow;

use jiff::Timestamp;

use super::attempt::{Attempt, AttemptState};
use super::payment_link::PaymentLink;
use super::refund::{Refund, RefundCause, RefundState};
use super::reminding::Reminder;
use super::terms::receipt_url;
use crate::ids::{MessageId, ReceiptCode};
use crate::messages::choice::MessageChoice;
use crate::messages::kind::MessageKind;
use crate::messages::message::MessageContext;
use crate::messages::recipients::Recipient;
use crate::money::Money;

/// A message about a link: to whom, and about what.
#[derive(Clone, Debug)]
pub struct MessageOfLink<'a> {
    pub recipient: Cow<'a, Recipient>,
    pub about: MessageAbout<'a>,
}

/// What a message about a link tells.
#[derive(Clone, Copy, Debug)]
pub enum MessageAbout<'a> {
    /// That somebody is asked to pay, in these words.
    Asks(&'a MessageChoice),
    /// The same once more, because nobody paid.
    Reminds(&'a Reminder),
    News(PaymentNews<'a>),
}

impl MessageAbout<'_> {
    pub fn kind(&self) -> MessageKind {
        match self {
            Self::Asks(_) => MessageKind::LinkCreated,
            Self::Reminds(reminder) => reminder.kind(),
            Self::News(news) => news.kind(),
        }
    }
}

/// That money came, or that it went back.
#[derive(Clone, Copy, Debug)]
pub struct PaymentNews<'a> {
    pub attempt: &'a Attempt,
    pub amount: Money,
    pub at: Timestamp,
    /// The refund that it is about.
    refund: Option<&'a Refund>,
}

impl<'a> PaymentNews<'a> {
    pub fn kind(&self) -> MessageKind {
        if self.refund.is_some() { MessageKind::RefundSucceeded } else { MessageKind::PaymentReceived }
    }

    /// The message in which somebody is told who was told of the link by `asked`.
    fn message(&self, asked: &Recipient) -> Recipient {
        let id = |asked: &MessageId| {
            let about = self.refund.map_or(self.attempt.id.as_str(), |refund| refund.id.as_str());
            MessageId::of_news(asked, about)
        };
        let stands_in_for = asked.stands_in_for.iter().map(id).collect();
        Recipient { id: id(&asked.id), stands_in_for, ..asked.clone() }
    }

    /// That the money of an attempt is a payment of its link.
    fn of_payment(attempt: &'a Attempt) -> Option<Self> {
        let AttemptState::Paid { at, payment, .. } = &attempt.state else { return None };
        Some(Self { attempt, amount: payment.money, at: *at, refund: None })
    }

    /// What a bank took is nothing that the business sent back.
    fn of_refund(attempt: &'a Attempt, refund: &'a Refund) -> Option<Self> {
        let RefundState::Succeeded { at } = refund.state else { return None };
        let is_sent = refund.cause != RefundCause::Dispute;
        is_sent.then(|| Self { attempt, amount: attempt.money.with(refund.amount), at, refund: Some(refund) })
    }
}

impl PaymentLink {
    /// What people are told of its money, where that is wanted.
    pub fn payment_news(&self) -> Vec<PaymentNews<'_>> {
        fn of_attempt(attempt: &Attempt) -> impl Iterator<Item = PaymentNews<'_>> {
            let is_there = attempt.is_kept() && attempt.voided.is_none();
            let payment = is_there.then(|| PaymentNews::of_payment(attempt)).flatten();
            let refunds = attempt.refunds.iter().filter_map(|refund| PaymentNews::of_refund(attempt, refund));
            payment.into_iter().chain(refunds)
        }
        if !self.terms.after_payment.send_receipt {
            return Vec::new();
        }
        self.attempts.iter().flat_map(of_attempt).collect()
    }

    /// All messages about the link.
    pub fn messages(&self) -> impl Iterator<Item = MessageOfLink<'_>> {
        let first = (&self.terms.recipients, &self.terms.message);
        let later = self.message_rounds.iter().map(|round| (&round.recipients, &round.message));
        let asking = std::iter::once(first).chain(later).flat_map(|(recipients, choice)| {
            let asks = move |recipient| MessageOfLink {
                recipient: Cow::Borrowed(recipient),
                about: MessageAbout::Asks(choice),
            };
            recipients.iter().map(asks)
        });
        let reminding = self.reminders.iter().flat_map(|reminder| {
            let reminds = move |recipient| MessageOfLink {
                recipient: Cow::Owned(recipient),
                about: MessageAbout::Reminds(reminder),
            };
            self.reminded(reminder).into_iter().map(reminds)
        });
        let telling = self.payment_news().into_iter().flat_map(|news| {
            let tells = move |asked| MessageOfLink {
                recipient: Cow::Owned(news.message(asked)),
                about: MessageAbout::News(news),
            };
            self.terms.recipients.iter().map(tells)
        });
        asking.chain(reminding).chain(telling)
    }

    /// A message about the link, by its id.
    pub fn message(&self, id: &MessageId) -> Option<MessageOfLink<'_>> {
        self.messages().find(|message| message.recipient.id == *id)
    }

    /// What opens the page of the receipt of a payment.
    pub fn receipt_code(&self, attempt: &Attempt) -> ReceiptCode {
        ReceiptCode::of(&self.token, &attempt.id)
    }

    /// Where the receipt of a payment can be read, for as long as there is the link.
    pub fn receipt_url(&self, attempt: &Attempt) -> String {
        receipt_url(&self.base, self.receipt_code(attempt).expose())
    }

    /// What a message can say of such news. `url` is where the receipt is.
    pub fn news_context<'a>(&'a self, news: &PaymentNews<'_>, url: &'a str) -> MessageContext<'a> {
        MessageContext { kind: news.kind(), ..self.terms.message_context(url, news.amount) }
    }
}
