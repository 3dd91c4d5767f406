//! Everything that a business has, for the platform: page by page in one walk, each entry as the call shows it that is
//! for it.

use axum::extract::State;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use axum::response::Response;
use domain::Timestamp;
use domain::audit::{AuditAction, Subject};
use domain::business::settings::Settings;
use domain::ids::BusinessId;
use domain::link::{LinkFilter, ReceiptFilter};
use domain::records::business::{Business, BusinessState};
use jiff::SignedDuration;
use serde::Serialize;
use store::{BusinessStore, LinkList, ListedKey, ReceiptList};
use utoipa::ToSchema;
use views::audit::AuditView;
use views::event::LoggedEventView;
use views::{LinkView, ReceiptView, instant};
use web::ApiProblem;
use web::extract::{Path, Query};

use crate::app::App;
use crate::caller::{MayReadBusinesses, id_of};
use crate::handlers::accounts::AccountView;
use crate::handlers::businesses::BusinessView;
use crate::handlers::contacts::ContactView;
use crate::handlers::endpoints::EndpointView;
use crate::handlers::items::ItemView;
use crate::handlers::providers::ProviderView;
use crate::handlers::receipt_types::ReceiptTypeView;
use crate::handlers::settings::SettingsView;
use crate::handlers::templates::TemplateView;
use crate::handlers::{
    accounts, audit, contacts, endpoints, events, items, links, providers, receipt_types, receipts, settings, templates,
};
use crate::lists::{ListView, PAGING, Parameters, invalid_cursor};
use crate::refused;
use crate::respond::answer;

/// An API key of the business, without the key: it is kept as a hash only, and the hash is not shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(crate) struct ApiKeyView {
    /// What it can be revoked by.
    id: String,
    #[schema(pattern = "^api_key$")]
    object: &'static str,
    integration: String,
    scopes: Vec<&'static str>,
    #[schema(format = DateTime)]
    created_at: String,
}

impl ApiKeyView {
    fn new(listed: &ListedKey, settings: &Settings) -> Self {
        Self {
            id: listed.id.clone(),
            object: "api_key",
            integration: listed.key.integration.clone(),
            scopes: listed.key.scopes.iter().map(|scope| scope.as_str()).collect(),
            created_at: instant(listed.key.created_at, settings),
        }
    }
}

/// Something that a business has; `object` says what it is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ExportEntry)]
pub(crate) enum ExportEntry {
    Business(Box<BusinessView>),
    Settings(Box<SettingsView>),
    Account(AccountView),
    ReceiptType(ReceiptTypeView),
    MessageTemplate(Box<TemplateView>),
    MessageProvider(Box<ProviderView>),
    WebhookEndpoint(EndpointView),
    ApiKey(ApiKeyView),
    Contact(Box<ContactView>),
    Item(Box<ItemView>),
    PaymentLink(Box<LinkView>),
    Receipt(Box<ReceiptView>),
    Event(Box<LoggedEventView>),
    AuditEntry(Box<AuditView>),
}

/// What is shown one after the other. The log comes last, so that it tells of the walk too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Business,
    Settings,
    Accounts,
    ReceiptTypes,
    MessageTemplates,
    MessageProviders,
    WebhookEndpoints,
    ApiKeys,
    Contacts,
    Items,
    PaymentLinks,
    Receipts,
    Events,
    AuditLog,
}

impl Section {
    const ALL: [Self; 14] = [
        Self::Business,
        Self::Settings,
        Self::Accounts,
        Self::ReceiptTypes,
        Self::MessageTemplates,
        Self::MessageProviders,
        Self::WebhookEndpoints,
        Self::ApiKeys,
        Self::Contacts,
        Self::Items,
        Self::PaymentLinks,
        Self::Receipts,
        Self::Events,
        Self::AuditLog,
    ];

    /// How a cursor names it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Business => "business",
            Self::Settings => "settings",
            Self::Accounts => "accounts",
            Self::ReceiptTypes => "receipt-types",
            Self::MessageTemplates => "message-templates",
            Self::MessageProviders => "message-providers",
            Self::WebhookEndpoints => "webhook-endpoints",
            Self::ApiKeys => "api-keys",
            Self::Contacts => "contacts",
            Self::Items => "items",
            Self::PaymentLinks => "payment-links",
            Self::Receipts => "receipts",
            Self::Events => "events",
            Self::AuditLog => "audit-log",
        }
    }

    fn next(self) -> Option<Self> {
        let this = Self::ALL.iter().position(|section| *section == self)?;
        Self::ALL.get(this + 1).copied()
    }
}

/// Where a page begins: in a section, and there at its beginning or where that section's own list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    section: Section,
    cursor: Option<String>,
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        let (name, cursor) = match text.split_once('.') {
            Some((name, cursor)) => (name, Some(cursor.to_owned())),
            None => (text, None),
        };
        let section = Section::ALL.into_iter().find(|section| section.as_str() == name)?;
        Some(Self { section, cursor })
    }

    fn written(&self) -> String {
        match &self.cursor {
            Some(cursor) => format!("{}.{cursor}", self.section.as_str()),
            None => self.section.as_str().to_owned(),
        }
    }
}

