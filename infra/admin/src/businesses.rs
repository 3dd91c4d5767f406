//! The businesses of a stack: made, listed, suspended and resumed; and which of them a command is about.

use domain::Timestamp;
use domain::audit::{AuditEntry, Author, Side};
use domain::business::quotas::Quotas;
use domain::ids::BusinessId;
use domain::records::business::{Business, PayUrlBase};
use domain::records::shards::Shards;
use domain::text::{parse_name, parse_text};
use store::{BusinessStore, KeyHolder, Page, Revision, RevisionWritten};
use use_cases::businesses::{BusinessRefused, MOST_LIVE_COUNTED};

use crate::{Admin, AdminError, COMMAND, NewKey};

/// The business that `set-up` makes unless another is named, and the integration of its first key.
pub const FIRST_BUSINESS: &str = "main";
const FIRST_INTEGRATION: &str = "crm";

/// At most this many businesses are read at a time.
const PAGE: usize = 100;

/// What a set-up made.
#[derive(Debug)]
pub struct FirstBusiness {
    pub business: Business,
    pub key: NewKey,
}

impl Admin {
    /// Writes the secrets that idempotent requests derive from and that the search hashes with, and, where the stack has no business yet, this one with a
    /// key for its CRM, which are then answered. Harmless afterwards.
    pub async fn set_up(&self, business: &BusinessId, now: Timestamp) -> Result<Option<FirstBusiness>, AdminError> {
        self.store.ensure_token_secret(runtime::random().map_err(AdminError::refused)?).await?;
        self.store.ensure_search_secret(runtime::random().map_err(AdminError::refused)?).await?;
        if !self.store.list_businesses(1, None).await?.entries.is_empty() {
            return Ok(None);
        }
        let business = Business::new(business.clone(), business.to_string(), now);
        match self.store.put_business(&business, &Revision::Nothing).await? {
            RevisionWritten::Applied(_) => {
                let of = KeyHolder::Business(business.id.clone());
                let key = self.create_key(&of, FIRST_INTEGRATION, &[]).await?;
                Ok(Some(FirstBusiness { business, key }))
            }
            // It is there, and the list of businesses did not show it yet.
            RevisionWritten::Rejected => Ok(None),
        }
    }

    /// The business that a command is about: the one that is named, or the only one of the stack. None is about one that is
    /// being erased, or was, so that nothing is written for it any more.
    pub async fn business(&self, named: Option<&str>) -> Result<BusinessId, AdminError> {
        if let Some(named) = named {
            let business = self.business_called(named).await?;
            return if business.has_callers() { Ok(business.id) } else { Err(erased(&business.id)) };
        }
        let mut businesses = self.businesses().await?;
        businesses.retain(Business::has_callers);
        match businesses.as_slice() {
            [only] => Ok(only.id.clone()),
            // The list shows what was written with a delay, and what a set-up made a moment ago is wanted at once.
            [] => {
                let first = BusinessId::parse(FIRST_BUSINESS).map_err(AdminError::refused)?;
                match self.store.business(&first).await?.filter(Business::has_callers) {
                    Some(business) => Ok(business.id),
                    None => Err(AdminError::refused("This stack has no business yet: run `set-up`.")),
                }
            }
            _ => Err(AdminError::refused(
                "This stack has several businesses: say which with --business ID; `business list` shows all of them.",
            )),
        }
    }

    /// A business by its id.
    pub async fn business_called(&self, id: &str) -> Result<Business, AdminError> {
        let id = BusinessId::parse(id).map_err(AdminError::refused)?;
        self.store.business(&id).await?.ok_or_else(|| no_such(&id))
    }

    /// All businesses, by their ids.
    pub async fn businesses(&self) -> Result<Vec<Business>, AdminError> {
        let (mut businesses, mut cursor) = (Vec::new(), None);
        loop {
            let Page { entries, next } = self.store.list_businesses(PAGE, cursor.as_ref()).await?;
            businesses.extend(entries);
            cursor = next;
            if cursor.is_none() {
                return Ok(businesses);
            }
        }
    }

