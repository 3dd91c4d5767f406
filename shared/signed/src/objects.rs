//! The bucket with the files, by the REST API of Amazon S3: what a function puts, gets and deletes itself, and addresses by
//! which a browser does it without us.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use bytes::Bytes;
use http::Method;
use outbound::{Answer, Http};
use runtime::{ConfigurationError, Runtime};

use crate::call::{Call, NoAnswer, Persistence, persistently};
use crate::sign::{Caller, Service, escaped};

/// The largest object that is put or got, in bytes. A function holds it in its memory.
pub const LARGEST_OBJECT: usize = 64 * 1024 * 1024;

/// S3 takes no longer key, in bytes.
const LONGEST_KEY: usize = 1024;

/// All three calls leave the same behind however often they are made. No call takes longer than this with all its tries;
/// a connection on which nothing comes is given up earlier (`runtime::READ_TIMEOUT`), so that there is time for another.
const PERSISTENCE: Persistence = Persistence { tries: 3, patience: Duration::from_secs(20) };

/// What every file is called that has no name.
const NO_NAME: &str = "file";

/// Why an object was not put, got, deleted, or given an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// No object has this key.
    #[error("there is no such object")]
    NotThere,
    /// The same call will be refused again. The code is that of S3, or its status where it gives none. Our own are
    /// `InvalidKey`, `EntityTooLarge` for what is larger than [`LARGEST_OBJECT`], and `NotSigned` for a content type that
    /// cannot be sent or an address that would be good for too long or not at all.
    #[error("the storage of files refused the call: {code}")]
    Refused { code: String },
    /// No answer, or one that says that there is trouble, as often as it was tried. The reason has no address.
    #[error("the storage of files is not available: {0}")]
    Unavailable(String),
}

impl ObjectError {
    fn refused(code: &str) -> Self {
        Self::Refused { code: code.to_owned() }
    }
}

/// One bucket. Cheap to clone. `Debug` shows where it is and nothing of the credentials.
#[derive(Clone)]
pub struct Objects {
    http: Http,
    /// What stands before a key in an address, with the slash at its end.
    base: String,
    region: String,
    credentials: Credentials,
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { http: _, base, region, credentials: _ } = self;
        f.debug_struct("Objects").field("base", base).field("region", region).finish_non_exhaustive()
    }
}

impl Objects {
    /// The bucket that `PAYLINK_FILES_BUCKET` names, in the region of the function. `AWS_ENDPOINT_URL_S3` names another S3,
    /// which has the bucket in its paths.
    ///
    /// # Errors
    ///
    /// Where a variable is missing, or is no name of a bucket or no address.
    pub fn wire(runtime: &Runtime) -> Result<Self, ConfigurationError> {
        const BUCKET: &str = "PAYLINK_FILES_BUCKET";
        const ENDPOINT: &str = "AWS_ENDPOINT_URL_S3";
        let environment = runtime.environment();
        let bucket = environment.required(BUCKET)?;
        if !is_bucket(&bucket) {
            return Err(ConfigurationError::invalid(BUCKET, "it is not 3 to 63 of the characters a-z, 0-9 and -"));
        }
        let region = environment.required("AWS_REGION")?;
        let base = match environment.optional(ENDPOINT) {
            Some(_) => format!("{}/{bucket}/", environment.base_url(ENDPOINT)?),
            None => format!("https://{bucket}.s3.{region}.{}/", domain_of(&region)),
        };
        Ok(Self { http: runtime.http_to_aws(LARGEST_OBJECT), base, region, credentials: runtime.credentials()? })
    }

    /// Puts an object of at most [`LARGEST_OBJECT`] bytes there, in the place of one that has the key.
    ///
    /// # Errors
    ///
    /// See [`ObjectError`]. Where it is not available, the object may be there all the same.
    pub async fn put(&self, key: &str, body: Vec<u8>, content_type: &str) -> Result<(), ObjectError> {
        if body.len() > LARGEST_OBJECT {
            return Err(ObjectError::refused("EntityTooLarge"));
        }
        self.call(Method::PUT, key, &[("content-type", content_type)], body.into()).await.map(drop)
    }

