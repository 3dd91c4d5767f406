//! Scheme and host that links, and with them the addresses given to gateways, begin with.

use axum::http::StatusCode;
use lambda_http::request::RequestContext;
use store::Configuration;

use crate::problem::ApiProblem;

/// The business's own address, else that of the stack, else the host that API Gateway itself says the request was sent to. The
/// Host header is not used, because a caller that sets it could have links made that lead elsewhere.
pub fn base_url(
    of_stack: Option<&str>,
    configuration: &Configuration,
    context: Option<&RequestContext>,
) -> Result<String, ApiProblem> {
    if let Some(own) = configuration.business.as_ref().and_then(|business| business.pay_url.as_ref()) {
        return Ok(own.as_str().to_owned());
    }
    if let Some(base) = of_stack {
        return Ok(base.to_owned());
    }
    match context {
        Some(RequestContext::ApiGatewayV2(context)) if context.domain_name.is_some() => {
            Ok(format!("https://{}", context.domain_name.as_deref().unwrap_or_default()))
        }
        _ => {
            let detail = "Neither PAYLINK_BASE_URL nor the request says where links are served.";
            tracing::error!(detail, "A request could not be answered.");
            Err(ApiProblem::new(StatusCode::INTERNAL_SERVER_ERROR, "base_url_unknown", detail))
        }
    }
}
