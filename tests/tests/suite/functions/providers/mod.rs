//! What every message provider has to do: one test for each case at each provider, side by side, such as
//! `providers::kavenegar::a_message_that_is_refused_for_good_has_failed_and_is_not_tried_again`.
//!
//! A new provider is a row in the table below. The row answers every question of the suite, and `cases.rs` says which cases
//! follow from an answer. The cases are in the other files of this folder and do not know which provider they are about.
//! How a business sets its providers up, and what each of them says besides, is in `setting_up.rs`.

#![deny(dead_code, reason = "a case that no provider stands asks nothing")]

#[macro_use]
mod cases;

mod looking;
mod reporting;
mod scene;
mod sending;
mod setting_up;

use domain::messages::provider_profile::{ProviderKind, Reporting, ReportsNaming};

use scene::Scene;

/// What the suite has to know of a provider and its simulator.
struct Row {
    provider: ProviderKind,
    /// Where a message arrives.
    good: &'static str,
    /// Where one is refused for good, and with which reason.
    refused: (&'static str, &'static str),
    /// Where the first call is refused for now, and with which reason.
    refused_at_first: (&'static str, &'static str),
    /// The reason of a message whose answer cannot be read.
    unreadable: &'static str,
    reports: Reports,
}

/// Whether the provider says later that a message did not arrive.
enum Reports {
    None,
    /// By what we wrote on the message, about this address and with this reason.
    ByOurMark(&'static str, &'static str),
    /// By its own id.
    ByItsOwnId(&'static str, &'static str),
    /// Only when it is asked.
    WhenAsked(&'static str, &'static str),
    /// By a call of the API.
    ByTheApi(&'static str, &'static str),
}

providers! {
    sns: Sns {
        good: "+4915100000000",
        refused: ("+4915100000400", "number_refused"),
        refused_at_first: ("+4915100000500", "provider_unavailable"),
        unreadable: "no_answer",
        reports: ByItsOwnId("+4915100000499", "phone_unreachable"),
    }
    ses: Ses {
        good: "fine@example.com",
        refused: ("reject@example.com", "message_refused"),
        refused_at_first: ("flaky@example.com", "provider_unavailable"),
        unreadable: "no_answer",
        reports: ByOurMark("bounce@example.com", "bounced_no_email"),
    }
    bot_api: BotApi {
        good: "700",
        refused: ("70403", "bot_blocked"),
        refused_at_first: ("70429", "too_many_requests"),
        unreadable: "unreadable_answer",
        reports: None,
    }
    whatsapp: Whatsapp {
        good: "+989120000008",
        refused: ("+989120000131", "not_on_whatsapp"),
        refused_at_first: ("+989120000429", "too_many_requests"),
        unreadable: "unreadable_answer",
        reports: ByItsOwnId("+989120000132", "not_on_whatsapp"),
    }
    kavenegar: Kavenegar {
        good: "+989120000007",
        refused: ("+989120000411", "number_refused"),
        refused_at_first: ("+989120000418", "credit_used_up"),
        unreadable: "unreadable_answer",
        reports: WhenAsked("+989120000015", "blocked_by_recipient"),
    }
    webhook: Webhook {
        good: "+971500000000",
        refused: ("+971500000422", "number_blocked"),
        refused_at_first: ("+971500000429", "line_busy"),
        unreadable: "unreadable_answer",
        reports: ByTheApi("+971500000499", "phone_unreachable"),
    }
}

/// What the row says and the provider's profile says too, and that the tests go by the provider's name.
fn assert_agrees_with_profile(module: &str, row: &Row) {
    let profile = row.provider.profile();
    assert_eq!(module, profile.id);
    let agrees = match (&row.reports, &profile.reports) {
        (Reports::None, None)
        | (Reports::WhenAsked(..), Some(Reporting::Asked { .. }))
        | (Reports::ByTheApi(..), Some(Reporting::ByTheApi)) => true,
        (Reports::ByOurMark(..), Some(Reporting::Called { naming, .. })) => *naming == ReportsNaming::OurMark,
        (Reports::ByItsOwnId(..), Some(Reporting::Called { naming, .. })) => *naming == ReportsNaming::ItsOwnId,
        _ => false,
    };
    assert!(agrees, "{:?}", profile.reports);
}

#[test]
fn every_provider_is_in_the_table_once_and_is_simulated() {
    let (mut in_the_table, mut all) = (IN_THE_TABLE.to_vec(), ProviderKind::ALL.to_vec());
    let mut simulated = simulators::providers::SIMULATED.map(|one| one.provider).to_vec();
    in_the_table.sort();
    all.sort();
    simulated.sort();
    assert_eq!(in_the_table, all);
    assert_eq!(simulated, all);
}
