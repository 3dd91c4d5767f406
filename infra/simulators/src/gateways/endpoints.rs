//! Endpoints for webhooks, where the merchant orders them once for a key and not with each session.

use serde::{Deserialize, Serialize};

use super::credential::Credential;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Endpoint {
    owner: Credential,
    pub(super) url: String,
    /// Signs what the endpoint gets.
    pub(super) secret: String,
}

/// Every endpoint of every key.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Endpoints(Vec<Endpoint>);

impl Endpoints {
    /// Sends every event of a key to `url`, signed with `secret`. Doing it again changes the secret and nothing else.
    pub(super) fn add(&mut self, key: &str, url: &str, secret: &str) {
        let endpoint = Endpoint { owner: Credential::of(key), url: url.to_owned(), secret: secret.to_owned() };
        self.0.retain(|known| known.owner != endpoint.owner || known.url != endpoint.url);
        self.0.push(endpoint);
    }

    /// A key was replaced: what was ordered for it is ordered for the other.
    pub(super) fn hand_over(&mut self, from: &Credential, to: &Credential) {
        self.0.iter_mut().filter(|known| known.owner == *from).for_each(|known| known.owner = to.clone());
    }

    pub(super) fn of(&self, owner: &Credential) -> Vec<Endpoint> {
        self.0.iter().filter(|known| known.owner == *owner).cloned().collect()
    }
}
