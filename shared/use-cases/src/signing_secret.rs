//! A secret of ours that signs what is sent to an address of the CRM's own. It is shown once.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::ids::CredentialsVersion;
use domain::records::signing::SigningSecret;

/// The random bits of a secret. Standard Webhooks takes 24 to 64 bytes.
pub(crate) type SecretBits = [u8; 32];

/// A new secret, and the version that it is kept as.
#[derive(Clone, Debug)]
pub struct NewSecret {
    pub(crate) secret: SigningSecret,
    pub(crate) version: CredentialsVersion,
}

impl NewSecret {
    /// A secret of these bits, in the form of Standard Webhooks.
    pub fn new(bits: SecretBits, version: CredentialsVersion) -> Self {
        Self { secret: SigningSecret::new(format!("whsec_{}", STANDARD.encode(bits))), version }
    }
}
