//! The bucket with the files: those few operations of Amazon S3 that Paylink uses, by their REST API, with the bucket in the
//! path: an object is put, got, looked at and deleted.
//!
//! It is strict where S3 is. Each call has to be signed with the keys of the local cloud, in its headers or in its address,
//! and the signature is made anew here by the document that describes it ("Authenticating Requests: AWS Signature
//! Version 4" in the API reference), with nothing of what signs on the other side. What S3 could do and this cannot is
//! refused, so that nobody takes it for done. Bodies that come in signed pieces and ranges are not there. Browsers may use
//! addresses from pages of other sites as the template's bucket lets them.
//!
//! Troubles can be ordered by a test ([`Bucket::refuse_next`]), and how the next calls are answered at
//! `/simulator/next_answer`.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{NestedPath, Request, State};
use axum::http::header::{
    AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH,
    LAST_MODIFIED,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tower_http::cors::{Any, CorsLayer};

use crate::misbehaviour::misbehaving;

/// The path of the local cloud under which the buckets lie.
pub const PATH: &str = "/s3";

/// The keys and the region of the local cloud. They open nothing anywhere else.
pub const ACCESS_KEY: &str = "local";
pub const SECRET_KEY: &str = "local";
pub const REGION: &str = "us-east-1";

/// The largest object that is taken, in bytes. S3 itself takes 5 GB at once.
pub const LARGEST_OBJECT: usize = 64 * 1024 * 1024;

/// The longest key, in bytes.
const LONGEST_KEY: usize = 1024;

/// The clocks of both sides may be this far apart.
const LARGEST_SKEW: SignedDuration = SignedDuration::from_mins(15);

/// No address is good for more seconds.
const LONGEST_VALIDITY: i64 = 604_800;

/// What an object is whose content type was not told.
const NO_TYPE: &str = "binary/octet-stream";

/// Headers with this beginning ask something of S3 and have to be signed.
const OWN_HEADERS: &str = "x-amz-";

/// Those of them that are understood here.
const KNOWN_HEADERS: [&str; 3] = [DATE, DIGEST, "x-amz-user-agent"];
const DATE: &str = "x-amz-date";
const DIGEST: &str = "x-amz-content-sha256";
const TOKEN: &str = "x-amz-security-token";

/// The digest of a body that may be any.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// The parameters of a signature, all of which an address must have.
const SIGNATURE_PARAMETERS: [&str; 6] =
    ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"];

/// What stands in a canonical address as it is (RFC 3986, unreserved).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One bucket and what is in it. Clones share it.
#[derive(Clone)]
pub struct Bucket {
    name: Arc<str>,
    shelf: Arc<Mutex<Shelf>>,
}

#[derive(Default)]
struct Shelf {
    objects: BTreeMap<String, Object>,
    folder: Option<PathBuf>,
    /// The trouble of the next calls, and of how many.
    trouble: Option<(Trouble, u32)>,
}

#[derive(Clone)]
struct Object {
    content: Bytes,
    content_type: String,
    at: Timestamp,
}

/// The first line of a file with an object. Its content stands behind it.
#[derive(Serialize, Deserialize)]
struct Label {
    key: String,
    content_type: String,
    at: Timestamp,
}

/// Trouble that S3 has at times. Nothing is done by a call that meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// 503: too many calls.
    SlowDown,
    /// 500: trouble of its own.
    InternalError,
    /// 403: whoever calls has no permission.
    AccessDenied,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("name", &self.name).field("keys", &self.keys()).finish()
    }
}

impl Bucket {
    /// Opens the bucket of this name with what is kept in `folder`, a file for each object, or an empty one where the
    /// folder does not exist yet. Without a folder the bucket lives in memory only.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made, or a file in it cannot be read or holds no object.
    pub fn open(name: &str, folder: Option<&Path>) -> io::Result<Bucket> {
        let objects = folder.map(read).transpose()?.unwrap_or_default();
        let shelf = Shelf { objects, folder: folder.map(Path::to_path_buf), trouble: None };
        Ok(Bucket { name: name.into(), shelf: Arc::new(Mutex::new(shelf)) })
    }

    /// As it stands in paths.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The keys of all objects, in their order.
    pub fn keys(&self) -> Vec<String> {
        self.lock().objects.keys().cloned().collect()
    }

    /// What is in an object that is there.
    pub fn content(&self, key: &str) -> Option<Bytes> {
        self.lock().objects.get(key).map(|object| object.content.clone())
    }

    /// The content type that an object was put with.
    pub fn content_type(&self, key: &str) -> Option<String> {
        self.lock().objects.get(key).map(|object| object.content_type.clone())
    }

    /// Puts an object there without a call, as somebody else would.
    ///
    /// # Errors
    ///
    /// When the file cannot be written; the object is then not there.
    pub fn put(&self, key: &str, content: impl Into<Bytes>) -> io::Result<()> {
        self.put_as(key, content.into(), NO_TYPE)
    }

    /// Lets the next calls, so many of them, meet this trouble in the place of what was ordered before.
    pub fn refuse_next(&self, calls: u32, trouble: Trouble) {
        self.lock().trouble = (calls > 0).then_some((trouble, calls));
    }

    fn put_as(&self, key: &str, content: Bytes, content_type: &str) -> io::Result<()> {
        let mut shelf = self.lock();
        let object = Object { content, content_type: content_type.to_owned(), at: Timestamp::now() };
        if let Some(folder) = &shelf.folder {
            write(folder, key, &object)?;
        }
        shelf.objects.insert(key.to_owned(), object);
        Ok(())
    }

