//! Sessions at a gateway, for the function that sends customers there: opening one, and asking whether one is over.
//!
//! Nothing here takes money or writes a receipt. A role that may read credentials and write links suffices for all of
//! it.

use domain::Timestamp;
use domain::business::settings::Settings;
use domain::gateway::{GatewayAnswer, GatewayKind, GatewayRules};
use domain::ids::{CredentialsVersion, LinkId, ReturnKey};
use domain::link::{Attempt, Hint, NewAttempt, OpenedSession, PaymentLink, later_by_minutes};
use domain::money::Money;
use gateways::{BeginError, Order};
use store::{StoreError, Written};

use crate::Confirmation;

/// What the gateway says of the session that a customer was last sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionStatus {
    /// There is no session whose end we do not know.
    NoneOpen,
    /// Nobody has paid in it, and somebody still may.
    Payable,
    /// The gateway gave no readable answer.
    Unknown,
    /// Somebody has paid in it, or may have. What follows is written by those who may confirm, within a minute.
    MaybePaid,
    /// It is over, and nobody has paid in it. The link says so by now.
    Over,
}

/// Why a session could not be opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OpenSessionError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the gateway gave no readable answer: {why}")]
    GatewayUnavailable { why: String },
    #[error("the gateway refuses us with {code}")]
    GatewayRefused { code: String },
}

/// What a session is opened with besides the link.
#[derive(Clone, Debug)]
pub struct NewSession<'a> {
    /// Random, for this attempt alone.
    pub key: ReturnKey,
    /// What is to be paid in it.
    pub money: Money,
    /// How much is left to pay of the link's item, where that matters.
    pub room: Option<i64>,
    /// The account's present credentials, where it still is at the link's gateway and in its mode.
    pub credentials: Option<CredentialsVersion>,
    pub rules: &'a GatewayRules,
    pub settings: &'a Settings,
}

impl Confirmation {
    /// Asks the gateway about the session that a customer was last sent to. A final no is written down at once, because it
    /// concerns no money; `link` is then what it became.
    pub async fn session_status(&self, link: &mut PaymentLink, now: Timestamp) -> Result<SessionStatus, StoreError> {
        let Some(attempt) = link.current_session() else { return Ok(SessionStatus::NoneOpen) };
        if let Some(asked) = attempt.asked_just_now(Hint::Nothing, now) {
            return Ok(if asked.is_answered { SessionStatus::Payable } else { SessionStatus::Unknown });
        }
        let id = attempt.id.clone();
        let (answer, newer) = self.look_up(link, attempt, &Hint::Nothing.into(), now).await?;
        *link = link.clone().with_credentials(&id, newer);
        match &answer {
            GatewayAnswer::Pending => {
                *link = self.note_asked(link, &id, Hint::Nothing, true, now).await?;
                Ok(SessionStatus::Payable)
            }
            GatewayAnswer::Unknown { .. }
            | GatewayAnswer::AccountRefused { .. }
            | GatewayAnswer::SessionRefused { .. } => {
                *link = self.note_asked(link, &id, Hint::Nothing, false, now).await?;
                Ok(SessionStatus::Unknown)
            }
            GatewayAnswer::Paid(_)
            | GatewayAnswer::Unconfirmed
            | GatewayAnswer::Processing
            | GatewayAnswer::Returned
            | GatewayAnswer::WrongAmount { .. }
            | GatewayAnswer::Doubtful { .. } => Ok(SessionStatus::MaybePaid),
            GatewayAnswer::NotPaid(_) => {
                if let Some(transition) = link.apply_answer(&id, &answer, Hint::Nothing, now) {
                    *link = match self.store.replace_link(&transition.link).await? {
                        Written::Applied | Written::AlreadyApplied => transition.link,
                        Written::Rejected(current) => *current,
                    };
                }
                Ok(SessionStatus::Over)
            }
        }
    }

