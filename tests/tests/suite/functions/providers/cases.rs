//! Which cases a provider has to stand, by the answers of its row, and how they become tests.

/// The tests of a provider that follow from one answer of its row.
macro_rules! cases {
    (every provider) => {
        tests! {
            sending: a_message_arrives_and_keeps_the_id_that_the_provider_gave_it,
                a_message_that_is_refused_for_good_has_failed_and_is_not_tried_again,
                a_message_that_is_refused_for_now_is_sent_later,
                a_message_that_is_answered_after_nine_seconds_arrives_once,
                a_message_whose_answer_is_empty_is_not_taken_for_sent,
                a_message_that_is_answered_by_an_error_page_is_sent_later;
            reporting: a_report_about_no_message_of_ours_changes_nothing;
        }
    };

    (reports None) => {
        cases!(tries again);
        tests! { reporting: a_report_in_the_form_of_another_provider_changes_nothing; }
    };
    (reports ByOurMark) => {
        cases!(tries again);
        tests! { reporting: a_message_that_is_reported_later_has_failed_and_the_crm_is_told; }
    };
    (reports ByItsOwnId) => {
        cases!(tries again);
        tests! {
            reporting: a_message_that_is_reported_later_has_failed_and_the_crm_is_told;
        }
    };
    (reports WhenAsked) => {
        cases!(tries again);
        tests! {
            reporting: a_report_in_the_form_of_another_provider_changes_nothing;
            looking: a_message_that_did_not_arrive_is_found_by_asking_and_the_crm_is_told,
                a_message_that_arrived_is_not_asked_about_any_more,
                a_message_about_which_nothing_is_said_is_asked_about_ever_less_and_stays_sent;
        }
    };
    (reports ByTheApi) => {
        tests! {
            sending: a_message_that_is_answered_too_late_is_known_by_its_report_and_arrives_once;
            reporting: a_message_that_is_reported_later_has_failed_and_the_crm_is_told,
                a_message_that_is_reported_to_have_arrived_says_when,
                a_report_in_the_form_of_another_provider_changes_nothing;
        }
    };
    (tries again) => {
        tests! { sending: a_message_that_is_answered_too_late_is_sent_again; }
    };
}

/// A module of tests for each row. A question that a row leaves open, or answers by what no case is chosen by, does not
/// compile; nor does a provider without a row.
macro_rules! providers {
    ($($module:ident: $kind:ident {
        good: $good:literal,
        refused: $refused:expr,
        refused_at_first: $refused_at_first:expr,
        unreadable: $unreadable:literal,
        reports: $reports:ident $(($address:literal, $reason:literal))?,
    })+) => {
        $(mod $module {
            static ROW: super::Row = super::Row {
                provider: super::ProviderKind::$kind,
                good: $good,
                refused: $refused,
                refused_at_first: $refused_at_first,
                unreadable: $unreadable,
                reports: super::Reports::$reports $(($address, $reason))?,
            };

            cases!(every provider);
            cases!(reports $reports);

            #[test]
            fn its_row_agrees_with_its_profile() {
                super::assert_agrees_with_profile(stringify!($module), &ROW);
            }
        })+

        const _: fn(ProviderKind) = |provider| match provider {
            $(ProviderKind::$kind => (),)+
        };

        const IN_THE_TABLE: &[ProviderKind] = &[$(ProviderKind::$kind),+];
    };
}
