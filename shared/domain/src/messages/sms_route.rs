//! Who takes SMS to the numbers that begin in a certain way, and whom they come from where that is SNS.

use serde::{Deserialize, Serialize};

use crate::ids::ProviderId;
use crate::messages::kind::MessageKind;
use crate::problem::Rejection;

/// Who takes SMS to the numbers that begin in a certain way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmsRoute {
    pub prefix: NumberPrefix,
    #[serde(flatten)]
    pub carrier: SmsCarrier,
}

impl SmsRoute {
    /// The message provider that it names, where it is not SNS.
    pub fn provider(&self) -> Option<&ProviderId> {
        match &self.carrier {
            SmsCarrier::Provider(id) => Some(id),
            SmsCarrier::Sns(_) => None,
        }
    }
}

/// Who takes an SMS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmsCarrier {
    /// A message provider of the business.
    Provider(ProviderId),
    /// SNS, whose account has what the country of these numbers needs.
    Sns(SnsOrigination),
}

/// A name that operators show instead of a number. What SNS and AWS End User Messaging both take, by which it sends: 3
/// to 11 letters, digits and hyphens, with a letter among them (SNS developer guide, `AWS.SNS.SMS.SenderID`;
/// "Considerations for a sender ID"). The console of SNS wants no hyphen at the ends. What they do not take would fail
/// with every SMS and not here. The template's parameter of the same name has the same rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SmsSenderId(String);

impl SmsSenderId {
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let fits = (3..=11).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && text.bytes().any(|b| b.is_ascii_alphabetic())
            && !text.starts_with('-')
            && !text.ends_with('-');
        let detail = "Give 3 to 11 letters, digits and hyphens, with a letter among them and no hyphen at an end.";
        if fits { Ok(Self(text.to_owned())) } else { Err(Rejection::new("invalid_sender_id", detail)) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The beginning of numbers in E.164: `+`, and up to 7 digits. A plus alone begins every number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NumberPrefix(String);

impl NumberPrefix {
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let fits =
            |digits: &str| digits.len() <= 7 && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        let detail = "Give + and up to 7 digits, such as +98; a + alone stands for all numbers.";
        if text.strip_prefix('+').is_some_and(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Rejection::new("invalid_prefix", detail))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whom SMS by SNS come from, and what India's register knows them by. Empty, the account is set up so that SNS finds
/// the right sender by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnsOrigination {
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_id: Option<SmsSenderId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origination_number: Option<OriginationNumber>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    registration: Option<Registration>,
}

/// What is wrong with an origination, and in which of its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginationProblem {
    pub field: &'static str,
    pub rejection: Rejection,
}

impl SnsOrigination {
    /// A message has one sender, a name or a number. India's two ids belong together, and to a sender id: its register
    /// ties a template to the name that sends it.
    pub fn new(
        sender_id: Option<SmsSenderId>,
        origination_number: Option<OriginationNumber>,
        entity_id: Option<RegistrationId>,
        texts: RegisteredTexts,
    ) -> Result<Self, OriginationProblem> {
        let problem =
            |field, code, detail: &str| Err(OriginationProblem { field, rejection: Rejection::new(code, detail) });
        if sender_id.is_some() && origination_number.is_some() {
            let detail = "A message comes from a name or from a number: give sender_id or origination_number.";
            return problem("origination_number", "not_allowed", detail);
        }
        let RegisteredTexts { link_created, payment_reminder, payment_overdue, payment_received, refund_succeeded } =
            texts;
        let others = [&payment_reminder, &payment_overdue, &payment_received, &refund_succeeded];
        let has_more = others.iter().any(|text| text.is_some());
        let registration = match (entity_id, link_created) {
            (Some(entity_id), Some(template_id)) => Some(Registration {
                entity_id,
                template_id,
                payment_reminder_template_id: payment_reminder,
                payment_overdue_template_id: payment_overdue,
                payment_received_template_id: payment_received,
                refund_succeeded_template_id: refund_succeeded,
            }),
            (None, None) if !has_more => None,
            (Some(_), None) => {
                return problem("template_id", "required", "An entity_id needs a template_id beside it.");
            }
            (None, None) => {
                let detail = "Ids of other texts need an entity_id and a template_id beside them.";
                return problem("template_id", "required", detail);
            }
            (None, Some(_)) => return problem("entity_id", "required", "A template_id needs an entity_id beside it."),
        };
        if registration.is_some() && sender_id.is_none() {
            let detail = "A registered template belongs to a sender id: give sender_id beside it.";
            return problem("sender_id", "required", detail);
        }
        Ok(Self { sender_id, origination_number, registration })
    }

    pub fn sender_id(&self) -> Option<&SmsSenderId> {
        self.sender_id.as_ref()
    }

    pub fn origination_number(&self) -> Option<&OriginationNumber> {
        self.origination_number.as_ref()
    }

