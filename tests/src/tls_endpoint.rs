//! A TLS endpoint with a certificate of its own, to stand between a function and DynamoDB.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Where systems keep the certificates that they trust.
const SYSTEM_ROOTS: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// A TLS endpoint in front of a plain one, on loopback.
#[derive(Debug)]
pub struct TlsEndpoint {
    pub url: String,
    /// The system's roots and our own.
    pub with_systems: PathBuf,
    /// Amazon's roots and our own: a function that is told to trust these for AWS reads one more than it has inside.
    pub with_amazons: PathBuf,
    revision: Arc<Mutex<Revision>>,
}

/// What a process did with its connections.
#[derive(Clone, Copy, Debug, Default)]
pub struct Revision {
    pub first_connection: Option<Instant>,
    /// When the last byte was handed to it.
    pub last_answer: Option<Instant>,
}

impl TlsEndpoint {
    /// Starts one in front of a port of this machine. Its bundles are written into the folder.
    ///
    /// # Panics
    ///
    /// Panics where that cannot be done.
    pub async fn start(upstream_port: u16, folder: &Path) -> Self {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let system = SYSTEM_ROOTS.iter().find_map(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        let amazon = std::fs::read_to_string(crate::root().join("shared/runtime/src/amazon-roots.pem")).unwrap();
        let bundle = |name: &str, others: String| {
            let path = folder.join(name);
            std::fs::write(&path, others + &certified.cert.pem()).unwrap();
            path
        };
        let (with_systems, with_amazons) = (bundle("systems-roots.pem", system), bundle("amazons-roots.pem", amazon));
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .expect("a certificate that was just made");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let revision: Arc<Mutex<Revision>> = Arc::default();
        let noted = Arc::clone(&revision);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                noted.lock().unwrap_or_else(PoisonError::into_inner).first_connection.get_or_insert_with(Instant::now);
                tokio::spawn(tunnel(stream, acceptor.clone(), upstream_port, Arc::clone(&noted)));
            }
        });
        Self { url, with_systems, with_amazons, revision }
    }

    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// What was seen since this was last asked.
    pub fn take_seen(&self) -> Revision {
        std::mem::take(&mut *self.revision.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn tunnel(stream: TcpStream, acceptor: TlsAcceptor, upstream_port: u16, revision: Arc<Mutex<Revision>>) {
    let _ = stream.set_nodelay(true);
    // A process that ended in the middle of it is no trouble of ours.
    let Ok(inside) = acceptor.accept(stream).await else { return };
    let Ok(upstream) = TcpStream::connect(("127.0.0.1", upstream_port)).await else { return };
    let _ = upstream.set_nodelay(true);
    let (mut from_function, mut to_function) = tokio::io::split(inside);
    let (mut from_store, mut to_store) = upstream.into_split();
    let asking = tokio::spawn(async move { tokio::io::copy(&mut from_function, &mut to_store).await });
    let mut answer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from_store.read(&mut answer).await {
        // Before it is sent, because the process may be faster than this task.
        revision.lock().unwrap_or_else(PoisonError::into_inner).last_answer = Some(Instant::now());
        if to_function.write_all(&answer[..length]).await.is_err() || to_function.flush().await.is_err() {
            break;
        }
    }
    asking.abort();
}
