//! The inbox: what the simulated phone network and mail provider delivered on this machine.
//!
//! The providers ([`super::sns`], [`super::ses`], [`super::bot`] and others) push into it, people read it on the local
//! cloud's page, and programs read it at `/inbox.json`. Nothing else may write here, so that what the inbox shows is
//! what really went over the wire.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The network that a message was delivered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// A text message to a phone.
    Sms,
    /// A mail to a mailbox.
    Email,
    /// A message to somebody on a social network.
    Social,
}

/// One message as its recipient got it. A mail to several recipients is one of these for each of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// The network that delivered it.
    pub channel: Channel,
    /// A phone number in E.164, a bare mail address without a display name, or the id on a social network.
    pub to: String,
    /// The sender as the recipient sees it: a sender ID or number, a mail address with its readable display name, or a
    /// bot.
    pub from: String,
    /// The address that an answer to a mail goes to, where that is not its sender's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Only mails have one.
    pub subject: Option<String>,
    /// The plain text; empty for a mail that came as HTML only.
    pub body: String,
    /// The HTML of a mail that has any.
    pub html: Option<String>,
    /// When it was delivered; RFC 3339 in JSON.
    pub at: Timestamp,
    /// The `MessageId` that the provider answered with; the recipients of one mail share it.
    pub provider_id: String,
}

/// Every message delivered on this machine, oldest first. Clones share one inbox.
#[derive(Debug, Clone)]
pub struct Inbox {
    shelf: Arc<Mutex<Shelf>>,
}

#[derive(Debug)]
struct Shelf {
    messages: Vec<Delivered>,
    file: Option<PathBuf>,
}

impl Inbox {
    /// Opens the inbox kept in `file`, a JSON array, or an empty one where the file does not exist yet. Without a
    /// file the inbox lives in memory only.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made, or the file cannot be read or is not an inbox: starting empty instead would
    /// overwrite it with the next message.
    pub fn open(file: Option<&Path>) -> io::Result<Inbox> {
        let messages = file.map(read).transpose()?.unwrap_or_default();
        let file = file.map(Path::to_path_buf);
        Ok(Inbox { shelf: Arc::new(Mutex::new(Shelf { messages, file })) })
    }

    /// Adds a message.
    ///
    /// # Errors
    ///
    /// When the file cannot be written; the message is then not in the inbox, so that a provider can refuse it.
    pub fn push(&self, message: Delivered) -> io::Result<()> {
        self.push_all(vec![message])
    }

    /// Adds all of the messages or, when the file cannot be written, none.
    pub(crate) fn push_all(&self, messages: Vec<Delivered>) -> io::Result<()> {
        let mut shelf = self.lock();
        let before = shelf.messages.len();
        shelf.messages.extend(messages);
        let written = shelf.write();
        if written.is_err() {
            shelf.messages.truncate(before);
        }
        written
    }

    /// Every message, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Delivered> {
        self.lock().messages.clone()
    }

    /// Forgets every message.
    ///
    /// # Errors
    ///
    /// When the file cannot be written; the messages are then still there.
    pub fn clear(&self) -> io::Result<()> {
        let mut shelf = self.lock();
        let before = std::mem::take(&mut shelf.messages);
        let written = shelf.write();
        if written.is_err() {
            shelf.messages = before;
        }
        written
    }

    /// `GET /inbox.json` answers the messages, oldest first; `?to=` keeps those of one recipient.
    /// `DELETE /inbox.json` empties the inbox.
    pub fn router(&self) -> Router {
        Router::new().route("/inbox.json", get(list).delete(empty)).with_state(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        // A panic elsewhere cannot leave the messages half written: what is there is still worth showing.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn write(&self) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        // A rename replaces the file at once: a process that ends in the middle leaves the old inbox, not half of one.
        let mut unfinished = file.clone().into_os_string();
        unfinished.push(".new");
        fs::write(&unfinished, serde_json::to_vec_pretty(&self.messages)?)?;
        fs::rename(&unfinished, file)
    }
}

fn read(file: &Path) -> io::Result<Vec<Delivered>> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let json = match fs::read(file) {
        Ok(json) => json,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    serde_json::from_slice(&json).map_err(|error| {
        let text = format!("{} is not an inbox: {error}", file.display());
        io::Error::new(io::ErrorKind::InvalidData, text)
    })
}

#[derive(Debug, Deserialize)]
struct Filter {
    to: Option<String>,
}

async fn list(State(inbox): State<Inbox>, Query(filter): Query<Filter>) -> Json<Vec<Delivered>> {
    let mut messages = inbox.all();
    if let Some(to) = filter.to {
        // An unescaped plus arrives as a space, and neither a number nor an address contains one: `?to=+98…` works.
        let to = to.replace(' ', "+");
        messages.retain(|message| message.to == to);
    }
    Json(messages)
}