    /// Makes a business. Its pay URLs begin with `pay_url`, or with what those of the stack begin with.
    pub async fn create_business(
        &self,
        id: &BusinessId,
        name: &str,
        pay_url: Option<&str>,
        now: Timestamp,
    ) -> Result<Business, AdminError> {
        let name = parse_name(name, 100).map_err(AdminError::refused)?;
        let pay_url = pay_url.map(PayUrlBase::parse).transpose().map_err(AdminError::refused)?;
        let business = Business { pay_url, ..Business::new(id.clone(), name, now) };
        match use_cases::businesses::make(&self.signed(id, now), &business).await? {
            RevisionWritten::Applied(_) => Ok(business),
            RevisionWritten::Rejected => Err(match self.store.business(id).await? {
                Some(known) if !known.has_callers() => erased(id),
                Some(_) | None => AdminError::refused(format!("There is a business {id} already.")),
            }),
        }
    }

    /// Lets a business make no link and begin no payment. One that is suspended already stays so since then.
    pub async fn suspend_business(
        &self,
        id: &BusinessId,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<Business, AdminError> {
        let reason = reason.map(|reason| parse_text(reason, 500)).transpose().map_err(AdminError::refused)?;
        use_cases::businesses::suspend(&self.signed(id, now), &|| now, reason)
            .await
            .map_err(|error| refusal(id, error))
            .map(|written| written.record)
    }

    /// Spreads the lists of a business over more partitions.
    pub async fn set_shards(&self, id: &BusinessId, number: i64, now: Timestamp) -> Result<Business, AdminError> {
        let shards = Shards::parse(number).map_err(AdminError::refused)?;
        use_cases::businesses::spread(&self.signed(id, now), &|| now, shards)
            .await
            .map_err(|error| refusal(id, error))
            .map(|written| written.record)
    }

    /// Says how much a business may do, by what it may until now.
    pub async fn set_quotas(
        &self,
        id: &BusinessId,
        to: impl Fn(Quotas) -> Quotas,
        now: Timestamp,
    ) -> Result<Business, AdminError> {
        use_cases::businesses::limit(&self.signed(id, now), &|| now, to)
            .await
            .map_err(|error| refusal(id, error))
            .map(|written| written.record)
    }

    /// What is the business's, for whoever signs for its changes at this terminal.
    pub(crate) fn signed(&self, id: &BusinessId, now: Timestamp) -> BusinessStore {
        let author = Author { side: Side::Deployer, integration: COMMAND.to_owned(), actor: None };
        self.store.of(id).signed(author, now)
    }

    /// A business's log, the newest first and at most so many entries.
    pub async fn audit_log(&self, id: &BusinessId, most: usize) -> Result<Vec<AuditEntry>, AdminError> {
        Ok(self.store.of(id).audit_log(most, None).await?.entries)
    }

    /// Lets a business make links and take payments again.
    pub async fn resume_business(&self, id: &BusinessId, now: Timestamp) -> Result<Business, AdminError> {
        use_cases::businesses::resume(&self.signed(id, now), &|| now)
            .await
            .map_err(|error| refusal(id, error))
            .map(|written| written.record)
    }
}

pub(crate) fn refusal(id: &BusinessId, error: BusinessRefused) -> AdminError {
    match error {
        BusinessRefused::NoSuchBusiness => no_such(id),
        error @ (BusinessRefused::Invalid(_)
        | BusinessRefused::PreconditionFailed(_)
        | BusinessRefused::FewerShards(_)
        | BusinessRefused::NotSuspended
        | BusinessRefused::SuspendedJustNow { .. }) => AdminError::refused(error),
        BusinessRefused::Erased => erased(id),
        BusinessRefused::LiveLinks(live) => AdminError::refused(format!(
            "{live}{} links of {id} are live: they can be paid, or their money is not decided.",
            if live < MOST_LIVE_COUNTED { "" } else { " or more" }
        )),
        BusinessRefused::KeepsChanging(error) => AdminError::refused(error),
        BusinessRefused::Store(error) => error.into(),
    }
}

pub(crate) fn no_such(id: &BusinessId) -> AdminError {
    AdminError::refused(format!("There is no business {id}; `business list` shows all of them."))
}

fn erased(id: &BusinessId) -> AdminError {
    AdminError::refused(format!("The business {id} is being erased, or was; its id is given to nobody again."))
}
