/* Jobs that replay or discard all dead letters that a filter means.

   Covers: services/dlq/replay/ services/dlq/index/ */
#include "tests/integration/dlq/dlq_fixture.h"

#include <signal.h>
#include <sys/wait.h>

struct job_state {
    char id[UUID_TEXT_SIZE];
    const char *state;
    int64_t replayed_at_least;
};

static struct json_object *ask_job(const char *id) {
    struct buf body = {0};
    buf_printf(&body, "{\"id\":\"%s\"}", id);
    struct json_object *job = ask_well("mesh.dlq.job", body.ptr);
    buf_fini(&body);
    return job;
}

static bool job_is(void *closure) {
    const struct job_state *wanted = closure;
    struct json_object *job = ask_job(wanted->id);
    bool is_so = strcmp(text_of(job, "state"), wanted->state) == 0 &&
                 number_of(job, "replayed") >= wanted->replayed_at_least;
    json_object_put(job);
    return is_so;
}

static struct job_state start_job(const char *body) {
    struct job_state job = {.state = "running"};
    struct json_object *reply = ask_well("mesh.dlq.replay_all", body);
    snprintf(job.id, sizeof(job.id), "%s", text_of(reply, "id"));
    json_object_put(reply);
    return job;
}

static void a_dry_run_counts_and_changes_nothing(void **state) {
    (void)state;
    make_dead(3);
    struct json_object *reply =
        ask_well("mesh.dlq.replay_all", "{\"reason\":\"rejected\",\"dryRun\":true}");
    assert_int_equal(number_of(reply, "matching"), 3);
    assert_int_equal(dead_letters_query(&world, "SELECT count(*) FROM dlq.jobs"), 0);
    assert_int_equal(dead_letters_query(&world, DEAD_SQL), 3);
    json_object_put(reply);
    assert_refused("mesh.dlq.replay_all", "{\"status\":\"any\"}", STATUS_INVALID);
    assert_refused("mesh.dlq.replay_all", "{\"ratePerSecond\":10001}", STATUS_INVALID);
}

static bool service_answers(void *unused) {
    (void)unused;
    enum status status;
    json_object_put(ask("mesh.dlq.counts", "", &status));
    return status == STATUS_OK;
}

/* 500 entries: a fifth at its rate, then it is cancelled; the rest by a job whose process is killed
   twice on the way. */
static void a_job_keeps_its_rate_is_cancelled_and_survives_kills(void **state) {
    (void)state;
    enum { ENTRIES = 500, RATE = 200 };
    struct buf body = {0};
    make_dead(ENTRIES);
    atomic_store(&is_broken, false);
    int64_t before = stream_messages(), started_us = clock_monotonic_us();

    struct job_state job = start_job("{\"stream\":\"ORDERS\",\"ratePerSecond\":200}");
    job.replayed_at_least = ENTRIES / 5;
    assert_true(wait_until(job_is, &job, DEAD_LETTERS_WAIT_MS));
    int64_t took_ms = (clock_monotonic_us() - started_us) / 1000;
    assert_true(took_ms >= (ENTRIES / 5 - RATE / 20) * 1000 / RATE - 60);
    buf_printf(&body, "{\"id\":\"%s\",\"actor\":\"ann\"}", job.id);
    struct json_object *cancelled = ask_well("mesh.dlq.job_cancel", body.ptr);
    int64_t replayed = number_of(cancelled, "replayed");
    assert_string_equal(text_of(cancelled, "state"), "cancelled");
    assert_true(replayed < ENTRIES);
    json_object_put(cancelled);
    dead_letters_await_query(&world, DEAD_SQL, ENTRIES - replayed);
    dead_letters_await_query(&world, RESOLVED_SQL, replayed);

    static const char *const failpoints[] = {"dlq.before_replay:2", "dlq.after_replay:2", NULL};
    dead_letters_end(&service);
    for (int i = 0; i < 3; i++) {
        service = dead_letters_service(&world, GRACE_MS, failpoints[i]);
        if (i != 1)
            assert_true(wait_until(service_answers, NULL, DEAD_LETTERS_WAIT_MS));
        if (i == 0)
            job = start_job("{\"ratePerSecond\":1000,\"actor\":\"ann\"}");
        if (failpoints[i] == NULL)
            break;
        assert_true(process_wait(service, DEAD_LETTERS_WAIT_MS, NULL));
        process_destroy(&service);
    }
    job.state = "done";
    job.replayed_at_least = ENTRIES - replayed;
    assert_true(wait_until(job_is, &job, DEAD_LETTERS_WAIT_MS));

    dead_letters_await_query(&world, RESOLVED_SQL, ENTRIES);
    assert_int_equal(stream_messages(), before + ENTRIES);
    assert_int_equal(atomic_load(&failing_applied), ENTRIES);
    struct json_object *done = ask_job(job.id);
    assert_int_equal(number_of(done, "total"), ENTRIES - replayed);
    assert_int_equal(number_of(done, "replayed"), ENTRIES - replayed);
    assert_int_equal(number_of(done, "skipped") + number_of(done, "failed"), 0);
    assert_int_equal(number_of(done, "resolved"), ENTRIES - replayed);
    assert_int_equal(number_of(done, "deadAgain"), 0);
    json_object_put(done);
    assert_int_equal(dead_letters_query(&world, "SELECT count(*) FROM dlq.actions WHERE"
                                                " action = 'replay' AND job_id IS NOT NULL"),
                     ENTRIES);
    buf_fini(&body);
}

