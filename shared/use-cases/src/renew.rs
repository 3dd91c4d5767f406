//! Answering a customer who asks for a new link in the place of one that expired, where the business wants that done at once.
//! The new link is the old one's successor, for what is due by now, and those are told of it who were told of the old one.
//!
//! The pay token derives from the old link's id, so that each link is renewed at most once, however often somebody tries.

use domain::Problems;
use domain::gateway::GatewayRulebook;
use domain::ids::LinkId;
use domain::link::PaymentLink;
use domain::requests::create::Request;
use serde_json::Value;
use store::BusinessStore;

use crate::Now;
use crate::create::{NewLink, TokenSource};
use crate::idempotency::Answer;
use crate::replace::{ReplaceRefused, Replacing, replace};

/// No integration is called so, because each has a name.
const NOBODY: &str = "";

/// Makes a link in the place of one that expired, or finds the one that was made so before. It is paid at the business's own host,
/// or where the old one is.
pub async fn renew(
    store: &BusinessStore,
    gateways: &GatewayRulebook,
    now: Now<'_>,
    old: &LinkId,
) -> Result<Answer<PaymentLink>, ReplaceRefused> {
    let link = store.link(old).await?.ok_or(ReplaceRefused::NoSuchLink)?;
    let configuration = store.configuration().await?;
    let own = configuration.business.as_ref().and_then(|business| business.pay_url.as_ref());
    let key = format!("{old} renew");
    let new = NewLink {
        request: Request::default(),
        problems: Problems::default(),
        body: &Value::Null,
        created_by: link.created_by().cloned(),
        token: TokenSource::IdempotencyKey { integration: NOBODY, key: &key },
        base: own.map_or_else(|| link.base(), |own| own.as_str()),
        trace: link.trace().cloned(),
    };
    let replacing = Replacing { old: old.clone(), force: false, renews: true };
    replace(store, gateways, now, &replacing, new).await
}
