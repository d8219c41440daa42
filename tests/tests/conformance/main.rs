//! Both drivers do the same: every scenario is written once, over [`driver::Driver`], and runs on tokio and on smol.
//!
//! Real sockets on the loopback interface, real certificates, real files. Nothing sleeps for a guess: everything waits
//! for a condition, within a generous limit.

mod addresses;
mod broadcast;
mod cluster;
mod driver;
mod embedded;
mod gossip;
mod lifecycle;
mod network;
mod record;
mod renewal;
mod signatures;
mod streams;

/// One `#[test]` per scenario and driver.
macro_rules! on_both_drivers {
    ($($module:ident :: $scenario:ident),* $(,)?) => {
        mod tokio_driver { $(
            #[test]
            fn $scenario() {
                <crate::driver::OnTokio as crate::driver::Driver>::run(
                    crate::$module::$scenario::<crate::driver::OnTokio>());
            }
        )* }
        mod smol_driver { $(
            #[test]
            fn $scenario() {
                <crate::driver::OnSmol as crate::driver::Driver>::run(
                    crate::$module::$scenario::<crate::driver::OnSmol>());
            }
        )* }
    };
}

on_both_drivers![
    broadcast::a_broadcast_reaches_all_once_and_in_its_authors_order,
    broadcast::who_comes_later_hears_what_was_said_before,
    broadcast::an_author_that_restarts_says_on_in_a_new_run,
    broadcast::who_says_too_much_waits_and_loses_nothing,
    broadcast::a_broadcast_handler_is_called_one_after_the_other_whatever_it_does,
    gossip::gossip_goes_to_neighbours_and_their_answers_come_back,
    gossip::a_neighbour_that_never_answers_delays_no_gossip,
    lifecycle::a_member_knows_itself_and_stops,
    lifecycle::dropping_the_last_client_stops_the_member,
    lifecycle::every_call_after_the_stop_says_so,
    lifecycle::calls_caught_by_the_stop_end_too,
    lifecycle::events_end_with_the_member,
    lifecycle::a_port_in_use_is_named,
    lifecycle::a_wildcard_needs_an_advertised_address,
    lifecycle::an_expired_certificate_is_refused,
    lifecycle::a_directory_without_identity_says_what_to_do,
    lifecycle::a_second_agent_on_a_directory_is_refused,
    lifecycle::a_stop_frees_port_and_directory,
    lifecycle::a_panic_in_a_query_is_no_hang,
    lifecycle::a_dropped_wait_leaves_nothing_behind,
    lifecycle::only_a_renewal_of_the_own_certificate_is_taken,
    lifecycle::junk_is_counted_and_keeps_nobody_waiting,
    addresses::members_meet_over_ipv6,
    addresses::a_socket_of_both_families_meets_members_of_ipv4,
    network::all_join_and_agree,
    network::a_request_reaches_its_member_and_names_its_sender,
    network::a_request_to_nobody_known_fails_at_once,
    network::a_panicking_handler_is_a_failure_and_harms_nobody,
    network::a_busy_member_refuses_and_goes_on,
    network::a_request_by_address_learns_who_is_there,
    network::ten_thousand_requests_may_be_in_flight,
    network::requests_that_are_dropped_by_the_thousand_are_all_taken_back,
    network::a_member_without_handler_says_so,
    network::a_crashed_member_goes_down_everywhere,
    network::a_restart_returns_with_a_higher_epoch,
    network::who_leaves_is_out_at_once,
    network::tags_reach_everybody,
    embedded::a_loop_of_ones_own_is_a_member_like_any_other,
    streams::messages_travel_whole_and_in_order_both_ways,
    streams::the_opener_is_named_and_halves_end_by_themselves,
    streams::a_reset_tells_its_code_both_ways,
    streams::a_dropped_end_is_told_with_a_code_of_its_own,
    streams::a_handler_that_panics_is_told_and_harms_nobody,
    streams::a_member_that_handles_no_streams_says_so,
    streams::a_reader_that_stops_stalls_its_own_stream_alone,
    streams::thousands_of_streams_at_once,
    streams::a_dropped_send_is_sent_whole_or_not_at_all,
    streams::a_dropped_finish_still_happens,
    streams::a_dropped_recv_loses_nothing,
    streams::a_message_over_the_limit_is_not_sent,
    streams::a_peer_that_closes_within_a_message_is_cut_off,
    streams::a_length_over_the_limit_ends_the_stream_before_a_byte_of_it,
    streams::handlers_that_never_return_are_bounded,
    streams::who_is_not_there_is_told_at_once,
    streams::a_crash_and_a_stop_end_streams,
    streams::a_stream_does_not_keep_its_member_running,
    streams::a_service_is_its_methods_and_refuses_the_rest,
    renewal::r14_members_renew_by_themselves_and_a_stream_goes_on,
    renewal::r14_another_root_follows_and_a_stream_goes_on,
    renewal::r14_revoked_is_out_everywhere_and_stays_out,
    record::a_recorded_run_replays_record_by_record,
    record::a_record_overwrites_nothing,
    signatures::a_signature_holds_at_every_member_for_its_bytes_alone,
    signatures::an_unknown_signer_is_not_an_invalid_signature,
    signatures::a_signature_over_the_bytes_of_a_note_is_no_notes,
];
