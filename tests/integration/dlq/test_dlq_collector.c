/* om-dlq against real PostgreSQL and NATS: what becomes a dead letter, what does not, and that it
   is one.

   Covers: services/dlq/collect/ services/dlq/index/ */
#include "tests/support/base/test.h"
#include "tests/support/world/dead_letters.h"

#include <inttypes.h>

#define REJECT_WAIT_MS 2000
#define EXHAUST_WAIT_MS 15000
#define LONG_GRACE_MS 600000
#define SHORT_GRACE_MS 500

static struct dead_letters world;
static struct process *service; /* with a long grace: advisories only */

static int set_up(void **state) {
    (void)state;
    dead_letters_start(&world);
    service = dead_letters_service(&world, LONG_GRACE_MS, NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    dead_letters_end(&service);
    dead_letters_stop(&world);
    return 0;
}

/* Every notice that was made before is dealt with once this poison is a dead letter. */
static void poison_once_more(int64_t expected_count) {
    char id[UUID_TEXT_SIZE];
    uint64_t sequence = dead_letters_publish(&world, id);
    dead_letters_reject(&world, id, sequence);
    dead_letters_await(&world, expected_count, DEAD_LETTERS_WAIT_MS);
}

static void advise(const char *kind, const char *type, uint64_t sequence, int deliveries) {
    struct buf subject = {0}, body = {0};
    buf_printf(&subject, "$JS.EVENT.ADVISORY.CONSUMER.%s.ORDERS.%s", kind, world.consumer);
    buf_printf(&body,
               "{\"type\":\"io.nats.jetstream.advisory.v1.%s\",\"id\":\"x\","
               "\"timestamp\":\"2026-01-02T03:04:05.678Z\",\"stream\":\"ORDERS\","
               "\"consumer\":\"%s\",\"stream_seq\":%" PRIu64 ",\"deliveries\":%d}",
               type, world.consumer, sequence, deliveries);
    dead_letters_advise(&world, subject.ptr, body.ptr);
    buf_fini(&subject);
    buf_fini(&body);
}

static void advise_exhausted(uint64_t sequence, int deliveries) {
    advise("MAX_DELIVERIES", "max_deliver", sequence, deliveries);
}

static void advise_terminated(uint64_t sequence) {
    advise("MSG_TERMINATED", "terminated", sequence, 1);
}

/* --- what becomes one --- */

static void rejected_message_is_a_dead_letter_within_two_seconds(void **state) {
    (void)state;
    char id[UUID_TEXT_SIZE];
    struct stored_message message;
    struct entry entry;
    dead_letters_consumer(&world, "rejected");
    uint64_t sequence = dead_letters_publish(&world, id);

    dead_letters_reject(&world, id, sequence);

    dead_letters_await(&world, 1, REJECT_WAIT_MS);
    dead_letters_read(&world, id, &message, &entry);
    assert_slice_equal(entry.reason, "rejected");
    assert_slice_equal(entry.error, "told to fail");
    assert_slice_equal(entry.error_code, "INVALID");
    assert_slice_equal(entry.service, "tester");
    assert_slice_equal(entry.subject, DEAD_LETTERS_SUBJECT);
    assert_int_equal(entry.sequence, sequence);
    assert_int_equal(entry.generation, 1);
    stored_message_fini(&message);
    dead_letters_await_query(&world,
                             "SELECT count(*) FROM dlq.entries WHERE consumer = $1 AND"
                             " status = 'dead' AND type = 'io.ordermesh.order.created'",
                             1);
}

static void original_is_kept_byte_for_byte(void **state) {
    (void)state;
    static const char body[] = "a\0b\xff\r\n{";
    char id[] = "0198c7a0-0000-7000-8000-00000000beef";
    struct stored_message message;
    struct entry entry;
    dead_letters_consumer(&world, "bytes");
    natsMsg *original = dead_letters_message(id, (struct slice){body, sizeof(body) - 1});
    assert_int_equal(natsMsgHeader_Add(original, "X-Many", "one"), NATS_OK);
    assert_int_equal(natsMsgHeader_Add(original, "X-Many", " two "), NATS_OK);
    assert_int_equal(natsMsgHeader_Add(original, "Nats-Expected-Stream", "ORDERS"), NATS_OK);
    assert_int_equal(natsMsgHeader_Add(original, "Dlq-Reason", "none of ours"), NATS_OK);
    uint64_t sequence = dead_letters_store(&world, original);

    dead_letters_reject(&world, id, sequence);

    dead_letters_await(&world, 1, DEAD_LETTERS_WAIT_MS);
    dead_letters_read(&world, id, &message, &entry);
    assert_int_equal(message.body.len, sizeof(body) - 1);
    assert_memory_equal(message.body.ptr, body, sizeof(body) - 1);
    struct slice rest = buf_slice(&message.headers);
    struct header header;
    int many = 0, others = 0;
    while (entry_next_original_header(&rest, &header)) {
        if (slice_is(header.name, "X-Many"))
            assert_slice_equal(header.value, many++ == 0 ? "one" : " two ");
        else if (slice_is(header.name, "Nats-Msg-Id") && slice_is(header.value, id))
            others++;
        else if (slice_is(header.name, "Nats-Expected-Stream") && slice_is(header.value, "ORDERS"))
            others++;
        else if (slice_is(header.name, "Dlq-Reason") && slice_is(header.value, "none of ours"))
            others++;
        else
            fail_msg("%.*s", SLICE_ARG(header.name));
    }
    assert_int_equal(many, 2);
    assert_int_equal(others, 3);
    stored_message_fini(&message);
}

static void last_failed_attempt_is_a_dead_letter(void **state) {
    (void)state;
    char id[UUID_TEXT_SIZE];
    struct stored_message message;
    struct entry entry;
    dead_letters_consumer(&world, "exhausted");
    uint64_t sequence = dead_letters_publish(&world, id);

    dead_letters_exhaust(&world, id, sequence);

    dead_letters_await(&world, 1, EXHAUST_WAIT_MS);
    dead_letters_read(&world, id, &message, &entry);
    assert_slice_equal(entry.reason, "max_deliveries");
    assert_int_equal(entry.deliveries, 2);
    stored_message_fini(&message);
}

static void message_that_is_no_event_is_named_by_its_sequence(void **state) {
    (void)state;
    struct stored_message message;
    struct entry entry;
    char name[32];
    dead_letters_consumer(&world, "nameless");
    uint64_t sequence =
        dead_letters_store(&world, dead_letters_message("not-a-uuid", SLICE_LITERAL("")));
    snprintf(name, sizeof(name), "seq-%" PRIu64, sequence);

    dead_letters_exhaust(&world, name, sequence);

    dead_letters_await(&world, 1, EXHAUST_WAIT_MS);
    dead_letters_read(&world, name, &message, &entry);
    assert_int_equal(message.body.len, 0);
    stored_message_fini(&message);
}

/* --- what does not --- */

static void repeated_advisory_adds_nothing(void **state) {
    (void)state;
    char id[UUID_TEXT_SIZE];
    dead_letters_consumer(&world, "repeated");
    uint64_t sequence = dead_letters_publish(&world, id);
    dead_letters_reject(&world, id, sequence);
    dead_letters_await(&world, 1, DEAD_LETTERS_WAIT_MS);

    for (int i = 0; i < 3; i++)
        advise_terminated(sequence);
    advise_exhausted(sequence, 2);

    poison_once_more(2);
}

static void forged_advisories_are_refused(void **state) {
    (void)state;
    char id[UUID_TEXT_SIZE];
    dead_letters_consumer(&world, "forged");
    uint64_t healthy = dead_letters_publish(&world, id);
    dead_letters_answer(&world, dead_letters_deliver(&world), "+ACK");
    natsMsg *other = NULL;
    assert_int_equal(natsMsg_Create(&other, "orders.cmd.submit", NULL, "{}", 2), NATS_OK);
    uint64_t of_another_subject = dead_letters_store(&world, other);
    uint64_t seen = dead_letters_publish(&world, id);
    dead_letters_answer(&world, dead_letters_deliver(&world), "+ACK");

    advise_exhausted(healthy, 1);            /* too few deliveries */
    advise_terminated(healthy);              /* nobody reported it */
    advise_exhausted(seen + 1000000, 2);     /* not yet published */
    advise_exhausted(of_another_subject, 2); /* not for this consumer */
    advise("MSG_TERMINATED", "max_deliver", healthy, 2);
    dead_letters_advise(&world, "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.ORDERS.nobody",
                        "{\"type\":\"io.nats.jetstream.advisory.v1.max_deliver\",\"timestamp\":"
                        "\"2026-01-02T03:04:05Z\",\"stream\":\"ORDERS\",\"consumer\":\"nobody\","
                        "\"stream_seq\":1,\"deliveries\":4}");
    dead_letters_advise(&world, "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.FAILURES.dlq",
                        "{\"type\":\"io.nats.jetstream.advisory.v1.max_deliver\",\"timestamp\":"
                        "\"2026-01-02T03:04:05Z\",\"stream\":\"FAILURES\",\"consumer\":\"dlq\","
                        "\"stream_seq\":1,\"deliveries\":4}");
    dead_letters_advise(&world, "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.ORDERS.forged",
                        "{\"type\":\"io.nats.jetstream.advisory.v1.max_deliver\"");

    poison_once_more(1);
    assert_int_equal(dead_letters_query(&world, "SELECT count(*) FROM dlq.entries"
                                                " WHERE consumer IN ('nobody', 'dlq')"),
                     0);
}

static void message_that_was_done_after_all_is_healthy(void **state) {
    (void)state;
    char id[UUID_TEXT_SIZE];
    dead_letters_consumer(&world, "done");
    uint64_t sequence = dead_letters_publish(&world, id);
    dead_letters_answer(&world, dead_letters_deliver(&world), "-NAK");
    dead_letters_answer(&world, dead_letters_deliver(&world), "+ACK");
    dead_letters_report(&world, id, sequence, 2, "DONE");

    advise_exhausted(sequence, 2);

    poison_once_more(1);
}

static void second_copy_of_a_dead_event_adds_nothing(void **state) {
    (void)state;
    char id[UUID_TEXT_SIZE], again[UUID_TEXT_SIZE];
    dead_letters_consumer(&world, "redriven");
    uint64_t sequence = dead_letters_publish(&world, id);
    dead_letters_reject(&world, id, sequence);
    dead_letters_await(&world, 1, DEAD_LETTERS_WAIT_MS);

    uint64_t copy = dead_letters_publish(&world, again);
    dead_letters_reject(&world, id, copy); /* the same event, by its body */

    poison_once_more(2);
    dead_letters_await_query(&world, "SELECT count(*) FROM dlq.failures WHERE consumer = $1", 3);
}

/* --- generations --- */

static uint64_t replay(const char *event_id, int generation) {
    struct buf of = {0}, msg_id = {0};
    buf_printf(&of, "ORDERS.%s.%s", world.consumer, event_id);
    buf_printf(&msg_id, "%s.replay.%d", of.ptr, generation);
    natsMsg *message = dead_letters_message(msg_id.ptr, SLICE_LITERAL("{\"poison\":1}"));
    assert_int_equal(natsMsgHeader_Set(message, "Om-Replay-Of", of.ptr), NATS_OK);
    assert_int_equal(natsMsgHeader_Set(message, "Om-Replay-For", world.consumer), NATS_OK);
    uint64_t sequence = dead_letters_store(&world, message);
    struct buf sql = {0};
    buf_printf(&sql,
               "UPDATE dlq.entries SET status = 'replayed', replay_sequence = %" PRIu64
               " WHERE consumer = $1",
               sequence);
    (void)dead_letters_query(&world, sql.ptr);
    buf_fini(&sql);
    buf_fini(&of);
    buf_fini(&msg_id);
    return sequence;
}

static const char generation_sql[] =
    "SELECT max(generation) FROM dlq.entries WHERE consumer = $1 AND status = 'dead'";

static void replay_that_fails_is_the_next_generation(void **state) {
    (void)state;
    char id[UUID_TEXT_SIZE];
    struct stored_message message;
    struct entry entry;
    dead_letters_consumer(&world, "again");
    uint64_t first = dead_letters_publish(&world, id);
    dead_letters_exhaust(&world, id, first);
    dead_letters_await_query(&world, generation_sql, 1);

    uint64_t second = replay(id, 1);
    dead_letters_reject(&world, id, second);

    dead_letters_await(&world, 2, DEAD_LETTERS_WAIT_MS);
    dead_letters_await_query(&world, generation_sql, 2);
    dead_letters_read(&world, id, &message, &entry);
    assert_int_equal(entry.generation, 2);
    assert_int_equal(entry.sequence, second);
    stored_message_fini(&message);
}

static void replay_that_is_done_resolves_its_entry_for_good(void **state) {
    (void)state;
    char id[UUID_TEXT_SIZE];
    dead_letters_consumer(&world, "resolved");
    uint64_t first = dead_letters_publish(&world, id);
    dead_letters_reject(&world, id, first);
    dead_letters_await_query(&world, generation_sql, 1);
    uint64_t second = replay(id, 1);
    dead_letters_answer(&world, dead_letters_deliver(&world), "+ACK");

    dead_letters_report(&world, id, second, 1, "DONE");

    dead_letters_await_query(&world,
                             "SELECT count(*) FROM dlq.entries WHERE consumer = $1"
                             " AND status = 'resolved'",
                             1);
    advise_terminated(first); /* late, by a server that was restarted */
    poison_once_more(2);
    assert_int_equal(dead_letters_query(&world, "SELECT count(*) FROM dlq.entries"
                                                " WHERE consumer = $1 AND status = 'resolved'"),
                     1);
}

/* --- the sweep, and an index that is lost --- */

static void restart(int64_t grace_ms) {
    dead_letters_end(&service);
    service = dead_letters_service(&world, grace_ms, NULL);
}

static void report_without_advisory_is_swept(void **state) {
    (void)state;
    char id[UUID_TEXT_SIZE], healthy_id[UUID_TEXT_SIZE];
    dead_letters_consumer(&world, "swept");
    restart(SHORT_GRACE_MS);
    uint64_t healthy = dead_letters_publish(&world, healthy_id);
    dead_letters_answer(&world, dead_letters_deliver(&world), "+ACK");
    dead_letters_report(&world, healthy_id, healthy, 2, "RETRY");
    dead_letters_report(&world, healthy_id, healthy, 3, "DONE");
    uint64_t sequence = dead_letters_publish(&world, id);
    dead_letters_answer(&world, dead_letters_deliver(&world), "+ACK");

    dead_letters_report(&world, id, sequence, 2, "RETRY");

    dead_letters_await(&world, 1, DEAD_LETTERS_WAIT_MS);
    dead_letters_await_query(&world,
                             "SELECT count(*) FROM dlq.reports WHERE consumer = $1"
                             " AND outcome <> 'DONE'",
                             0);
    assert_int_equal(dead_letters_count(&world), 1);
    restart(LONG_GRACE_MS);
}

static void word_under_the_event_supersedes_one_under_the_sequence(void **state) {
    (void)state;
    char id[UUID_TEXT_SIZE], by_sequence[32];
    dead_letters_consumer(&world, "decoded");
    restart(SHORT_GRACE_MS);
    uint64_t sequence = dead_letters_publish(&world, id);
    snprintf(by_sequence, sizeof(by_sequence), "seq-%" PRIu64, sequence);
    dead_letters_answer(&world, dead_letters_deliver(&world), "-NAK"); /* its TERM was lost */
    dead_letters_report(&world, by_sequence, sequence, 1, "REJECT");
    dead_letters_report(&world, id, sequence, 2, "DONE");
    dead_letters_answer(&world, dead_letters_deliver(&world), "+ACK");

    advise_terminated(sequence);
    poison_once_more(1);
    dead_letters_await_query(&world,
                             "SELECT count(*) FROM dlq.reports WHERE consumer = $1"
                             " AND outcome <> 'DONE'",
                             0);
    assert_int_equal(dead_letters_count(&world), 1);
}

static void lost_index_is_rebuilt_from_the_stream(void **state) {
    (void)state;
    char id[UUID_TEXT_SIZE];
    dead_letters_consumer(&world, "rebuilt");
    uint64_t first = dead_letters_publish(&world, id);
    dead_letters_exhaust(&world, id, first);
    dead_letters_await_query(&world, generation_sql, 1);
    uint64_t second = replay(id, 1);
    dead_letters_exhaust(&world, id, second);
    dead_letters_await_query(&world, generation_sql, 2);
    (void)dead_letters_query(&world, "TRUNCATE dlq.entries, dlq.failures, dlq.reports");

    advise_exhausted(second, 2);

    dead_letters_await_query(&world, generation_sql, 2);
    dead_letters_await_query(&world, "SELECT count(*) FROM dlq.failures WHERE consumer = $1", 1);
    assert_int_equal(dead_letters_count(&world), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rejected_message_is_a_dead_letter_within_two_seconds),
        cmocka_unit_test(original_is_kept_byte_for_byte),
        cmocka_unit_test(last_failed_attempt_is_a_dead_letter),
        cmocka_unit_test(message_that_is_no_event_is_named_by_its_sequence),
        cmocka_unit_test(repeated_advisory_adds_nothing),
        cmocka_unit_test(forged_advisories_are_refused),
        cmocka_unit_test(message_that_was_done_after_all_is_healthy),
        cmocka_unit_test(second_copy_of_a_dead_event_adds_nothing),
        cmocka_unit_test(replay_that_fails_is_the_next_generation),
        cmocka_unit_test(replay_that_is_done_resolves_its_entry_for_good),
        cmocka_unit_test(report_without_advisory_is_swept),
        cmocka_unit_test(lost_index_is_rebuilt_from_the_stream),
        cmocka_unit_test(word_under_the_event_supersedes_one_under_the_sequence),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
