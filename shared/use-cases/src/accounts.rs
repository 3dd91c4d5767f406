//! Writing a financial account: where money arrives, and through which gateway.

use std::collections::BTreeMap;

use domain::Problems;
use domain::gateway::{GatewayKind, Mode};
use domain::ids::{AccountId, CredentialsVersion};
use domain::money::Currency;
use domain::records::account::{Account, LatePayment, OnlinePayment};
use domain::records::credentials::Credentials;
use domain::records::relay::Relay;
use store::{BusinessStore, RecordWritten};

use crate::contended::Tries;
use crate::records::RecordRefused;

/// An account as it should be.
#[derive(Clone, Debug)]
pub struct AccountRequest {
    pub name: String,
    pub currency: Currency,
    pub mode: Mode,
    /// Whether links can be made on it.
    pub enabled: bool,
    pub gateway: Option<GatewayKind>,
    /// What the gateway gave the business. Left out, the account's present ones stay, as long as they are of this gateway
    /// and this mode.
    pub credentials: Option<BTreeMap<String, String>>,
    /// The relay that these travel through. It comes with them only, so that nobody who may not read them can have them sent
    /// elsewhere.
    pub relay: Option<Relay>,
    pub late_payment: LatePayment,
    pub summary_page: bool,
}

/// Writes the account, and new credentials as a `version` of their own. `problems` carries what reading the request found.
pub async fn write(
    store: &BusinessStore,
    id: AccountId,
    request: AccountRequest,
    version: CredentialsVersion,
    mut problems: Problems,
) -> Result<Account, RecordRefused> {
    let credentials = check(&request, &mut problems);
    if !problems.is_empty() {
        return Err(RecordRefused::Invalid(problems));
    }
    // Credentials that are left out are those of the account as it is: they must not come back after others were written.
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let (known, revision) = store.account_to_change(&id).await?;
        let kept = known.as_ref().zip(request.gateway);
        let kept = kept.and_then(|(known, gateway)| {
            let version = known.credentials_at(gateway, request.mode)?;
            Some((version.clone(), known.online_payment.relay.clone()))
        });
        let given = credentials.as_ref().map(|given| (version.clone(), given.relay().map(Relay::address).cloned()));
        let (version, relay) = given.or(kept).unzip();
        let account = Account {
            id: id.clone(),
            name: request.name.clone(),
            currency: request.currency,
            mode: request.mode,
            online_payment: OnlinePayment {
                enabled: request.enabled,
                gateway: request.gateway,
                credentials: version,
                relay: relay.flatten(),
                late_payment: request.late_payment,
                summary_page: request.summary_page,
            },
        };
        if store.put_account(&account, credentials.as_ref(), &revision).await? == RecordWritten::Applied {
            tracing::info!(account_id = %account.id, "An account was written.");
            return Ok(account);
        }
    }
}

/// Whether gateway, currency and credentials fit each other; and the credentials, where new ones are given.
fn check(request: &AccountRequest, problems: &mut Problems) -> Option<Credentials> {
    const AT: &str = "/online_payment/gateway";
    const CREDENTIALS: &str = "/online_payment/credentials";
    if request.relay.is_some() && request.credentials.is_none() {
        problems.refuse(
            CREDENTIALS,
            "required",
            "A relay is given together with the credentials that travel through it.",
        );
    }
    match request.gateway {
        None if request.enabled => problems.refuse(AT, "required", "Online payment needs a gateway."),
        Some(gateway) if !gateway.takes(request.currency) => {
            let detail = format!("The gateway {} does not take {}.", gateway.as_str(), request.currency);
            problems.refuse(AT, "currency_not_supported", detail);
        }
        None | Some(_) => {}
    }
    let given = request.credentials.clone()?;
    let Some(gateway) = request.gateway else {
        problems.refuse(CREDENTIALS, "gateway_missing", "Credentials belong to a gateway; name it.");
        return None;
    };
    let credentials = problems.merge(Credentials::parse(gateway, request.mode, given, CREDENTIALS))?;
    Some(credentials.through(request.relay.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::public_url::Reach;
    use domain::records::relay::RelayFields;

    fn request() -> AccountRequest {
        AccountRequest {
            name: "Main".to_owned(),
            currency: Currency::parse("EUR").unwrap(),
            mode: Mode::Live,
            enabled: true,
            gateway: Some(GatewayKind::Stripe),
            credentials: None,
            relay: None,
            late_payment: LatePayment::Refund,
            summary_page: false,
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
        let without = AccountRequest { gateway: None, ..request() };
        assert_eq!(refused(&without), at("/online_payment/gateway", "required"));
        assert_eq!(refused(&AccountRequest { enabled: false, ..without.clone() }), []);
        let other = AccountRequest { gateway: Some(GatewayKind::Zarinpal), ..request() };
        assert_eq!(refused(&other), at("/online_payment/gateway", "currency_not_supported"));
        let given = |fields: &[(&str, &str)]| {
            Some(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        let lost = AccountRequest { enabled: false, credentials: given(&[]), ..without };
        assert_eq!(refused(&lost), at("/online_payment/credentials", "gateway_missing"));
        let empty = AccountRequest { credentials: given(&[]), ..request() };
        assert_eq!(refused(&empty), at("/online_payment/credentials/secret_key", "required"));
    }

    #[test]
    fn a_relay_comes_with_the_credentials_that_travel_through_it() {
        let fields =
            RelayFields { url: "https://r.example", header: "x-relay", secret: "0123456789abcdef", seconds: None };
        let relay = Some(Relay::parse(&fields, Reach::Public, "").unwrap());
        let alone = AccountRequest { relay: relay.clone(), ..request() };
        assert_eq!(refused(&alone), [("/online_payment/credentials".to_owned(), "required")]);
        let credentials = Some(BTreeMap::from([("secret_key".to_owned(), "sk_live_1".to_owned())]));
        let both = AccountRequest { credentials, ..alone };
        let checked = check(&both, &mut Problems::default()).unwrap();
        assert_eq!(checked.relay(), relay.as_ref());
    }
}