/// A page of everything that the business has. Each page is in the business's log before it is shown, whoever asks.
pub(crate) async fn export(
    MayReadBusinesses(caller): MayReadBusinesses,
    State(app): State<App>,
    address: Uri,
    Path(id): Path<String>,
    Query(pairs): Query,
) -> Result<Response, ApiProblem> {
    let id = id_of("id", &id, BusinessId::parse)?;
    let mut parameters = Parameters::read(pairs, &PAGING);
    let limit = parameters.limit();
    let place = parameters.parse("cursor", |text| Place::parse(text).ok_or_else(invalid_cursor));
    parameters.checked()?;
    let place = place.unwrap_or(Place { section: Section::Business, cursor: None });
    let business = app.store.business(&id).await?.ok_or_else(|| ApiProblem::not_found("business"))?;
    // Half of what there was would be taken for all of it.
    if let BusinessState::Erasing { deleting_since: Some(_), .. } | BusinessState::Erased { .. } = business.state {
        return Err(refused::business_erased());
    }
    let now = app.clock.now();
    let store = app.store.of(&id).signed(caller.author, now);
    let address = address.path_and_query().map_or(address.path(), PathAndQuery::as_str);
    store.note(AuditAction::Read, Subject::new("address", address), Vec::new()).await?;
    let export = Export { store, app: &app, business: &business, now };
    Ok(answer(export.page(place, limit).await?))
}

/// What a page is put together from.
struct Export<'a> {
    store: BusinessStore,
    app: &'a App,
    business: &'a Business,
    now: Timestamp,
}

impl Export<'_> {
    /// Goes from one section to the next until the page is full, or until a list has read as much as it reads for one page.
    async fn page(&self, mut place: Place, limit: usize) -> Result<ListView<ExportEntry>, ApiProblem> {
        let mut data = Vec::new();
        loop {
            let section = place.section;
            let page = self.of_section(section, Parameters::of_page(limit - data.len(), place.cursor)).await?;
            data.extend(page.data);
            let next = match page.next_cursor {
                Some(cursor) => Some(Place { section, cursor: Some(cursor) }),
                None => section.next().map(|section| Place { section, cursor: None }),
            };
            match next {
                Some(next) if next.section != section && data.len() < limit => place = next,
                next => return Ok(ListView::going_on(data, next.as_ref().map(Place::written))),
            }
        }
    }

    async fn of_section(&self, section: Section, parameters: Parameters) -> Result<ListView<ExportEntry>, ApiProblem> {
        let store = &self.store;
        Ok(match section {
            Section::Business => ListView::page(
                [(String::new(), ExportEntry::Business(Box::new(BusinessView::new(self.business))))],
                parameters,
            )?,
            Section::Settings => {
                let view = settings::view(store).await?;
                ListView::page([(String::new(), ExportEntry::Settings(Box::new(view)))], parameters)?
            }
            Section::Accounts => accounts::page(store, parameters).await?.map(ExportEntry::Account),
            Section::ReceiptTypes => receipt_types::page(store, parameters).await?.map(ExportEntry::ReceiptType),
            Section::MessageTemplates => {
                templates::own_page(store, parameters).await?.map(|view| ExportEntry::MessageTemplate(Box::new(view)))
            }
            Section::MessageProviders => {
                providers::page(store, parameters).await?.map(|view| ExportEntry::MessageProvider(Box::new(view)))
            }
            Section::WebhookEndpoints => endpoints::page(store, parameters).await?.map(ExportEntry::WebhookEndpoint),
            Section::ApiKeys => self.api_keys(parameters).await?.map(ExportEntry::ApiKey),
            Section::Contacts => {
                contacts::page(store, parameters).await?.map(|view| ExportEntry::Contact(Box::new(view)))
            }
            Section::Items => items::page(store, parameters).await?.map(|view| ExportEntry::Item(Box::new(view))),
            Section::PaymentLinks => {
                let all = LinkList::new(LinkFilter::made_between(Timestamp::UNIX_EPOCH, self.end()), self.now);
                let page = links::page(store, &all, parameters).await?;
                page.map(|view| ExportEntry::PaymentLink(Box::new(view)))
            }
            Section::Receipts => {
                let all = ReceiptFilter::registered_between(Timestamp::UNIX_EPOCH, self.end());
                let all = ReceiptList::new(all, self.now);
                receipts::page(store, &all, parameters).await?.map(|view| ExportEntry::Receipt(Box::new(view)))
            }
            Section::Events => {
                let page = events::page_of_all(store, parameters, self.now).await?;
                page.map(|view| ExportEntry::Event(Box::new(view)))
            }
            Section::AuditLog => {
                audit::page(store, parameters).await?.map(|view| ExportEntry::AuditEntry(Box::new(view)))
            }
        })
    }

    async fn api_keys(&self, parameters: Parameters) -> Result<ListView<ApiKeyView>, ApiProblem> {
        let holder = store::KeyHolder::Business(self.business.id.clone());
        let keys = self.app.store.list_api_keys(&holder).await?;
        let configuration = self.store.configuration().await?;
        let view = |key: &ListedKey| (key.id.clone(), ApiKeyView::new(key, &configuration.settings));
        ListView::page(keys.iter().map(view), parameters)
    }

    /// A moment by which everything was made that is there. Clocks differ by less than a day.
    fn end(&self) -> Timestamp {
        self.now.checked_add(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_every_section_has_its_turn() {
        let mut section = Some(Section::Business);
        let mut seen = Vec::new();
        while let Some(this) = section {
            for cursor in [None, Some("MTgwMDAwMDAwMDAwMCNwbF9h".to_owned())] {
                let place = Place { section: this, cursor };
                assert_eq!(Place::parse(&place.written()), Some(place));
            }
            seen.push(this);
            section = this.next();
        }
        assert_eq!(seen, Section::ALL);
        for bad in ["", ".", "secrets", "MTgwMDAw"] {
            assert_eq!(Place::parse(bad), None, "{bad}");
        }
    }
}
