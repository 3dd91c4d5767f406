//! Time as the gateways of Iran write it.

use jiff::Timestamp;

/// The local time in Tehran without an offset, in a form of `strftime`.
pub(super) fn tehran_time(at: Timestamp, form: &str) -> String {
    match at.in_tz("Asia/Tehran") {
        Ok(local) => local.strftime(form).to_string(),
        Err(_) => at.to_string(),
    }
}
