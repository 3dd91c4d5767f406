//! Two demo businesses, so that there is something to make a link for, and somebody from whom it is to be kept apart.

use std::collections::BTreeMap;

use domain::address::{Email, Mobile, Region, SocialAddress, SocialId};
use domain::business::settings::{Settings, TimeZoneName};
use domain::gateway::{GatewayKind, Mode};
use domain::idempotency::IdempotencyLog;
use domain::ids::{
    AccountId, BusinessId, ContactId, CredentialsVersion, EndpointId, FieldKey, ItemId, PersonId, ProviderId,
    ReceiptTypeId, Role,
};
use domain::locale::Locale;
use domain::messages::approved_template::{ApprovedTemplate, Placeholder, TemplateName};
use domain::messages::kind::MessageKind;
use domain::messages::provider::{MessageProvider, ProviderConfig, ProviderFields, ProviderKind, ProviderSecret};
use domain::messages::sms_route::{NumberPrefix, SmsCarrier, SmsRoute};
use domain::messages::template::TemplateParameter;
use domain::money::{Currency, Money};
use domain::public_url::{Reach, parse_endpoint_url};
use domain::records::account::{Account, LatePayment, OnlinePayment};
use domain::records::business::{Business, PayUrlBase};
use domain::records::contact::{Contact, Person};
use domain::records::credentials::Credentials;
use domain::records::item::{Item, ReceiptField};
use domain::records::receipt_type::ReceiptType;
use domain::records::signing::{SigningSecret, SigningVersions};
use domain::records::webhook_endpoint::WebhookEndpoint;
use domain::{Field, Problems, Rejection, Timestamp};
use store::{ApiKey, BusinessStore, KeyHolder, NewProviderSecret, RevisionWritten, Scope, Store, StoreError};

use crate::Cloud;
use crate::crm::{BAZAAR_EVENTS_PATH, BAZAAR_SIGNING_SECRET, EVENTS_PATH, SIGNING_SECRET};
use simulators::providers::{bot, crm_line, kavenegar, whatsapp};

/// The ids of the demo businesses. What both have is called alike in both: an account, a contact, an endpoint, an
/// integration.
pub const DEMO: &str = "demo";
pub const BAZAAR: &str = "bazaar";

/// The host that its links begin with in `make run`.
pub const BAZAAR_HOST: &str = "pay.bazaar.localhost";

/// The API keys of the local cloud: one for each business, and the platform's, which may act for both.
pub const API_KEY: &str = "plk_demo_local-crm-key";
pub const BAZAAR_KEY: &str = "plk_bazaar_local-crm-key";
pub const PLATFORM_KEY: &str = "plp_local-platform-key";

/// The demo business's line of SMS, and the key with which it reports and can do nothing else.
pub const LINE: &str = "crm-line";
pub const LINE_KEY: &str = "plk_demo_local-line-key";

/// The demo businesses, each with its API key.
pub const KEYS: [(&str, &str); 2] = [(DEMO, API_KEY), (BAZAAR, BAZAAR_KEY)];

/// The demo businesses' keys at the simulated gateways. They open nothing anywhere else.
pub const ZARINPAL_MERCHANT: &str = "1344b5d4-0048-11e8-94db-005056a205be";
pub const STRIPE_KEY: &str = "sk_test_localDemoBusiness";
pub const STRIPE_WEBHOOK_SECRET: &str = "whsec_localDemoBusiness";
pub const RAZORPAY_KEY: &str = "rzp_test_localDemoBusiness";
pub const RAZORPAY_SECRET: &str = "localDemoSecret";
pub const RAZORPAY_WEBHOOK_SECRET: &str = "localDemoWebhookSecret";
pub const MOLLIE_KEY: &str = "test_localDemoBusinessKeyOfThirtyChars";
pub const BAZAAR_STRIPE_KEY: &str = "sk_test_localBazaar";
pub const BAZAAR_STRIPE_WEBHOOK_SECRET: &str = "whsec_localBazaar";

/// An account of a demo business.
#[derive(Clone, Copy)]
struct DemoAccount {
    id: &'static str,
    name: &'static str,
    currency: &'static str,
    gateway: GatewayKind,
    credentials: &'static [(&'static str, &'static str)],
}

