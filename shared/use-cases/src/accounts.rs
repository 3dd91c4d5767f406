//! Writing a financial account: where money arrives, and through which gateway.

use std::collections::BTreeMap;

use domain::gateway::{GatewayKind, Mode};
use domain::ids::{AccountId, CredentialsVersion};
use domain::money::Currency;
use domain::precondition::Precondition;
use domain::records::account::{Account, LatePayment, OnlinePayment};
use domain::records::credentials::Credentials;
use domain::records::relay::{Relay, RelayAddress};
use domain::{Field, Problems, Rejection};
use store::{BusinessStore, Deleted, RecordWritten, RevisionWritten};

use crate::contended::Tries;
use crate::records::RecordRefused;
use crate::revised::{Revised, Said, Writing};

/// An account as it should be. What was missing or refused has its problem reported already.
#[derive(Clone, Debug)]
pub struct AccountRequest {
    pub name: Option<String>,
    pub currency: Option<Currency>,
    pub mode: Option<Mode>,
    /// Whether links can be made on it; left out, they cannot.
    pub enabled: Field<bool>,
    pub gateway: Field<GatewayKind>,
    /// What the gateway gave the business. Left out, the account's present ones stay, as long as they are of this gateway
    /// and this mode.
    pub credentials: Field<CredentialsRequest>,
    pub relay: Field<RelayRequest>,
    pub late_payment: LatePayment,
    /// Left out, an account stays as it is, and a new one follows its gateway.
    pub summary_page: Option<bool>,
    pub split_large_amounts: bool,
}

/// What is said of the credentials.
#[derive(Clone, Debug)]
pub enum CredentialsRequest {
    New(BTreeMap<String, String>),
    /// Those that there are are to go.
    None,
}

/// What is said of the relay that credentials travel through.
#[derive(Clone, Debug)]
pub enum RelayRequest {
    /// It comes with the credentials only, so that nobody who may not read them can have them sent elsewhere.
    New(Relay),
    /// The one that the account has, as answers show it.
    Known { url: String, header: String, seconds: Option<i64> },
    /// The one that there is is to go.
    None,
}

impl RelayRequest {
    /// Whether this says nothing else than what is kept.
    fn is(&self, kept: Option<&RelayAddress>) -> bool {
        match (self, kept) {
            (Self::New(_) | Self::None, _) | (Self::Known { .. }, None) => false,
            (Self::Known { url, header, seconds }, Some(kept)) => {
                let is_as_long = seconds.is_none_or(|seconds| u64::try_from(seconds) == Ok(kept.seconds));
                (url, header) == (&kept.url, &kept.header) && is_as_long
            }
        }
    }
}

/// Writes the account, and new credentials as a `version` of their own.
pub async fn write(
    store: &BusinessStore,
    id: AccountId,
    writing: &Writing,
    said: Said<'_, Account, AccountRequest>,
    version: CredentialsVersion,
) -> Result<Revised<Account>, RecordRefused> {
    // Credentials that are left out are those of the account as it is: they must not come back after others were written.
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let (known, revision) = store.account_to_change(&id).await?;
        let (request, problems) = said(writing.base(known.as_ref(), revision.tag().as_ref())?);
        let (account, credentials) = decided(&id, request, known.as_ref(), &version, problems)?;
        if known.as_ref() == Some(&account) {
            return Ok(Revised::new(account, &revision));
        }
        match store.put_account(&account, credentials.as_ref(), &revision).await? {
            RevisionWritten::Applied(revision) => {
                tracing::info!(account_id = %account.id, "An account was written.");
                return Ok(Revised::new(account, &revision));
            }
            RevisionWritten::Rejected => {}
        }
    }
}

/// Deletes an account as it is.
pub async fn delete(
    store: &BusinessStore,
    id: &AccountId,
    precondition: &Precondition,
) -> Result<Deleted, RecordRefused> {
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let (Some(_), revision) = store.account_to_change(id).await? else { return Ok(Deleted::Missing) };
        precondition.check(revision.tag().as_ref())?;
        match store.delete_account(id, &revision).await? {
            RecordWritten::Applied => return Ok(Deleted::Existed),
            RecordWritten::Rejected => {}
        }
    }
}