static void another_instance_goes_on_with_the_leaders_job(void **state) {
    (void)state;
    enum { ENTRIES = 60 };
    make_dead(ENTRIES);
    atomic_store(&is_broken, false);
    int64_t before = stream_messages();
    struct process *standby = dead_letters_service(&world, GRACE_MS, NULL);
    struct job_state job = start_job("{\"ratePerSecond\":60}");
    job.replayed_at_least = ENTRIES / 4;
    assert_true(wait_until(job_is, &job, DEAD_LETTERS_WAIT_MS));

    process_destroy(&service); /* killed: it has led since before there was another */
    service = standby;

    assert_true(wait_until(service_answers, NULL, DEAD_LETTERS_WAIT_MS));
    job.state = "done";
    job.replayed_at_least = ENTRIES;
    assert_true(wait_until(job_is, &job, DEAD_LETTERS_WAIT_MS));
    dead_letters_await_query(&world, RESOLVED_SQL, ENTRIES);
    assert_int_equal(stream_messages(), before + ENTRIES);
}

static void assert_counters(const char *id, int64_t resolved, int64_t dead_again) {
    struct json_object *job = ask_job(id);
    assert_int_equal(number_of(job, "resolved"), resolved);
    assert_int_equal(number_of(job, "deadAgain"), dead_again);
    json_object_put(job);
}

static void a_job_replays_what_stays_poisonous_once(void **state) {
    (void)state;
    make_dead(3);
    struct job_state job = start_job("{\"ratePerSecond\":100}");
    job.state = "done";
    assert_true(wait_until(job_is, &job, DEAD_LETTERS_WAIT_MS));
    dead_letters_await_query(&world,
                             "SELECT count(*) FROM dlq.entries WHERE status = 'dead'"
                             " AND generation = 2",
                             3);
    assert_counters(job.id, 0, 3);
}

/* A job first finds them poisonous, and after the fix the next one does not: each has its own
   counts, however often it is asked. */
static void a_job_says_what_became_of_what_it_replayed(void **state) {
    (void)state;
    make_dead(3);
    struct job_state first = start_job("{\"ratePerSecond\":100}");
    dead_letters_await_query(&world, "SELECT sum(dead_again) FROM dlq.jobs", 3);
    atomic_store(&is_broken, false);
    struct job_state second = start_job("{\"ratePerSecond\":100}");
    dead_letters_await_query(&world, RESOLVED_SQL, 3);
    assert_counters(first.id, 0, 3);
    assert_counters(second.id, 3, 0);
}

static void a_job_discards_with_its_reason_and_no_others(void **state) {
    (void)state;
    make_dead(70);
    assert_refused("mesh.dlq.discard_all", "{}", STATUS_INVALID);
    assert_refused("mesh.dlq.discard_all", "{\"because\":\"x\",\"status\":\"any\"}",
                   STATUS_INVALID);
    struct json_object *dry = ask_well("mesh.dlq.discard_all", "{\"dryRun\":true}");
    assert_int_equal(number_of(dry, "matching"), 70);
    json_object_put(dry);
    json_object_put(
        ask_well("mesh.dlq.discard_all", "{\"consumer\":\"nobody\",\"because\":\"none are\"}"));
    json_object_put(ask_well("mesh.dlq.discard_all",
                             "{\"because\":\"a test\",\"actor\":\"ann\",\"ratePerSecond\":10000}"));
    dead_letters_await_query(&world, "SELECT count(*) FROM dlq.entries WHERE status = 'discarded'",
                             70);
    dead_letters_await_query(&world, "SELECT count(*) FROM dlq.jobs WHERE state = 'done'", 2);
    assert_int_equal(dead_letters_query(&world, "SELECT sum(discarded) FROM dlq.jobs"), 70);
    assert_int_equal(dead_letters_query(&world, "SELECT count(*) FROM dlq.actions WHERE"
                                                " action = 'discard' AND detail = 'a test'"
                                                " AND actor = 'ann' AND job_id IS NOT NULL"),
                     70);
    assert_int_equal(atomic_load(&failing_applied), 0);
}

