//! One HTTP call to somebody else: a gateway, or the CRM's own endpoint. It goes through the same client, pool and TLS
//! stack that the AWS SDK uses, with a bound on time and on the size of the answer, and follows no redirect. Where only
//! the status says something, the body of the answer is not read, and where the status decides, the body cannot spoil it.

mod public;

use std::error::Error;
use std::io;
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use bytes::{Bytes, BytesMut};

pub use public::PublicAddresses;

/// The reason that a call ends with where its answer has more bytes than are read. It is no passing trouble: the same call
/// ends like this again.
pub const TOO_LARGE: &str = "the answer is too large";

/// What came back. Its meaning is the caller's business: several gateways send errors with 200 and answers with 400.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// The header `Retry-After`, as it came.
    pub retry_after: Option<String>,
    pub body: Bytes,
}

/// What came back to a call of which only the status matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub status: u16,
    /// The header `Retry-After`, as it came.
    pub retry_after: Option<String>,
}

/// Sends requests. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Http {
    connector: SharedHttpConnector,
    largest_answer: usize,
}

impl Http {
    /// An answer of more than this many bytes is not read.
    pub fn new(connector: SharedHttpConnector, largest_answer: usize) -> Self {
        Self { connector, largest_answer }
    }

    /// The body is text or bytes, and its length is told as it is. The error is a reason for logs and for the caller's own
    /// records, without address or body.
    pub async fn send(
        &self,
        request: http::request::Builder,
        body: impl Into<Bytes>,
        patience: Duration,
    ) -> Result<Answer, String> {
        self.exchange_in_time(request, body.into(), patience, None).await.map(|(answer, _)| answer)
    }

    /// The same, with one header of the answer, where it came and is text.
    pub async fn send_and_read(
        &self,
        request: http::request::Builder,
        body: impl Into<Bytes>,
        patience: Duration,
        header: &'static str,
    ) -> Result<(Answer, Option<String>), String> {
        self.exchange_in_time(request, body.into(), patience, Some(header)).await
    }

    async fn exchange_in_time(
        &self,
        request: http::request::Builder,
        body: Bytes,
        patience: Duration,
        header: Option<&'static str>,
    ) -> Result<(Answer, Option<String>), String> {
        in_time(patience, self.exchange(request, body, header)).await
    }

    /// Sends what is answered with the status alone. The body of the answer is not read, so that one that is large,
    /// that breaks off or never ends changes nothing about what was said. A connection on which a body is still to come
    /// is closed and not used again.
    pub async fn send_for_status(
        &self,
        request: http::request::Builder,
        body: impl Into<Bytes>,
        patience: Duration,
    ) -> Result<Verdict, String> {
        let body = body.into();
        in_time(patience, async { Ok(self.call(request, body).await?.0) }).await
    }

    /// Sends what the status of the answer decides about, and the body may say more of. A body that is too large, breaks
    /// off or does not end in time is read as an empty one.
    pub async fn send_for_status_first(
        &self,
        request: http::request::Builder,
        body: impl Into<Bytes>,
        patience: Duration,
    ) -> Result<Answer, String> {
        let begun = Instant::now();
        let (verdict, response) = in_time(patience, self.call(request, body.into())).await?;
        let left = patience.saturating_sub(begun.elapsed());
        let body = in_time(left, self.read(response)).await.unwrap_or_default();
        let Verdict { status, retry_after } = verdict;
        Ok(Answer { status, retry_after, body })
    }

    async fn exchange(
        &self,
        request: http::request::Builder,
        body: Bytes,
        header: Option<&'static str>,
    ) -> Result<(Answer, Option<String>), &'static str> {
        let (verdict, response) = self.call(request, body).await?;
        let read = header.and_then(|name| response.headers().get(name)).map(str::to_owned);
        let body = self.read(response).await?;
        let Verdict { status, retry_after } = verdict;
        Ok((Answer { status, retry_after, body }, read))
    }

    /// Reads the body of an answer to its end.
    async fn read(&self, response: HttpResponse) -> Result<Bytes, &'static str> {
        let mut stream = ByteStream::new(response.into_body());
        let mut body = BytesMut::new();
        while let Some(chunk) = stream.next().await {
            body.extend_from_slice(&chunk.map_err(|_| "the answer broke off")?);
            if body.len() > self.largest_answer {
                return Err(TOO_LARGE);
            }
        }
        Ok(body.freeze())
    }

    /// Sends a request and reads the answer as far as its body.
    async fn call(
        &self,
        request: http::request::Builder,
        body: Bytes,
    ) -> Result<(Verdict, HttpResponse), &'static str> {
        let request = request
            .header(http::header::CONTENT_LENGTH, body.len())
            .header(http::header::USER_AGENT, "paylink")
            .body(SdkBody::from(body))
            .map_err(|_| "the request could not be built")?;
        let request = HttpRequest::try_from(request).map_err(|_| "the request could not be built")?;
        let response = self.connector.call(request).await.map_err(|error| reason(&error))?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").map(str::to_owned);
        Ok((Verdict { status, retry_after }, response))
    }
}

async fn in_time<T>(patience: Duration, call: impl Future<Output = Result<T, &'static str>>) -> Result<T, String> {
    match tokio::time::timeout(patience, call).await {
        Ok(result) => result.map_err(str::to_owned),
        Err(_) => Err("no answer in time".to_owned()),
    }
}

/// Why no answer came. A handshake that fails is told apart, because it is no passing trouble: some servers speak only TLS
/// that is too old.
fn reason(error: &ConnectorError) -> &'static str {
    if error.is_timeout() {
        return "no answer in time";
    }
    let mut cause = Error::source(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<io::Error>();
        // What the peer sent was no TLS of ours. This is how the TLS stack reports it through the layers above it.
        if io.is_some_and(|io| io.kind() == io::ErrorKind::InvalidData) {
            return "the TLS handshake failed";
        }
        // An error of this kind names as its source what lies below the one that it wraps.
        cause = match io.and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    "the connection failed"
}