    fn get(&self, key: &str) -> Option<Object> {
        self.lock().objects.get(key).cloned()
    }

    /// Deletes an object. One that is not there is deleted already.
    pub fn delete(&self, key: &str) -> io::Result<()> {
        let mut shelf = self.lock();
        if let (Some(folder), true) = (&shelf.folder, shelf.objects.contains_key(key)) {
            fs::remove_file(file_of(folder, key))?;
        }
        shelf.objects.remove(key);
        Ok(())
    }

    fn take_trouble(&self) -> Option<Trouble> {
        let mut shelf = self.lock();
        let (trouble, calls) = shelf.trouble?;
        shelf.trouble = (calls > 1).then_some((trouble, calls.saturating_sub(1)));
        Some(trouble)
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file of an object. Keys are longer than names of files may be, and one may name a folder of another.
fn file_of(folder: &Path, key: &str) -> PathBuf {
    folder.join(format!("{}.object", sha256(key.as_bytes())))
}

fn write(folder: &Path, key: &str, object: &Object) -> io::Result<()> {
    let Object { content, content_type, at } = object;
    let label = Label { key: key.to_owned(), content_type: content_type.clone(), at: *at };
    let mut bytes = serde_json::to_vec(&label)?;
    bytes.push(b'\n');
    bytes.extend_from_slice(content);
    // A rename replaces the file at once: a process that ends in the middle leaves the old object, not half of one.
    let file = file_of(folder, key);
    let unfinished = file.with_extension("new");
    fs::write(&unfinished, bytes)?;
    fs::rename(&unfinished, &file)
}

fn read(folder: &Path) -> io::Result<BTreeMap<String, Object>> {
    fs::create_dir_all(folder)?;
    let mut objects = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        if file.extension().is_none_or(|extension| extension != "object") {
            continue;
        }
        let bytes = Bytes::from(fs::read(&file)?);
        let no_object = || io::Error::new(io::ErrorKind::InvalidData, format!("{} is no object", file.display()));
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(no_object)?;
        let label: Label = serde_json::from_slice(&bytes.slice(..end)).map_err(|_| no_object())?;
        let content = bytes.slice(end.saturating_add(1)..);
        objects.insert(label.key, Object { content, content_type: label.content_type, at: label.at });
    }
    Ok(objects)
}

/// What a page of any other site may do with an address: these methods, with this header.
pub const METHODS_OF_PAGES: [Method; 2] = [Method::GET, Method::PUT];
pub const HEADERS_OF_PAGES: [HeaderName; 1] = [CONTENT_TYPE];

/// Serves `/{bucket}/{key}`, wherever it is nested. Signatures are made over the whole path.
pub fn router(bucket: Bucket) -> Router {
    let pages = CorsLayer::new().allow_origin(Any).allow_methods(METHODS_OF_PAGES).allow_headers(HEADERS_OF_PAGES);
    misbehaving(Router::new().route("/{*path}", any(serve)).with_state(bucket)).layer(pages)
}

async fn serve(State(bucket): State<Bucket>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let request_id = request_id();
    let done = match read_body(&parts.headers, body).await {
        Ok(body) => bucket.answer(&parts, body),
        Err(refusal) => Err(refusal),
    };
    let mut response = done.unwrap_or_else(|refusal| refusal.response(parts.uri.path(), &request_id));
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(HeaderName::from_static("x-amz-request-id"), id);
    }
    if parts.method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    response
}

async fn read_body(headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
    let length = text(headers, CONTENT_LENGTH.as_str()).and_then(|length| length.parse::<usize>().ok());
    if length.is_some_and(|length| length > LARGEST_OBJECT) {
        return Err(TOO_LARGE);
    }
    // The other way to tell a length, in pieces, S3 does not take.
    to_bytes(body, LARGEST_OBJECT).await.map_err(|_| bad("IncompleteBody", "The body was not read to its end."))
}

impl Bucket {
    fn answer(&self, parts: &Parts, body: Bytes) -> Result<Response, Refusal> {
        if let Some(trouble) = self.take_trouble() {
            return Err(trouble.refusal());
        }
        // The path is signed as the client has it, with what the router took away from its beginning.
        let nested_at = parts.extensions.get::<NestedPath>().map(NestedPath::as_str).unwrap_or_default();
        let path = decoded(parts.uri.path())?;
        let query = parameters(parts.uri.query().unwrap_or_default())?;
        let call = Call {
            method: &parts.method,
            path: &format!("{nested_at}{path}"),
            query: &query,
            headers: &parts.headers,
            body: &body,
        };
        let way = call.check(Timestamp::now())?;
        let (bucket, key) = path.strip_prefix('/').and_then(|path| path.split_once('/')).unwrap_or_default();
        if key.is_empty() {
            return Err(NOT_IMPLEMENTED);
        }
        if bucket != &*self.name {
            return Err(Refusal::new(StatusCode::NOT_FOUND, "NoSuchBucket", "The specified bucket does not exist"));
        }
        check_key(key)?;
        call.check_wishes()?;
        match parts.method {
            Method::GET | Method::HEAD => self.show(&call, way, key),
            Method::PUT => {
                if !parts.headers.contains_key(CONTENT_LENGTH) {
                    let message = "You must provide the Content-Length HTTP header.";
                    return Err(Refusal::new(StatusCode::LENGTH_REQUIRED, "MissingContentLength", message));
                }
                let etag = etag(&body);
                self.put_as(key, body, text(&parts.headers, CONTENT_TYPE.as_str()).unwrap_or(NO_TYPE))?;
                Ok((StatusCode::OK, [(ETAG, etag)]).into_response())
            }
            Method::DELETE => {
                self.delete(key)?;
                Ok(StatusCode::NO_CONTENT.into_response())
            }
            _ => Err(NOT_IMPLEMENTED),
        }
    }