/// One for each gateway.
const ACCOUNTS: [DemoAccount; 6] = [
    DemoAccount {
        id: "main",
        name: "Rial account",
        currency: "IRR",
        gateway: GatewayKind::Zarinpal,
        credentials: &[("merchant_id", ZARINPAL_MERCHANT)],
    },
    DemoAccount {
        id: "zibal",
        name: "Rial account at Zibal",
        currency: "IRR",
        gateway: GatewayKind::Zibal,
        credentials: &[("merchant", "zibal"), ("refund_token", "localDemoToken"), ("refund_account", "12345")],
    },
    DemoAccount {
        id: "saman",
        name: "Rial account at Saman",
        currency: "IRR",
        gateway: GatewayKind::Sep,
        credentials: &[("terminal_id", "2015")],
    },
    DemoAccount {
        id: "euro",
        name: "Euro account",
        currency: "EUR",
        gateway: GatewayKind::Stripe,
        credentials: &[("secret_key", STRIPE_KEY), ("webhook_secret", STRIPE_WEBHOOK_SECRET)],
    },
    DemoAccount {
        id: "mollie",
        name: "Euro account at Mollie",
        currency: "EUR",
        gateway: GatewayKind::Mollie,
        credentials: &[("api_key", MOLLIE_KEY)],
    },
    DemoAccount {
        id: "rupee",
        name: "Rupee account",
        currency: "INR",
        gateway: GatewayKind::Razorpay,
        credentials: &[
            ("key_id", RAZORPAY_KEY),
            ("key_secret", RAZORPAY_SECRET),
            ("webhook_secret", RAZORPAY_WEBHOOK_SECRET),
        ],
    },
];

/// The same id as the other business's account, at another gateway and in another currency.
const BAZAAR_ACCOUNTS: [DemoAccount; 1] = [DemoAccount {
    id: "main",
    name: "Euro account of the bazaar",
    currency: "EUR",
    gateway: GatewayKind::Stripe,
    credentials: &[("secret_key", BAZAAR_STRIPE_KEY), ("webhook_secret", BAZAAR_STRIPE_WEBHOOK_SECRET)],
}];

/// Why a demo business could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a demo business is not valid: {0}")]
    Invalid(#[from] Rejection),
}

/// The demo business that tests work with.
pub fn demo() -> BusinessId {
    id_of(DEMO)
}

/// The other one.
pub fn bazaar() -> BusinessId {
    id_of(BAZAAR)
}

#[allow(clippy::expect_used, reason = "it reads literals only, at every start")]
fn id_of(business: &str) -> BusinessId {
    BusinessId::parse(business).expect("the id of a demo business")
}

/// Makes the demo businesses, unless they are there. Simulators that sign webhooks are told where those go, as somebody
/// would in the gateway's dashboard.
pub async fn plant(cloud: &Cloud) -> Result<(), SeedError> {
    register_webhooks(cloud, DEMO, &ACCOUNTS);
    register_webhooks(cloud, BAZAAR, &BAZAAR_ACCOUNTS);
    let store = &cloud.store;
    let random = || runtime::random().map_err(|error| Rejection::new("no_randomness", error.to_string()));
    store.ensure_token_secret(random()?).await?;
    store.ensure_search_secret(random()?).await?;
    if store.list_api_keys(&KeyHolder::Platform).await?.is_empty() {
        put_key(store, &KeyHolder::Platform, PLATFORM_KEY, "demo-platform", &Scope::ALL).await?;
    }
    plant_demo(cloud).await?;
    plant_bazaar(cloud).await
}

fn register_webhooks(cloud: &Cloud, business: &str, accounts: &[DemoAccount]) {
    for account in accounts {
        let (gateway, known) = (account.gateway, |name: &str| {
            account.credentials.iter().find(|(field, _)| *field == name).map(|(_, value)| *value)
        });
        let notify_url = format!("{}/gateways/{}/notify/{business}/{}", cloud.base_url(), gateway.as_str(), account.id);
        if let (Some((_, key)), Some(secret)) = (account.credentials.first(), known("webhook_secret")) {
            cloud.simulators.register_webhook(gateway, key, &notify_url, secret);
        }
    }
}

async fn put_key(
    store: &Store,
    of: &KeyHolder,
    key: &str,
    integration: &str,
    scopes: &[Scope],
) -> Result<(), StoreError> {
    let integration = integration.to_owned();
    let record = ApiKey { integration, scopes: scopes.to_vec(), created_at: Timestamp::now() };
    store.put_api_key(of, key, &record).await.map(|_| ())
}

