//! What the AWS account itself is like: whether SMS and email are in their sandboxes, which senders are verified, and
//! the preferences of SMS. In the local cloud everything is in order, unless a test says otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::providers::aws_query::{Parameters, Refusal, entries};

/// The preferences of SMS that SNS knows.
const PREFERENCES: [&str; 6] = [
    "DefaultSMSType",
    "DefaultSenderID",
    "DeliveryStatusIAMRole",
    "DeliveryStatusSuccessSamplingRate",
    "MonthlySpendLimit",
    "UsageReportS3Bucket",
];

/// The account. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Account(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    is_in_sandboxes: bool,
    unverified: BTreeSet<String>,
    /// Who is told of alarms.
    subscriptions: Vec<String>,
    preferences: BTreeMap<String, String>,
    /// Whoever answered STOP to an SMS.
    opted_out: BTreeSet<String>,
    /// Whether SMS have cost as much this month as they may.
    is_spent: bool,
    /// The numbers that SMS may come from, each with the beginning of the numbers it reaches.
    numbers: Vec<(String, String)>,
    /// The names that countries have registered, each with the beginning of its numbers.
    sender_ids: Vec<(String, String)>,
    /// The texts that India has registered, by their ids, with `{#var#}` where they vary.
    texts: BTreeMap<(String, String), String>,
}

impl Default for State {
    fn default() -> Self {
        let registered = |prefix: &&str| ((*prefix).to_owned(), "PAYLINK".to_owned());
        Self {
            is_in_sandboxes: false,
            unverified: BTreeSet::new(),
            subscriptions: vec!["arn:aws:sns:us-east-1:000000000000:alarms:1".to_owned()],
            preferences: BTreeMap::new(),
            opted_out: BTreeSet::new(),
            is_spent: false,
            numbers: vec![("+1".to_owned(), "+18005550100".to_owned())],
            sender_ids: ["+44", "+61", "+91"].iter().map(registered).collect(),
            texts: BTreeMap::new(),
        }
    }
}

impl Account {
    /// From now on the account is as a new one is: in the sandboxes of SMS and email.
    pub fn enter_sandboxes(&self) {
        self.state().is_in_sandboxes = true;
    }

    /// From now on SES has not verified this address or domain.
    pub fn forget_identity(&self, identity: &str) {
        self.state().unverified.insert(identity.to_owned());
    }

    /// From now on this number does not want SMS of the account.
    pub fn opt_out(&self, number: &str) {
        self.state().opted_out.insert(number.to_owned());
    }

    /// From now on SMS have cost as much this month as they may.
    pub fn use_up_sms_spending(&self) {
        self.state().is_spent = true;
    }

    /// From now on India knows this text, which has `{#var#}` where it varies.
    pub fn register_text(&self, entity_id: &str, template_id: &str, text: &str) {
        self.state().texts.insert((entity_id.to_owned(), template_id.to_owned()), text.to_owned());
    }

    pub(crate) fn has_opted_out(&self, number: &str) -> bool {
        self.state().opted_out.contains(number)
    }

    pub(crate) fn has_spent_all(&self) -> bool {
        self.state().is_spent
    }

    /// In the sandbox an SMS goes to verified numbers alone, and none is.
    pub(crate) fn is_in_sms_sandbox(&self) -> bool {
        self.state().is_in_sandboxes
    }

    /// The number of the account that SMS to this one come from.
    pub(crate) fn number_for(&self, destination: &str) -> Option<String> {
        let state = self.state();
        let reaching = state.numbers.iter().find(|(prefix, _)| destination.starts_with(prefix));
        reaching.map(|(_, number)| number.clone())
    }

    /// Whether the country of this number has registered the name.
    pub(crate) fn has_registered(&self, sender_id: &str, destination: &str) -> bool {
        let state = self.state();
        state.sender_ids.iter().any(|(prefix, name)| destination.starts_with(prefix) && name == sender_id)
    }

    /// Whether India knows the text by these ids.
    pub(crate) fn knows_text(&self, entity_id: &str, template_id: &str, text: &str) -> bool {
        let state = self.state();
        let known = state.texts.get(&(entity_id.to_owned(), template_id.to_owned()));
        known.is_some_and(|known| is_filled_in(known, text))
    }

    /// The name that SMS come from where a message has none.
    pub(crate) fn default_sender_id(&self) -> Option<String> {
        self.state().preferences.get("DefaultSenderID").cloned()
    }

    /// Whether SMS and email are in their sandboxes.
    pub fn is_in_sandboxes(&self) -> bool {
        self.state().is_in_sandboxes
    }

    /// Whether SES has verified this address or domain.
    pub fn has_verified(&self, identity: &str) -> bool {
        !self.state().unverified.contains(identity)
    }

    /// From now on these are the subscriptions of every topic of alarms: ARNs, or `PendingConfirmation`.
    pub fn let_alarms_go_to(&self, subscriptions: &[&str]) {
        self.state().subscriptions = subscriptions.iter().map(|one| (*one).to_owned()).collect();
    }

    pub(crate) fn subscriptions(&self) -> String {
        let state = self.state();
        let member = |arn: &String| format!("<member><SubscriptionArn>{arn}</SubscriptionArn></member>");
        format!("<Subscriptions>{}</Subscriptions>", state.subscriptions.iter().map(member).collect::<String>())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sms_sandbox(&self) -> String {
        format!("<IsInSandbox>{}</IsInSandbox>", self.state().is_in_sandboxes)
    }

    pub(crate) fn sms_preferences(&self) -> String {
        let state = self.state();
        let shown = entries(state.preferences.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        format!("<attributes>{shown}</attributes>")
    }

    pub(crate) fn set_sms_preferences(&self, parameters: &Parameters) -> Result<String, Refusal> {
        let invalid = |text: String| Refusal::sender("InvalidParameter", text);
        let mut given = Vec::new();
        for number in 1_u32.. {
            let Some(name) = parameters.get(&format!("attributes.entry.{number}.key")) else { break };
            let value = parameters.get(&format!("attributes.entry.{number}.value")).unwrap_or_default();
            if !PREFERENCES.contains(&name) {
                return Err(invalid(format!("Invalid parameter: {name} is not a valid attribute")));
            }
            let is_whole_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            if ["MonthlySpendLimit", "DeliveryStatusSuccessSamplingRate"].contains(&name) && !is_whole_number {
                return Err(invalid(format!("Invalid parameter: {name} Reason: it must be a whole number")));
            }
            given.push((name.to_owned(), value.to_owned()));
        }
        self.state().preferences.extend(given);
        Ok(String::new())
    }
}

/// Whether a text is a registered one with something in each of its places.
fn is_filled_in(registered: &str, text: &str) -> bool {
    let mut parts = registered.split("{#var#}");
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registered_text_varies_in_its_places_alone() {
        let registered = "Pay {#var#} to {#var#}: {#var#}";
        assert!(is_filled_in(registered, "Pay 10 INR to Shop: https://pay.example/p/1"));
        for other in ["Pay now 10", "Please pay 10 to Shop: x", "Pay 10 to Shop"] {
            assert!(!is_filled_in(registered, other), "{other}");
        }
        assert!(is_filled_in("Hello", "Hello"));
        assert!(!is_filled_in("Hello", "Hello you"));
    }
}
