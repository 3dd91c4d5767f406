//! The providers of messages, SNS and SES among them, with the inbox in which a person looks at what they delivered.
//!
//! Each simulator speaks its provider's own protocol and refuses what the provider would refuse. This file holds the list
//! of them; a rule of one provider lives in that provider's own file and nowhere else.

mod aws_query;
mod faults;

pub mod aws_account;
pub mod bot;
pub mod crm_line;
pub mod inbox;
pub mod kavenegar;
pub mod reports;
pub mod s3;
pub mod ses;
pub mod sns;
pub mod whatsapp;

use axum::Router;
use domain::messages::provider_profile::ProviderKind;

use aws_account::Account;
use inbox::Inbox;
use reports::Reports;

/// What the simulators are opened with. Clones share it.
#[derive(Debug, Clone)]
pub struct Opening {
    pub inbox: Inbox,
    pub account: Account,
    pub reports: Reports,
    /// How the CRM's own line reports.
    pub line: crm_line::Reporter,
}

/// A provider that this machine simulates.
#[derive(Debug, Clone, Copy)]
pub struct SimulatedProvider {
    pub provider: ProviderKind,
    /// The path under which it is called.
    pub path: &'static str,
    open: fn(Opening) -> Router,
}

const fn simulated(provider: ProviderKind, path: &'static str, open: fn(Opening) -> Router) -> SimulatedProvider {
    SimulatedProvider { provider, path, open }
}

/// Every provider that this machine simulates. A new one is a row here.
pub const SIMULATED: [SimulatedProvider; 6] = [
    simulated(ProviderKind::Sns, "/sns", |opening| sns::router(opening.inbox, opening.account, opening.reports)),
    simulated(ProviderKind::Ses, "/ses", |opening| ses::router(opening.inbox, opening.account, opening.reports)),
    simulated(ProviderKind::BotApi, "/bot-api", |opening| bot::router(opening.inbox)),
    simulated(ProviderKind::Whatsapp, "/social-messaging", |opening| whatsapp::router(opening.inbox, opening.reports)),
    simulated(ProviderKind::Kavenegar, "/kavenegar", |opening| kavenegar::router(opening.inbox)),
    simulated(ProviderKind::Webhook, "/crm-line", |opening| crm_line::router(opening.inbox, opening.line)),
];

/// Everything under the providers' paths.
pub fn router(opening: &Opening) -> Router {
    SIMULATED.iter().fold(Router::new(), |router, one| router.nest_service(one.path, (one.open)(opening.clone())))
}
