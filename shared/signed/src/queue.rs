//! The queue of work, by the JSON protocol of Amazon SQS. Its messages are hints: whoever gets one looks for work, and finds
//! it without one too, only later. So a message may be lost or come twice.

use std::fmt;
use std::time::Duration;

use aws_credential_types::Credentials;
use http::Method;
use outbound::Http;
use runtime::{ConfigurationError, Runtime};
use serde_json::{Value, json};
use url::Url;

use crate::call::{Call, NoAnswer, Persistence, persistently};
use crate::sign::{Caller, Service};

/// An answer of SQS has some hundred bytes.
const LARGEST_ANSWER: usize = 64 * 1024;

/// A message that did not go out is no loss, so that nobody waits for long.
const PERSISTENCE: Persistence = Persistence { tries: 2, patience: Duration::from_secs(2) };

/// The queue whose messages say that there is work. Cheap to clone. `Debug` shows where it is and nothing of the
/// credentials.
#[derive(Clone)]
pub struct WorkQueue {
    http: Http,
    /// The address of the queue, which is also its name.
    url: String,
    /// Where SQS is called.
    endpoint: String,
    region: String,
    credentials: Credentials,
}

impl fmt::Debug for WorkQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { http: _, url, endpoint, region: _, credentials: _ } = self;
        f.debug_struct("WorkQueue").field("url", url).field("endpoint", endpoint).finish_non_exhaustive()
    }
}

impl WorkQueue {
    /// The queue at `PAYLINK_WORK_QUEUE_URL`, in the region of the function. It is called at the host of that address, or
    /// where `AWS_ENDPOINT_URL_SQS` says.
    ///
    /// # Errors
    ///
    /// Where a variable is missing, or is no address.
    pub fn wire(runtime: &Runtime) -> Result<Self, ConfigurationError> {
        const QUEUE: &str = "PAYLINK_WORK_QUEUE_URL";
        const ENDPOINT: &str = "AWS_ENDPOINT_URL_SQS";
        let environment = runtime.environment();
        let url = environment.base_url(QUEUE)?;
        let host = Url::parse(&url).map_err(|error| ConfigurationError::invalid(QUEUE, error))?.origin();
        if !host.is_tuple() {
            return Err(ConfigurationError::invalid(QUEUE, "it is no address of the web"));
        }
        let endpoint = match environment.optional(ENDPOINT) {
            Some(_) => environment.base_url(ENDPOINT)?,
            None => host.ascii_serialization(),
        };
        Ok(Self {
            http: runtime.http_to_aws(LARGEST_ANSWER),
            url,
            endpoint: format!("{endpoint}/"),
            region: environment.required("AWS_REGION")?,
            credentials: runtime.credentials()?,
        })
    }

    /// Puts a message into the queue, of at most 256 KiB in those characters that XML can hold.
    ///
    /// # Errors
    ///
    /// A reason for logs, without address or message. The message may be in the queue all the same.
    pub async fn send(&self, body: &str) -> Result<(), String> {
        let message = json!({ "QueueUrl": self.url, "MessageBody": body }).to_string();
        let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", "AmazonSQS.SendMessage")];
        let call = Call { method: Method::POST, url: &self.endpoint, headers: &headers, body: message.into() };
        let caller = Caller { service: Service::Sqs, region: &self.region, credentials: &self.credentials };
        match persistently(&self.http, caller, &call, PERSISTENCE, |answer| answer.status >= 500).await {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
            Ok(answer) => Err(format!("SQS answered {} {}", answer.status, name_of(&answer.body).unwrap_or_default())),
            Err(NoAnswer::NotSigned) => Err("the call cannot be signed".to_owned()),
            Err(NoAnswer::TooLarge) => Err("the answer is too large".to_owned()),
            Err(NoAnswer::Failed(reason)) => Err(reason),
        }
    }
}

