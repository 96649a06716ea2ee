/*
 * A consumer at work, whose handler may have a bug, and the trouble that it is to meet: what is
 * published meanwhile waits in hand, uses up no delivery, and takes effect once.
 */
#ifndef OM_TESTS_INTEGRATION_SHARED_CONSUME_CONSUMER_TROUBLE_FIXTURE_H
#define OM_TESTS_INTEGRATION_SHARED_CONSUME_CONSUMER_TROUBLE_FIXTURE_H

#include "shared/pg/pg_param.h"
#include "tests/integration/shared/consume/consumer_fixture.h"

#define TROUBLE_MS 2500 /* more than the first two retries would take */

static atomic_bool has_a_bug;

static enum status apply(struct batch *batch, struct error *error) {
    for (size_t i = 0; i < batch->count; i++)
        take_effect(batch, batch->items[i]);
    return atomic_load(&has_a_bug) ? error_set(error, STATUS_INTERNAL, "a bug") : STATUS_OK;
}

static const struct handler handler = {.apply = apply};
static const struct handler_row rows[] = {{EVENT_ORDER_CREATED, &handler}};
static const struct consumer_spec spec = {STREAM, DURABLE, rows, 1};

static inline void publish(void) {
    publish_event("{}");
}

/* Three events meet the trouble and wait in hand for longer than retries would. */
static inline void meet_trouble(const char *reason) {
    for (int i = 0; i < 3; i++)
        publish();
    assert_waits_for(reason);
    clock_sleep_ms(TROUBLE_MS);
    assert_true(waits_for((void *)(uintptr_t)reason));
}

static inline void assert_nothing_was_lost(void) {
    assert_effects(4);
    assert_ready();
    assert_int_equal(atomic_load(&most_attempts), 1);
    assert_no_report();
}

/* The consumer is at work, with a session: one event is done. */
static inline int trouble_setup(void **state) {
    (void)state;
    struct error error = {0};
    struct buf url = {0};
    begin_anew();
    buf_printf(&url, "%s?options=-c%%20lock_timeout%%3D200ms",
               servers_role_url(servers, "om_inventory"));
    const struct consumer_options options = {
        .nats = nats,
        .database_url = url.ptr,
        .service = "inventory",
        .instance = "test",
        .batch_max = 64,
    };
    consumer = consumer_create(&spec, &options);
    buf_fini(&url); /* it has its own copy */
    assert_int_equal(consumer_start(consumer, &error), STATUS_OK);
    publish();
    assert_effects(1);
    return 0;
}

static inline int trouble_teardown(void **state) {
    (void)state;
    consumer_destroy(&consumer);
    natsSubscription_Destroy(reports);
    return 0;
}

#endif