async fn empty(State(inbox): State<Inbox>) -> Result<StatusCode, (StatusCode, String)> {
    match inbox.clear() {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, format!("The inbox could not be emptied: {error}"))),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::{HeaderMap, Request};
    use tower::ServiceExt as _;

    use super::*;
    use crate::providers::aws_query::random_id;

    pub(crate) type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

    /// Sends one request through a router and reads the whole answer.
    async fn send(router: &Router, method: &str, uri: &str) -> Outcome<(StatusCode, HeaderMap, String)> {
        let request = Request::builder().method(method).uri(uri).body(Body::empty())?;
        let (parts, body) = router.clone().oneshot(request).await?.into_parts();
        let body = to_bytes(body, usize::MAX).await?;
        Ok((parts.status, parts.headers, String::from_utf8(body.to_vec())?))
    }

    fn sms(to: &str, body: &str) -> Outcome<Delivered> {
        Ok(Delivered {
            channel: Channel::Sms,
            to: to.to_owned(),
            from: "PAYLINK".to_owned(),
            reply_to: None,
            subject: None,
            body: body.to_owned(),
            html: None,
            at: "2026-11-23T20:54:00Z".parse()?,
            provider_id: "1".to_owned(),
        })
    }

    fn folder() -> PathBuf {
        std::env::temp_dir().join(format!("paylink-inbox-{}", random_id()))
    }

    #[test]
    fn messages_survive_a_restart_in_their_order() -> Outcome {
        let folder = folder();
        let file = folder.join("inbox.json");
        let inbox = Inbox::open(Some(&file))?;
        inbox.push(sms("+989121234567", "first")?)?;
        inbox.push(sms("+989121234567", "second")?)?;

        let reopened = Inbox::open(Some(&file))?;
        assert_eq!(reopened.all(), inbox.all());
        assert_eq!(reopened.all().len(), 2);

        reopened.clear()?;
        assert!(Inbox::open(Some(&file))?.all().is_empty());
        Ok(fs::remove_dir_all(folder)?)
    }

    #[test]
    fn a_file_that_is_not_an_inbox_is_refused_and_kept() -> Outcome {
        let folder = folder();
        let file = folder.join("inbox.json");
        fs::create_dir_all(&folder)?;
        fs::write(&file, "{")?;

        let refused = Inbox::open(Some(&file)).map_err(|error| error.kind());
        assert_eq!(refused.err(), Some(io::ErrorKind::InvalidData));
        assert_eq!(fs::read_to_string(&file)?, "{");
        Ok(fs::remove_dir_all(folder)?)
    }

    #[test]
    fn a_message_that_cannot_be_kept_is_not_delivered() -> Outcome {
        let folder = folder();
        let inbox = Inbox::open(Some(&folder.join("inbox.json")))?;
        fs::remove_dir_all(folder)?;

        assert!(inbox.push(sms("+989121234567", "lost")?).is_err());
        assert!(inbox.all().is_empty());
        Ok(())
    }

    #[tokio::test]
    async fn the_json_is_the_published_shape() -> Outcome {
        let inbox = Inbox::open(None)?;
        inbox.push(sms("+989121234567", "سلام")?)?;

        let (status, _, body) = send(&inbox.router(), "GET", "/inbox.json").await?;
        assert_eq!(status, StatusCode::OK);
        let expected = serde_json::json!([{
            "channel": "sms", "to": "+989121234567", "from": "PAYLINK", "subject": null, "body": "سلام",
            "html": null, "at": "2026-11-23T20:54:00Z", "provider_id": "1"
        }]);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&body)?, expected);
        Ok(())
    }

    #[tokio::test]
    async fn the_filter_takes_a_plus_escaped_or_not() -> Outcome {
        let inbox = Inbox::open(None)?;
        inbox.push(sms("+989121234567", "mine")?)?;
        inbox.push(sms("+989120000000", "other")?)?;

        for query in ["?to=%2B989121234567", "?to=+989121234567"] {
            let uri = format!("/inbox.json{query}");
            let (_, _, body) = send(&inbox.router(), "GET", &uri).await?;
            let found: Vec<Delivered> = serde_json::from_str(&body)?;
            assert_eq!(found, [sms("+989121234567", "mine")?]);
        }
        Ok(())
    }

    #[tokio::test]
    async fn delete_empties_the_inbox() -> Outcome {
        let inbox = Inbox::open(None)?;
        inbox.push(sms("+989121234567", "gone")?)?;

        let (status, _, _) = send(&inbox.router(), "DELETE", "/inbox.json").await?;
        assert_eq!(status, StatusCode::NO_CONTENT);
        assert!(inbox.all().is_empty());
        Ok(())
    }
}
