/* Why an order does not go on: each cause of the table, from answers such as the mesh gives.

   Covers: shared/diagnosis/ */
#include "shared/diagnosis/cause.h"
#include "shared/diagnosis/diagnosis.h"
#include "shared/json/json.h"
#include "tests/support/base/test.h"

#define ORDER_ID "ef0168a2-25ac-85ab-b2e6-7f3075139440"

/* --- the world -------------------------------------------------------------------------------- */

/* The answers, in the order of the questions; NULL: there is none. What a case leaves out is taken
   from the mesh in which all is well. */
struct world {
    enum cause cause;
    const char *said, *to_do; /* a part of each */
    enum status order_status;
    const char *order, *dead, *services[3], *commands, *orders, *inventory;
    bool is_accepted, is_dlq_silent;
};

#define TIMELINE(events)                                                                           \
    "{\"orderId\":\"" ORDER_ID "\",\"status\":\"PENDING\",\"flow\":\"inventory-first\","           \
    "\"timeline\":[{\"at\":\"2026-01-31T12:00:00.000000Z\",\"event\":\"OrderCreated\"}" events     \
    "]}"
#define PENDING TIMELINE("")
#define COMPLETED                                                                                  \
    "{\"orderId\":\"" ORDER_ID "\",\"status\":\"COMPLETED\",\"flow\":\"parallel\",\"timeline\":["  \
    "{\"at\":\"2026-01-31T12:00:00Z\",\"event\":\"OrderCompleted\"}]}"
#define DEAD(consumer, status)                                                                     \
    "{\"entries\":[{\"id\":\"ORDERS." consumer ".e\",\"stream\":\"ORDERS\",\"consumer\":"          \
    "\"" consumer "\",\"type\":\"io.ordermesh.order.created\",\"status\":\"" status                \
    "\",\"error\":\"a bug\"}]}"
#define CONSUMER(stream, name, more)                                                               \
    "{\"stream_name\":\"" stream "\",\"name\":\"" name "\"" more "}"
#define LIST(items) "{\"total\":2,\"consumers\":[" items "]}"
#define OF_COMMANDS(more) LIST(CONSUMER("COMMANDS", "order", more))
#define OF_ORDERS(more)                                                                            \
    LIST(CONSUMER("ORDERS", "order", "") "," CONSUMER("ORDERS", "inventory", more))
#define OF_INVENTORY                                                                               \
    LIST(CONSUMER("INVENTORY", "order", "") "," CONSUMER("INVENTORY", "payment", ""))
#define MISSING "{\"error\":{\"code\":404,\"err_code\":10059,\"description\":\"not found\"}}"
#define SERVICE(name) "{\"name\":\"" name "\",\"id\":\"1\"}"
#define UNREADY(name, words) "{\"name\":\"" name "\",\"id\":\"2\",\"not_ready\":\"" words "\"}"
#define UNPUBLISHED "the relay waits: the stream INVENTORY refuses: it is full"
#define AWAITS(consumer, order)                                                                    \
    "{\"name\":\"order\",\"id\":\"1\",\"awaits\":[{\"consumer\":\"" consumer                       \
    "\",\"orderId\":\"" order                                                                      \
    "\",\"since\":\"2026-01-31T12:00:02.125000Z\",\"words\":\"no price\"}]}"
#define SERVICES SERVICE("order"), SERVICE("inventory"), SERVICE("payment")