    /// An object with its headers. What those are to be says the address, where one was signed.
    fn show(&self, call: &Call<'_>, way: Way, key: &str) -> Result<Response, Refusal> {
        let wish = |name: &str| call.parameter(name);
        let (disposition, content_type) = (wish("response-content-disposition"), wish("response-content-type"));
        if (disposition.is_some() || content_type.is_some()) && (way, call.method) != (Way::Address, &Method::GET) {
            return Err(bad("InvalidRequest", "Only an address that was signed can say what headers are to be."));
        }
        // Only who may list the bucket is told what is not there: the function that gets files may, and the one that gives
        // addresses of them may not.
        let missing = match way {
            Way::Address => Refusal::new(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied"),
            _ => Refusal::new(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist."),
        };
        let object = self.get(key).ok_or(missing)?;
        let header = |value: &str| {
            HeaderValue::from_str(value).map_err(|_| bad("InvalidArgument", "A header cannot be what it is to be."))
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, header(content_type.unwrap_or(&object.content_type))?);
        headers.insert(ETAG, header(&etag(&object.content))?);
        headers.insert(LAST_MODIFIED, header(&object.at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())?);
        headers.insert(CONTENT_LENGTH, object.content.len().into());
        if let Some(disposition) = disposition {
            headers.insert(CONTENT_DISPOSITION, header(disposition)?);
        }
        Ok((headers, object.content).into_response())
    }
}

/// The MD5 of an object in quotes, as S3 has it for one that was put at once.
fn etag(content: &[u8]) -> String {
    format!("\"{:x}\"", md5::compute(content))
}

fn check_key(key: &str) -> Result<(), Refusal> {
    if key.len() > LONGEST_KEY {
        return Err(bad("KeyTooLongError", "Your key is too long"));
    }
    if key.split('/').any(|part| matches!(part, "." | "..")) {
        return Err(bad("InvalidURI", "Couldn't parse the specified URI."));
    }
    Ok(())
}

/// Where a call has its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Headers,
    Address,
}

/// A call as it came, with its path and its parameters unescaped.
struct Call<'a> {
    method: &'a Method,
    path: &'a str,
    query: &'a [(String, String)],
    headers: &'a HeaderMap,
    body: &'a [u8],
}

/// What a call says of its signature.
#[derive(Debug)]
struct Claim<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
    /// As it was signed: `20130524T000000Z`.
    date: &'a str,
    /// The digest of the body, or what stands in its place.
    digest: &'a str,
    /// How many seconds an address is good for.
    expires: Option<&'a str>,
}

impl<'a> Call<'a> {
    fn parameter(&self, name: &str) -> Option<&'a str> {
        self.query.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// Whether the call is signed by the keys of the local cloud, at this instant, with this body.
    fn check(&self, now: Timestamp) -> Result<Way, Refusal> {
        let in_address = self.query.iter().any(|(name, _)| SIGNATURE_PARAMETERS.contains(&name.as_str()));
        let (way, claim) = match (self.headers.contains_key(AUTHORIZATION), in_address) {
            (true, true) => return Err(bad("InvalidArgument", "Only one auth mechanism allowed")),
            (false, false) => return Err(denied("Access Denied")),
            (true, false) => (Way::Headers, self.claim_of_headers()?),
            (false, true) => (Way::Address, self.claim_of_address()?),
        };
        check_scope(way, &claim)?;
        if self.headers.contains_key(TOKEN) || self.parameter("X-Amz-Security-Token").is_some() {
            return Err(bad("InvalidToken", "The provided token is malformed or otherwise invalid."));
        }
        check_time(&claim, now)?;
        self.check_signed_headers(claim.signed_headers)?;
        self.check_signature(&claim)?;
        self.check_body(claim.digest)?;
        Ok(way)
    }

    fn claim_of_headers(&self) -> Result<Claim<'a>, Refusal> {
        let authorization = text(self.headers, AUTHORIZATION.as_str()).unwrap_or_default();
        let Some(fields) = authorization.strip_prefix("AWS4-HMAC-SHA256 ") else {
            return Err(bad("InvalidArgument", "Unsupported Authorization Type"));
        };
        let fields: BTreeMap<&str, &str> = fields.split(',').filter_map(|field| field.trim().split_once('=')).collect();
        let field = |name: &str| fields.get(name).copied().ok_or_else(|| malformed(Way::Headers));
        let date = text(self.headers, DATE);
        let digest = text(self.headers, DIGEST);
        Ok(Claim {
            credential: field("Credential")?,
            signed_headers: field("SignedHeaders")?,
            signature: field("Signature")?,
            date: date.ok_or_else(|| denied("AWS authentication requires a valid Date or x-amz-date header"))?,
            digest: digest.ok_or_else(|| {
                bad("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
            })?,
            expires: None,
        })
    }

