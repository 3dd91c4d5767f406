//! Making a link in the place of another one: with another amount, account or end, or in the place of one that expired. The old
//! one accepts nothing any more, and its address leads to the new one.
//!
//! As with a new link, the pay token derives from the idempotency key where there is one, so that a retry finds the link.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::gateway::GatewayRulebook;
use domain::ids::LinkId;
use domain::link::{LinkStatus, PaymentLink, ReplaceRefused as NotNow, Terms};
use domain::requests::create::{LinkAddress, decide};
use domain::requests::replace::{ReplacedTerm, Replacement, due_on_renewal};
use serde_json::json;
use store::{BusinessStore, StoreError, Succeeded};

use crate::Now;
use crate::contended::{KeepsChanging, Tries};
use crate::create::{CreateRefused, NewLink, repeated};
use crate::idempotency::{Answer, hash_of};
use crate::named_records::NamedRecords;
use crate::quota::{Today, of_new_link};

/// The link that gives way, and how.
#[derive(Clone, Debug)]
pub struct Replacing {
    pub old: LinkId,
    /// Although a customer may be paying; money that arrives goes back.
    pub force: bool,
    /// The customer asked for it, and is asked for what is due by now.
    pub renews: bool,
}

/// Why no link took the place of another.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceRefused {
    #[error("there is no such link")]
    NoSuchLink,
    /// Another link took its place already: this is the newest of them.
    #[error("the link was replaced before, and {0} is the newest")]
    AlreadyReplaced(LinkId),
    /// Nothing is due by now, so that a customer who asks for a new link needs none.
    #[error("nothing is due")]
    NothingDue,
    /// It is paid or cancelled, or somebody is paying.
    #[error("the link as it is cannot be replaced")]
    NotNow { why: NotNow, status: LinkStatus },
    /// What stands against the new link.
    #[error(transparent)]
    New(#[from] CreateRefused),
    /// Others kept changing the old link.
    #[error(transparent)]
    KeepsChanging(#[from] KeepsChanging),
}

impl From<StoreError> for ReplaceRefused {
    fn from(error: StoreError) -> Self {
        Self::New(error.into())
    }
}

/// Makes a link in the place of another, or finds the one that the same request made before.
pub async fn replace(
    store: &BusinessStore,
    gateways: &GatewayRulebook,
    now: Now<'_>,
    replacing: &Replacing,
    new: NewLink<'_>,
) -> Result<Answer<PaymentLink>, ReplaceRefused> {
    let request_hash = hash_of(&json!({ "replaces": replacing.old, "body": new.body }));
    let token = new.token.token(store).await?;
    let id = LinkId::of(&token);
    let mut replacement =
        Replacement { request: new.request.clone(), named: named_in(|name| new.body.get(name).is_some()) };
    let mut tries = Tries::default();
    loop {
        tries.another()?;
        let found = store.links(&[id.clone(), replacing.old.clone()]).await?;
        if let Some(existing) = found.iter().find(|link| *link.id() == id) {
            return Ok(repeated(existing.clone(), &request_hash)?);
        }
        let old = found.into_iter().find(|link| *link.id() == replacing.old).ok_or(ReplaceRefused::NoSuchLink)?;
        let at = now();
        let ended = match old.replaced_by(&id, replacing.force, at) {
            Ok(ended) => ended,
            Err(why) => return Err(refused(store, why, &old, at).await?),
        };
        let mut problems = new.problems.clone();
        let mut request = replacement.over(&old, at, &mut problems);
        let named = NamedRecords::read(store, None, &request, &mut problems).await?;
        let receipt_type = request.after_payment.receipt_type_id.as_ref().value().and_then(Option::as_ref);
        let configuration = store.configuration_with(receipt_type).await?;
        let context = named.context(&configuration, gateways);
        if replacing.renews {
            let due = due_on_renewal(&old, context).ok_or(ReplaceRefused::NothingDue)?;
            replacement = Replacement::of_renewal(&old, due);
            request = replacement.over(&old, at, &mut problems);
        }
        let terms = decide(request.clone(), context, LinkAddress::new(new.base, &token), at, problems).into_terms();
        let terms = replacement.with_source(terms.map_err(CreateRefused::Invalid)?, &old);
        let amount_source = if replacing.renews { old.terms().amount_source } else { terms.amount_source };
        let terms = Terms { amount_source, ..terms };
        let business = store.business_id().clone();
        let link = PaymentLink::new(business, token.clone(), new.base, request_hash.clone(), terms, at);
        let shard = configuration.spread().of_new(link.id(), link.created_at());
        let wants_none = context.contact.is_some_and(|contact| contact.no_reminders);
        let link = link.reminding(&configuration.settings, wants_none);
        let link = link.in_shard(shard).made_by(new.created_by.clone()).traced(new.trace.clone()).succeeding(&old);
        let wanted = of_new_link(&link);
        Today::read(store, &configuration, at).await.check(wanted).map_err(CreateRefused::QuotaReached)?;
        match store.replace_with(&ended, &link, at).await? {
            Succeeded::New => {
                store.note_done(wanted).await;
                let (business_id, link_id, replaces) = (link.business(), link.id(), old.id());
                tracing::info!(%business_id, %link_id, %replaces, trace_id = link.trace_id(), "A payment link was replaced.");
                return Ok(Answer::New(link));
            }
            // The same request was a moment faster, or our own write had been applied and only its answer was lost.
            Succeeded::Exists(existing) => return Ok(repeated(*existing, &request_hash)?),
            Succeeded::Taken(taken) => return Err(CreateRefused::Taken(taken).into()),
            Succeeded::OldChanged => {}
        }
    }
}

/// Why the old link cannot be replaced. Where it was, the newest of its chain is named.
async fn refused(
    store: &BusinessStore,
    why: NotNow,
    old: &PaymentLink,
    at: Timestamp,
) -> Result<ReplaceRefused, StoreError> {
    Ok(match (why, old.successor()) {
        (NotNow::AlreadyReplaced, Some(successor)) => {
            let newest = store.newest_in_place_of(old).await?;
            ReplaceRefused::AlreadyReplaced(newest.map_or_else(|| successor.clone(), |newest| newest.id))
        }
        (NotNow::AlreadyReplaced | NotNow::PaymentInProgress { .. } | NotNow::TakesNoMoney, _) => {
            ReplaceRefused::NotNow { why, status: old.status_at(at) }
        }
    })
}

/// The fields of the old link that a body names, also those that it names without a value.
pub fn named_in(names: impl Fn(&str) -> bool) -> BTreeSet<ReplacedTerm> {
    ReplacedTerm::ALL.into_iter().filter(|term| names(term.as_str())).collect()
}
