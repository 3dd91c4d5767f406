//! Calls to those services of AWS that only this command asks something of: signed by what the SDK's own runtime signs
//! with, and read as JSON whatever protocol the service speaks. A client of the SDK for each would take minutes to
//! compile and bring hundreds of operations for the one that is called.
//!
//! All of them are questions, or say what something is to be from now on, or hand a function what it may get twice.
//! They are made again where no answer came, which does no harm.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::Method;
use outbound::{Answer, Http};
use roxmltree::Node;
use runtime::Environment;
use serde_json::{Map, Value};

use crate::AdminError;

/// Where a service that answers at paths says the code of an error; others say it in the body.
const ERROR_TYPE: &str = "x-amzn-errortype";

/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 4_000_000;

/// How long a call waits for its answer, and how often it is made.
const PATIENCE: Duration = Duration::from_secs(15);
const TRIES: u32 = 3;

/// A service: how people call it, its name in signatures, in hosts, and in the variable that says where it is instead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service {
    pub(crate) name: &'static str,
    signing: &'static str,
    host: &'static str,
    variable: &'static str,
    /// The version that calls of the Query protocol name, or that of the JSON protocol.
    version: &'static str,
    /// Whether it is one for all regions.
    is_global: bool,
}

const fn regional(name: &'static str, host: &'static str, variable: &'static str, version: &'static str) -> Service {
    Service { name, signing: host, host, variable, version, is_global: false }
}

pub(crate) const CLOUDFORMATION: Service =
    regional("CloudFormation", "cloudformation", "AWS_ENDPOINT_URL_CLOUDFORMATION", "2010-05-15");
pub(crate) const CLOUDWATCH: Service =
    regional("CloudWatch", "monitoring", "AWS_ENDPOINT_URL_CLOUDWATCH", "2010-08-01");
pub(crate) const LAMBDA: Service = regional("Lambda", "lambda", "AWS_ENDPOINT_URL_LAMBDA", "");
pub(crate) const SCHEDULER: Service = regional("EventBridge Scheduler", "scheduler", "AWS_ENDPOINT_URL_SCHEDULER", "");
pub(crate) const SES: Service = Service { signing: "ses", ..regional("SES", "email", "AWS_ENDPOINT_URL_SESV2", "") };
pub(crate) const SMS_VOICE: Service =
    regional("AWS End User Messaging SMS", "sms-voice", "AWS_ENDPOINT_URL_PINPOINT_SMS_VOICE_V2", "1.0");
pub(crate) const BUDGETS: Service =
    Service { is_global: true, ..regional("AWS Budgets", "budgets", "AWS_ENDPOINT_URL_BUDGETS", "1.1") };
pub(crate) const STS: Service = regional("STS", "sts", "AWS_ENDPOINT_URL_STS", "2011-06-15");
pub(crate) const IAM: Service =
    Service { is_global: true, ..regional("IAM", "iam", "AWS_ENDPOINT_URL_IAM", "2010-05-08") };

/// Whoever calls, and from where.
#[derive(Clone, Debug)]
pub(crate) struct Aws {
    http: Http,
    environment: Environment,
    region: String,
    credentials: Credentials,
}

