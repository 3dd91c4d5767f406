//! The signature of one call ("AWS Signature Version 4"), in its headers or in its address.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningInstructions,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::request::Builder;
use http::{Method, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// No signed address can be used for longer: S3 refuses one that says more.
pub const LONGEST_VALIDITY: Duration = Duration::from_secs(604_800);

/// What stands in an address or a header as it is, by RFC 3986. AWS signs everything else escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text in which everything but letters, digits and `-._~` is escaped, in UTF-8.
pub(crate) fn escaped(text: &str) -> impl fmt::Display {
    utf8_percent_encode(text, ESCAPED)
}

/// A service that is called without an SDK's client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Amazon S3: objects in a bucket.
    S3,
    /// AWS End User Messaging Social: WhatsApp.
    SocialMessaging,
    /// Amazon SQS: queues.
    Sqs,
}

impl Service {
    /// How AWS calls the service in signatures and in its hosts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::SocialMessaging => "social-messaging",
            Self::Sqs => "sqs",
        }
    }
}

/// The call has no address with a host, a header that cannot be sent, or a validity that no address can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call cannot be signed")]
pub struct NotSigned;

/// Whoever calls a service, and in which region. `Debug` shows nothing of the credentials.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    pub service: Service,
    /// As in `AWS_REGION`.
    pub region: &'a str,
    /// Where they have a session token, it is signed and sent along.
    pub credentials: &'a Credentials,
}

impl fmt::Debug for Caller<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, region, credentials: _ } = self;
        f.debug_struct("Caller").field("service", service).field("region", region).finish_non_exhaustive()
    }
}