    fn claim_of_address(&self) -> Result<Claim<'a>, Refusal> {
        let parameter = |name: &str| self.parameter(name).ok_or_else(|| malformed(Way::Address));
        if parameter("X-Amz-Algorithm")? != "AWS4-HMAC-SHA256" {
            return Err(malformed(Way::Address));
        }
        Ok(Claim {
            credential: parameter("X-Amz-Credential")?,
            signed_headers: parameter("X-Amz-SignedHeaders")?,
            signature: parameter("X-Amz-Signature")?,
            date: parameter("X-Amz-Date")?,
            digest: text(self.headers, DIGEST).unwrap_or(UNSIGNED),
            expires: Some(parameter("X-Amz-Expires")?),
        })
    }

    /// The host is signed, and whatever asks something of S3.
    fn check_signed_headers(&self, signed_headers: &str) -> Result<(), Refusal> {
        let signed: Vec<&str> = signed_headers.split(';').collect();
        let is_own = |name: &&HeaderName| name.as_str().starts_with(OWN_HEADERS);
        let mut needed = self.headers.keys().filter(is_own).map(HeaderName::as_str).chain(["host"]);
        if !signed.is_sorted() || needed.any(|name| !signed.contains(&name)) {
            return Err(denied("There were headers present in the request which were not signed"));
        }
        Ok(())
    }

    /// The four steps of the document: the canonical request, the text to sign, the key of the day, and the signature.
    fn check_signature(&self, claim: &Claim<'_>) -> Result<(), Refusal> {
        let canonical = self.canonical(claim);
        let scope = claim.credential.split_once('/').map(|(_, scope)| scope).unwrap_or_default();
        let to_sign = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", claim.date, sha256(canonical.as_bytes()));
        let signature = signature(SECRET_KEY, scope, &to_sign);
        if signature.as_deref() == Some(claim.signature) {
            return Ok(());
        }
        let mut refusal = Refusal::new(
            StatusCode::FORBIDDEN,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your key and signing \
             method.",
        );
        // S3 says what it signed, by which a client finds what it signed otherwise.
        refusal.more = vec![("StringToSign", to_sign), ("CanonicalRequest", canonical)];
        Err(refusal)
    }

    fn canonical(&self, claim: &Claim<'_>) -> String {
        let path: Vec<String> = self.path.split('/').map(encoded).collect();
        let signed = self.query.iter().filter(|(name, _)| name != "X-Amz-Signature");
        let mut query: Vec<(String, String)> = signed.map(|(name, value)| (encoded(name), encoded(value))).collect();
        query.sort();
        let query: Vec<String> = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let header = |name: &str| {
            let values = self.headers.get_all(name).into_iter().map(|value| {
                let words = String::from_utf8_lossy(value.as_bytes());
                words.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
            });
            format!("{name}:{}\n", values.collect::<Vec<_>>().join(","))
        };
        let headers: String = claim.signed_headers.split(';').map(header).collect();
        let (method, path, query) = (self.method, path.join("/"), query.join("&"));
        format!("{method}\n{path}\n{query}\n{headers}\n{}\n{}", claim.signed_headers, claim.digest)
    }

    fn check_body(&self, digest: &str) -> Result<(), Refusal> {
        if digest == UNSIGNED {
            return Ok(());
        }
        if digest.starts_with("STREAMING-") {
            return Err(NOT_IMPLEMENTED);
        }
        if digest != sha256(self.body) {
            let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
            return Err(bad("XAmzContentSHA256Mismatch", message));
        }
        Ok(())
    }

    /// Whether the call asks for nothing that only S3 itself can do.
    fn check_wishes(&self) -> Result<(), Refusal> {
        let is_known = |name: &str| {
            SIGNATURE_PARAMETERS.contains(&name)
                || matches!(name, "response-content-disposition" | "response-content-type" | "x-id")
        };
        let is_shown = matches!(*self.method, Method::GET | Method::HEAD);
        let is_unknown = |name: &HeaderName| {
            let is_own = name.as_str().starts_with(OWN_HEADERS) && !KNOWN_HEADERS.contains(&name.as_str());
            is_own || (!is_shown && matches!(*name, IF_MATCH | IF_NONE_MATCH))
        };
        if !self.query.iter().all(|(name, _)| is_known(name)) || self.headers.keys().any(is_unknown) {
            return Err(NOT_IMPLEMENTED);
        }
        Ok(())
    }
}

/// The key is the one that there is, and it is for this day, region and service.
fn check_scope(way: Way, claim: &Claim<'_>) -> Result<(), Refusal> {
    let scope: Vec<&str> = claim.credential.split('/').collect();
    let [key, day, REGION, "s3", "aws4_request"] = scope[..] else { return Err(malformed(way)) };
    if key != ACCESS_KEY {
        let message = "The AWS Access Key Id you provided does not exist in our records.";
        return Err(Refusal::new(StatusCode::FORBIDDEN, "InvalidAccessKeyId", message));
    }
    if claim.date.split('T').next() != Some(day) {
        return Err(malformed(way));
    }
    Ok(())
}

fn check_time(claim: &Claim<'_>, now: Timestamp) -> Result<(), Refusal> {
    let way = if claim.expires.is_some() { Way::Address } else { Way::Headers };
    let date =
        civil::DateTime::strptime("%Y%m%dT%H%M%SZ", claim.date).and_then(|date| TimeZone::UTC.to_timestamp(date));
    let date = date.map_err(|_| malformed(way))?;
    let Some(expires) = claim.expires else {
        if date.duration_since(now).abs() > LARGEST_SKEW {
            let message = "The difference between the request time and the current time is too large.";
            return Err(Refusal::new(StatusCode::FORBIDDEN, "RequestTimeTooSkewed", message));
        }
        return Ok(());
    };
    let wrong = |message: &'static str| bad("AuthorizationQueryParametersError", message);
    let expires: i64 = expires.parse().map_err(|_| wrong("X-Amz-Expires should be a number"))?;
    if expires < 0 {
        return Err(wrong("X-Amz-Expires must be non-negative"));
    }
    if expires > LONGEST_VALIDITY {
        return Err(wrong(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be \
             less than 604800 seconds",
        ));
    }
    if date.duration_since(now) > LARGEST_SKEW {
        return Err(denied("Request is not yet valid"));
    }
    if now.duration_since(date) > SignedDuration::from_secs(expires) {
        let mut refusal = denied("Request has expired");
        refusal.more = vec![("X-Amz-Expires", expires.to_string()), ("ServerTime", now.to_string())];
        return Err(refusal);
    }
    Ok(())
}

