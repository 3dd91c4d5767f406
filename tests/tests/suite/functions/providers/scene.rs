//! What a case can do at its provider, and what it can ask of the message.

use std::time::Duration;

use domain::messages::channel::Channel;
use domain::messages::provider_profile::ProviderKind;
use serde_json::{Value, json};
use simulators::providers::SIMULATED;
use tests::World;

use super::Row;

/// Longer than the first pause between tries, and than any that a simulated provider asks for.
const UNTIL_TRIED_AGAIN: Duration = Duration::from_secs(121);

/// Longer than all pauses between tries together.
const UNTIL_NOTHING_IS_TRIED: Duration = Duration::from_secs(48 * 3_600);

/// A world of its own, in which messages go out by one provider.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) row: &'static Row,
}

impl Scene {
    pub(super) async fn at(row: &'static Row) -> Self {
        Self { world: World::in_process().await, row }
    }

    /// The provider's name, in what a failed assertion says.
    pub(super) fn name(&self) -> &'static str {
        self.row.provider.as_str()
    }

    /// A link of which one address is told, by the provider.
    pub(super) async fn link_for(&self, to: &str) -> Value {
        let recipients = match self.row.provider.profile().channel {
            Channel::Sms => json!({ "mobiles": [to] }),
            Channel::Email => json!({ "emails": [to] }),
            Channel::Social => json!({ "social": [{ "network": self.network(), "id": to }] }),
        };
        let body = json!({ "account_id": "main", "contact_id": "c-1042", "amount": 50000, "locale": "en",
                           "recipients": recipients });
        self.world.make_link(body).await
    }

    /// What the demo business calls the network.
    fn network(&self) -> &'static str {
        match self.row.provider {
            ProviderKind::BotApi => "telegram",
            kind => kind.as_str(),
        }
    }

    /// Orders how the provider answers so many calls, with all the tries that each makes where the client makes any.
    pub(super) async fn misbehave(&self, how: &str, times: u32) {
        let simulated = SIMULATED.iter().find(|one| one.provider == self.row.provider).unwrap();
        self.world.misbehave(simulated.path.trim_start_matches('/'), "send", how, times).await;
    }

    /// The one message of a link, when its status is this one.
    pub(super) async fn message(&self, link: &Value, status: &str) -> Value {
        let has_it = |link: &Value| link["messages"][0]["status"] == status;
        self.world.wait_for(link, has_it).await["messages"][0].clone()
    }

    /// The pause is over, and the schedule comes: so many messages are tried.
    pub(super) async fn try_again(&self) -> u64 {
        self.world.turn_clock(UNTIL_TRIED_AGAIN);
        self.schedule().await
    }

    /// Nothing that could ever be tried again is left.
    pub(super) async fn assert_nothing_is_tried_again(&self) {
        self.world.turn_clock(UNTIL_NOTHING_IS_TRIED);
        assert_eq!(self.schedule().await, 0, "{}", self.name());
    }

    async fn schedule(&self) -> u64 {
        self.world.invoke("deliver-messages", &json!({})).await["tried"].as_u64().unwrap()
    }

    /// So much time goes by, and the schedule comes: about so many messages the provider is asked.
    pub(super) async fn look(&self, time: Duration) -> u64 {
        self.world.turn_clock(time);
        let answer = self.world.invoke("deliver-messages", &json!({})).await;
        assert_eq!(answer["tried"], 0, "{}: {answer}", self.name());
        answer["looked_at"].as_u64().unwrap()
    }

    /// How many messages about failures the CRM was told of this link.
    pub(super) fn failures_told(&self, link: &Value) -> usize {
        self.world.crm_events(link).into_iter().filter(|event| event["type"] == "message.failed").count()
    }
}