impl Aws {
    pub(crate) fn new(runtime: &runtime::Runtime) -> Result<Self, AdminError> {
        Ok(Self {
            http: runtime.http_to_aws(LARGEST_ANSWER),
            environment: runtime.environment().clone(),
            region: runtime.environment().required("AWS_REGION")?,
            credentials: runtime.credentials()?,
        })
    }

    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Calls an action of the Query protocol: a form in, XML out. What is answered is the action's result; lists are
    /// arrays, and what is empty is an empty text.
    pub(crate) async fn query(
        &self,
        service: Service,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Value, AdminError> {
        let mut form = vec![("Action", action), ("Version", service.version)];
        form.extend_from_slice(parameters);
        let body = serde_urlencoded::to_string(&form).map_err(|error| broken(service, error))?;
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let text = self.send(service, Method::POST, "/", &headers, &body).await?;
        let document = roxmltree::Document::parse(&text).map_err(|error| broken(service, error))?;
        let answer = value_of(document.root_element());
        Ok(answer[format!("{action}Result")].clone())
    }

    /// Calls an operation of the JSON protocol, by the name that its target has.
    pub(crate) async fn json(&self, service: Service, target: &str, body: &Value) -> Result<Value, AdminError> {
        let content_type = format!("application/x-amz-json-{}", service.version);
        let headers = [("content-type", content_type.as_str()), ("x-amz-target", target)];
        let text = self.send(service, Method::POST, "/", &headers, &body.to_string()).await?;
        serde_json::from_str(&text).map_err(|error| broken(service, error))
    }

    /// Reads what lies at a path, which is encoded already.
    pub(crate) async fn get(&self, service: Service, path: &str) -> Result<Value, AdminError> {
        let text = self.send(service, Method::GET, path, &[], "").await?;
        serde_json::from_str(&text).map_err(|error| broken(service, error))
    }

    /// Says what lies at a path from now on, by PUT, or that nothing does, by DELETE.
    pub(crate) async fn change(
        &self,
        service: Service,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(), AdminError> {
        let (headers, body) = match body {
            Some(body) => (vec![("content-type", "application/json")], body.to_string()),
            None => (Vec::new(), String::new()),
        };
        self.send(service, method, path, &headers, &body).await.map(drop)
    }

    /// Hands an event to a function, which runs after the answer, and is tried again by Lambda where it fails.
    pub(crate) async fn invoke(&self, function: &str, event: &Value) -> Result<(), AdminError> {
        let path = format!("/2015-03-31/functions/{}/invocations", in_path(function));
        let headers = [("content-type", "application/json"), ("x-amz-invocation-type", "Event")];
        self.send(LAMBDA, Method::POST, &path, &headers, &event.to_string()).await.map(drop)
    }

    async fn send(
        &self,
        service: Service,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<String, AdminError> {
        let url = format!("{}{path}", self.origin(service));
        let mut tries = 1;
        loop {
            let request = self.signed(service, &method, &url, headers, body)?;
            let answered = self.http.send_and_read(request, body.to_owned(), PATIENCE, ERROR_TYPE).await;
            match answered.map_err(|reason| AdminError::aws_refused(service.name, None, reason)) {
                Ok((answer, _)) if (200..300).contains(&answer.status) => {
                    return Ok(String::from_utf8_lossy(&answer.body).into_owned());
                }
                failed if tries == TRIES => {
                    return Err(failed.map_or_else(|error| error, |(answer, code)| refusal(service, &answer, code)));
                }
                Ok((answer, code)) if !(answer.status >= 500 || is_throttled(&answer)) => {
                    return Err(refusal(service, &answer, code));
                }
                Ok(_) | Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(300) * tries).await;
            tries += 1;
        }
    }

    /// Scheme and host of a service: another where a variable says so, as for an emulator.
    fn origin(&self, service: Service) -> String {
        let other = self.environment.optional(service.variable);
        if let Some(url) = other.or_else(|| self.environment.optional("AWS_ENDPOINT_URL")) {
            return url.trim_end_matches('/').to_owned();
        }
        let domain = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        match (service.is_global, self.region_of(service)) {
            (true, "us-east-1") => format!("https://{}.{domain}", service.host),
            (true, "us-gov-west-1") => format!("https://{}.us-gov.{domain}", service.host),
            (true | false, region) => format!("https://{}.{region}.{domain}", service.host),
        }
    }

    /// The region that a call is signed for. What is one for all regions has its home in one of each partition.
    fn region_of(&self, service: Service) -> &str {
        match self.region.as_str() {
            region if !service.is_global => region,
            region if region.starts_with("cn-") => "cn-north-1",
            region if region.starts_with("us-gov-") => "us-gov-west-1",
            _ => "us-east-1",
        }
    }

    fn signed(
        &self,
        service: Service,
        method: &Method,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<http::request::Builder, AdminError> {
        let identity = self.credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region_of(service))
            .name(service.signing)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| broken(service, error))?;
        let body = SignableBody::Bytes(body.as_bytes());
        let signable = SignableRequest::new(method.as_str(), url, headers.iter().copied(), body)
            .map_err(|error| broken(service, error))?;
        let (instructions, _) =
            sign(signable, &parameters.into()).map_err(|error| broken(service, error))?.into_parts();
        let (signatures, _) = instructions.into_parts();
        let request = http::Request::builder().method(method).uri(url);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Ok(signatures.iter().fold(request, |request, header| request.header(header.name(), header.value())))
    }
}

/// A value of a path in which only the characters that are reserved nowhere stand for themselves.
pub(crate) fn in_path(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

fn broken(service: Service, error: impl std::fmt::Display) -> AdminError {
    AdminError::aws_refused(service.name, None, error.to_string())
}

fn is_throttled(answer: &Answer) -> bool {
    answer.status == 429 || String::from_utf8_lossy(&answer.body).contains("Throttling")
}

/// What a service says of a call that it did not answer, in any of its protocols. Those with paths have the code in a
/// header alone.
fn refusal(service: Service, answer: &Answer, in_header: Option<String>) -> AdminError {
    let text = String::from_utf8_lossy(&answer.body);
    let (code, message) = match serde_json::from_str::<Value>(&text) {
        Ok(said) => {
            let code = ["__type", "code", "Code"].iter().find_map(|name| said[*name].as_str()).map(str::to_owned);
            let message = ["message", "Message"].iter().find_map(|name| said[*name].as_str()).map(str::to_owned);
            (code, message)
        }
        Err(_) => match roxmltree::Document::parse(&text) {
            Ok(document) => {
                let said = value_of(document.root_element())["Error"].clone();
                (said["Code"].as_str().map(str::to_owned), said["Message"].as_str().map(str::to_owned))
            }
            Err(_) => (None, None),
        },
    };
    // A code of the JSON protocol has its namespace before it, and one of a header an address behind it.
    let code = code.or(in_header).map(|code| {
        let code = code.split(':').next().unwrap_or_default();
        code.rsplit('#').next().unwrap_or_default().to_owned()
    });
    let reason = match &code {
        Some(code) => format!("{} ({code})", message.unwrap_or_default()),
        None => format!("it answered {}", answer.status),
    };
    AdminError::aws_refused(service.name, code, reason)
}

/// An element as JSON: one with `member`s is a list, one with other elements an object, and any other its text.
fn value_of(node: Node<'_, '_>) -> Value {
    let mut children = node.children().filter(Node::is_element).peekable();
    let Some(first) = children.peek() else { return Value::from(node.text().unwrap_or_default()) };
    if first.tag_name().name() == "member" {
        return Value::Array(children.map(value_of).collect());
    }
    let mut object = Map::new();
    for child in children {
        object.insert(child.tag_name().name().to_owned(), value_of(child));
    }
    Value::Object(object)
}

/// The texts of a list that a service answered with, where there is one.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(xml: &str) -> Value {
        value_of(roxmltree::Document::parse(xml).unwrap().root_element())
    }

    #[test]
    fn xml_is_read_as_the_json_that_it_means() {
        let answer = read(
            "<R xmlns='x'><Stacks><member><StackName>a</StackName><Outputs/></member><member><StackName>b</StackName>\
             </member></Stacks><Id>1 &amp; 2</Id></R>",
        );
        assert_eq!(list(&answer["Stacks"]).len(), 2);
        assert_eq!(answer["Stacks"][1]["StackName"], "b");
        assert_eq!(list(&answer["Stacks"][0]["Outputs"]).len(), 0, "nothing is no list");
        assert_eq!(answer["Id"], "1 & 2");
    }

    #[test]
    fn a_refusal_names_its_code_in_every_protocol() {
        let answered = |body: &str, header: Option<&str>| {
            let answer = Answer { status: 400, retry_after: None, body: body.to_owned().into() };
            refusal(SES, &answer, header.map(str::to_owned)).to_string()
        };
        let said = |body: &str| answered(body, None);
        let xml = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>No.</Message></Error></ErrorResponse>";
        assert_eq!(said(xml), "SES did not do it: No. (AccessDenied)");
        let json = r#"{"__type":"com.amazonaws#NotFoundException","message":"Nobody."}"#;
        assert_eq!(said(json), "SES did not do it: Nobody. (NotFoundException)");
        let header = "NotFoundException:http://internal.amazon.com/coral/com.amazonaws/";
        let in_header = answered(r#"{"message":"Nobody."}"#, Some(header));
        assert_eq!(in_header, "SES did not do it: Nobody. (NotFoundException)");
        assert_eq!(said("Bad gateway"), "SES did not do it: it answered 400");
    }

    #[test]
    fn each_partition_has_hosts_of_its_own() {
        let origin = |region: &str, service| {
            let environment = Environment::from([
                ("AWS_REGION", region),
                ("AWS_ACCESS_KEY_ID", "id"),
                ("AWS_SECRET_ACCESS_KEY", "secret"),
            ]);
            let aws = Aws::new(&runtime::Runtime::new(environment).unwrap()).unwrap();
            (aws.origin(service), aws.region_of(service).to_owned())
        };
        let expected = |url: &str, region: &str| (url.to_owned(), region.to_owned());
        let cloudformation = "https://cloudformation.eu-central-1.amazonaws.com";
        assert_eq!(origin("eu-central-1", CLOUDFORMATION), expected(cloudformation, "eu-central-1"));
        assert_eq!(origin("eu-central-1", IAM), expected("https://iam.amazonaws.com", "us-east-1"));
        assert_eq!(origin("cn-northwest-1", IAM), expected("https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1"));
        assert_eq!(origin("us-gov-east-1", IAM), expected("https://iam.us-gov.amazonaws.com", "us-gov-west-1"));
        assert_eq!(origin("eu-central-1", SES).0, "https://email.eu-central-1.amazonaws.com");
    }

    #[test]
    fn an_address_is_encoded_for_a_path() {
        assert_eq!(in_path("pay@business.example"), "pay%40business.example");
    }
}