static const struct world worlds[] = {
    {CAUSE_ENDED, "It has ended", "Nothing", .order = COMPLETED},
    {CAUSE_DEAD_LETTER, "ORDERS/inventory gave order.created up, which is a dead letter now: a bug",
     "`omctl dlq replay ORDERS.inventory.e`", .dead = DEAD("inventory", "dead")},
    {CAUSE_DISCARDED, "discarded for ORDERS/inventory", "watchdog",
     .dead = DEAD("inventory", "discarded")},
    {CAUSE_REPLAYING, "it was sent again, and inventory has not answered yet", "in a moment",
     .dead = DEAD("inventory", "replayed")},
    {CAUSE_BROKER_SILENT, "does not say how ORDERS/inventory is", "nats server check jetstream",
     .orders = "{\"error\":{\"code\":503,\"err_code\":10008}}"},
    {CAUSE_STREAM_MISSING, "The stream ORDERS is missing", "omctl provision", .orders = MISSING},
    {CAUSE_CONSUMER_MISSING, "The consumer ORDERS/inventory is missing", "omctl provision",
     .orders = LIST(CONSUMER("ORDERS", "order", ""))},
    {CAUSE_CONSUMER_FILTERED,
     "The filter of ORDERS/inventory leaves out order.created, so nobody is given it",
     "`omctl provision` makes the consumer anew",
     .orders = OF_ORDERS(",\"config\":{\"filter_subject\":\"orders.evt.failed\"}")},
    {CAUSE_CONSUMER_PAUSED,
     "ORDERS/inventory is paused until 2026-02-01T00:00:00 UTC; 3 of its events wait",
     "`nats consumer resume ORDERS inventory`",
     .orders = OF_ORDERS(",\"num_pending\":3,\"paused\":true,\"config\":{\"pause_until\":"
                         "\"2026-02-01T00:00:00.123456789Z\"}")},
    {CAUSE_SERVICE_AWAY, "No instance of inventory answers; 2 of the events of ORDERS/inventory",
     "has to be killed", .services = {SERVICE("order"), SERVICE("payment")},
     .orders = OF_ORDERS(",\"num_pending\":2")},
    {CAUSE_SERVICE_AWAY, "0 of the events of ORDERS/inventory wait for it, and 1 are in its hands",
     "scripts/logs inventory", .services = {SERVICE("order"), SERVICE("payment")},
     .orders = OF_ORDERS(",\"num_ack_pending\":1")},
    {CAUSE_OUTBOX_WAITS,
     "inventory cannot publish what it did with the events of ORDERS/inventory: the relay waits: "
     "the stream INVENTORY refuses: it is full",
     "`omctl provision --check`",
     .services = {SERVICE("order"), SERVICE("inventory"), UNREADY("inventory", UNPUBLISHED)}},
    {CAUSE_ANSWER_AWAITED,
     "order has order.submit in hand and waits for an answer since 2026-01-31T12:00:02 UTC: no "
     "price",
     "nats service ls", .order_status = STATUS_NOT_FOUND,
     .services = {AWAITS("COMMANDS/order", ORDER_ID), SERVICE("inventory"), SERVICE("payment")},
     .commands = OF_COMMANDS(",\"num_ack_pending\":2")},
    {CAUSE_HELD,
     "inventory holds the events of ORDERS/inventory: ORDERS/inventory waits: no database",
     "by itself",
     .services = {SERVICE("order"), UNREADY("inventory", "ORDERS/inventory waits: no database")}},
    {CAUSE_CONSUMER_BEHIND, "ORDERS/inventory is behind: 9 of its events wait, and inventory has 2",
     "more instances", .orders = OF_ORDERS(",\"num_pending\":9,\"num_ack_pending\":2")},
    {CAUSE_AT_WORK, "inventory has 2 of the events of ORDERS/inventory", "scripts/logs inventory",
     .orders = OF_ORDERS(",\"num_ack_pending\":2")},
    {CAUSE_ORDER_SILENT, "order service does not say", "nats service ls",
     .order_status = STATUS_TIMEOUT},
    {CAUSE_UNDER_WAY, "order.created is under way to inventory", "omctl audit " ORDER_ID,
     .order = PENDING},
    {CAUSE_UNDER_WAY, "order.created is under way to inventory",
     "`omctl outbox redrive --schema orders --since 1h`", .order = PENDING},
    {CAUSE_DLQ_SILENT, "whether order.created is a dead letter", "scripts/logs dlq",
     .is_dlq_silent = true},
    {CAUSE_ACCEPTED, "It was accepted, and the order service does not have it", "CommandsLost",
     .order_status = STATUS_NOT_FOUND, .is_accepted = true},
};
#define WORLDS (sizeof(worlds) / sizeof(worlds[0]))

static void answer(struct diagnosis *diagnosis, size_t index, const char *text) {
    if (text != NULL)
        diagnosis_answer(diagnosis, index, STATUS_OK, slice_of(text));
}