static struct json_object *groups_of(const char *filter, size_t *count) {
    struct json_object *groups;
    struct error error;
    struct json_object *reply = ask_well("mesh.dlq.groups", filter);
    assert_int_equal(json_get_array(reply, "groups", &groups, &error), STATUS_OK);
    *count = json_object_array_length(groups);
    struct json_object *first = *count > 0 ? json_object_array_get_idx(groups, 0) : NULL;
    json_object_get(first);
    json_object_put(reply);
    return first;
}

static void errors_that_differ_in_numbers_and_ids_are_one_group(void **state) {
    (void)state;
    size_t count;
    make_dead(7);
    dead_letters_query(&world,
                       "WITH e AS (SELECT id, row_number() OVER () AS n FROM dlq.entries)"
                       " UPDATE dlq.entries SET error = CASE WHEN n < 5"
                       "  THEN format('order %s: row %s is (23514)', gen_random_uuid(), n * 7)"
                       "  ELSE format('order %s: row %s is (23505)', gen_random_uuid(), n * 7) END"
                       " FROM e WHERE entries.id = e.id");
    struct json_object *largest = groups_of("{}", &count);
    assert_int_equal(count, 2);
    assert_int_equal(number_of(largest, "count"), 4);
    assert_string_equal(text_of(largest, "error"), "order #: row # is (23514)");
    assert_string_equal(text_of(largest, "consumer"), FAILING);
    json_object_put(largest);
    json_object_put(groups_of("{\"error\":\"order 8: row 9 is (23505)\"}", &count));
    assert_int_equal(count, 1);
    assert_null(groups_of("{\"status\":\"resolved\"}", &count));
    struct json_object *dry = ask_well("mesh.dlq.replay_all",
                                       "{\"error\":\"order #: row # is (23505)\",\"dryRun\":true}");
    assert_int_equal(number_of(dry, "matching"), 3);
    json_object_put(dry);
}

/* {"ids":[...]} of the `count` that failed first, and `more` members. */
static void write_ids(int count, const char *more, struct buf *out) {
    struct json_object *page = ask_well("mesh.dlq.list", "{\"limit\":200}"), *entries;
    struct error error;
    assert_int_equal(json_get_array(page, "entries", &entries, &error), STATUS_OK);
    size_t all = json_object_array_length(entries);
    buf_clear(out);
    buf_append_text(out, "{\"ids\":[");
    for (int i = 1; i <= count; i++)
        buf_printf(out, "%s\"%s\"", i > 1 ? "," : "",
                   text_of(json_object_array_get_idx(entries, all - (size_t)i), "id"));
    buf_printf(out, "]%s}", more);
    json_object_put(page);
}

static void a_job_takes_only_the_entries_that_were_chosen(void **state) {
    (void)state;
    struct buf body = {0};
    make_dead(90);
    write_ids(70, ",\"dryRun\":true", &body);
    struct json_object *dry = ask_well("mesh.dlq.discard_all", body.ptr);
    assert_int_equal(number_of(dry, "matching"), 70);
    json_object_put(dry);
    write_ids(70, ",\"because\":\"chosen\",\"ratePerSecond\":10000", &body);
    struct json_object *job = ask_well("mesh.dlq.discard_all", body.ptr);
    assert_int_equal(number_of(job, "total"), 70);
    json_object_put(job);
    dead_letters_await_query(
        &world, "SELECT count(*) FROM dlq.jobs WHERE state = 'done' AND discarded = 70", 1);
    assert_int_equal(dead_letters_query(&world, DEAD_SQL), 20);
    write_ids(1, ",\"consumer\":\"" FAILING "\",\"because\":\"x\"", &body);
    assert_refused("mesh.dlq.discard_all", body.ptr, STATUS_INVALID);
    buf_fini(&body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, each_set_up)
        TEST(a_dry_run_counts_and_changes_nothing),
        TEST(a_job_replays_what_stays_poisonous_once),
        TEST(a_job_says_what_became_of_what_it_replayed),
        TEST(a_job_discards_with_its_reason_and_no_others),
        TEST(errors_that_differ_in_numbers_and_ids_are_one_group),
        TEST(a_job_takes_only_the_entries_that_were_chosen),
        TEST(a_job_keeps_its_rate_is_cancelled_and_survives_kills),
        TEST(another_instance_goes_on_with_the_leaders_job),
#undef TEST
    };
    return cmocka_run_group_tests_name("dlq_jobs", tests, set_up, tear_down);
}
