/* Second chances against real PostgreSQL and NATS: what ran out of deliveries without a word is
   sent once more, by itself, and is a dead letter only when that fails, too.

   Covers: services/dlq/collect/ */
#include "shared/nats/pull.h"
#include "tests/support/base/test.h"
#include "tests/support/world/dead_letters.h"

#include <inttypes.h>
#include <signal.h>

#define GRACE_MS 600000
#define EXHAUST_WAIT_MS 15000

static struct dead_letters world;
static struct process *service;

static int set_up(void **state) {
    (void)state;
    dead_letters_start(&world);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    dead_letters_stop(&world);
    return 0;
}

static void start(const char *failpoint) {
    service = dead_letters_service(&world, GRACE_MS, failpoint);
}

/* A message whose consumer is killed with it in hand until its deliveries have run out. */
static uint64_t publish_and_lose(char *id) {
    uint64_t sequence = dead_letters_publish(&world, id);
    dead_letters_lose(&world, dead_letters_deliver(&world));
    return sequence;
}

static void await_state(const char *state, int64_t count) {
    struct buf sql = {0};
    buf_printf(&sql, "SELECT count(*) FROM dlq.chances WHERE consumer = $1 AND state = '%s'",
               state);
    dead_letters_await_query(&world, sql.ptr, count);
    buf_fini(&sql);
}

struct chance {
    natsMsg *delivery;
    uint64_t sequence;
};

/* The next message that the consumer is given, which must be the second chance of message `of`. */
static struct chance next_chance(uint64_t of) {
    struct pull_metadata metadata;
    struct buf sql = {0};
    natsMsg *delivery = dead_letters_deliver(&world);
    assert_true(pull_parse_metadata(natsMsg_GetReply(delivery), &metadata));
    buf_printf(&sql,
               "SELECT count(*) FROM dlq.chances WHERE consumer = $1 AND state = 'given'"
               " AND stream_sequence = %" PRIu64 " AND chance_sequence = %" PRIu64,
               of, metadata.stream_sequence);
    dead_letters_await_query(&world, sql.ptr, 1);
    buf_fini(&sql);
    return (struct chance){delivery, metadata.stream_sequence};
}

static void pass(const char *id, const struct chance *chance) {
    dead_letters_answer(&world, chance->delivery, "+ACK");
    dead_letters_report(&world, id, chance->sequence, 1, "DONE");
}

/* The server repeats the advisory about `sequence`. */
static void advise(uint64_t sequence) {
    struct buf subject = {0}, body = {0};
    buf_printf(&subject, "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.ORDERS.%s", world.consumer);
    buf_printf(&body,
               "{\"type\":\"io.nats.jetstream.advisory.v1.max_deliver\",\"id\":\"x\","
               "\"timestamp\":\"2026-01-02T03:04:05.678Z\",\"stream\":\"ORDERS\","
               "\"consumer\":\"%s\",\"stream_seq\":%" PRIu64 ",\"deliveries\":2}",
               world.consumer, sequence);
    dead_letters_advise(&world, subject.ptr, body.ptr);
    buf_fini(&subject);
    buf_fini(&body);
}

/* Every notice made before is dealt with once this poison is the only dead letter. */
static void assert_no_dead_letter(void) {
    char id[UUID_TEXT_SIZE];
    uint64_t sequence = dead_letters_publish(&world, id);
    dead_letters_reject(&world, id, sequence);
    dead_letters_await(&world, 1, DEAD_LETTERS_WAIT_MS);
}

