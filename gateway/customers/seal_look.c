#include "gateway/customers/seal_look.h"

#include "gateway/customers/shared_seal.h"
#include "gateway/lane/meter.h"
#include "gateway/link/broker.h"
#include "gateway/reply/idempotency_key.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/json/json.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

METRIC_COUNTER(seals, "ordermesh_orders_sealed_total", "key",
               "Orders with personal data by what sealed it: customer, shared, master.");
METRIC_STARTS(seals, "customer", "shared", "master");

#define KEY_PREFIX "order:seal:"
#define KEPT_S "3600"
/* After a question without an answer nobody waits for another so long. */
#define UNASKED_US INT64_C(1000000)

enum { HASH_LEN = 32, REDIS_KEY_SIZE = sizeof(KEY_PREFIX) + 2 * HASH_LEN };

/* SEAL_KEYS_MOST of services/notification/endpoint.h. */
#define ASKED_MOST 64

/* A customer in a question. */
struct seal_place {
    struct seal_look *look; /* NULL: it has gone on without */
    char redis_key[REDIS_KEY_SIZE];
};

/* A question for several, which may be answered when its orders have long gone on. */
struct seal_question {
    struct lane *lane;
    size_t count;
    struct buf body; /* as far as its customers are in it */
    struct seal_place places[ASKED_MOST];
};

struct seal_lane {
    struct delay patience;
    int64_t asks_from_us;          /* monotonic */
    struct seal_question *waiting; /* for the end of the one under way; NULL: nobody waits */
    bool is_asking;
};

struct seal_lane *seal_lane_create(h2o_context_t *context) {
    struct seal_lane *seal_lane = mem_alloc(sizeof(*seal_lane));
    delay_init(&seal_lane->patience, context->loop, SEAL_ASK_MS);
    return seal_lane;
}

static void free_question(struct seal_question *question) {
    if (question != NULL)
        buf_fini(&question->body);
    free(question);
}

void seal_lane_destroy(struct seal_lane **seal_lane) {
    if (*seal_lane == NULL)
        return;
    delay_fini(&(*seal_lane)->patience);
    free_question((*seal_lane)->waiting);
    free(*seal_lane);
    *seal_lane = NULL;
}

/* --- in Redis --------------------------------------------------------------------------------- */

static struct slice write_key(struct slice tenant, struct slice customer,
                              char key[REDIS_KEY_SIZE]) {
    const struct slice parts[] = {tenant, customer};
    uint8_t hash[HASH_LEN];
    idempotency_key_hash(parts, 2, hash);
    memcpy(key, KEY_PREFIX, sizeof(KEY_PREFIX) - 1);
    hex_encode(hash, HASH_LEN, key + sizeof(KEY_PREFIX) - 1);
    return slice_of(key);
}

void seal_key_forget(struct redis *redis, struct slice tenant, struct slice customer, redis_fn fn,
                     void *closure) {
    char key[REDIS_KEY_SIZE];
    const struct slice argv[] = {SLICE_LITERAL("DEL"), write_key(tenant, customer, key)};
    redis_command(redis, fn, closure, 2, argv);
}

static void keep(struct redis *redis, const char *redis_key, struct slice text) {
    const struct slice argv[] = {SLICE_LITERAL("SET"), slice_of(redis_key), text,
                                 SLICE_LITERAL("EX"), SLICE_LITERAL(KEPT_S)};
    redis_command(redis, NULL, NULL, sizeof(argv) / sizeof(argv[0]), argv);
}

/* --- the choice ------------------------------------------------------------------------------- */

static void choose(struct seal_look *look, enum seal_choice choice) {
    static const char *const labels[] = {
#define SEAL_CHOICE_LABEL(id, label) label,
        SEAL_CHOICE_TABLE(SEAL_CHOICE_LABEL)
#undef SEAL_CHOICE_LABEL
    };
    static atomic_uint slots[sizeof(labels) / sizeof(labels[0])];
    look->choice = choice;
    metric_add(&seals, meter_slot(&slots[choice], &seals, labels[choice]), 1);
    look->fn(look->closure);
}

static void choose_without(struct seal_look *look) {
    bool is_known = shared_seal_allows(look->lane->gateway->seal) &&
                    shared_seal_key(look->lane->gateway->seal, &look->key);
    choose(look, is_known ? SEAL_BY_SHARED : SEAL_BY_MASTER);
}

/* --- asking ----------------------------------------------------------------------------------- */

static void send_waiting(struct lane *lane);

/* The order goes on; NULL when it has. */
static struct seal_look *let_go(struct seal_place *place) {
    struct seal_look *look = place->look;
    if (look != NULL) {
        timer_stop(&look->patience);
        look->place = NULL;
    }
    place->look = NULL;
    return look;
}

static void put_off(struct lane *lane) {
    lane->seal->asks_from_us = clock_monotonic_us() + UNASKED_US;
}

static void on_patience_over(h2o_timer_t *entry) {
    struct seal_look *look = H2O_STRUCT_FROM_MEMBER(struct seal_look, patience, entry);
    put_off(look->lane);
    choose_without(let_go(look->place));
}