impl Caller<'_> {
    /// A call with its headers and those of its signature, which is good for some minutes around `now`. The address is
    /// absolute and escaped already. All headers are signed, so that they must not be changed afterwards; others may be
    /// added.
    ///
    /// # Errors
    ///
    /// Where the address names no host, or a header is none.
    pub fn request(
        self,
        method: &Method,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        now: SystemTime,
    ) -> Result<Builder, NotSigned> {
        let body = SignableBody::Bytes(body);
        let (signature, _) = self.sign(method, url, headers, body, self.settings(), now)?.into_parts();
        let request = http::Request::builder().method(method).uri(url);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Ok(signature.iter().fold(request, |request, header| request.header(header.name(), header.value())))
    }

    /// An address of S3 by which whoever has it can make one call, from `now` on for so long, in seconds. It must be made
    /// with the same method and with the same headers. What the body is does not matter to it. It ends with the
    /// credentials where those end earlier, as those of a function do after some hours.
    ///
    /// # Errors
    ///
    /// Where the address names no host, a header is none, or the validity is shorter than a second or longer than
    /// [`LONGEST_VALIDITY`].
    pub fn address(
        self,
        method: &Method,
        url: &str,
        headers: &[(&str, &str)],
        valid_for: Duration,
        now: SystemTime,
    ) -> Result<String, NotSigned> {
        if valid_for < Duration::from_secs(1) || valid_for > LONGEST_VALIDITY {
            return Err(NotSigned);
        }
        let mut settings = self.settings();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(valid_for);
        let body = SignableBody::UnsignedPayload;
        let (_, signature) = self.sign(method, url, headers, body, settings, now)?.into_parts();
        let separator = if url.contains('?') { "&" } else { "?" };
        let parameters: Vec<String> =
            signature.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        Ok(format!("{url}{separator}{}", parameters.join("&")))
    }

    fn settings(self) -> SigningSettings {
        let mut settings = SigningSettings::default();
        if self.service == Service::S3 {
            // S3 takes a path as it came, and wants the digest of the body in a header of its own.
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        settings
    }

    fn sign(
        self,
        method: &Method,
        url: &str,
        headers: &[(&str, &str)],
        body: SignableBody<'_>,
        settings: SigningSettings,
        now: SystemTime,
    ) -> Result<SigningInstructions, NotSigned> {
        // What signs takes it for granted that an address is whole, and would end the process.
        let is_whole = |uri: Uri| uri.scheme().is_some() && uri.host().is_some_and(|host| !host.is_empty());
        if !url.parse().is_ok_and(is_whole) {
            return Err(NotSigned);
        }
        let identity = self.credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service.name())
            .time(now)
            .settings(settings)
            .build()
            .map_err(|_| NotSigned)?;
        let signable =
            SignableRequest::new(method.as_str(), url, headers.iter().copied(), body).map_err(|_| NotSigned)?;
        let (instructions, _) = sign(signable, &parameters.into()).map_err(|_| NotSigned)?.into_parts();
        Ok(instructions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of "Authenticating Requests (AWS Signature Version 4)" in the S3 API reference are of
    /// 24 May 2013, 00:00 UTC.
    const THEN: u64 = 1_369_353_600;
    const FILE: &str = "https://examplebucket.s3.amazonaws.com/test.txt";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn then() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(THEN)
    }

    fn credentials(token: Option<&str>) -> Credentials {
        Credentials::new("AKIAIOSFODNN7EXAMPLE", SECRET, token.map(str::to_owned), None, "test")
    }

    fn of(service: Service, credentials: &Credentials) -> Caller<'_> {
        Caller { service, region: "us-east-1", credentials }
    }

    #[test]
    fn an_address_is_that_of_the_documentation() {
        let credentials = credentials(None);
        let day = Duration::from_secs(86_400);
        let address = of(Service::S3, &credentials).address(&Method::GET, FILE, &[], day, then()).unwrap();
        assert_eq!(
            address,
            "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }

    #[test]
    fn headers_are_those_of_the_documentation() {
        const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let credentials = credentials(None);
        let headers = [("range", "bytes=0-9")];
        let request = of(Service::S3, &credentials).request(&Method::GET, FILE, &headers, b"", then()).unwrap();
        let header = |name: &str| request.headers_ref().unwrap()[name].to_str().unwrap();
        assert_eq!(
            header("authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
             SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, \
             Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        assert_eq!([header("range"), header("x-amz-content-sha256")], ["bytes=0-9", NOTHING]);
        assert_eq!(header("x-amz-date"), "20130524T000000Z");
    }

    #[test]
    fn a_session_token_is_signed_and_sent_along() {
        let credentials = credentials(Some("a/token="));
        let headers = [("content-type", "application/json")];
        let caller = of(Service::SocialMessaging, &credentials);
        let request = caller.request(&Method::POST, "https://service.example/", &headers, b"{}", then()).unwrap();
        let sent = request.headers_ref().unwrap();
        let authorization = sent["authorization"].to_str().unwrap();
        assert!(authorization.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token,"));
        assert!(authorization.contains("/us-east-1/social-messaging/aws4_request"));
        assert_eq!(sent["x-amz-security-token"], "a/token=");
        // Only S3 wants the digest of the body in a header.
        assert!(!sent.contains_key("x-amz-content-sha256"));

        let minute = Duration::from_secs(60);
        let address = of(Service::S3, &credentials).address(&Method::GET, FILE, &[], minute, then()).unwrap();
        assert!(address.ends_with("&X-Amz-Security-Token=a%2Ftoken%3D"), "{address}");
    }

    #[test]
    fn what_cannot_be_signed_is_said_to_be_so() {
        let credentials = credentials(None);
        let caller = of(Service::S3, &credentials);
        for url in ["nowhere", "nowhere:80", "//nowhere/a", "/a/b", "http://", "http:///a", ""] {
            assert!(caller.request(&Method::GET, url, &[], b"", then()).is_err(), "{url}");
        }
        assert!(caller.request(&Method::GET, FILE, &[("a", "b\nc")], b"", then()).is_err());
        for valid_for in [Duration::ZERO, LONGEST_VALIDITY + Duration::from_secs(1)] {
            assert_eq!(caller.address(&Method::GET, FILE, &[], valid_for, then()), Err(NotSigned));
        }
        assert!(caller.address(&Method::GET, FILE, &[], LONGEST_VALIDITY, then()).is_ok());
    }

    #[test]
    fn nothing_of_the_credentials_is_shown() {
        let credentials = credentials(Some("a-token"));
        let shown = format!("{:?}", of(Service::Sqs, &credentials));
        for secret in [SECRET, "AKIA", "a-token"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