/* The document; NULL, and the status, where there is none. */
static struct json_object *diagnose(const struct world *world, enum status *status) {
    static const char *const all[] = {SERVICES};
    struct json_object *found = NULL;
    struct buf out = {0};
    struct uuid id;
    struct error error;
    assert_true(uuid_parse(slice_of(ORDER_ID), &id));
    struct diagnosis *diagnosis = diagnosis_create(&id, "shop");
    const char *const *services = world->services[0] != NULL ? world->services : all;
    if (world->order_status != STATUS_OK)
        diagnosis_answer(diagnosis, 0, world->order_status, slice_of(""));
    else
        answer(diagnosis, 0, world->order != NULL ? world->order : PENDING);
    if (!world->is_dlq_silent)
        answer(diagnosis, 1, world->dead != NULL ? world->dead : "{\"entries\":[]}");
    for (size_t i = 0; i < 3; i++)
        answer(diagnosis, 2, services[i]);
    answer(diagnosis, 3, world->commands != NULL ? world->commands : OF_COMMANDS(""));
    answer(diagnosis, 4, world->orders != NULL ? world->orders : OF_ORDERS(""));
    answer(diagnosis, 5, world->inventory != NULL ? world->inventory : OF_INVENTORY);
    if (world->is_accepted)
        diagnosis_accept(diagnosis);
    *status = diagnosis_write(diagnosis, INT64_C(1770000000) * 1000000, &out, &error);
    if (*status == STATUS_OK)
        require_ok(json_parse(buf_slice(&out), &found, &error), &error);
    diagnosis_destroy(&diagnosis);
    buf_fini(&out);
    return found;
}

static const char *text_of(struct json_object *object, const char *key) {
    struct json_object *value;
    return json_object_object_get_ex(object, key, &value) ? json_object_get_string(value) : "";
}

static struct json_object *diagnose_well(const struct world *world) {
    enum status status;
    struct json_object *found = diagnose(world, &status);
    assert_int_equal(status, STATUS_OK);
    return found;
}

/* --- causes ----------------------------------------------------------------------------------- */

static void each_cause_is_found_and_says_what_to_do(void **state) {
    (void)state;
    bool is_tried[CAUSE_COUNT] = {false};
    for (size_t i = 0; i < WORLDS; i++) {
        struct json_object *found = diagnose_well(&worlds[i]);
        assert_string_equal(text_of(found, "cause"), cause_name(worlds[i].cause));
        assert_contains(text_of(found, "summary"), worlds[i].said);
        assert_contains(text_of(found, "whatToDo"), worlds[i].to_do);
        assert_null(strchr(text_of(found, "summary"), '{'));
        assert_null(strchr(text_of(found, "whatToDo"), '{'));
        is_tried[worlds[i].cause] = true;
        json_object_put(found);
    }
    for (int cause = 0; cause < CAUSE_COUNT; cause++)
        if (!is_tried[cause])
            fail_msg("%s is not tried", cause_name((enum cause)cause));
}

/* The API's description lists them. */
static void each_cause_is_described(void **state) {
    (void)state;
    struct buf expected = {0}, page = read_file(OM_SOURCE_DIR "/docs/openapi.yaml"), dense = {0};
    for (int cause = 0; cause < CAUSE_COUNT; cause++)
        buf_printf(&expected, "%s%s", cause == 0 ? "enum:[" : ",", cause_name((enum cause)cause));
    buf_append_char(&expected, ']');
    for (size_t i = 0; i < page.len; i++)
        if (page.ptr[i] != ' ' && page.ptr[i] != '\n')
            buf_append_char(&dense, page.ptr[i]);
    if (strstr(dense.ptr, expected.ptr) == NULL)
        fail_msg("docs/openapi.yaml has no %s", expected.ptr);
    buf_fini(&expected);
    buf_fini(&page);
    buf_fini(&dense);
}