/// Makes the business itself and its API key. `None` where it has been made before.
async fn plant_business(
    cloud: &Cloud,
    id: BusinessId,
    name: &str,
    key: &str,
) -> Result<Option<BusinessStore>, SeedError> {
    let store = cloud.store.of(&id);
    // The settings are written last: where they are, everything else is.
    if store.settings().await?.is_some() {
        return Ok(None);
    }
    if let (None, revision) = cloud.store.business_to_change(&id).await? {
        let business = Business::new(id.clone(), name.to_owned(), cloud.clock.now());
        match cloud.store.put_business(&business, &revision).await? {
            // Another start of the same cloud made it.
            RevisionWritten::Applied(_) | RevisionWritten::Rejected => {}
        }
    }
    put_key(&cloud.store, &KeyHolder::Business(id), key, "demo-crm", &Scope::OF_A_BUSINESS).await?;
    Ok(Some(store))
}

async fn plant_demo(cloud: &Cloud) -> Result<(), SeedError> {
    let Some(store) = plant_business(cloud, demo(), "Demo Business", API_KEY).await? else { return Ok(()) };
    for (id, name, parent) in [("income", "Income", None), ("online", "Online payment", Some("income"))] {
        let parent_id = parent.map(ReceiptTypeId::parse).transpose()?;
        let receipt_type = ReceiptType { id: ReceiptTypeId::parse(id)?, name: name.to_owned(), parent_id };
        let (_, revision) = store.receipt_type_to_change(&receipt_type.id).await?;
        // Where somebody else was faster, they planted the same.
        store.put_receipt_type(&receipt_type, &revision).await?;
    }
    put_key(&cloud.store, &KeyHolder::Business(demo()), LINE_KEY, "demo-line", &[Scope::Report]).await?;
    plant_accounts(&store, &ACCOUNTS).await?;
    plant_providers(&store, &cloud.page_url()).await?;
    plant_contact(&store).await?;
    plant_endpoint(&store, &format!("{}{EVENTS_PATH}", cloud.page_url()), SIGNING_SECRET).await?;
    put_settings(&store, &settings()?).await
}

/// The other business is set in another way wherever that shows.
async fn plant_bazaar(cloud: &Cloud) -> Result<(), SeedError> {
    let Some(store) = plant_business(cloud, bazaar(), "The Bazaar", BAZAAR_KEY).await? else { return Ok(()) };
    plant_accounts(&store, &BAZAAR_ACCOUNTS).await?;
    let region = Region::parse("DE")?;
    let contact = Contact {
        id: ContactId::parse("c-1042")?,
        name: "Bazaar Customer".to_owned(),
        profile_url: None,
        locale: Some(Locale::parse("en")?),
        mobile: Some(Mobile::parse("015123456789", &region)?),
        email: Some(Email::parse("customer@bazaar.example")?),
        social: Vec::new(),
        balance: None,
        no_reminders: false,
        people: Vec::new(),
    };
    put_contact(&store, &contact).await?;
    let url = format!("{}{BAZAAR_EVENTS_PATH}", cloud.page_url());
    plant_endpoint(&store, &url, BAZAAR_SIGNING_SECRET).await?;
    let settings = Settings {
        business_name: "The Bazaar".to_owned(),
        support_url: Some("https://bazaar.example/help".to_owned()),
        time_zone: TimeZoneName::parse("Europe/Berlin")?,
        default_locale: Locale::parse("en")?,
        default_region: region,
        return_url_hosts: vec!["bazaar.example".to_owned()],
        ..Settings::default()
    };
    put_settings(&store, &settings).await
}

/// Lets the links of the second business begin with a host of its own, as behind a domain or a reverse proxy of its own:
/// every name under `.localhost` leads browsers to this machine.
pub async fn give_bazaar_a_host(cloud: &Cloud, port: u16) -> Result<(), SeedError> {
    let store = cloud.store.of(&bazaar());
    let (known, revision) = store.business_to_change().await?;
    let Some(business) = known else { return Ok(()) };
    let pay_url = Some(PayUrlBase::parse(&format!("http://{BAZAAR_HOST}:{port}"))?);
    if business.pay_url != pay_url {
        // Where somebody else was faster, they planted the same.
        store.put_business(&Business { pay_url, ..business }, &revision).await?;
    }
    Ok(())
}