/* `key` NULL: there is no answer. What comes too late is kept for the next order. */
static void take_answer(struct seal_question *question, struct seal_place *place,
                        const struct slice *text) {
    struct seal_look *look = let_go(place);
    struct seal_key key;
    bool is_key = text != NULL && seal_key_parse(*text, &key);
    if (is_key)
        keep(question->lane->redis, place->redis_key, *text);
    if (look == NULL)
        return;
    if (!is_key) {
        choose_without(look);
        return;
    }
    look->key = key;
    choose(look, SEAL_BY_CUSTOMER);
}

static void take_keys(struct seal_question *question, struct json_object *keys) {
    for (size_t i = 0; i < question->count; i++) {
        struct slice text = slice_of(json_object_get_string(json_object_array_get_idx(keys, i)));
        take_answer(question, &question->places[i], &text);
    }
}

static void on_answer(void *closure, const struct broker_answer *answer) {
    struct seal_question *question = closure;
    struct lane *lane = question->lane;
    struct json_object *root = NULL, *keys = NULL;
    bool is_read = answer->status == STATUS_OK &&
                   json_parse(answer->body, &root, NULL) == STATUS_OK &&
                   json_get_array(root, "keys", &keys, NULL) == STATUS_OK &&
                   json_object_array_length(keys) == question->count;
    lane->seal->is_asking = false;
    lane->seal->asks_from_us = 0; /* late it was, and is there */
    if (!is_read)
        put_off(lane);
    if (is_read)
        take_keys(question, keys);
    else
        for (size_t i = 0; i < question->count; i++)
            take_answer(question, &question->places[i], NULL);
    json_object_put(root);
    free_question(question);
    send_waiting(lane);
}

static void send_question(struct seal_question *question) {
    struct lane *lane = question->lane;
    buf_append_text(&question->body, "]}");
    const struct broker_question asked = {"mesh.notification.seal_keys", NULL,
                                          buf_slice(&question->body)};
    static const struct broker_answer none = {.status = STATUS_UNAVAILABLE, .body = {"", 0}};
    lane->seal->is_asking = true;
    if (broker_request(lane->broker, &asked, on_answer, question) != STATUS_OK)
        on_answer(question, &none);
}

static void send_waiting(struct lane *lane) {
    struct seal_question *question = lane->seal->waiting;
    lane->seal->waiting = NULL;
    if (question != NULL)
        send_question(question);
}

static struct seal_question *question_for(struct lane *lane) {
    struct seal_question **waiting = &lane->seal->waiting;
    if (*waiting == NULL) {
        *waiting = mem_alloc(sizeof(**waiting));
        (*waiting)->lane = lane;
        /* A service without the gateway's master key opens nothing that is sealed here. */
        buf_append_text(&(*waiting)->body, "{\"masterKey\":\"");
        buf_append_slice(&(*waiting)->body, key_ring_id(lane->gateway->keys));
        buf_append_text(&(*waiting)->body, "\",\"customers\":[");
    }
    return *waiting;
}

/* One question is under way as a rule; a second one, where as many wait as fit into one. */
static void ask_owner(struct seal_look *look) {
    struct lane *lane = look->lane;
    struct seal_question *question = question_for(lane);
    struct seal_place *place = &question->places[question->count++];
    if (question->count > 1)
        buf_append_char(&question->body, ',');
    struct json_writer w = json_writer(&question->body);
    json_begin_object(&w);
    json_put_string(&w, "tenant", look->tenant);
    json_put_string(&w, "customerId", look->customer);
    json_end_object(&w);
    write_key(look->tenant, look->customer, place->redis_key);
    place->look = look;
    look->place = place;
    look->patience.cb = on_patience_over;
    timer_start(&look->patience, &lane->seal->patience);
    if (!lane->seal->is_asking || question->count == ASKED_MOST)
        send_waiting(lane);
}

static void go_on(struct seal_look *look) {
    if (!shared_seal_allows(look->lane->gateway->seal))
        choose(look, SEAL_BY_MASTER);
    else if (look->choice == SEAL_BY_CUSTOMER)
        choose(look, SEAL_BY_CUSTOMER);
    else if (clock_monotonic_us() >= look->lane->seal->asks_from_us)
        ask_owner(look);
    else
        choose_without(look);
}

/* --- looking ---------------------------------------------------------------------------------- */

static void on_found(void *closure, const struct redisReply *reply) {
    struct seal_look *look = closure;
    look->is_looked = true;
    if (reply != NULL && reply->type == REDIS_REPLY_STRING &&
        seal_key_parse((struct slice){reply->str, (size_t)reply->len}, &look->key))
        look->choice = SEAL_BY_CUSTOMER;
    if (look->fn != NULL)
        go_on(look);
}

void seal_look_begin(struct seal_look *look, struct lane *lane, struct slice tenant,
                     struct slice customer) {
    char key[REDIS_KEY_SIZE];
    look->lane = lane;
    look->tenant = tenant;
    look->customer = customer;
    const struct slice argv[] = {SLICE_LITERAL("GET"), write_key(tenant, customer, key)};
    redis_command(lane->redis, on_found, look, 2, argv);
}

void seal_look_end(struct seal_look *look, void (*fn)(void *closure), void *closure) {
    look->fn = fn;
    look->closure = closure;
    if (look->is_looked)
        go_on(look);
}