static void it_says_what_the_order_waits_for_and_since_when(void **state) {
    (void)state;
    const struct world world = {
        .order =
            TIMELINE(",{\"at\":\"2026-01-31T12:00:01.000000Z\",\"event\":\"InventoryReserved\"}")};
    struct json_object *found = diagnose_well(&world), *consumers, *dead;
    assert_string_equal(text_of(found, "orderId"), ORDER_ID);
    assert_string_equal(text_of(found, "status"), "PENDING");
    assert_string_equal(text_of(found, "waitsFor"), "its payment");
    assert_string_equal(text_of(found, "since"), "2026-01-31T12:00:01.000000Z");
    assert_int_equal(json_get_array(found, "consumers", &consumers, NULL), STATUS_OK);
    assert_int_equal(json_object_array_length(consumers), 2);
    struct json_object *first = json_object_array_get_idx(consumers, 0);
    assert_string_equal(text_of(first, "stream"), "INVENTORY");
    assert_string_equal(text_of(first, "name"), "payment");
    assert_string_equal(text_of(first, "state"), "ok");
    assert_int_equal(json_get_array(found, "deadLetters", &dead, NULL), STATUS_OK);
    json_object_put(found);
}

static void assert_cause(const struct world *world, const char *expected) {
    struct json_object *found = diagnose_well(world);
    assert_string_equal(text_of(found, "cause"), expected);
    json_object_put(found);
}

static void what_cannot_work_counts_before_what_only_takes_long(void **state) {
    (void)state;
    struct world world = {.orders = OF_ORDERS(",\"num_pending\":9"),
                          .inventory = LIST(CONSUMER("INVENTORY", "payment", ""))};
    assert_cause(&world, "consumer_missing");
    world.dead = DEAD("inventory", "replaying");
    assert_cause(&world, "consumer_missing");
    world.dead = DEAD("inventory", "dead");
    assert_cause(&world, "dead_letter");
    world = (struct world){.orders = OF_ORDERS(",\"num_pending\":9"),
                           .dead = DEAD("inventory", "replayed")};
    assert_cause(&world, "replaying");
}

static void the_consumer_of_a_dead_letter_is_marked(void **state) {
    (void)state;
    const struct world world = {.dead = DEAD("inventory", "dead")};
    struct json_object *found = diagnose_well(&world), *consumers;
    assert_int_equal(json_get_array(found, "consumers", &consumers, NULL), STATUS_OK);
    assert_string_equal(text_of(json_object_array_get_idx(consumers, 0), "state"), "dead_letter");
    assert_string_equal(text_of(json_object_array_get_idx(consumers, 1), "state"), "ok");
    json_object_put(found);
}

static void dead_letters_that_hold_nothing_up_are_only_listed(void **state) {
    (void)state;
    const struct world other = {.dead = DEAD("loyalty", "dead")};
    const struct world resolved = {.dead = DEAD("inventory", "resolved")};
    const struct world ended = {.order = COMPLETED, .dead = DEAD("inventory", "dead")};
    struct json_object *found = diagnose_well(&other), *dead;
    assert_string_equal(text_of(found, "cause"), "under_way");
    assert_int_equal(json_get_array(found, "deadLetters", &dead, NULL), STATUS_OK);
    assert_int_equal(json_object_array_length(dead), 1);
    json_object_put(found);
    assert_cause(&resolved, "under_way");
    assert_cause(&ended, "ended");
}

/* Those of a consumer whose answer is awaited, or whose filter is another, were left out. */
static void the_figures_of_a_consumer_that_is_there_are_said(void **state) {
    (void)state;
    struct world world = {.orders = OF_ORDERS(",\"num_pending\":3,\"config\":{\"filter_subject\":"
                                              "\"orders.evt.failed\"}")};
    for (int is_there = 1; is_there >= 0; is_there--) {
        struct json_object *found = diagnose_well(&world), *consumers;
        assert_int_equal(json_get_array(found, "consumers", &consumers, NULL), STATUS_OK);
        assert_string_equal(text_of(json_object_array_get_idx(consumers, 0), "waiting"),
                            is_there ? "3" : "");
        json_object_put(found);
        world.orders = LIST(CONSUMER("ORDERS", "order", ""));
    }
}