async fn put_contact(store: &BusinessStore, contact: &Contact) -> Result<(), SeedError> {
    let (known, revision) = store.contact_to_change(&contact.id).await?;
    // Where somebody else was faster, they planted the same.
    match store.write_contact(contact, known.as_ref(), &revision).await? {
        RevisionWritten::Applied(_) | RevisionWritten::Rejected => Ok(()),
    }
}

async fn put_settings(store: &BusinessStore, settings: &Settings) -> Result<(), SeedError> {
    let (_, revision) = store.settings_to_change().await?;
    // Where somebody else was faster, they planted the same.
    store.put_settings(settings, None, &revision).await?;
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
        // SNS does not deliver to Iran. The Emirates are the line's of the CRM's own.
        sms_routes: vec![by_provider("+98", "kavenegar")?, by_provider("+971", LINE)?],
        return_url_hosts: vec!["crm.example".to_owned()],
        ..Settings::default()
    })
}

fn by_provider(prefix: &str, provider: &str) -> Result<SmsRoute, Rejection> {
    let carrier = SmsCarrier::Provider(ProviderId::parse(provider)?);
    Ok(SmsRoute { prefix: NumberPrefix::parse(prefix)?, carrier })
}

async fn plant_accounts(store: &BusinessStore, accounts: &[DemoAccount]) -> Result<(), SeedError> {
    for DemoAccount { id, name, currency, gateway, credentials } in accounts.iter().copied() {
        let fields: BTreeMap<String, String> =
            credentials.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let credentials = Credentials::parse(gateway, Mode::Sandbox, fields, "").map_err(first_of)?;
        let account = Account {
            id: AccountId::parse(id)?,
            name: name.to_owned(),
            currency: Currency::parse(currency)?,
            mode: Mode::Sandbox,
            online_payment: OnlinePayment {
                enabled: true,
                gateway: Some(gateway),
                credentials: Some(CredentialsVersion::parse("demo")?),
                optional_credentials: credentials.optional_names(),
                relay: None,
                late_payment: LatePayment::Refund,
                summary_page: false,
                split_large_amounts: false,
            },
        };
        let (_, revision) = store.account_to_change(&account.id).await?;
        store.put_account(&account, Some(&credentials), &revision).await?;
    }
    Ok(())
}

fn first_of(problems: Problems) -> Rejection {
    let detail = problems.into_vec().into_iter().next().map(|problem| problem.detail).unwrap_or_default();
    Rejection::new("invalid_credentials", detail)
}

/// The demo business's providers, on the networks that this machine simulates: a bot, WhatsApp, SMS for numbers of
/// Iran, and for those of the Emirates a line of the CRM's own. Those that are called by an address are below this one.
pub async fn plant_providers(store: &BusinessStore, page_url: &str) -> Result<(), SeedError> {
    let templates = |name: &str, first: &str| -> Result<Vec<ApprovedTemplate>, Rejection> {
        let phrase = |text: &str| {
            let value = TemplateParameter::parse(text).map_err(|_| Rejection::new("invalid_template", text))?;
            Ok::<_, Rejection>(Placeholder::Positional(value))
        };
        let parameters = vec![phrase(first)?, phrase("{{ link }}")?];
        let (name, locale) = (TemplateName::parse(name)?, Locale::parse("fa")?);
        let kind = MessageKind::LinkCreated;
        let template = ApprovedTemplate { kind, name, locale, parameters, header: None, button: None };
        Ok(vec![template.check().map_err(|problem| problem.rejection)?])
    };
    let at = |path: &str| Field::Value(format!("{page_url}/{path}"));
    let providers = [
        (
            "telegram",
            ProviderKind::BotApi,
            ProviderFields { base_url: at("bot-api"), ..ProviderFields::default() },
            Some(bot::DEMO_TOKEN),
        ),
        (
            "whatsapp",
            ProviderKind::Whatsapp,
            ProviderFields {
                phone_number_id: Field::Value(whatsapp::DEMO_NUMBER.to_owned()),
                templates: Field::Value(templates(whatsapp::DEMO_TEMPLATE, "{{ amount }}")?),
                ..ProviderFields::default()
            },
            None,
        ),
        (
            "kavenegar",
            ProviderKind::Kavenegar,
            ProviderFields {
                base_url: at("kavenegar"),
                line: Field::Value(kavenegar::DEMO_SENDER_NUMBER.to_owned()),
                ..ProviderFields::default()
            },
            Some(kavenegar::DEMO_KEY),
        ),
        (
            LINE,
            ProviderKind::Webhook,
            ProviderFields { url: at("crm-line/messages"), ..ProviderFields::default() },
            None,
        ),
    ];
    for (id, kind, fields, secret) in providers {
        let mut problems = Problems::default();
        let config = ProviderConfig::decide(kind, fields, &mut problems).ok_or_else(|| first_of(problems))?;
        let fields = kind.secret_name().zip(secret).map(|(name, secret)| (name.to_owned(), secret.to_owned()));
        let secret = match fields {
            Some(fields) => Some(ProviderSecret::parse(kind, &BTreeMap::from([fields]), "").map_err(first_of)?),
            None => None,
        };
        let version = CredentialsVersion::parse("demo")?;
        let signing = SigningSecret::new(crm_line::DEMO_SECRET.to_owned());
        let bare = MessageProvider::new(ProviderId::parse(id)?, config);
        let (provider, secret) = match &secret {
            Some(secret) => {
                (MessageProvider { credentials: Some(version), ..bare }, Some(NewProviderSecret::Given(secret)))
            }
            None if kind.is_signed() => {
                let signed = MessageProvider { signing: SigningVersions::first(version), ..bare };
                (signed, Some(NewProviderSecret::Signing(&signing)))
            }
            None => (bare, None),
        };
        let (_, revision) = store.provider_to_change(&provider.id).await?;
        store.put_provider(&provider, secret, &revision).await?;
    }
    Ok(())
}