static void message_that_left_no_report_twice_is_a_dead_letter_that_says_so(void **state) {
    (void)state;
    char id[UUID_TEXT_SIZE];
    struct stored_message message;
    struct entry entry;
    start(NULL);
    dead_letters_consumer(&world, "silent");

    struct chance chance = next_chance(publish_and_lose(id));
    assert_int_equal(dead_letters_count(&world), 0);
    dead_letters_begin(&world, chance.sequence, 1, "the first process");
    dead_letters_begin(&world, chance.sequence, 2, "the next process");
    dead_letters_lose(&world, chance.delivery);
    dead_letters_await_quiet(&world);

    dead_letters_await(&world, 1, EXHAUST_WAIT_MS);
    dead_letters_read(&world, id, &message, &entry);
    assert_slice_equal(entry.reason, "no_report");
    assert_int_equal(entry.generation, 1);
    assert_int_equal(entry.sequence, chance.sequence);
    assert_slice_equal(entry.error, "no failure report: the consumer crashed or lost it on each of "
                                    "2 deliveries, also when it was sent by itself");
    stored_message_fini(&message);
    await_state("failed", 1);
    dead_letters_end(&service);
}

/* A machine that stalled: its time ran out in the hands of a process that lived. */
static void chance_that_was_not_begun_each_time_has_another(void **state) {
    (void)state;
    char id[UUID_TEXT_SIZE];
    start(NULL);
    dead_letters_consumer(&world, "slow");

    struct chance chance = next_chance(publish_and_lose(id));
    for (int i = 0; i < 2; i++) {
        dead_letters_begin(&world, chance.sequence, 1, "one"); /* still at it the second time */
        if (i == 1) /* or was done too late with the first */
            dead_letters_begin(&world, chance.sequence, 2, "one");
        dead_letters_lose(&world, chance.delivery);
        chance = next_chance(chance.sequence);
    }
    pass(id, &chance);

    await_state("passed", 1);
    await_state("expired", 2);
    assert_no_dead_letter();
    dead_letters_end(&service);
}

/* In slow hands; what it says takes the place of what the chance's own consumer said. */
static void chance_is_passed_when_what_was_sent_first_is_done_after_all(void **state) {
    (void)state;
    char id[UUID_TEXT_SIZE];
    start(NULL);
    dead_letters_consumer(&world, "late");

    uint64_t first = publish_and_lose(id);
    struct chance chance = next_chance(first);
    dead_letters_answer(&world, chance.delivery, "+ACK");
    dead_letters_report(&world, id, first, 2, "DONE");

    await_state("passed", 1);
    assert_no_dead_letter();
    dead_letters_end(&service);
}

static void chance_in_hand_does_not_expire(void **state) {
    (void)state;
    char id[UUID_TEXT_SIZE];
    start(NULL);
    dead_letters_consumer(&world, "held");

    struct chance chance = next_chance(publish_and_lose(id));
    dead_letters_query(&world, "UPDATE dlq.chances SET given_at = now() - interval '1 day'"
                               " WHERE consumer = $1 RETURNING 1");
    dead_letters_await_query(&world,
                             "SELECT count(*) FROM dlq.chances WHERE consumer = $1"
                             " AND state = 'given' AND given_at > now() - interval '1 hour'",
                             1);
    pass(id, &chance);
    await_state("passed", 1);
    dead_letters_end(&service);
}

static void second_chance_that_is_rejected_says_why(void **state) {
    (void)state;
    char id[UUID_TEXT_SIZE];
    struct stored_message message;
    struct entry entry;
    start(NULL);
    dead_letters_consumer(&world, "rejecting");

    struct chance chance = next_chance(publish_and_lose(id));
    dead_letters_report(&world, id, chance.sequence, 1, "REJECT");
    dead_letters_answer(&world, chance.delivery, "+TERM");

    dead_letters_await(&world, 1, DEAD_LETTERS_WAIT_MS);
    dead_letters_read(&world, id, &message, &entry);
    assert_slice_equal(entry.reason, "rejected");
    assert_int_equal(entry.generation, 1);
    stored_message_fini(&message);
    await_state("failed", 1);
    dead_letters_end(&service);
}