/// The account as it is to be, and credentials where new ones are given.
fn decided(
    id: &AccountId,
    request: AccountRequest,
    known: Option<&Account>,
    version: &CredentialsVersion,
    mut problems: Problems,
) -> Result<(Account, Option<Credentials>), RecordRefused> {
    let credentials = check(&request, &mut problems);
    let AccountRequest {
        name,
        currency,
        mode,
        enabled,
        gateway,
        credentials: said_of_credentials,
        relay,
        late_payment,
        summary_page,
        split_large_amounts,
    } = request;
    let (Some(name), Some(currency), Some(mode), true) = (name, currency, mode, problems.is_empty()) else {
        return Err(RecordRefused::Invalid(problems));
    };
    let (enabled, gateway) = (enabled.value().unwrap_or(false), gateway.value());
    let kept = known.zip(gateway).and_then(|(known, gateway)| {
        let version = known.credentials_at(gateway, mode)?;
        Some((version.clone(), known.online_payment.relay.clone()))
    });
    let kept_relay = kept.as_ref().and_then(|(_, relay)| relay.as_ref());
    match &relay {
        Field::Value(said @ RelayRequest::Known { .. }) if !said.is(kept_relay) => {
            problems.add(CREDENTIALS, relay_alone());
        }
        Field::Value(RelayRequest::None) if kept_relay.is_some() && credentials.is_none() => {
            let detail = "The credentials travel through the relay; give them anew to take it away.";
            problems.refuse(CREDENTIALS, "required", detail);
        }
        Field::Value(_) | Field::Absent | Field::Refused => {}
    }
    if matches!(said_of_credentials, Field::Value(CredentialsRequest::None)) && kept.is_some() {
        let detail = "Credentials are replaced, and go with the gateway; they are not taken away alone.";
        problems.refuse(CREDENTIALS, "required", detail);
    }
    if !problems.is_empty() {
        return Err(RecordRefused::Invalid(problems));
    }
    let given = credentials.as_ref().map(|given| (version.clone(), given.relay().map(Relay::address).cloned()));
    let kept_names = || known.map(|known| known.online_payment.optional_credentials.clone());
    let optional_credentials = match &credentials {
        Some(given) => given.optional_names(),
        None => kept_names().filter(|_| kept.is_some()).unwrap_or_default(),
    };
    let (version, through) = given.or(kept).unzip();
    let online_payment = OnlinePayment {
        enabled,
        gateway,
        credentials: version,
        optional_credentials,
        relay: through.flatten(),
        late_payment,
        summary_page: summary_page.unwrap_or_else(|| match known {
            Some(known) => known.online_payment.summary_page,
            None => gateway.is_some_and(|gateway| gateway.profile().wants_summary_page()),
        }),
        split_large_amounts,
    };
    Ok((Account { id: id.clone(), name, currency, mode, online_payment }, credentials))
}

const GATEWAY: &str = "/online_payment/gateway";
const CREDENTIALS: &str = "/online_payment/credentials";

fn relay_alone() -> Rejection {
    Rejection::new("required", "A relay is given together with the credentials that travel through it.")
}

