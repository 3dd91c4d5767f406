//! How a function's channels and webhooks are wired.

use aws_smithy_runtime_api::client::retries::classifiers::SharedRetryClassifier;
use runtime::{ConfigurationError, Runtime};

use crate::once::{UnlessTurnedAway, patience};
use crate::{Channels, SocialMessaging, Stack, Webhooks};

/// An endpoint or a provider answers with a few hundred bytes, so that a longer answer is not worth reading.
const LARGEST_ANSWER: usize = 64 * 1024;

impl Webhooks {
    /// The CRM's endpoints, which are called at addresses within the stack's reach only.
    pub fn wire(runtime: &Runtime) -> Result<Self, ConfigurationError> {
        let reach = runtime.webhook_reach()?;
        Ok(Self::new(runtime.http_within(reach, LARGEST_ANSWER), reach))
    }
}

impl Channels {
    /// SMS and email, from `PAYLINK_EMAIL_SENDER`, `PAYLINK_EMAIL_CONFIGURATION_SET` and `PAYLINK_SMS_SENDER_ID`, and the
    /// providers that businesses set up, which are called at addresses within the stack's reach only.
    pub fn wire(runtime: &Runtime) -> Result<Self, ConfigurationError> {
        let environment = runtime.environment();
        let mut sns = aws_sdk_sns::config::Builder::from(runtime.sdk());
        sns.set_endpoint_url(environment.optional("AWS_ENDPOINT_URL_SNS"));
        sns.set_timeout_config(Some(patience()));
        sns.push_retry_classifier(SharedRetryClassifier::new(UnlessTurnedAway));
        let mut ses = aws_sdk_ses::config::Builder::from(runtime.sdk());
        ses.set_endpoint_url(environment.optional("AWS_ENDPOINT_URL_SES"));
        ses.set_timeout_config(Some(patience()));
        ses.push_retry_classifier(SharedRetryClassifier::new(UnlessTurnedAway));
        let reach = runtime.webhook_reach()?;
        let stack = Stack {
            email_sender: environment.optional("PAYLINK_EMAIL_SENDER"),
            email_configuration_set: environment.optional("PAYLINK_EMAIL_CONFIGURATION_SET"),
            sms_sender_id: environment.optional("PAYLINK_SMS_SENDER_ID"),
        };
        // AWS End User Messaging Social is called with the function's own role.
        let whatsapp = SocialMessaging {
            http: runtime.http_to_aws(LARGEST_ANSWER),
            endpoint: environment.optional("AWS_ENDPOINT_URL_SOCIALMESSAGING"),
            region: environment.required("AWS_REGION")?,
            credentials: runtime.credentials()?,
        };
        Ok(Self::new(
            aws_sdk_sns::Client::from_conf(sns.build()),
            aws_sdk_ses::Client::from_conf(ses.build()),
            stack,
            runtime.http_within(reach, LARGEST_ANSWER),
            reach,
            whatsapp,
        ))
    }
}

/// Whether SNS reports SMS that did not arrive, as `PAYLINK_SMS_REPORTS` says with `on`.
pub fn sms_reports(runtime: &Runtime) -> Result<bool, ConfigurationError> {
    const NAME: &str = "PAYLINK_SMS_REPORTS";
    match runtime.environment().optional(NAME).as_deref() {
        None => Ok(false),
        Some("on") => Ok(true),
        Some(_) => Err(ConfigurationError::invalid(NAME, "it can only be on")),
    }
}
