//! Making a payment link.
//!
//! With an idempotency key the pay token, and with it the link's key in the table, derives from that key: the link itself
//! is the record that the request was answered, and a retry finds it before any rule is asked again.

use domain::Problems;
use domain::business::quotas::QuotaReached;
use domain::gateway::GatewayRulebook;
use domain::ids::{LinkId, PayToken};
use domain::link::{CreatedBy, PaymentLink};
use domain::requests::create::{LinkAddress, Request, decide};
use domain::trace::Trace;
use serde_json::Value;
use store::{BusinessStore, Created, StoreError, Taken};

use crate::Now;
use crate::contended::{KeepsChanging, Tries};
use crate::idempotency::{Answer, hash_of};
use crate::named_records::NamedRecords;
use crate::quota::{Today, of_new_link};

/// A link that somebody wants made.
#[derive(Debug)]
pub struct NewLink<'a> {
    pub request: Request,
    /// What reading the request found.
    pub problems: Problems,
    /// The request as it came: a repeated one has the same body.
    pub body: &'a Value,
    /// Who wants it. Of a link that was made before links kept that, nobody knows.
    pub created_by: Option<CreatedBy>,
    pub token: TokenSource<'a>,
    /// Scheme and host of the pay URL.
    pub base: &'a str,
    /// The trace that the call belongs to. Without any, the link is made all the same.
    pub trace: Option<Trace>,
}

/// What the pay token of a link derives from.
#[derive(Clone, Copy, Debug)]
pub enum TokenSource<'a> {
    /// The same key of the same integration always gives the same token.
    IdempotencyKey {
        integration: &'a str,
        key: &'a str,
    },
    Random([u8; 16]),
}

/// Why no link was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateRefused {
    #[error("the request has problems")]
    Invalid(Problems),
    /// An active link has the same `reference_id`, or is of the same item, of which the business wants no two.
    #[error("an active link has what this one wants alone")]
    Taken(Taken),
    /// This link was made under the same idempotency key with another body.
    #[error("the link {0} was made under the same idempotency key with another body")]
    KeyReused(LinkId),
    /// The business has made or sent as much today as the platform allows it.
    #[error("the quota {} is used up", .0.quota.as_str())]
    QuotaReached(QuotaReached),
    /// Others kept changing the contact or the item.
    #[error(transparent)]
    RecordsKeepChanging(#[from] KeepsChanging),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes the link, or finds the one that the same request made before.
pub async fn create(
    store: &BusinessStore,
    gateways: &GatewayRulebook,
    now: Now<'_>,
    new: NewLink<'_>,
) -> Result<Answer<PaymentLink>, CreateRefused> {
    let request_hash = hash_of(new.body);
    let token = new.token.token(store).await?;
    let id = LinkId::of(&token);
    // A part of a record that the request brings along is laid over the rest of it, so that it is decided again where
    // somebody changed the rest meanwhile.
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let mut problems = new.problems.clone();
        let mut named = NamedRecords::read(store, Some(&id), &new.request, &mut problems).await?;
        if let Some(existing) = named.records.link.take() {
            return repeated(existing, &request_hash);
        }
        let receipt_type = new.request.after_payment.receipt_type_id.as_ref().value().and_then(Option::as_ref);
        let configuration = store.configuration_with(receipt_type).await?;
        let at = now();
        let context = named.context(&configuration, gateways);
        let address = LinkAddress::new(new.base, &token);
        let terms = decide(new.request.clone(), context, address, at, problems).into_terms();
        let terms = terms.map_err(CreateRefused::Invalid)?;
        let business = store.business_id().clone();
        let link = PaymentLink::new(business, token.clone(), new.base, request_hash.clone(), terms, at);
        let shard = configuration.spread().of_new(link.id(), link.created_at());
        let wants_none = context.contact.is_some_and(|contact| contact.no_reminders);
        let link = link.reminding(&configuration.settings, wants_none);
        let link = link.in_shard(shard).made_by(new.created_by.clone()).traced(new.trace.clone());
        let wanted = of_new_link(&link);
        Today::read(store, &configuration, at).await.check(wanted).map_err(CreateRefused::QuotaReached)?;
        match store.create_link(&link, &named.changed, at).await? {
            Created::New => {
                store.note_done(wanted).await;
                let (business_id, link_id) = (link.business(), link.id());
                tracing::info!(%business_id, %link_id, trace_id = link.trace_id(), "A payment link was made.");
                return Ok(Answer::New(link));
            }
            // The same request was a moment faster, or our own write had been applied and only its answer was lost.
            Created::Exists(existing) => return repeated(*existing, &request_hash),
            Created::Taken(taken) => return Err(CreateRefused::Taken(taken)),
            Created::RecordsChanged => {}
        }
    }
}

impl TokenSource<'_> {
    pub(crate) async fn token(self, store: &BusinessStore) -> Result<PayToken, StoreError> {
        match self {
            Self::IdempotencyKey { integration, key } => store.token_for(integration, key).await,
            Self::Random(bits) => Ok(PayToken::from_random(bits)),
        }
    }
}

/// The link that is there already is the answer, as long as it was asked for with the same body.
pub(crate) fn repeated(existing: PaymentLink, request_hash: &str) -> Result<Answer<PaymentLink>, CreateRefused> {
    if existing.request_hash() == request_hash {
        Ok(Answer::Repeated(existing))
    } else {
        Err(CreateRefused::KeyReused(existing.id().clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use domain::Timestamp;
    use domain::gateway::{GatewayKind, Mode};
    use domain::ids::{AccountId, BusinessId, ContactId, CredentialsVersion};
    use domain::link::{AccountTerms, AfterPayment, AmountSource, ContactTerms, Terms};
    use domain::messages::choice::MessageChoice;
    use domain::money::{Currency, Money};
    use domain::records::account::LatePayment;
    use serde_json::json;

    fn link(body: &Value) -> PaymentLink {
        let terms = Terms {
            mode: Mode::Live,
            account: AccountTerms {
                id: AccountId::parse("main").unwrap(),
                name: "Main".to_owned(),
                gateway: GatewayKind::Stripe,
                credentials: CredentialsVersion::parse("v1").unwrap(),
                late_payment: LatePayment::Refund,
                summary_page: false,
            },
            contact: ContactTerms { id: ContactId::parse("c-1").unwrap(), name: "N".to_owned(), profile_url: None },
            item: None,
            amount: Money::new(1999, Currency::parse("EUR").unwrap()).unwrap(),
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
        PaymentLink::new(business, token, "https://pay.example", hash_of(body), terms, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_link_answers_the_request_that_made_it_and_no_other_under_its_key() {
        let made = link(&json!({ "amount": 1999, "account_id": "main" }));
        let same = hash_of(&serde_json::from_str(r#"{ "account_id": "main", "amount": 1999 }"#).unwrap());
        assert!(matches!(repeated(made.clone(), &same), Ok(Answer::Repeated(link)) if link == made));
        let other = hash_of(&json!({ "amount": 2000, "account_id": "main" }));
        assert!(matches!(repeated(made.clone(), &other), Err(CreateRefused::KeyReused(id)) if id == *made.id()));
    }
}