/// The demo CRM is told everything of a business, at this address and signed with this secret.
pub async fn plant_endpoint(store: &BusinessStore, url: &str, secret: &str) -> Result<(), SeedError> {
    let endpoint = WebhookEndpoint {
        id: EndpointId::parse("demo-crm")?,
        url: parse_endpoint_url(url, Reach::ThisMachine)?,
        events: Vec::new(),
        enabled: true,
        disabled_reason: None,
        secrets: SigningVersions::first(CredentialsVersion::parse("demo")?),
        created_at: Timestamp::now(),
        changed_at: None,
        sent_since: None,
        version: 1,
        idempotency: IdempotencyLog::default(),
    };
    store.replace_endpoint(&endpoint, Some(&SigningSecret::new(secret.to_owned()))).await?;
    Ok(())
}

async fn plant_contact(store: &BusinessStore) -> Result<(), SeedError> {
    let region = Region::parse("IR")?;
    let contact_id = ContactId::parse("c-1042")?;
    let contact = Contact {
        id: contact_id.clone(),
        name: "Demo Customer".to_owned(),
        profile_url: Some("https://crm.example/contacts/c-1042".to_owned()),
        locale: Some(Locale::parse("fa-IR")?),
        mobile: Some(Mobile::parse("09120000000", &region)?),
        email: Some(Email::parse("customer@example.com")?),
        social: Vec::new(),
        balance: Some(Money::new(900_000, Currency::IRR)?),
        no_reminders: false,
        people: vec![
            Person {
                id: PersonId::parse("manager")?,
                role: Role::parse("manager")?,
                name: None,
                mobile: Some(Mobile::parse("09120000001", &region)?),
                email: Some(Email::parse("manager@example.com")?),
                social: Vec::new(),
            },
            Person {
                id: PersonId::parse("liaison")?,
                role: Role::parse("liaison")?,
                name: None,
                mobile: None,
                email: Some(Email::parse("liaison@example.com")?),
                social: Vec::new(),
            },
            Person {
                id: PersonId::parse("accountant")?,
                role: Role::parse("accountant")?,
                name: None,
                mobile: None,
                email: None,
                social: vec![SocialAddress {
                    network: ProviderId::parse("telegram")?,
                    id: SocialId::parse("700000001")?,
                }],
            },
        ],
    };
    put_contact(store, &contact).await?;
    let item = Item {
        id: ItemId::parse("inv-77")?,
        kind: "invoice".to_owned(),
        title: "Invoice 77".to_owned(),
        contact_id,
        amount: Some(Money::new(1_500_000, Currency::IRR)?),
        due: None,
        due_at: None,
        url: Some("https://crm.example/invoices/77".to_owned()),
        receipt_fields: vec![ReceiptField { key: FieldKey::parse("payment")?, label: "Payment".to_owned() }],
    };
    let (known, revision) = store.item_to_change(&item.id).await?;
    // Where somebody else was faster, they planted the same.
    match store.write_item(&item, known.as_ref(), &revision).await? {
        RevisionWritten::Applied(_) | RevisionWritten::Rejected => Ok(()),
    }
}