    /// All of an object.
    ///
    /// # Errors
    ///
    /// See [`ObjectError`]. S3 says that an object is not there only to those who may list the bucket; to others it says
    /// `AccessDenied`.
    pub async fn get(&self, key: &str) -> Result<Bytes, ObjectError> {
        self.call(Method::GET, key, &[], Bytes::new()).await.map(|answer| answer.body)
    }

    /// Deletes an object, which need not be there.
    ///
    /// # Errors
    ///
    /// See [`ObjectError`]. Where it is not available, the object may be gone all the same.
    pub async fn delete(&self, key: &str) -> Result<(), ObjectError> {
        self.call(Method::DELETE, key, &[], Bytes::new()).await.map(drop)
    }

    /// An address at which a browser saves the object as a file of this name, from `now` on for so long: a whole number
    /// of seconds, at most [`LONGEST_VALIDITY`](crate::LONGEST_VALIDITY), and no longer than the function's own
    /// credentials. Whether the object is there is not asked.
    ///
    /// # Errors
    ///
    /// Only [`ObjectError::Refused`].
    pub fn address_to_get(
        &self,
        key: &str,
        file_name: &str,
        content_type: &str,
        valid_for: Duration,
        now: SystemTime,
    ) -> Result<String, ObjectError> {
        // S3 would answer every use of the address with an error.
        if http::HeaderValue::from_str(content_type).is_err() {
            return Err(ObjectError::refused("NotSigned"));
        }
        let url = format!(
            "{}?response-content-disposition={}&response-content-type={}",
            self.url(key)?,
            escaped(&attachment(file_name)),
            escaped(content_type)
        );
        self.address(&Method::GET, &url, &[], valid_for, now)
    }

    /// An address at which a browser puts an object of this content type, which it has to send as a header, from `now` on
    /// for so long, as in [`address_to_get`](Self::address_to_get). How large the object may be it does not say.
    ///
    /// # Errors
    ///
    /// Only [`ObjectError::Refused`].
    pub fn address_to_put(
        &self,
        key: &str,
        content_type: &str,
        valid_for: Duration,
        now: SystemTime,
    ) -> Result<String, ObjectError> {
        self.address(&Method::PUT, &self.url(key)?, &[("content-type", content_type)], valid_for, now)
    }

    fn address(
        &self,
        method: &Method,
        url: &str,
        headers: &[(&str, &str)],
        valid_for: Duration,
        now: SystemTime,
    ) -> Result<String, ObjectError> {
        let address = self.caller().address(method, url, headers, valid_for, now);
        address.map_err(|_| ObjectError::refused("NotSigned"))
    }

    fn caller(&self) -> Caller<'_> {
        Caller { service: Service::S3, region: &self.region, credentials: &self.credentials }
    }

    /// Keys have only characters that stand in an address as they are.
    fn url(&self, key: &str) -> Result<String, ObjectError> {
        if is_key(key) { Ok(format!("{}{key}", self.base)) } else { Err(ObjectError::refused("InvalidKey")) }
    }

    async fn call(
        &self,
        method: Method,
        key: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, ObjectError> {
        let url = self.url(key)?;
        let call = Call { method, url: &url, headers, body };
        match persistently(&self.http, self.caller(), &call, PERSISTENCE, is_passing).await {
            Ok(answer) => read(answer),
            Err(NoAnswer::NotSigned) => Err(ObjectError::refused("NotSigned")),
            Err(NoAnswer::TooLarge) => Err(ObjectError::refused("EntityTooLarge")),
            Err(NoAnswer::Failed(reason)) => Err(ObjectError::Unavailable(reason)),
        }
    }
}