/* One process says one thing: what it waits for first may be another consumer of it. */
static void a_service_holds_what_waits_whatever_it_names(void **state) {
    (void)state;
    struct world world = {
        .services = {SERVICE("order"), UNREADY("inventory", "ORDERS/inventory-failed waits: x")}};
    assert_cause(&world, "under_way");
    world.orders = OF_ORDERS(",\"num_ack_pending\":1");
    assert_cause(&world, "held");
    world.services[2] = SERVICE("inventory");
    assert_cause(&world, "at_work");
    const struct world relay = {
        .services = {SERVICE("order"), UNREADY("inventory", "the relay waits: x")}};
    assert_cause(&relay, "held");
    const struct world two = {.services = {SERVICE("order"),
                                           UNREADY("inventory", "the relay waits: x"),
                                           SERVICE("inventory")}};
    assert_cause(&two, "under_way");
}

static void an_order_that_nobody_knows_is_not_found_unless_some_wait(void **state) {
    (void)state;
    enum status status;
    struct world world = {.order_status = STATUS_NOT_FOUND};
    assert_null(diagnose(&world, &status));
    assert_int_equal(status, STATUS_NOT_FOUND);
    world.commands = OF_COMMANDS(",\"paused\":true");
    struct json_object *found = diagnose_well(&world);
    assert_string_equal(text_of(found, "cause"), "consumer_paused");
    assert_contains(text_of(found, "waitsFor"), "if it was ever accepted");
    assert_string_equal(text_of(found, "status"), "");
    json_object_put(found);
}

/* --- questions -------------------------------------------------------------------------------- */

static void the_questions_name_order_and_tenant(void **state) {
    (void)state;
    struct uuid id;
    assert_true(uuid_parse(slice_of("EF0168A2-25ac-85ab-b2e6-7f3075139440"), &id));
    struct diagnosis *diagnosis = diagnosis_create(&id, "shop");
    struct diagnosis_question order = diagnosis_question(diagnosis, 0);
    assert_string_equal(order.subject, "mesh.order.get");
    assert_slice_equal(order.body, "{\"orderId\":\"" ORDER_ID "\",\"tenant\":\"shop\"}");
    assert_slice_equal(diagnosis_question(diagnosis, 1).body,
                       "{\"orderId\":\"" ORDER_ID "\",\"status\":\"any\",\"limit\":200}");
    assert_true(diagnosis_question(diagnosis, 2).is_survey);
    assert_string_equal(diagnosis_question(diagnosis, 7).subject, "$JS.API.CONSUMER.LIST.SHIPPING");
    diagnosis_destroy(&diagnosis);
    assert_null(diagnosis);
}

static void without_answers_it_says_who_is_silent(void **state) {
    (void)state;
    struct json_object *found = NULL, *dead;
    struct buf out = {0};
    struct error error;
    const struct uuid id = {0};
    struct diagnosis *diagnosis = diagnosis_create(&id, "shop");
    require_ok(diagnosis_write(diagnosis, 0, &out, &error), &error);
    require_ok(json_parse(buf_slice(&out), &found, &error), &error);
    assert_string_equal(text_of(found, "cause"), "broker_silent");
    assert_int_equal(json_get_array(found, "deadLetters", &dead, NULL), STATUS_NOT_FOUND);
    json_object_put(found);
    buf_fini(&out);
    diagnosis_destroy(&diagnosis);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_cause_is_found_and_says_what_to_do),
        cmocka_unit_test(each_cause_is_described),
        cmocka_unit_test(it_says_what_the_order_waits_for_and_since_when),
        cmocka_unit_test(what_cannot_work_counts_before_what_only_takes_long),
        cmocka_unit_test(the_consumer_of_a_dead_letter_is_marked),
        cmocka_unit_test(dead_letters_that_hold_nothing_up_are_only_listed),
        cmocka_unit_test(the_figures_of_a_consumer_that_is_there_are_said),
        cmocka_unit_test(a_service_holds_what_waits_whatever_it_names),
        cmocka_unit_test(an_order_that_nobody_knows_is_not_found_unless_some_wait),
        cmocka_unit_test(the_questions_name_order_and_tenant),
        cmocka_unit_test(without_answers_it_says_who_is_silent),
    };
    return cmocka_run_group_tests_name("diagnosis", tests, NULL, NULL);
}