/// The signature of a text by a key that derives from the secret and each part of the scope.
fn signature(secret: &str, scope: &str, to_sign: &str) -> Option<String> {
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in scope.split('/').chain([to_sign]) {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        mac.update(part.as_bytes());
        key = mac.finalize().into_bytes().to_vec();
    }
    Some(hex::encode(key))
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

fn decoded(text: &str) -> Result<String, Refusal> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| bad("InvalidURI", "Couldn't parse the specified URI."))
}

/// The parameters of an address, each of which stands there once.
fn parameters(query: &str) -> Result<Vec<(String, String)>, Refusal> {
    let mut parameters: Vec<(String, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name)?, decoded(value)?);
        if parameters.iter().any(|(other, _)| *other == name) {
            return Err(bad("InvalidArgument", "A parameter stands there twice."));
        }
        parameters.push((name, value));
    }
    Ok(parameters)
}

/// A header that came and is text.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Why S3 did not do what it was asked to ("Error responses" in the API reference).
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
    /// What else the error says, by the names of its elements.
    more: Vec<(&'static str, String)>,
}

const TOO_LARGE: Refusal = Refusal::new(
    StatusCode::BAD_REQUEST,
    "EntityTooLarge",
    "Your proposed upload exceeds the maximum allowed object size.",
);

const NOT_IMPLEMENTED: Refusal = Refusal::new(
    StatusCode::NOT_IMPLEMENTED,
    "NotImplemented",
    "What you asked for implies functionality that is not simulated.",
);

impl Refusal {
    const fn new(status: StatusCode, code: &'static str, message: &'static str) -> Refusal {
        Refusal { status, code, message, more: Vec::new() }
    }

    fn response(self, path: &str, request_id: &str) -> Response {
        let Refusal { status, code, message, more } = self;
        let own = [("Code", code.to_owned()), ("Message", message.to_owned()), ("Resource", path.to_owned())];
        let ids = [("RequestId", request_id.to_owned()), ("HostId", "local".to_owned())];
        let element = |(name, text): (&str, String)| format!("<{name}>{}</{name}>", escaped(&text));
        let elements: String = own.into_iter().chain(more).chain(ids).map(element).collect();
        let xml = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>{elements}</Error>");
        (status, [(CONTENT_TYPE, "application/xml")], xml).into_response()
    }
}

impl From<io::Error> for Refusal {
    /// What could not be kept is not there, and the caller must know.
    fn from(error: io::Error) -> Refusal {
        tracing::error!(%error, "An object could not be written.");
        Trouble::InternalError.refusal()
    }
}

impl Trouble {
    fn refusal(self) -> Refusal {
        match self {
            Self::SlowDown => {
                Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "SlowDown", "Please reduce your request rate.")
            }
            Self::InternalError => Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalError",
                "We encountered an internal error. Please try again.",
            ),
            Self::AccessDenied => denied("Access Denied"),
        }
    }
}

fn denied(message: &'static str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "AccessDenied", message)
}

fn bad(code: &'static str, message: &'static str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, code, message)
}

/// The signature lacks something, or is for something else.
fn malformed(way: Way) -> Refusal {
    match way {
        Way::Headers => bad("AuthorizationHeaderMalformed", "The authorization header that you provided is not valid."),
        Way::Address => bad(
            "AuthorizationQueryParametersError",
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, \
             X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters, for this region and service.",
        ),
    }
}

/// Text that may stand in XML: an error repeats what a client sent, which may hold what no XML can.
fn escaped(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control() || *c == '\n').collect();
    maud::html! { (text) }.into_string()
}