/// S3's own rules without the dot: with one in the bucket's name, no certificate of S3 fits its host.
fn is_bucket(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Where the hosts of a region are.
fn domain_of(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

/// Parts that are not empty, with a slash between them, of letters, digits, `_`, `.` and `-`. None of them is `.` or `..`,
/// which a browser would take out of an address.
fn is_key(key: &str) -> bool {
    let is_part = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
    };
    key.len() <= LONGEST_KEY && key.split('/').all(is_part)
}

/// That what comes is a file to be saved under this name (RFC 6266): once in ASCII, for those who read nothing else, and
/// once as it is. A name is no path and has no control characters.
fn attachment(file_name: &str) -> String {
    let name: String =
        file_name.trim().chars().map(|c| if c.is_control() || matches!(c, '/' | '\\') { '_' } else { c }).collect();
    let name = if name.is_empty() { NO_NAME } else { &name };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_' | '(' | ')');
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", escaped(name))
}

/// Whether S3 may answer otherwise soon ("Error responses": trouble of its own, too many calls, and a body that came too
/// slowly).
fn is_passing(answer: &Answer) -> bool {
    let is_code = |code: &str| matches!(code, "SlowDown" | "RequestTimeout");
    answer.status >= 500 || answer.status == 429 || (answer.status >= 400 && code_of(&answer.body).is_some_and(is_code))
}

fn read(answer: Answer) -> Result<Answer, ObjectError> {
    if (200..300).contains(&answer.status) {
        return Ok(answer);
    }
    let code = code_of(&answer.body);
    let said = code.map_or_else(|| format!("status {}", answer.status), str::to_owned);
    if is_passing(&answer) {
        return Err(ObjectError::Unavailable(format!("S3 answered {said}")));
    }
    match (answer.status, code) {
        (404, None | Some("NoSuchKey")) => Err(ObjectError::NotThere),
        _ => Err(ObjectError::Refused { code: said }),
    }
}

/// The code of an error. It is the only thing that is read of an answer of S3, so that no parser of XML is needed.
fn code_of(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, behind) = text.split_once("<Code>")?;
    let (code, _) = behind.split_once("</Code>")?;
    let is_code = !code.is_empty() && code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_code.then_some(code)
}

