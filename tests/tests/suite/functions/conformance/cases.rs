//! Which cases a gateway has to stand, by the answers of its row, and how they become tests.

/// The tests of a gateway that follow from one answer of its row.
macro_rules! cases {
    (every gateway) => {
        tests! {
            paying: a_gateway_that_opens_no_session_lets_the_customer_try_again,
                a_payment_becomes_one_receipt_and_a_second_visit_opens_nothing,
                a_link_is_paid_in_parts_each_with_a_session_and_a_receipt_of_its_own,
                another_choice_leaves_the_session_before_and_no_more_is_kept_than_is_due,
                a_return_that_comes_many_times_at_once_makes_one_receipt,
                a_customer_who_cancels_at_the_gateway_has_paid_nothing_and_can_pay_later;
            unknown: an_outcome_whose_answer_was_lost_is_no_failure_and_is_found_out,
                an_outcome_answered_by_an_error_page_is_no_failure_and_is_found_out,
                an_outcome_answered_by_nothing_is_no_failure_and_is_found_out;
            foreign_returns: the_return_of_one_payment_pays_no_other_link,
                the_return_of_a_payment_of_another_amount_cannot_take_it_from_its_link;
            refunds: a_payment_that_comes_too_late_is_not_kept_and_goes_back,
                of_two_payments_for_one_link_one_is_kept_and_the_other_goes_back;
            kept_refunds: a_payment_goes_back_whole_once_however_often_that_is_asked_for,
                money_that_went_back_by_other_means_is_in_the_books_and_no_gateway_is_asked;
            nulls: null_in_place_of_a_value_changes_nothing_or_says_nothing;
            accounts: a_gateway_is_described_by_what_its_accounts_are_checked_against;
            checks: an_account_that_the_gateway_takes_is_said_to_be_taken_and_nothing_is_written_or_paid,
                a_gateway_that_does_not_answer_a_check_refuses_nothing;
        }
    };

    (failing EndsTheSession) => {
        tests! { paying: a_payment_that_failed_can_be_made_again_in_a_new_session; }
    };
    (failing LeavesTheSessionOpen) => {
        tests! { paying: a_payment_that_failed_can_be_made_again_in_the_same_session; }
    };

    (paying_less Impossible) => {};
    (paying_less GoesBackByItself) => {
        tests! {
            refunds: another_amount_than_was_asked_for_pays_nothing_and_goes_back_by_itself,
                money_whose_refunding_was_not_answered_goes_back_once;
        }
    };
    (paying_less WaitsForAPerson) => {
        tests! {
            refunds: another_amount_than_was_asked_for_pays_nothing_and_goes_back_when_a_person_says_so,
                money_whose_refunding_was_not_answered_goes_back_once;
        }
    };

    // Whether the customer can pay by a method whose money arrives later or not at all.
    (slow_money Impossible) => {};
    (slow_money Possible) => {
        tests! {
            unknown: money_that_is_on_its_way_is_waited_for_until_it_arrives,
                money_that_never_arrives_pays_nothing_and_the_customer_can_pay_again;
        }
    };

    // Whether a refund that the gateway took may take days, or fail.
    (refunding AtOnce) => {};
    (refunding InItsTime) => {
        tests! {
            slow_refunds: a_refund_that_takes_its_time_is_done_only_when_the_gateway_says_so,
                a_refund_that_fails_is_for_a_person_who_can_have_it_made_once_more,
                a_refund_that_no_bank_finishes_is_for_a_person;
            kept_refunds: a_part_that_the_gateway_gives_up_is_money_that_is_still_there;
        }
    };

    // Whether the gateway can send a part of a payment back.
    (parts Possible) => {
        tests! {
            kept_refunds: parts_of_a_payment_go_back_until_nothing_is_left,
                a_part_whose_answer_was_lost_goes_back_once_at_most;
        }
    };
    (parts WithMoreCredentials) => {
        tests! {
            kept_refunds: parts_of_a_payment_go_back_until_nothing_is_left,
                a_part_whose_answer_was_lost_goes_back_once_at_most,
                a_part_for_which_credentials_are_missing_is_refused_beforehand;
        }
    };
    (parts Impossible) => {
        tests! { kept_refunds: what_the_gateway_cannot_do_is_refused_beforehand; }
    };

    // Whether the gateway shows what happened to a payment afterwards and nobody asked for.
    (shows Nothing) => {
        tests! { aftermath: a_gateway_that_cannot_tell_says_so_and_what_went_is_written_down_by_hand; }
    };
    (shows RefundsAndDisputes) => {
        tests! {
            aftermath: a_refund_from_the_dashboard_is_in_the_books_once_by_a_call_or_by_a_list,
                a_refund_that_fails_after_it_had_succeeded_is_void_and_the_money_can_go_again,
                a_dispute_that_is_won_leaves_the_business_its_money,
                a_dispute_that_is_lost_takes_the_money_and_the_books_say_so;
        }
    };

    // What the gateway's key is: one that can be replaced by another of the same merchant, or the merchant itself.
    (key CanBeReplaced) => {
        tests! { keys: a_key_that_is_revoked_while_somebody_pays_strands_nothing; }
    };
    (key IsTheMerchant) => {
        tests! { keys: a_merchant_that_is_switched_off_ends_nothing; }
    };
    (key None) => {};

    // Whether the gateway says what it keeps for itself.
    (fee Told) => {
        tests! { paying: what_the_gateway_says_of_its_fee_is_kept_with_the_payment; }
    };
    (fee Untold) => {};

    // Whether a bank may say yes days after the customer's payment failed.
    (bank StandsByItsNo) => {};
    (bank ChangesItsMind) => {
        tests! { closing: a_bank_that_says_yes_after_its_no_is_heard_although_the_session_is_over; }
    };

    (closing Never) => {
        tests! { closing: a_cancelled_link_whose_session_cannot_be_closed_refunds_what_is_paid; }
    };
    (closing Always) => {
        tests! { closing: a_cancelled_link_closes_its_session; }
    };
    (closing OnceTheCustomerChose) => {
        tests! {
            closing: a_cancelled_link_closes_its_session_where_the_customer_chose_what_can_be_cancelled,
                a_cancelled_link_whose_session_cannot_be_closed_refunds_what_is_paid;
        }
    };

    (look_up AnyTime) => {
        tests! {
            paying: a_payment_that_nobody_reports_is_found;
            sessions: trouble_of_some_sessions_keeps_no_other_of_the_account_waiting;
        }
    };
    (look_up OnlyOnReturn) => {
        tests! { paying: a_payment_that_nobody_reports_is_abandoned_and_can_be_made_again; }
    };

    (webhooks None) => {
        tests! { calls: a_gateway_that_never_calls_has_no_address_to_call; }
    };
    (webhooks Signed) => {
        tests! {
            calls: a_signed_call_confirms_a_payment_and_a_forged_one_does_not;
            refund_calls: a_refund_is_known_to_be_done_as_soon_as_the_gateway_calls,
                a_refund_is_known_to_have_failed_as_soon_as_the_gateway_calls;
        }
    };
    (webhooks Unsigned) => {
        tests! {
            calls: an_unsigned_call_confirms_a_payment_and_a_forged_one_does_not;
            refund_calls: a_refund_is_known_to_be_done_as_soon_as_the_gateway_calls,
                a_refund_is_known_to_have_failed_as_soon_as_the_gateway_calls;
        }
    };
}