/// A fresh id in the form of those of S3.
fn request_id() -> String {
    let mut bytes = [0_u8; 8];
    if getrandom::fill(&mut bytes).is_err() {
        // These ids only tell requests apart, and for that the clock is good enough.
        bytes = Timestamp::now().as_microsecond().to_be_bytes();
    }
    hex::encode_upper(bytes)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use aws_credential_types::Credentials;
    use runtime::{Environment, Runtime};
    use signed::{Caller, ObjectError, Objects, Service};
    use tokio::net::TcpListener;

    use super::*;
    use crate::providers::aws_query::random_id;
    use crate::providers::inbox::tests::Outcome;

    const HOUR: Duration = Duration::from_secs(3600);
    const CSV: &str = "text/csv; charset=utf-8";

    /// A bucket called `files`, and where it is served.
    async fn served() -> Outcome<(Bucket, String)> {
        let bucket = Bucket::open("files", None)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}{PATH}", listener.local_addr()?);
        let router = Router::new().nest(PATH, router(bucket.clone()));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok((bucket, endpoint))
    }

    fn client(endpoint: &str, bucket: &str, [key, secret, token]: [&str; 3]) -> Outcome<Objects> {
        let environment = Environment::from([
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_SESSION_TOKEN", token),
            ("PAYLINK_FILES_BUCKET", bucket),
            ("AWS_ENDPOINT_URL_S3", endpoint),
        ]);
        Ok(Objects::wire(&Runtime::new(environment)?)?)
    }

    fn own_client(endpoint: &str) -> Outcome<Objects> {
        client(endpoint, "files", [ACCESS_KEY, SECRET_KEY, ""])
    }

    /// Signs a call for one body and makes it with another. Headers that are added are not signed.
    async fn call(
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        [for_body, body]: [&'static str; 2],
        added: &[(&str, &str)],
        now: SystemTime,
    ) -> Outcome<(u16, String)> {
        let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test");
        let caller = Caller { service: Service::S3, region: REGION, credentials: &credentials };
        let request = caller.request(&method, url, headers, for_body.as_bytes(), now)?;
        let request = added.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = reqwest::Client::new().execute(request.body(body)?.try_into()?).await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    async fn get(address: &str) -> Outcome<(u16, String)> {
        let answer = reqwest::get(address).await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    fn refuses((status, xml): &(u16, String), with: u16, code: &str) -> bool {
        *status == with && xml.contains(&format!("<Code>{code}</Code>")) && xml.contains("<RequestId>")
    }

    fn refused<T>(code: &str) -> Result<T, ObjectError> {
        Err(ObjectError::Refused { code: code.to_owned() })
    }

    #[tokio::test]
    async fn an_object_is_put_got_and_deleted() -> Outcome {
        let (bucket, endpoint) = served().await?;
        let objects = own_client(&endpoint)?;
        assert_eq!(objects.get("exports/a_1.csv").await, Err(ObjectError::NotThere));
        objects.put("exports/a_1.csv", b"a;b\n".to_vec(), CSV).await?;
        objects.put("exports/b.csv", Vec::new(), CSV).await?;
        assert_eq!(objects.get("exports/a_1.csv").await?, "a;b\n");
        assert_eq!(objects.get("exports/b.csv").await?, "");
        assert_eq!(bucket.keys(), ["exports/a_1.csv", "exports/b.csv"]);
        assert_eq!(bucket.content("exports/a_1.csv").as_deref(), Some(&b"a;b\n"[..]));
        assert_eq!(bucket.content_type("exports/a_1.csv").as_deref(), Some(CSV));

        objects.put("exports/a_1.csv", b"c".to_vec(), CSV).await?;
        assert_eq!(objects.get("exports/a_1.csv").await?, "c");
        objects.delete("exports/a_1.csv").await?;
        objects.delete("exports/a_1.csv").await?;
        assert_eq!(bucket.keys(), ["exports/b.csv"]);
        bucket.put("exports/c.csv", "by somebody else")?;
        assert_eq!(objects.get("exports/c.csv").await?, "by somebody else");
        Ok(())
    }

    #[tokio::test]
    async fn an_object_may_be_as_large_as_it_says_and_no_larger() -> Outcome {
        let (bucket, endpoint) = served().await?;
        let objects = own_client(&endpoint)?;
        let large = vec![b'x'; LARGEST_OBJECT];
        objects.put("large", large.clone(), CSV).await?;
        assert!(objects.get("large").await? == large);
        let too_large = vec![b'x'; LARGEST_OBJECT + 1];
        bucket.put("too-large", too_large.clone())?;
        assert_eq!(objects.get("too-large").await, refused("EntityTooLarge"));
        assert_eq!(objects.put("too-large", too_large, CSV).await, refused("EntityTooLarge"));
        Ok(())
    }

    #[tokio::test]
    async fn whoever_has_other_keys_is_refused() -> Outcome {
        let (bucket, endpoint) = served().await?;
        bucket.put("a", "a")?;
        for (keys, code) in [
            ([ACCESS_KEY, "another", ""], "SignatureDoesNotMatch"),
            (["another", SECRET_KEY, ""], "InvalidAccessKeyId"),
            ([ACCESS_KEY, SECRET_KEY, "a-token"], "InvalidToken"),
        ] {
            let objects = client(&endpoint, "files", keys)?;
            assert_eq!(objects.get("a").await, refused(code));
            assert_eq!(objects.delete("a").await, refused(code));
            let answer = get(&objects.address_to_get("a", "a", CSV, HOUR, SystemTime::now())?).await?;
            assert!(answer.1.contains(&format!("<Code>{code}</Code>")), "{answer:?}");
        }
        assert_eq!(bucket.keys(), ["a"]);
        let answer = get(&format!("{endpoint}/files/a")).await?;
        assert!(refuses(&answer, 403, "AccessDenied"), "{answer:?}");
        assert_eq!(client(&endpoint, "others", [ACCESS_KEY, SECRET_KEY, ""])?.get("a").await, refused("NoSuchBucket"));
        Ok(())
    }

    #[tokio::test]
    async fn an_address_gives_a_file_with_its_name_and_type() -> Outcome {
        let (bucket, endpoint) = served().await?;
        let objects = own_client(&endpoint)?;
        bucket.put("exports/a.csv", "a;b")?;
        let address = objects.address_to_get("exports/a.csv", "März +1.csv", CSV, HOUR, SystemTime::now())?;
        let answer = reqwest::get(&address).await?;
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert_eq!(
            header("content-disposition"),
            "attachment; filename=\"M_rz _1.csv\"; filename*=UTF-8''M%C3%A4rz%20%2B1.csv"
        );
        assert_eq!([header("content-type"), header("content-length")], [CSV, "3"]);
        // The digest that `md5sum` gives.
        assert_eq!(header("etag"), "\"45d17989299efc4321960bf46f2ebd0a\"");
        assert!(header("last-modified").ends_with(" GMT"));
        assert_eq!(header("x-amz-request-id").len(), 16);
        assert_eq!(answer.text().await?, "a;b");
        Ok(())
    }

    #[tokio::test]
    async fn an_address_is_good_for_what_was_signed_and_nothing_else() -> Outcome {
        let (bucket, endpoint) = served().await?;
        let objects = own_client(&endpoint)?;
        bucket.put("a.csv", "mine")?;
        bucket.put("b.csv", "another's")?;
        let address = objects.address_to_get("a.csv", "a.csv", CSV, HOUR, SystemTime::now())?;
        assert_eq!(get(&address).await?, (200, "mine".to_owned()));
        for (what, other) in [
            ("/a.csv?", "/b.csv?"),
            ("text%2Fcsv", "text%2Fhtml"),
            ("X-Amz-Expires=3600", "X-Amz-Expires=7200"),
            ("X-Amz-Signature=", "x-id=1&X-Amz-Signature="),
        ] {
            let answer = get(&address.replace(what, other)).await?;
            assert!(refuses(&answer, 403, "SignatureDoesNotMatch"), "{other}: {answer:?}");
        }
        let answer = reqwest::Client::new().delete(&address).send().await?;
        assert_eq!(answer.status(), 403);
        for (what, other) in [
            ("X-Amz-Expires=3600", "X-Amz-Expires=604801"),
            ("X-Amz-Expires=3600", "X-Amz-Expires=-1"),
            ("X-Amz-Expires=3600", "X-Amz-Expires=long"),
            ("X-Amz-Expires=3600&", ""),
            ("us-east-1", "eu-west-1"),
        ] {
            let answer = get(&address.replace(what, other)).await?;
            assert!(refuses(&answer, 400, "AuthorizationQueryParametersError"), "{other}: {answer:?}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn an_address_is_good_for_as_long_as_it_says() -> Outcome {
        let (bucket, endpoint) = served().await?;
        let objects = own_client(&endpoint)?;
        bucket.put("a", "a")?;
        let (ago, ahead) = (|time| SystemTime::now() - time, |time| SystemTime::now() + time);
        for (at, status, message) in [
            (ago(HOUR / 2), 200, "a"),
            (ago(HOUR * 2), 403, "Request has expired"),
            (ahead(HOUR / 12), 200, "a"),
            (ahead(HOUR), 403, "Request is not yet valid"),
        ] {
            let answer = get(&objects.address_to_get("a", "a", CSV, HOUR, at)?).await?;
            assert!(answer.0 == status && answer.1.contains(message), "{answer:?}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn an_address_to_put_takes_the_content_type_that_was_signed() -> Outcome {
        let (bucket, endpoint) = served().await?;
        let address = own_client(&endpoint)?.address_to_put("uploads/a", CSV, HOUR, SystemTime::now())?;
        let put = async |content_type: Option<&str>| -> Outcome<(u16, String)> {
            let request = reqwest::Client::new().put(&address).body("a;b");
            let request = content_type.into_iter().fold(request, |request, given| request.header(CONTENT_TYPE, given));
            let answer = request.send().await?;
            Ok((answer.status().as_u16(), answer.text().await?))
        };
        for other in [Some("text/html"), None] {
            let answer = put(other).await?;
            assert!(refuses(&answer, 403, "SignatureDoesNotMatch"), "{answer:?}");
        }
        assert!(bucket.keys().is_empty());
        assert_eq!(put(Some(CSV)).await?.0, 200);
        assert_eq!(bucket.content("uploads/a").as_deref(), Some(&b"a;b"[..]));
        assert_eq!(bucket.content_type("uploads/a").as_deref(), Some(CSV));
        assert!(refuses(&get(&address).await?, 403, "SignatureDoesNotMatch"));
        Ok(())
    }

    #[tokio::test]
    async fn a_call_that_was_changed_or_comes_at_another_time_is_refused() -> Outcome {
        let (bucket, endpoint) = served().await?;
        let url = format!("{endpoint}/files/a");
        let now = SystemTime::now();
        let answer = call(Method::PUT, &url, &[], ["a;b", "a;c"], &[], now).await?;
        assert!(refuses(&answer, 400, "XAmzContentSHA256Mismatch"), "{answer:?}");
        for at in [now - HOUR / 3, now + HOUR / 3] {
            let answer = call(Method::PUT, &url, &[], ["a;b"; 2], &[], at).await?;
            assert!(refuses(&answer, 403, "RequestTimeTooSkewed"), "{answer:?}");
        }
        let answer = call(Method::PUT, &url, &[], ["a;b"; 2], &[("x-amz-acl", "public-read")], now).await?;
        assert!(refuses(&answer, 403, "AccessDenied"), "{answer:?}");
        assert!(bucket.keys().is_empty());
        let answer = call(Method::PUT, &url, &[], ["a;b"; 2], &[], now - HOUR / 6).await?;
        assert_eq!(answer, (200, String::new()));
        assert_eq!(bucket.keys(), ["a"]);
        Ok(())
    }

    #[tokio::test]
    async fn what_is_not_simulated_is_refused() -> Outcome {
        let (bucket, endpoint) = served().await?;
        bucket.put("a", "abc")?;
        let now = SystemTime::now();
        let plain = |method: Method, path: &'static str| {
            let url = format!("{endpoint}{path}");
            async move { call(method, &url, &[], [""; 2], &[], now).await }
        };
        for (method, path) in [
            (Method::GET, "/files/"),
            (Method::GET, "/files"),
            (Method::POST, "/files/a"),
            (Method::GET, "/files/a?acl"),
            (Method::PUT, "/files/a?partNumber=1"),
        ] {
            let answer = plain(method, path).await?;
            assert!(refuses(&answer, 501, "NotImplemented"), "{path}: {answer:?}");
        }
        let answer = plain(Method::GET, "/files/a?response-content-type=text%2Fcsv").await?;
        assert!(refuses(&answer, 400, "InvalidRequest"), "{answer:?}");
        let asks = [("x-amz-acl", "public-read")];
        let answer = call(Method::PUT, &format!("{endpoint}/files/a"), &asks, [""; 2], &[], now).await?;
        assert!(refuses(&answer, 501, "NotImplemented"), "{answer:?}");
        // A client takes them out of an address where they are not escaped.
        assert!(matches!(check_key("a/../b"), Err(Refusal { code: "InvalidURI", .. })));
        assert!(matches!(check_key(&"a".repeat(1025)), Err(Refusal { code: "KeyTooLongError", .. })));
        // What is looked at comes without what is in it, and an error without its XML.
        assert_eq!(plain(Method::HEAD, "/files/a").await?, (200, String::new()));
        assert_eq!(plain(Method::HEAD, "/files/b").await?, (404, String::new()));
        Ok(())
    }

    #[tokio::test]
    async fn trouble_that_passes_is_not_seen_by_the_caller() -> Outcome {
        let (bucket, endpoint) = served().await?;
        let objects = own_client(&endpoint)?;
        for trouble in [Trouble::SlowDown, Trouble::InternalError] {
            bucket.refuse_next(2, trouble);
            objects.put("a", b"a".to_vec(), CSV).await?;
        }
        bucket.refuse_next(3, Trouble::SlowDown);
        assert_eq!(objects.get("a").await, Err(ObjectError::Unavailable("S3 answered SlowDown".to_owned())));
        assert_eq!(objects.get("a").await?, "a");
        bucket.refuse_next(1, Trouble::AccessDenied);
        assert_eq!(objects.get("a").await, refused("AccessDenied"));
        // A page of a proxy is no answer of S3.
        let order = serde_json::json!({ "call": "send", "how": "502_html", "times": 3 }).to_string();
        let ordered =
            reqwest::Client::new().post(format!("{endpoint}/simulator/next_answer")).body(order).send().await?;
        assert_eq!(ordered.status(), 200);
        assert_eq!(objects.delete("a").await, Err(ObjectError::Unavailable("S3 answered status 502".to_owned())));
        assert_eq!(bucket.keys(), ["a"]);
        Ok(())
    }

    #[test]
    fn objects_survive_a_restart() -> Outcome {
        let folder = std::env::temp_dir().join(format!("paylink-files-{}", random_id()));
        let bucket = Bucket::open("files", Some(&folder))?;
        bucket.put_as("a", Bytes::from_static(b"1\n2"), CSV)?;
        bucket.put("a/b", "")?;
        bucket.put("c", "c")?;
        bucket.delete("c")?;

        let reopened = Bucket::open("files", Some(&folder))?;
        assert_eq!(reopened.keys(), ["a", "a/b"]);
        assert_eq!(reopened.content("a").as_deref(), Some(&b"1\n2"[..]));
        assert_eq!(reopened.content_type("a").as_deref(), Some(CSV));
        fs::write(folder.join("x.object"), "{")?;
        assert!(Bucket::open("files", Some(&folder)).is_err());
        Ok(fs::remove_dir_all(folder)?)
    }

    /// The examples of "Signature Calculations for the Authorization Header" and of "Authenticating Requests: Using Query
    /// Parameters" in the API reference.
    #[test]
    fn signatures_are_those_of_the_documentation() -> Outcome {
        const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        const SCOPE: &str = "20130524/us-east-1/s3/aws4_request";
        const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let made = |method, path, query, digest, headers: &[(&'static str, &str)]| -> Outcome<Option<String>> {
            let mut map = HeaderMap::new();
            map.insert("host", HeaderValue::from_static("examplebucket.s3.amazonaws.com"));
            for (name, value) in headers {
                map.insert(*name, value.parse()?);
            }
            let mut names: Vec<&str> = map.keys().map(HeaderName::as_str).collect();
            names.sort_unstable();
            let claim = Claim {
                credential: SCOPE,
                signed_headers: &names.join(";"),
                signature: "",
                date: "20130524T000000Z",
                digest,
                expires: None,
            };
            let call = Call { method: &method, path, query: &parameters(query)?, headers: &map, body: b"" };
            let canonical = sha256(call.canonical(&claim).as_bytes());
            Ok(signature(SECRET, SCOPE, &format!("AWS4-HMAC-SHA256\n{}\n{SCOPE}\n{canonical}", claim.date)))
        };
        let date = ("x-amz-date", "20130524T000000Z");

        let range = [("range", "bytes=0-9"), ("x-amz-content-sha256", NOTHING), date];
        let got = made(Method::GET, "/test.txt", "", NOTHING, &range)?;
        assert_eq!(got.as_deref(), Some("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"));

        let digest = sha256(b"Welcome to Amazon S3.");
        let class = [
            ("date", "Fri, 24 May 2013 00:00:00 GMT"),
            ("x-amz-content-sha256", &digest),
            date,
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ];
        let put = made(Method::PUT, "/test$file.text", "", &digest, &class)?;
        assert_eq!(put.as_deref(), Some("98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));

        let listed =
            made(Method::GET, "/", "max-keys=2&prefix=J", NOTHING, &[("x-amz-content-sha256", NOTHING), date])?;
        assert_eq!(listed.as_deref(), Some("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));

        let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2F\
             aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=x";
        let address = made(Method::GET, "/test.txt", query, UNSIGNED, &[])?;
        assert_eq!(address.as_deref(), Some("aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"));
        Ok(())
    }
}
