/* What an event follows may come after it: it waits, and is in no other's way, uses up no delivery
   and is not reported, however long that takes. Paid orders' events were once dead letters seven
   seconds after their rows had been hidden.

   Covers: shared/consume/awaited.c shared/consume/intake.c shared/consume/acknowledge.c
   shared/consume/consumer.c */
#include "shared/consume/awaited.h"
#include "tests/integration/shared/consume/consumer_fixture.h"

#define RETRIES_MS 8000 /* more than four deliveries of what is retried, or several ack_waits */

static atomic_bool is_there;  /* what early events follow */
static atomic_bool is_silent; /* who knows whether it will be */
static atomic_bool is_busy;   /* whom others ask */
static atomic_int tries;      /* of early events */

static enum status apply(struct batch *batch, struct error *error) {
    for (size_t i = 0; i < batch->count; i++) {
        bool follows;
        enum status status =
            json_tree_get_bool(batch->items[i]->event.data, "follows", &follows, error);
        if (status != STATUS_OK)
            return status;
        atomic_fetch_add(&tries, follows);
        if (follows && atomic_load(&is_silent))
            delivery_await_answer(batch->items[i], "inventory does not answer");
        else if (follows && !atomic_load(&is_there))
            delivery_early(batch->items[i], "its order is not here yet");
        else if (!follows && atomic_load(&is_busy))
            delivery_retry(batch->items[i], STATUS_UNAVAILABLE, "the provider failed this time");
        else
            take_effect(batch, batch->items[i]);
    }
    return STATUS_OK;
}

static const struct handler handler = {.apply = apply};
static const struct handler_row rows[] = {{EVENT_ORDER_CREATED, &handler}};
static const struct consumer_spec spec = {STREAM, DURABLE, rows, 1};

static void start(int64_t batch_max, int64_t limit_s) {
    struct error error = {0};
    const struct consumer_options options = {
        .nats = nats,
        .database_url = servers_role_url(servers, "om_inventory"),
        .service = "inventory",
        .instance = "test",
        .batch_max = batch_max,
        .early_limit_s = limit_s,
    };
    consumer = consumer_create(&spec, &options);
    assert_int_equal(consumer_start(consumer, &error), STATUS_OK);
}

static void publish_early(void) {
    publish_event("{\"follows\":true}");
}

static void publish_other(void) {
    publish_event("{\"follows\":false}");
}

/* --- tests ------------------------------------------------------------------------------------ */

static void an_early_event_waits_and_is_in_no_others_way(void **state) {
    (void)state;
    start(64, 900);
    publish_other();
    publish_early();
    publish_other();
    assert_effects(2);
    clock_sleep_ms(RETRIES_MS);
    publish_other();
    assert_effects(3);
    assert_ready();

    atomic_store(&is_there, true);
    assert_effects(4);
    assert_int_equal(atomic_load(&most_attempts), 1);
    assert_no_report();
}

/* The message that the report is about, and how it ends. */
static void an_event_that_waits_in_vain_is_rejected_and_says_so(void **state) {
    (void)state;
    natsMsg *message = NULL;
    start(64, 2);
    publish_early();
    publish_other();
    assert_effects(1);

    assert_int_equal(natsSubscription_NextMsg(&message, reports, WAIT_MS), NATS_OK);
    assert_contains(natsMsg_GetData(message), "\"outcome\":\"REJECT\"");
    assert_contains(natsMsg_GetData(message), "\"code\":\"NOT_FOUND\"");
    assert_contains(natsMsg_GetData(message), "its order is not here yet, after 2 s");
    natsMsg_Destroy(message);
    atomic_store(&is_there, true);
    clock_sleep_ms(3000);
    assert_effects(1);
}

/* What the process says that it waits for. */
static bool awaits(void *text) {
    struct buf said = {0};
    struct json_writer w = json_writer(&said);
    json_begin_object(&w);
    awaited_write(&w);
    json_end_object(&w);
    bool is_said = strstr(said.ptr, text) != NULL;
    buf_fini(&said);
    return is_said;
}

/* Orders that named an unknown SKU were dead letters where inventory was away for long. */
static void an_event_waits_for_an_answer_without_a_limit(void **state) {
    (void)state;
    atomic_store(&is_silent, true);
    start(64, 2);
    publish_early();
    publish_other();
    assert_effects(1);
    clock_sleep_ms(5000);
    assert_no_report();
    assert_effects(1);
    assert_true(awaits("\"words\":\"inventory does not answer\"}]"));

    atomic_store(&is_there, true);
    atomic_store(&is_silent, false);
    assert_effects(2);
    assert_true(wait_until(awaits, "{}", WAIT_MS)); /* some time after its effect */
    assert_int_equal(atomic_load(&most_attempts), 1);
}