/// Whether gateway, currency and credentials fit each other; and the credentials, where new ones are given.
fn check(request: &AccountRequest, problems: &mut Problems) -> Option<Credentials> {
    let relay = match (&request.relay, &request.credentials) {
        (Field::Value(RelayRequest::New(_)), Field::Absent | Field::Value(CredentialsRequest::None)) => {
            problems.add(CREDENTIALS, relay_alone());
            None
        }
        (Field::Value(RelayRequest::New(relay)), Field::Value(CredentialsRequest::New(_)) | Field::Refused) => {
            Some(relay.clone())
        }
        (Field::Value(RelayRequest::Known { .. } | RelayRequest::None) | Field::Absent | Field::Refused, _) => None,
    };
    match (&request.gateway, request.currency) {
        (Field::Absent, _) if matches!(request.enabled, Field::Value(true)) => {
            problems.refuse(GATEWAY, "required", "Online payment needs a gateway.");
        }
        (Field::Value(gateway), Some(currency)) if !gateway.takes(currency) => {
            let detail = format!("The gateway {} does not take {currency}.", gateway.as_str());
            problems.refuse(GATEWAY, "currency_not_supported", detail);
        }
        (Field::Absent | Field::Refused | Field::Value(_), _) => {}
    }
    let Field::Value(CredentialsRequest::New(given)) = request.credentials.clone() else { return None };
    match (&request.gateway, request.mode) {
        (Field::Absent, _) => {
            problems.refuse(CREDENTIALS, "gateway_missing", "Credentials belong to a gateway; name it.");
            None
        }
        (Field::Value(gateway), Some(mode)) => {
            let credentials = problems.merge(Credentials::parse(*gateway, mode, given, CREDENTIALS))?;
            Some(credentials.through(relay))
        }
        (Field::Refused, _) | (Field::Value(_), None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::public_url::Reach;
    use domain::records::relay::RelayFields;

    fn request() -> AccountRequest {
        AccountRequest {
            name: Some("Main".to_owned()),
            currency: Currency::parse("EUR").ok(),
            mode: Some(Mode::Live),
            enabled: Field::Value(true),
            gateway: Field::Value(GatewayKind::Stripe),
            credentials: Field::Absent,
            relay: Field::Absent,
            late_payment: LatePayment::Refund,
            summary_page: None,
            split_large_amounts: false,
        }
    }

    fn refused(request: &AccountRequest) -> Vec<(String, &'static str)> {
        let mut problems = Problems::default();
        check(request, &mut problems);
        problems.into_vec().into_iter().map(|problem| (problem.pointer, problem.code)).collect()
    }

    #[test]
    fn gateway_currency_and_credentials_of_an_account_fit_each_other() {
        assert_eq!(refused(&request()), []);
        let at = |pointer: &str, code| vec![(pointer.to_owned(), code)];
        let without = AccountRequest { gateway: Field::Absent, ..request() };
        assert_eq!(refused(&without), at("/online_payment/gateway", "required"));
        assert_eq!(refused(&AccountRequest { enabled: Field::Absent, ..without.clone() }), []);
        let other = AccountRequest { gateway: Field::Value(GatewayKind::Zarinpal), ..request() };
        assert_eq!(refused(&other), at("/online_payment/gateway", "currency_not_supported"));
        let given = |fields: &[(&str, &str)]| {
            let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Field::Value(CredentialsRequest::New(fields.collect()))
        };
        let lost = AccountRequest { enabled: Field::Value(false), credentials: given(&[]), ..without.clone() };
        assert_eq!(refused(&lost), at("/online_payment/credentials", "gateway_missing"));
        // What else is wrong is said at once, also where the rest is missing.
        let nameless = AccountRequest { name: None, currency: None, mode: None, ..without };
        assert_eq!(refused(&nameless), at("/online_payment/gateway", "required"));
        let empty = AccountRequest { credentials: given(&[]), ..request() };
        assert_eq!(refused(&empty), at("/online_payment/credentials/secret_key", "required"));
    }

    #[test]
    fn a_relay_comes_with_the_credentials_that_travel_through_it() {
        let fields =
            RelayFields { url: "https://r.example", header: "x-relay", secret: "0123456789abcdef", seconds: None };
        let relay = Relay::parse(&fields, Reach::Public, "").unwrap();
        let alone = AccountRequest { relay: Field::Value(RelayRequest::New(relay.clone())), ..request() };
        assert_eq!(refused(&alone), [("/online_payment/credentials".to_owned(), "required")]);
        let given = BTreeMap::from([("secret_key".to_owned(), "sk_live_1".to_owned())]);
        let credentials = Field::Value(CredentialsRequest::New(given));
        let both = AccountRequest { credentials, ..alone };
        let checked = check(&both, &mut Problems::default()).unwrap();
        assert_eq!(checked.relay(), Some(&relay));
    }

    #[test]
    fn a_relay_is_known_again_as_answers_show_it() {
        let kept = RelayAddress { url: "https://r.example".to_owned(), header: "x-relay".to_owned(), seconds: 15 };
        let shown =
            |url: &str, seconds| RelayRequest::Known { url: url.to_owned(), header: "x-relay".to_owned(), seconds };
        assert!(shown("https://r.example", Some(15)).is(Some(&kept)));
        assert!(shown("https://r.example", None).is(Some(&kept)));
        assert!(!shown("https://r.example", Some(14)).is(Some(&kept)));
        assert!(!shown("https://elsewhere.example", Some(15)).is(Some(&kept)));
        assert!(!shown("https://r.example", Some(15)).is(None));
    }
}