#[cfg(test)]
mod tests {
    use runtime::Environment;

    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    /// 24 May 2013, 00:00 UTC.
    fn then() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_369_353_600)
    }

    fn wired(bucket: &str, endpoint: &str) -> Result<Objects, ConfigurationError> {
        let environment = Environment::from([
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_SESSION_TOKEN", "a-token"),
            ("PAYLINK_FILES_BUCKET", bucket),
            ("AWS_ENDPOINT_URL_S3", endpoint),
        ]);
        Objects::wire(&Runtime::new(environment)?)
    }

    fn is_refused<T>(result: Result<T, ObjectError>, with: &str) -> bool {
        matches!(result, Err(ObjectError::Refused { code }) if code == with)
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn an_address_to_get_has_the_file_s_name_and_type_in_it() {
        let objects = wired("examplebucket", "").unwrap();
        let address = objects.address_to_get("exports/a_1.csv", "Zahlungen März.csv", "text/csv", HOUR, then());
        let address = address.unwrap();
        let begin = "https://examplebucket.s3.us-east-1.amazonaws.com/exports/a_1.csv\
             ?response-content-disposition=attachment%3B%20filename%3D%22Zahlungen%20M_rz.csv%22%3B%20\
             filename%2A%3DUTF-8%27%27Zahlungen%2520M%25C3%25A4rz.csv&response-content-type=text%2Fcsv\
             &X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2F\
             aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=";
        assert!(address.starts_with(begin), "{address}");
        assert!(address.ends_with("&X-Amz-Security-Token=a-token"), "{address}");
        assert!(is_refused(objects.address_to_get("a", "a", "text/csv\r\nx: y", HOUR, then()), "NotSigned"));
    }

    #[test]
    fn an_address_to_put_is_good_for_one_content_type() {
        let objects = wired("examplebucket", "").unwrap();
        let address = |content_type: &str| objects.address_to_put("uploads/a", content_type, HOUR, then()).unwrap();
        assert!(address("text/csv").contains("X-Amz-SignedHeaders=content-type%3Bhost"));
        assert!(!address("text/csv").contains("text"));
        assert_ne!(address("text/csv"), address("text/plain"));
        assert!(is_refused(objects.address_to_put("a", "text/csv\r\nx: y", HOUR, then()), "NotSigned"));
    }

    #[test]
    fn another_s3_has_the_bucket_in_its_paths() {
        let objects = wired("files", "http://127.0.0.1:9001/s3/").unwrap();
        let address = objects.address_to_put("a/b.csv", "text/csv", HOUR, then()).unwrap();
        assert!(address.starts_with("http://127.0.0.1:9001/s3/files/a/b.csv?X-Amz-"), "{address}");
    }

    #[tokio::test]
    async fn keys_that_are_none_are_refused_before_anything_is_called() {
        let objects = wired("examplebucket", "").unwrap();
        let long = "a".repeat(LONGEST_KEY + 1);
        for key in
            ["", "/", "a//b", "/a", "a/", ".", "..", "a/../b", "a/./b", "a b", "a?b", "a%2Fb", "ä", "a\\b", &long]
        {
            assert!(is_refused(objects.address_to_get(key, "a", "text/csv", HOUR, then()), "InvalidKey"), "{key}");
            assert!(is_refused(objects.address_to_put(key, "text/csv", HOUR, then()), "InvalidKey"), "{key}");
            assert!(is_refused(objects.put(key, Vec::new(), "text/csv").await, "InvalidKey"), "{key}");
            assert!(is_refused(objects.get(key).await, "InvalidKey"), "{key}");
            assert!(is_refused(objects.delete(key).await, "InvalidKey"), "{key}");
        }
        for key in ["a", "a/b-c_d.csv", "...", "a/.b"] {
            assert!(objects.address_to_put(key, "text/csv", HOUR, then()).is_ok(), "{key}");
        }
    }

    #[test]
    fn a_variable_that_cannot_be_used_is_named() {
        for (bucket, endpoint, named) in [
            ("", "", "PAYLINK_FILES_BUCKET"),
            ("a.b.c", "", "PAYLINK_FILES_BUCKET"),
            ("Files", "", "PAYLINK_FILES_BUCKET"),
            ("files/x", "", "PAYLINK_FILES_BUCKET"),
            ("files", "nowhere", "AWS_ENDPOINT_URL_S3"),
        ] {
            assert!(wired(bucket, endpoint).unwrap_err().to_string().contains(named), "{bucket} {endpoint}");
        }
    }

    #[test]
    fn nothing_of_the_credentials_is_shown() {
        let shown = format!("{:?}", wired("examplebucket", "").unwrap());
        assert!(shown.contains("examplebucket"), "{shown}");
        for secret in [SECRET, "AKIA", "a-token"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn a_file_name_cannot_leave_its_quotes_or_name_a_folder() {
        for (name, expected) in [
            ("a.csv", "attachment; filename=\"a.csv\"; filename*=UTF-8''a.csv"),
            ("a\"; x=\"b.csv", "attachment; filename=\"a__ x__b.csv\"; filename*=UTF-8''a%22%3B%20x%3D%22b.csv"),
            ("../a\\b\r\n.csv", "attachment; filename=\".._a_b__.csv\"; filename*=UTF-8''.._a_b__.csv"),
            ("سلام", "attachment; filename=\"____\"; filename*=UTF-8''%D8%B3%D9%84%D8%A7%D9%85"),
            (" ", "attachment; filename=\"file\"; filename*=UTF-8''file"),
        ] {
            assert_eq!(attachment(name), expected);
        }
    }

    #[test]
    fn answers_of_s3_are_told_apart() {
        let answered = |status: u16, code: &str| {
            let body = format!("<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>x</Message></Error>");
            read(Answer { status, retry_after: None, body: body.into() }).unwrap_err()
        };
        assert_eq!(answered(404, "NoSuchKey"), ObjectError::NotThere);
        assert_eq!(answered(404, "NoSuchBucket"), ObjectError::refused("NoSuchBucket"));
        assert_eq!(answered(403, "AccessDenied"), ObjectError::refused("AccessDenied"));
        assert_eq!(answered(403, "<b>"), ObjectError::refused("status 403"));
        for (status, code) in [(503, "SlowDown"), (500, "InternalError"), (400, "RequestTimeout"), (429, "x")] {
            assert_eq!(answered(status, code), ObjectError::Unavailable(format!("S3 answered {code}")));
        }
        let nothing = Answer { status: 404, retry_after: None, body: Bytes::new() };
        assert_eq!(read(nothing).unwrap_err(), ObjectError::NotThere);
        assert!(read(Answer { status: 204, retry_after: None, body: Bytes::new() }).is_ok());
    }
}
