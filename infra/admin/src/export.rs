//! Everything that a business has, as the API shows it.

use domain::ids::BusinessId;
use http::Method;
use serde_json::Value;

use crate::{Admin, AdminError};

/// At most this many entries are asked for at a time.
const PAGE: usize = 100;

impl Admin {
    /// Shows everything that a business has, one entry after the other, and answers how many there were. Each page is in the
    /// business's log.
    pub async fn export_business(&self, id: &BusinessId, mut show: impl FnMut(&Value)) -> Result<usize, AdminError> {
        let (mut shown, mut cursor) = (0, String::new());
        loop {
            let path = format!("/v1/businesses/{id}/export?limit={PAGE}{cursor}");
            let page = self.call_as_platform(Method::GET, &path, None).await?;
            let entries = page["data"].as_array().map(Vec::as_slice).unwrap_or_default();
            entries.iter().for_each(&mut show);
            shown += entries.len();
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(shown),
            }
        }
    }
}