/// A module of tests for each row. A question that a row leaves open, or answers by what no case is chosen by, does not
/// compile; nor does a gateway without a row.
macro_rules! gateways {
    ($($module:ident: $kind:ident {
        returning: $returning:literal,
        silent: $silent:literal,
        create: $create:literal,
        decide: $decide:literal,
        refund: $refund:literal,
        check: $check:literal,
        failing: $failing:ident,
        paying_less: $paying_less:ident,
        slow_money: $slow_money:ident,
        refunding: $refunding:ident,
        parts: $parts:ident,
        shows: $shows:ident,
        key: $key:ident,
        fee: $fee:ident,
        bank: $bank:ident,
        closing: $closing:ident,
        look_up: $look_up:ident,
        webhooks: $webhooks:ident,
    })+) => {
        $(mod $module {
            static ROW: super::Row = super::Row {
                gateway: super::GatewayKind::$kind,
                returning: $returning,
                silent: $silent,
                create: $create,
                decide: $decide,
                refund: $refund,
                check: $check,
                failing: super::Failing::$failing,
                paying_less: super::PayingLess::$paying_less,
                closing: super::Closing::$closing,
                look_up: super::LookUp::$look_up,
                webhooks: super::Webhooks::$webhooks,
            };

            cases!(every gateway);
            cases!(failing $failing);
            cases!(paying_less $paying_less);
            cases!(slow_money $slow_money);
            cases!(refunding $refunding);
            cases!(parts $parts);
            cases!(shows $shows);
            cases!(key $key);
            cases!(fee $fee);
            cases!(bank $bank);
            cases!(closing $closing);
            cases!(look_up $look_up);
            cases!(webhooks $webhooks);

            #[test]
            fn its_row_agrees_with_its_profile() {
                super::assert_agrees_with_profile(stringify!($module), &ROW);
                super::assert_shows(&ROW, stringify!($shows));
            }
        })+

        const _: fn(GatewayKind) = |gateway| match gateway {
            $(GatewayKind::$kind => (),)+
        };

        const IN_THE_TABLE: &[GatewayKind] = &[$(GatewayKind::$kind),+];
    };
}
