//! One demo business, so that there is something to make a link for.

use std::collections::BTreeMap;

use domain::account::{Account, LatePayment, OnlinePayment};
use domain::contact::{Contact, Email, Mobile, Person, Region};
use domain::credentials::Credentials;
use domain::gateway::{GatewayKind, Mode};
use domain::ids::{AccountId, ContactId, CredentialsVersion, EndpointId, FieldKey, ItemId, ReceiptTypeId, Role};
use domain::item::{Item, ReceiptField};
use domain::locale::Locale;
use domain::money::{Currency, Money};
use domain::receipt::ReceiptType;
use domain::repeat::Answered;
use domain::settings::{Settings, TimeZoneName};
use domain::webhook::{Reach, SigningSecret, WebhookEndpoint, parse_endpoint_url};
use domain::{Rejection, Timestamp};
use store::{ApiKey, Scope, Store, StoreError};

use crate::Cloud;
use crate::crm::SIGNING_SECRET;

/// The API key of the local cloud.
pub const API_KEY: &str = "local-crm-key";

/// The demo business's keys at the simulated gateways. They open nothing anywhere else.
pub const ZARINPAL_MERCHANT: &str = "1344b5d4-0048-11e8-94db-005056a205be";
pub const STRIPE_KEY: &str = "sk_test_localDemoBusiness";
pub const STRIPE_WEBHOOK_SECRET: &str = "whsec_localDemoBusiness";

/// Why the demo business could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the demo business is not valid: {0}")]
    Invalid(#[from] Rejection),
}

/// Makes the demo business, unless there is one. The Stripe simulator is told where its webhooks go.
pub async fn plant(cloud: &Cloud) -> Result<(), SeedError> {
    let notify_url = format!("{}/gateways/stripe/notify/euro", cloud.base_url());
    cloud.simulators.stripe.register_webhook(STRIPE_KEY, &notify_url, STRIPE_WEBHOOK_SECRET);
    let store = &cloud.store;
    if store.settings().await?.is_some() {
        return Ok(());
    }
    let random = runtime::random().map_err(|error| Rejection::new("no_randomness", error.to_string()))?;
    store.ensure_token_secret(random).await?;
    let all = vec![Scope::Read, Scope::Write, Scope::Admin];
    let key = ApiKey { integration: "demo-crm".to_owned(), scopes: all, created_at: Timestamp::now() };
    store.put_api_key(API_KEY, &key).await?;
    for (id, name, parent) in [("income", "Income", None), ("online", "Online payment", Some("income"))] {
        let parent_id = parent.map(ReceiptTypeId::parse).transpose()?;
        store
            .put_receipt_type(&ReceiptType { id: ReceiptTypeId::parse(id)?, name: name.to_owned(), parent_id })
            .await?;
    }
    plant_accounts(store).await?;
    plant_contact(store).await?;
    plant_endpoint(store, &format!("{}/crm/events", cloud.page_url())).await?;
    // Written last: where it is, everything else is.
    store.put_settings(&settings()?).await?;
    Ok(())
}

fn settings() -> Result<Settings, Rejection> {
    Ok(Settings {
        business_name: "Demo Business".to_owned(),
        support_phone: Some("+98 21 0000 0000".to_owned()),
        support_url: Some("https://business.example/support".to_owned()),
        time_zone: TimeZoneName::parse("Asia/Tehran")?,
        default_locale: Locale::parse("fa-IR")?,
        default_region: Region::parse("IR")?,
        default_receipt_type_id: Some(ReceiptTypeId::parse("online")?),
        return_url_hosts: vec!["crm.example".to_owned()],
        ..Settings::default()
    })
}

async fn plant_accounts(store: &Store) -> Result<(), SeedError> {
    let accounts = [
        ("main", "Rial account", "IRR", GatewayKind::Zarinpal, vec![("merchant_id", ZARINPAL_MERCHANT)]),
        (
            "euro",
            "Euro account",
            "EUR",
            GatewayKind::Stripe,
            vec![("secret_key", STRIPE_KEY), ("webhook_secret", STRIPE_WEBHOOK_SECRET)],
        ),
    ];
    for (id, name, currency, gateway, fields) in accounts {
        let fields: BTreeMap<String, String> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let credentials = Credentials::parse(gateway, Mode::Sandbox, fields, "").map_err(|problems| {
            let detail = problems.into_vec().into_iter().next().map(|problem| problem.detail).unwrap_or_default();
            Rejection::new("invalid_credentials", detail)
        })?;
        let account = Account {
            id: AccountId::parse(id)?,
            name: name.to_owned(),
            currency: Currency::parse(currency)?,
            mode: Mode::Sandbox,
            online_payment: OnlinePayment {
                enabled: true,
                gateway: Some(gateway),
                credentials: Some(CredentialsVersion::parse("demo")?),
                late_payment: LatePayment::GiveBack,
                confirm_page: false,
            },
        };
        store.put_account(&account, Some(&credentials)).await?;
    }
    Ok(())
}

/// The demo CRM is told everything, at this address.
pub async fn plant_endpoint(store: &Store, url: &str) -> Result<(), SeedError> {
    let endpoint = WebhookEndpoint {
        id: EndpointId::parse("demo-crm")?,
        url: parse_endpoint_url(url, Reach::ThisMachine)?,
        events: Vec::new(),
        enabled: true,
        disabled_reason: None,
        secrets: vec![SigningSecret::new(SIGNING_SECRET.to_owned())],
        created_at: Timestamp::now(),
        version: 1,
        answered: Answered::default(),
    };
    store.replace_endpoint(&endpoint).await?;
    Ok(())
}

async fn plant_contact(store: &Store) -> Result<(), SeedError> {
    let region = Region::parse("IR")?;
    let contact_id = ContactId::parse("c-1042")?;
    let contact = Contact {
        id: contact_id.clone(),
        name: "Demo Customer".to_owned(),
        profile_url: Some("https://crm.example/contacts/c-1042".to_owned()),
        locale: Some(Locale::parse("fa-IR")?),
        mobile: Some(Mobile::parse("09120000000", &region)?),
        email: Some(Email::parse("customer@example.com")?),
        balance: Some(Money::new(900_000, Currency::IRR)?),
        people: vec![
            Person {
                role: Role::parse("manager")?,
                name: None,
                mobile: Some(Mobile::parse("09120000001", &region)?),
                email: Some(Email::parse("manager@example.com")?),
            },
            Person {
                role: Role::parse("liaison")?,
                name: None,
                mobile: None,
                email: Some(Email::parse("liaison@example.com")?),
            },
        ],
    };
    store.put_contact(&contact).await?;
    let item = Item {
        id: ItemId::parse("inv-77")?,
        kind: "invoice".to_owned(),
        title: "Invoice 77".to_owned(),
        contact_id,
        amount: Some(Money::new(1_500_000, Currency::IRR)?),
        url: Some("https://crm.example/invoices/77".to_owned()),
        receipt_fields: vec![ReceiptField { key: FieldKey::parse("settlement")?, label: "Settlement".to_owned() }],
    };
    store.put_item(&item).await?;
    Ok(())
}
