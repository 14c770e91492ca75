//! The Kafka connector against the real Apache Kafka.
//!
//! One broker serves the cases of [`CASES`], which may run at the same time and name their topics after themselves.
//! Those of [`OWN_BROKER_CASES`] start what they need: they kill brokers, or want several, or TLS.

mod broker;
mod exactly_once;
mod groups;
mod outage;
mod pipeline;
mod records;
mod security;
mod topics;
mod transactions;

pub(crate) use broker::{Broker, BrokerOptions};
pub(crate) use pipeline::create;

/// Cases that share a broker.
pub(crate) const CASES: &[(&str, fn(&Broker))] = &[
    ("kcat reads what we write", records::kcat_reads_what_we_write),
    ("we read what kcat writes", records::we_read_what_kcat_writes),
    ("every compression is read", records::every_compression_is_read),
    (
        "records of a key keep their order",
        records::records_of_a_key_keep_their_order,
    ),
    (
        "a key goes where java clients put it",
        records::a_key_goes_where_java_clients_put_it,
    ),
    (
        "a group goes on where it committed",
        groups::a_group_goes_on_where_it_committed,
    ),
    (
        "two members share a topic and hand it over",
        groups::two_members_share_a_topic_and_hand_it_over,
    ),
    ("eager groups work", groups::eager_groups_work),
    ("the new group protocol works", groups::the_new_group_protocol_works),
    (
        "topics are made, listed and removed",
        topics::topics_are_made_listed_and_removed,
    ),
    ("a refusal says why", topics::a_refusal_says_why),
    ("an unknown topic is an error", topics::an_unknown_topic_is_an_error),
    (
        "a topic that is made a little later is found",
        topics::a_topic_that_is_made_a_little_later_is_found,
    ),
    (
        "a topic that is removed is an error",
        topics::a_topic_that_is_removed_is_an_error,
    ),
    ("new partitions are read", topics::new_partitions_are_read),
    (
        "new partitions are read from their beginning",
        topics::new_partitions_are_read_from_their_beginning,
    ),
    (
        "open and aborted transactions are not seen",
        transactions::open_and_aborted_transactions_are_not_seen,
    ),
    (
        "an end behind an aborted transaction is reached",
        transactions::an_end_behind_an_aborted_transaction_is_reached,
    ),
    (
        "results and offsets count together",
        exactly_once::results_and_offsets_count_together,
    ),
    (
        "what a dropped query left open is thrown away",
        exactly_once::what_a_dropped_query_left_open_is_thrown_away,
    ),
    (
        "a newer writer fences an older one",
        exactly_once::a_newer_writer_fences_an_older_one,
    ),
    (
        "a transaction that lasts too long can begin again",
        exactly_once::a_transaction_that_lasts_too_long_can_begin_again,
    ),
    (
        "an epoch without sources is remembered",
        exactly_once::an_epoch_without_sources_is_remembered,
    ),
    (
        "a member that was thrown out cannot commit",
        exactly_once::a_member_that_was_thrown_out_cannot_commit,
    ),
    (
        "given offsets win over committed ones",
        exactly_once::given_offsets_win_over_committed_ones,
    ),
];

/// Cases that start brokers of their own.
pub(crate) const OWN_BROKER_CASES: &[(&str, fn())] = &[
    (
        "a new broker is asked before it has coordinators",
        exactly_once::a_new_broker_is_asked_before_it_has_coordinators,
    ),
    ("a killed broker loses nothing", outage::a_killed_broker_loses_nothing),
    ("one broker of three may die", outage::one_broker_of_three_may_die),
    (
        "tls and sasl work and refusals are told",
        security::tls_and_sasl_work_and_refusals_are_told,
    ),
];