static bool are_tries(void *most) {
    return atomic_load(&tries) >= *(int *)most;
}

static void the_log_says_what_it_waits_for_and_that_nobody_answers(void **state) {
    (void)state;
    int first = 1, third = 3;
    struct stderr_capture capture = stderr_take();
    start(64, 900);
    publish_early();
    bool has_begun = wait_until(are_tries, &first, WAIT_MS);
    atomic_store(&is_silent, true);
    bool has_gone_on = wait_until(are_tries, &third, WAIT_MS);
    struct buf text = stderr_give_back(&capture);
    assert_true(has_begun && has_gone_on);
    char *lost = strstr(text.ptr, "its order is not here yet");
    char *silent = strstr(text.ptr, "inventory does not answer");
    assert_true(lost != NULL && silent > lost);
    assert_null(strstr(lost + 1, "its order is not here yet"));
    assert_null(strstr(silent + 1, "inventory does not answer"));
    buf_fini(&text);
}

/* Hidden rows, a database that lags: it is not the events' fault when so many wait. */
static void as_many_as_may_wait_hold_the_consumer_and_none_is_given_up(void **state) {
    (void)state;
    start(1, 2);
    for (int i = 0; i < 6; i++)
        publish_early();
    assert_waits_for("events wait in hand: its order is not here yet");
    publish_other();
    clock_sleep_ms(4000);
    assert_waits_for("events wait in hand: its order is not here yet");
    assert_no_report();

    atomic_store(&is_there, true);
    assert_effects(7);
    assert_ready();
    assert_no_report();
}

static void what_waits_is_given_back_to_whoever_is_asked_next(void **state) {
    (void)state;
    set_consumer("\"ack_wait\":60000000000");
    start(64, 900);
    publish_early();
    publish_other();
    assert_effects(1);
    consumer_destroy(&consumer);
    atomic_store(&is_there, true);

    start(64, 900);
    assert_effects(
        2); /* it did not have to run out of its ack_wait, which is longer than WAIT_MS */
    assert_int_equal(atomic_load(&most_attempts), 2);
}

static void assert_next_report(const char *part, const char *more) {
    natsMsg *report = NULL;
    assert_int_equal(natsSubscription_NextMsg(&report, reports, WAIT_MS), NATS_OK);
    assert_contains(natsMsg_GetData(report), part);
    assert_contains(natsMsg_GetData(report), more);
    natsMsg_Destroy(report);
}

/* A provider that was still at a key's first request made a dead letter of it within seconds. */
static void anothers_trouble_of_the_moment_is_not_given_up_for(void **state) {
    (void)state;
    start(64, 900);
    atomic_store(&is_busy, true);
    publish_other();
    assert_next_report("\"outcome\":\"RETRY\"", "the provider failed this time");
    assert_next_report("\"outcome\":\"RETRY\"", "the provider failed this time");
    clock_sleep_ms(RETRIES_MS);
    assert_no_report();
    assert_effects(0);

    atomic_store(&is_busy, false);
    assert_effects(1);
    assert_int_equal(atomic_load(&most_attempts), 3);
}

static void anothers_trouble_that_lasts_is_rejected_in_its_words(void **state) {
    (void)state;
    start(64, 2);
    atomic_store(&is_busy, true);
    publish_other();
    assert_next_report("\"outcome\":\"RETRY\"", "the provider failed this time");
    assert_next_report("\"outcome\":\"RETRY\"", "the provider failed this time");
    assert_next_report("\"outcome\":\"REJECT\"", "the provider failed this time, after 2 s");
}

/* --- the program ------------------------------------------------------------------------------ */

static int each_setup(void **state) {
    (void)state;
    begin_anew();
    atomic_store(&is_there, false);
    atomic_store(&is_silent, false);
    atomic_store(&is_busy, false);
    atomic_store(&tries, 0);
    return 0;
}

static int each_teardown(void **state) {
    (void)state;
    consumer_destroy(&consumer);
    natsSubscription_Destroy(reports);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, each_setup, each_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_early_event_waits_and_is_in_no_others_way),
        TEST(an_event_that_waits_in_vain_is_rejected_and_says_so),
        TEST(an_event_waits_for_an_answer_without_a_limit),
        TEST(the_log_says_what_it_waits_for_and_that_nobody_answers),
        TEST(as_many_as_may_wait_hold_the_consumer_and_none_is_given_up),
        TEST(anothers_trouble_of_the_moment_is_not_given_up_for),
        TEST(anothers_trouble_that_lasts_is_rejected_in_its_words),
        TEST(what_waits_is_given_back_to_whoever_is_asked_next),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
