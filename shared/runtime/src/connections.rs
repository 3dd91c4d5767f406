//! The connections of a function, and whom they trust. Trust for AWS and for everybody else are two things: a function
//! speaks to AWS with each cold start, and a bundle of the system's roots takes as long to read as all the rest of a start.

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use domain::public_url::Reach;
use outbound::PublicAddresses;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::OnceCell;

use crate::{ConfigurationError, Environment};

/// A connection on which nothing came for so long is given up. Whoever calls has a shorter patience of their own.
pub const READ_TIMEOUT: Duration = Duration::from_secs(16);

/// The roots of Amazon Trust Services, which the endpoints of AWS have their certificates from: Amazon Root CA 1 to 4 and
/// Starfield Services Root CA G2, as <https://www.amazontrust.com/repository/> publishes them.
const AMAZON_ROOTS: &str = include_str!("amazon-roots.pem");

/// Names another bundle for the calls to AWS, in PEM, as it does for the AWS CLI. A region whose endpoints have their
/// certificates from somebody else needs it, and a network that looks into TLS.
const AWS_CA_BUNDLE: &str = "AWS_CA_BUNDLE";

/// Connections to AWS. They trust Amazon's roots and nobody else, or a bundle that the environment names.
pub(crate) fn to_aws(environment: &Environment) -> Result<SharedHttpConnector, ConfigurationError> {
    let roots = match environment.optional(AWS_CA_BUNDLE) {
        None => AMAZON_ROOTS.as_bytes().to_vec(),
        Some(path) => bundle(path.as_ref()).map_err(|reason| ConfigurationError::invalid(AWS_CA_BUNDLE, reason))?,
    };
    let trust = TlsContext::builder().with_trust_store(TrustStore::empty().with_pem_certificate(roots)).build();
    let trust = trust.map_err(|error| ConfigurationError::invalid(AWS_CA_BUNDLE, error))?;
    Ok(connector(trust, Reach::ThisMachine))
}

/// A bundle that can be used as it is. The client takes it for granted that each certificate can be read.
fn bundle(path: &Path) -> Result<Vec<u8>, String> {
    let bundle = std::fs::read(path).map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&bundle) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() { Err("it has no certificate".to_owned()) } else { Ok(bundle) }
}

/// Connections to everybody else, to names within the reach only. They trust the roots of the system, which are read when
/// the first call is made.
pub(crate) fn to_others(reach: Reach) -> SharedHttpConnector {
    SharedHttpConnector::new(ToOthers { reach, made: Arc::default() })
}

#[derive(Debug)]
struct ToOthers {
    reach: Reach,
    made: Arc<OnceCell<SharedHttpConnector>>,
}

impl HttpConnector for ToOthers {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (reach, made) = (self.reach, Arc::clone(&self.made));
        HttpConnectorFuture::new(async move {
            // On a thread of its own, so that whatever else is under way goes on meanwhile.
            let make = || tokio::task::spawn_blocking(move || connector(trust_of_the_system(), reach));
            let connector = made.get_or_try_init(make).await;
            connector.map_err(|error| ConnectorError::other(error.into(), None))?.call(request).await
        })
    }
}

/// The bundle of the system's roots. Beside it lies a folder with the same certificates again, which the client would read
/// as well. What the environment names (`SSL_CERT_FILE`, `SSL_CERT_DIR`) is left to the client, and so is a bundle with a
/// certificate that cannot be read, which it passes over.
static BUNDLE: LazyLock<Option<Vec<u8>>> = LazyLock::new(|| {
    let found = openssl_probe::probe().cert_file.filter(|_| !openssl_probe::has_ssl_cert_env_vars())?;
    bundle(&found).ok()
});

fn trust_of_the_system() -> TlsContext {
    let Some(bundle) = &*BUNDLE else { return TlsContext::default() };
    let roots = TrustStore::empty().with_pem_certificate(bundle.clone());
    TlsContext::builder().with_trust_store(roots).build().unwrap_or_default()
}

/// Connections as all parts of a function use them, to names within the reach only. All look names up in the same way,
/// because each other way would bring the whole client once more.
fn connector(trust: TlsContext, reach: Reach) -> SharedHttpConnector {
    let settings =
        HttpConnectorSettings::builder().connect_timeout(Duration::from_secs(3)).read_timeout(READ_TIMEOUT).build();
    let connector = Connector::builder()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .tls_context(trust)
        .connector_settings(settings)
        .sleep_impl(TokioSleep::new())
        .enable_tcp_nodelay(true)
        .build_with_resolver(PublicAddresses(reach));
    SharedHttpConnector::new(connector)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// As Amazon publishes them, and as every system has them.
    const FINGERPRINTS: [&str; 5] = [
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
    ];

    #[test]
    fn the_roots_for_aws_are_those_of_amazon_and_no_others() {
        let found: Vec<String> = CertificateDer::pem_slice_iter(AMAZON_ROOTS.as_bytes())
            .map(|root| Sha256::digest(root.unwrap()).iter().map(|byte| format!("{byte:02x}")).collect())
            .collect();
        assert_eq!(found, FINGERPRINTS);
        assert!(to_aws(&Environment::from([])).is_ok());
    }

    #[test]
    fn a_bundle_that_cannot_be_used_stops_the_start_and_names_its_variable() {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        for wrong in ["/nowhere/bundle.pem", manifest] {
            let error = to_aws(&Environment::from([(AWS_CA_BUNDLE, wrong)])).unwrap_err().to_string();
            assert!(error.contains("AWS_CA_BUNDLE"), "{wrong}: {error}");
        }
        let right = concat!(env!("CARGO_MANIFEST_DIR"), "/src/amazon-roots.pem");
        assert!(to_aws(&Environment::from([(AWS_CA_BUNDLE, right)])).is_ok());
    }
}