    pub fn registration(&self) -> Option<&Registration> {
        self.registration.as_ref()
    }
}

/// A number that SMS come from: 5 to 14 digits, with a plus in front or without (SNS developer guide, "Publishing SMS
/// messages to a mobile phone", `AWS.MM.SMS.OriginationNumber`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OriginationNumber(String);

impl OriginationNumber {
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        if (5..=14).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            let detail = "Give the 5 to 14 digits of a number or a short code of the account, with or without a plus.";
            Err(Rejection::new("invalid_origination_number", detail))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What India's register knows a sender's text by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Who sends it: the principal entity.
    pub entity_id: RegistrationId,
    /// The text that asks to pay, word for word, with places for what changes.
    pub template_id: RegistrationId,
    /// The texts that remind, and those that tell of a payment and of a refund.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_reminder_template_id: Option<RegistrationId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_overdue_template_id: Option<RegistrationId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_received_template_id: Option<RegistrationId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_succeeded_template_id: Option<RegistrationId>,
}

impl Registration {
    /// The id of the text that tells this, where it is registered.
    pub fn template_of(&self, kind: MessageKind) -> Option<&RegistrationId> {
        match kind {
            MessageKind::LinkCreated => Some(&self.template_id),
            MessageKind::PaymentReminder => self.payment_reminder_template_id.as_ref(),
            MessageKind::PaymentOverdue => self.payment_overdue_template_id.as_ref(),
            MessageKind::PaymentReceived => self.payment_received_template_id.as_ref(),
            MessageKind::RefundSucceeded => self.refund_succeeded_template_id.as_ref(),
        }
    }
}

/// The ids of a sender's texts, by what these tell.
#[derive(Debug, Default)]
pub struct RegisteredTexts {
    pub link_created: Option<RegistrationId>,
    pub payment_reminder: Option<RegistrationId>,
    pub payment_overdue: Option<RegistrationId>,
    pub payment_received: Option<RegistrationId>,
    pub refund_succeeded: Option<RegistrationId>,
}

/// An id of India's register: 1 to 50 characters (SNS developer guide, "Publishing SMS messages to a mobile phone").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RegistrationId(String);

impl RegistrationId {
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        if (1..=50).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            let detail = "An id of the register has 1 to 50 letters, digits and signs, without spaces.";
            Err(Rejection::new("invalid_registration_id", detail))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn origination(given: [Option<&str>; 4]) -> Result<SnsOrigination, OriginationProblem> {
        let [sender, number, entity, template] = given;
        let id = |text: Option<&str>| text.map(|text| RegistrationId::parse(text).unwrap());
        SnsOrigination::new(
            sender.map(|text| SmsSenderId::parse(text).unwrap()),
            number.map(|text| OriginationNumber::parse(text).unwrap()),
            id(entity),
            RegisteredTexts { link_created: id(template), ..RegisteredTexts::default() },
        )
    }

    #[test]
    fn a_message_has_one_sender_and_a_registered_text_belongs_to_a_name() {
        let refused = |given| {
            let problem = origination(given).unwrap_err();
            (problem.field, problem.rejection.code)
        };
        assert_eq!(refused([Some("SHOP"), Some("+18005550100"), None, None]), ("origination_number", "not_allowed"));
        assert_eq!(refused([Some("SHOP"), None, Some("11"), None]), ("template_id", "required"));
        assert_eq!(refused([Some("SHOP"), None, None, Some("12")]), ("entity_id", "required"));
        assert_eq!(refused([None, None, Some("11"), Some("12")]), ("sender_id", "required"));
        for good in [[None; 4], [Some("SHOP"), None, Some("11"), Some("12")], [None, Some("12345"), None, None]] {
            assert!(origination(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn each_text_has_an_id_of_its_own_beside_that_of_the_one_that_asks_to_pay() {
        let id = |text: &str| RegistrationId::parse(text).ok();
        let sender = || SmsSenderId::parse("SHOP").ok();
        let of = |link_created: Option<RegistrationId>| RegisteredTexts {
            link_created,
            payment_reminder: id("14"),
            payment_received: id("13"),
            ..RegisteredTexts::default()
        };
        let given = SnsOrigination::new(sender(), None, id("11"), of(id("12"))).unwrap();
        let known =
            MessageKind::ALL.map(|kind| given.registration().unwrap().template_of(kind).map(RegistrationId::as_str));
        assert_eq!(known, [Some("12"), Some("14"), None, Some("13"), None]);
        for entity in [None, id("11")] {
            let refused = SnsOrigination::new(sender(), None, entity, of(None)).unwrap_err();
            assert_eq!((refused.field, refused.rejection.code), ("template_id", "required"));
        }
    }

    #[test]
    fn a_route_is_kept_as_it_was_given() {
        for kept in [
            json!({ "prefix": "+98", "provider": "kavenegar" }),
            json!({ "prefix": "+61", "sns": {} }),
            json!({ "prefix": "+1", "sns": { "origination_number": "+18005550100" } }),
            json!({ "prefix": "+91", "sns": { "sender_id": "SHOP", "entity_id": "11", "template_id": "12" } }),
            json!({ "prefix": "+91", "sns": { "sender_id": "SHOP", "entity_id": "11", "template_id": "12",
                                              "payment_received_template_id": "13" } }),
        ] {
            let route: SmsRoute = serde_json::from_value(kept.clone()).unwrap();
            assert_eq!(serde_json::to_value(&route).unwrap(), kept);
        }
    }

    #[test]
    fn numbers_and_ids_are_what_sns_takes() {
        for good in ["12345", "+18005550100", "12345678901234"] {
            assert!(OriginationNumber::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "1234", "123456789012345", "+1 800", "SHOP", "۱۲۳۴۵"] {
            assert_eq!(OriginationNumber::parse(bad).unwrap_err().code, "invalid_origination_number", "{bad}");
        }
        for bad in ["", "a b", &"1".repeat(51)] {
            assert_eq!(RegistrationId::parse(bad).unwrap_err().code, "invalid_registration_id", "{bad}");
        }
        for good in ["+", "+1", "+1787", "+1234567"] {
            assert!(NumberPrefix::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "98", "+098", "+12345678", "+9 8", "++"] {
            assert_eq!(NumberPrefix::parse(bad).unwrap_err().code, "invalid_prefix", "{bad}");
        }
    }
}