    /// Leaves the session that a customer was last sent to, because another amount is to be paid: it is closed at its gateway
    /// where that is possible. Where somebody has paid in it, or may have, it is not left.
    pub async fn leave_session(&self, link: &mut PaymentLink, now: Timestamp) -> Result<SessionStatus, StoreError> {
        let status = self.session_status(link, now).await?;
        let Some(attempt) = link.current_session().filter(|_| status == SessionStatus::Payable) else {
            return Ok(status);
        };
        let id = attempt.id.clone();
        let Some(answer) = self.close(link, attempt).await? else { return Ok(status) };
        match &answer {
            GatewayAnswer::NotPaid(_) => {
                if let Some(transition) = link.apply_answer(&id, &answer, Hint::Nothing, now) {
                    *link = match self.store.replace_link(&transition.link).await? {
                        Written::Applied | Written::AlreadyApplied => transition.link,
                        Written::Rejected(current) => *current,
                    };
                }
                Ok(SessionStatus::Over)
            }
            GatewayAnswer::Pending | GatewayAnswer::AccountRefused { .. } | GatewayAnswer::SessionRefused { .. } => {
                Ok(SessionStatus::Payable)
            }
            GatewayAnswer::Unknown { .. } => Ok(SessionStatus::Unknown),
            GatewayAnswer::Paid(_)
            | GatewayAnswer::Unconfirmed
            | GatewayAnswer::Processing
            | GatewayAnswer::Returned
            | GatewayAnswer::WrongAmount { .. }
            | GatewayAnswer::Doubtful { .. } => Ok(SessionStatus::MaybePaid),
        }
    }

    /// Opens a session at the gateway. It is not tried twice: a second try could make a second session. The attempt is not
    /// written yet, and nobody may be sent there before it is.
    pub async fn open_session(
        &self,
        link: &PaymentLink,
        session: NewSession<'_>,
        now: Timestamp,
    ) -> Result<Attempt, OpenSessionError> {
        let NewSession { key, money, room, credentials, rules, settings } = session;
        let attempt = link.new_attempt(key, credentials, money, room);
        let opened = match self.begin(link, &attempt, rules, settings, now).await? {
            // What is known of the account may be half a minute old. A gateway that refuses opens nothing.
            Err(BeginError::Refused { code }) => {
                let used = (&attempt.account_id, &attempt.credentials);
                let newer = self.present_credentials(link, used, attempt.gateway).await?;
                let Some((credentials, _)) = newer else { return Err(OpenSessionError::GatewayRefused { code }) };
                let attempt = NewAttempt { credentials, ..attempt };
                self.begin(link, &attempt, rules, settings, now).await?.map(|session| (attempt, session))
            }
            begun => begun.map(|session| (attempt, session)),
        };
        match opened {
            Ok((attempt, session)) => Ok(attempt.opened(session, rules, now)),
            Err(BeginError::Unavailable { why }) => Err(OpenSessionError::GatewayUnavailable { why }),
            Err(BeginError::Refused { code }) => Err(OpenSessionError::GatewayRefused { code }),
        }
    }