static void second_chances_come_one_at_a_time_and_survive_restarts(void **state) {
    (void)state;
    char ids[3][UUID_TEXT_SIZE];
    uint64_t sequences[3];
    dead_letters_consumer(&world, "killed");
    for (int i = 0; i < 3; i++)
        sequences[i] = publish_and_lose(ids[i]);
    start(NULL);

    for (int i = 0; i < 3; i++) {
        struct chance chance = next_chance(sequences[i]);
        await_state("waiting", 2 - i);
        dead_letters_end(&service);
        start(NULL);
        pass(ids[i], &chance);
    }

    await_state("passed", 3);
    advise(sequences[0]);
    assert_no_dead_letter();
    await_state("passed", 3);
    dead_letters_end(&service);
}

static void two_instances_give_one_chance(void **state) {
    (void)state;
    char id[UUID_TEXT_SIZE];
    dead_letters_consumer(&world, "twice");
    start(NULL);
    struct process *other = dead_letters_service(&world, GRACE_MS, NULL);

    uint64_t sequence = publish_and_lose(id);
    struct chance chance = next_chance(sequence);
    advise(sequence);
    pass(id, &chance);
    await_state("passed", 1);

    assert_no_dead_letter(); /* nor another delivery: it would have come first */
    dead_letters_end(&other);
    dead_letters_end(&service);
}

/* A service killed between publishing and writing it down publishes again, to the same end. */
static void second_chance_is_one_message_though_its_giver_is_killed(void **state) {
    (void)state;
    char id[UUID_TEXT_SIZE];
    int exit_code = 0;
    dead_letters_consumer(&world, "unwritten");
    start("dlq.after_chance:1");
    uint64_t sequence = publish_and_lose(id);
    natsMsg *delivery = dead_letters_deliver(&world);
    assert_true(process_wait(service, DEAD_LETTERS_WAIT_MS, &exit_code));
    assert_int_equal(exit_code, 128 + SIGKILL);
    process_destroy(&service);
    start(NULL);

    dead_letters_answer(&world, delivery, "-NAK");
    struct chance chance = next_chance(sequence);
    pass(id, &chance);
    await_state("passed", 1);
    assert_no_dead_letter();
    dead_letters_end(&service);
}

/* A clock was ahead, and what waits for an age waited for the difference. */
static void times_in_the_future_become_now(void **state) {
    (void)state;
    char id[UUID_TEXT_SIZE];
    dead_letters_consumer(&world, "ahead");
    start(NULL);
    struct chance chance = next_chance(publish_and_lose(id));
    dead_letters_query(&world, "UPDATE dlq.chances SET noted_at = now() + interval '1 day',"
                               " given_at = now() + interval '1 day' WHERE state = 'given'");
    dead_letters_query(&world, "INSERT INTO dlq.reports SELECT 'ORDERS', 'nobody', i, 'RETRY', 1,"
                               " '{}', now() + interval '1 day' FROM generate_series(1, 2) i");
    dead_letters_query(&world, "UPDATE dlq.entries SET failed_at = now() + interval '1 day'");
    dead_letters_await_query(&world,
                             "SELECT count(*) FROM (SELECT given_at AS at FROM dlq.chances UNION"
                             " ALL SELECT noted_at FROM dlq.chances UNION ALL SELECT failed_at"
                             " FROM dlq.entries UNION ALL SELECT reported_at FROM dlq.reports) t"
                             " WHERE at > now()",
                             0);
    pass(id, &chance);
    await_state("passed", 1);
    dead_letters_end(&service);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_that_left_no_report_twice_is_a_dead_letter_that_says_so),
        cmocka_unit_test(chance_that_was_not_begun_each_time_has_another),
        cmocka_unit_test(chance_is_passed_when_what_was_sent_first_is_done_after_all),
        cmocka_unit_test(chance_in_hand_does_not_expire),
        cmocka_unit_test(second_chance_that_is_rejected_says_why),
        cmocka_unit_test(second_chances_come_one_at_a_time_and_survive_restarts),
        cmocka_unit_test(two_instances_give_one_chance),
        cmocka_unit_test(second_chance_is_one_message_though_its_giver_is_killed),
        cmocka_unit_test(times_in_the_future_become_now),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