/// The name of an error, which stands behind that of its protocol.
fn name_of(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let name = answer["__type"].as_str()?.rsplit('#').next()?;
    let is_name = name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    is_name.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use runtime::Environment;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const QUEUE: &str = "https://sqs.us-east-1.amazonaws.com/000000000000/work";

    fn wired(url: &str, endpoint: &str) -> Result<WorkQueue, ConfigurationError> {
        let environment = Environment::from([
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "a-secret"),
            ("PAYLINK_WORK_QUEUE_URL", url),
            ("AWS_ENDPOINT_URL_SQS", endpoint),
        ]);
        WorkQueue::wire(&Runtime::new(environment)?)
    }

    /// Listens, gives each connection the next of the answers, and says at the end what was asked.
    async fn answering(answers: &'static [(&str, &str)]) -> (WorkQueue, tokio::task::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/sqs", listener.local_addr().unwrap());
        let asked = tokio::spawn(async move {
            let mut asked = Vec::new();
            for (status, body) in answers {
                let (mut connection, _) = listener.accept().await.unwrap();
                let mut request = String::new();
                // All that is sent ends with the object of the message.
                while !request.ends_with('}') {
                    let mut bytes = [0; 4096];
                    let read = connection.read(&mut bytes).await.unwrap();
                    assert_ne!(read, 0);
                    request.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
                }
                let length = body.len();
                let answer =
                    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
                connection.write_all(answer.as_bytes()).await.unwrap();
                asked.push(request);
            }
            asked
        });
        (wired(QUEUE, &endpoint).unwrap(), asked)
    }

    #[tokio::test]
    async fn a_message_is_sent_signed_in_the_json_protocol() {
        let (queue, asked) = answering(&[("200 OK", r#"{"MessageId":"1"}"#)]).await;
        queue.send("a \"hint\"").await.unwrap();
        let asked = asked.await.unwrap();
        let (head, body) = asked[0].split_once("\r\n\r\n").unwrap();
        let head = head.to_ascii_lowercase();
        assert!(head.starts_with("post /sqs/ http/1.1"), "{head}");
        assert!(head.contains("x-amz-target: amazonsqs.sendmessage"), "{head}");
        assert!(head.contains("content-type: application/x-amz-json-1.0"), "{head}");
        assert!(head.contains("signedheaders=content-type;host;x-amz-date;x-amz-target,"), "{head}");
        assert!(head.contains("/us-east-1/sqs/aws4_request"), "{head}");
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(body, json!({ "QueueUrl": QUEUE, "MessageBody": "a \"hint\"" }));
    }

    #[tokio::test]
    async fn trouble_is_met_with_one_try_more_and_a_refusal_with_none() {
        let (queue, asked) = answering(&[("503 x", ""), ("200 OK", "{}")]).await;
        assert_eq!(queue.send("a").await, Ok(()));
        assert_eq!(asked.await.unwrap().len(), 2);

        let (queue, asked) = answering(&[("500 x", ""), ("500 x", "{}")]).await;
        assert_eq!(queue.send("a").await, Err("SQS answered 500 ".to_owned()));
        assert_eq!(asked.await.unwrap().len(), 2);

        let refusal = &[("400 x", r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"work"}"#)];
        let (queue, asked) = answering(refusal).await;
        assert_eq!(queue.send("a").await, Err("SQS answered 400 QueueDoesNotExist".to_owned()));
        assert_eq!(asked.await.unwrap().len(), 1);
        // Nobody listens there any more.
        assert_eq!(queue.send("a").await, Err("the connection failed".to_owned()));
    }

    #[test]
    fn the_queue_is_called_at_its_own_host_unless_another_is_named() {
        let endpoint = |endpoint: &str| wired(QUEUE, endpoint).unwrap().endpoint;
        assert_eq!(endpoint(""), "https://sqs.us-east-1.amazonaws.com/");
        assert_eq!(endpoint("http://127.0.0.1:9001/sqs"), "http://127.0.0.1:9001/sqs/");
        for (url, other, named) in [
            ("", "", "PAYLINK_WORK_QUEUE_URL"),
            ("work", "", "PAYLINK_WORK_QUEUE_URL"),
            (QUEUE, "x", "AWS_ENDPOINT_URL_SQS"),
        ] {
            assert!(wired(url, other).unwrap_err().to_string().contains(named), "{url} {other}");
        }
    }

    #[test]
    fn nothing_of_the_credentials_is_shown() {
        let shown = format!("{:?}", wired(QUEUE, "").unwrap());
        for secret in ["a-secret", "AKIA"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