    async fn begin(
        &self,
        link: &PaymentLink,
        attempt: &NewAttempt,
        rules: &GatewayRules,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Result<OpenedSession, BeginError>, StoreError> {
        let terms = link.terms();
        let credentials = self.store_of(link).credentials(&attempt.account_id, &attempt.credentials).await?;
        let purpose = terms.description.as_deref().filter(|text| !text.is_empty());
        let order = Order {
            attempt,
            link: link.id(),
            mode: terms.mode,
            description: purpose.unwrap_or(&settings.business_name),
            return_url: &return_url(link, attempt),
            notify_url: &notify_url(link, attempt),
            ends_at: later_by_minutes(now, rules.session_minutes),
            session_minutes: rules.session_minutes,
        };
        Ok(self.gateways.begin(&order, &credentials).await)
    }
}

/// Where the gateway sends the browser back to: the link's id and the attempt's key, never the pay token. Gateways let only
/// hosts in that the merchant registered, so that it begins as the pay URL does, which may be at the business's own host.
fn return_url(link: &PaymentLink, attempt: &NewAttempt) -> String {
    let gateway = attempt.gateway.as_str();
    format!("{}/gateways/{gateway}/return/{}/{}", link.base(), link.id(), attempt.key.expose())
}

/// What stands in an address of [`return_url`], whatever is behind it.
pub(crate) fn read_return_url(address: &str) -> Option<(GatewayKind, LinkId, ReturnKey)> {
    let (_, rest) = address.split_once("/gateways/")?;
    let mut parts = rest.split(['/', '?', '#']);
    let gateway = GatewayKind::parse(parts.next()?).ok()?;
    let ("return", link, key) = (parts.next()?, parts.next()?, parts.next()?) else { return None };
    Some((gateway, LinkId::parse(link).ok()?, ReturnKey::parse(key).ok()?))
}

/// Where the gateway's server calls, at gateways that take this address with each session.
fn notify_url(link: &PaymentLink, attempt: &NewAttempt) -> String {
    let (gateway, business) = (attempt.gateway.as_str(), link.business());
    format!("{}/gateways/{gateway}/notify/{business}/{}", link.base(), attempt.account_id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use domain::gateway::Mode;
    use domain::ids::{AccountId, BusinessId, ContactId, PayToken};
    use domain::link::{AccountTerms, AfterPayment, AmountSource, ContactTerms, Terms};
    use domain::messages::choice::MessageChoice;
    use domain::money::Currency;
    use domain::records::account::LatePayment;

    fn link(base: &str) -> PaymentLink {
        let terms = Terms {
            mode: Mode::Live,
            account: AccountTerms {
                id: AccountId::parse("main").unwrap(),
                name: "Main".to_owned(),
                gateway: GatewayKind::Zarinpal,
                credentials: CredentialsVersion::parse("v1").unwrap(),
                late_payment: LatePayment::Refund,
                summary_page: false,
            },
            contact: ContactTerms { id: ContactId::parse("c-1").unwrap(), name: "N".to_owned(), profile_url: None },
            item: None,
            amount: Money::new(50_000, Currency::IRR).unwrap(),
            amount_source: AmountSource::Request,
            plan: None,
            expires_at: Timestamp::from_second(60).unwrap(),
            due_at: None,
            description: None,
            internal_note: None,
            after_payment: AfterPayment {
                register_receipt: false,
                receipt_type_id: None,
                receipt_field: None,
                send_receipt: false,
            },
            message: MessageChoice::Default { channels: Vec::new() },
            recipients: Vec::new(),
            unreached: Vec::new(),
            reminders: None,
            reference_id: None,
            return_url: None,
            locale: None,
            metadata: BTreeMap::new(),
        };
        let (business, token) = (BusinessId::parse("shop").unwrap(), PayToken::from_random([1; 16]));
        PaymentLink::new(business, token, base, "hash".to_owned(), terms, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_gateway_is_told_addresses_at_the_host_of_the_pay_url_which_lead_back_to_the_attempt() {
        let link = link("https://pay.shop.example");
        let key = ReturnKey::from_random([2; 16]);
        let attempt = link.new_attempt(key.clone(), None, link.amount_due(), None);
        let back = return_url(&link, &attempt);
        assert!(back.starts_with("https://pay.shop.example/gateways/zarinpal/return/"), "{back}");
        assert!(!back.contains(link.token().expose()), "the pay token is nobody's but the customer's");
        let whose = (GatewayKind::Zarinpal, link.id().clone(), key);
        assert_eq!(read_return_url(&back), Some(whose.clone()));
        assert_eq!(read_return_url(&format!("{back}?Authority=A1&Status=OK")), Some(whose));
        assert_eq!(read_return_url("https://pay.shop.example/gateways/zarinpal/notify/shop/main"), None);
        let called = notify_url(&link, &attempt);
        assert_eq!(called, "https://pay.shop.example/gateways/zarinpal/notify/shop/main");
    }
}
