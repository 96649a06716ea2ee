#include "gateway/customers/shared_seal.h"

#include "gateway/customers/seal_look.h"
#include "gateway/link/broker.h"
#include "gateway/link/redis.h"
#include "shared/base/arena.h"
#include "shared/base/memory.h"
#include "shared/json/json_tree.h"
#include "shared/observe/log.h"

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdlib.h>

enum { ARENA_CHUNK_BYTES = 8192, SOON_MS = 1000 };
/* A shared key opens for 14 days (services/notification/customer_keys.h). */
#define KEPT_S "1209600"

struct shared_seal {
    pthread_mutex_t mutex; /* guards all below */
    struct seal_key key;
    bool has_key;
    bool is_refused; /* a notification service runs that cannot open what a customer's key seals */
};

/* --- what is known ---------------------------------------------------------------------------- */

struct shared_seal *shared_seal_create(void) {
    struct shared_seal *shared = mem_alloc(sizeof(*shared));
    pthread_mutex_init(&shared->mutex, NULL);
    return shared;
}

void shared_seal_destroy(struct shared_seal **shared) {
    if (*shared == NULL)
        return;
    pthread_mutex_destroy(&(*shared)->mutex);
    free(*shared);
    *shared = NULL;
}

bool shared_seal_allows(struct shared_seal *shared) {
    pthread_mutex_lock(&shared->mutex);
    bool allows = !shared->is_refused;
    pthread_mutex_unlock(&shared->mutex);
    return allows;
}

bool shared_seal_key(struct shared_seal *shared, struct seal_key *key) {
    pthread_mutex_lock(&shared->mutex);
    bool has_key = shared->has_key;
    if (has_key)
        *key = shared->key;
    pthread_mutex_unlock(&shared->mutex);
    return has_key;
}

static void set_key(struct shared_seal *shared, const struct seal_key *key) {
    pthread_mutex_lock(&shared->mutex);
    shared->key = *key;
    shared->has_key = true;
    pthread_mutex_unlock(&shared->mutex);
}

static void set_refused(struct shared_seal *shared, bool is_refused) {
    pthread_mutex_lock(&shared->mutex);
    bool was_refused = shared->is_refused;
    shared->is_refused = is_refused;
    pthread_mutex_unlock(&shared->mutex);
    if (is_refused && !was_refused)
        log_warn("an older notification service runs, so personal data is sealed with the master "
                 "key alone");
    else if (was_refused && !is_refused)
        log_info("personal data is sealed with the customers' keys");
}

/* --- asking ----------------------------------------------------------------------------------- */

/*
 * take_turn()     asks who runs
 *   on_info()     each process, and the survey's end
 *   on_shared()   the shared key, and who was erased lately
 *     on_kept()   where nobody answers: what Redis has of it
 */
struct shared_seal_poll {
    struct lane *lane;
    struct shared_seal *shared;
    struct arena *arena;
    unsigned able, unable; /* notification services of this survey */
    struct delay turns, soon;
    h2o_timer_t turn;
    char question[64];
};

static void rest(struct shared_seal_poll *poll, bool is_well) {
    timer_start(&poll->turn, is_well ? &poll->turns : &poll->soon);
}

static void on_kept(void *closure, const struct redisReply *reply) {
    struct shared_seal_poll *poll = closure;
    struct seal_key key;
    bool is_kept = reply != NULL && reply->type == REDIS_REPLY_STRING &&
                   seal_key_parse((struct slice){reply->str, (size_t)reply->len}, &key);
    if (is_kept)
        set_key(poll->shared, &key);
    rest(poll, is_kept);
}

static void read_kept(struct shared_seal_poll *poll) {
    struct seal_key key;
    const struct slice argv[] = {SLICE_LITERAL("GET"), SLICE_LITERAL(SHARED_SEAL_REDIS_KEY)};
    if (shared_seal_key(poll->shared, &key))
        rest(poll, true);
    else
        redis_command(poll->lane->redis, on_kept, poll, 2, argv);
}

static void forget_erased(struct shared_seal_poll *poll, const struct json_value *answer) {
    const struct json_value *erased;
    if (json_tree_get_array(answer, "erased", &erased, NULL) != STATUS_OK)
        return;
    for (const struct json_value *one = erased->first; one != NULL; one = one->next) {
        struct slice tenant, customer;
        if (json_tree_get_string(one, "tenant", &tenant, NULL) == STATUS_OK &&
            json_tree_get_string(one, "customerId", &customer, NULL) == STATUS_OK)
            seal_key_forget(poll->lane->redis, tenant, customer, NULL, NULL);
    }
}

static void on_shared(void *closure, const struct broker_answer *answer) {
    struct shared_seal_poll *poll = closure;
    const struct json_value *root;
    struct slice text;
    struct seal_key key;
    arena_reset(poll->arena);
    if (answer->status != STATUS_OK ||
        json_tree_parse(answer->body, poll->arena, &root, NULL) != STATUS_OK ||
        json_tree_get_string(root, "shared", &text, NULL) != STATUS_OK ||
        !seal_key_parse(text, &key)) {
        read_kept(poll);
        return;
    }
    set_key(poll->shared, &key);
    const struct slice argv[] = {SLICE_LITERAL("SET"), SLICE_LITERAL(SHARED_SEAL_REDIS_KEY), text,
                                 SLICE_LITERAL("EX"), SLICE_LITERAL(KEPT_S)};
    redis_command(poll->lane->redis, NULL, NULL, sizeof(argv) / sizeof(argv[0]), argv);
    forget_erased(poll, root);
    rest(poll, true);
}

/* Of a service's INFO (ADR-32). */
static bool has_seal_endpoint(const struct json_value *info) {
    const struct json_value *endpoints;
    struct slice name;
    if (json_tree_get_array(info, "endpoints", &endpoints, NULL) != STATUS_OK)
        return false;
    for (const struct json_value *one = endpoints->first; one != NULL; one = one->next)
        if (json_tree_get_string(one, "name", &name, NULL) == STATUS_OK &&
            slice_is(name, "seal_keys"))
            return true;
    return false;
}

static void count_service(struct shared_seal_poll *poll, struct slice body) {
    const struct json_value *info;
    struct slice name;
    arena_reset(poll->arena);
    if (json_tree_parse(body, poll->arena, &info, NULL) != STATUS_OK ||
        json_tree_get_string(info, "name", &name, NULL) != STATUS_OK ||
        !slice_is(name, "notification"))
        return;
    if (has_seal_endpoint(info))
        poll->able++;
    else
        poll->unable++;
}

static void ask_shared(struct shared_seal_poll *poll) {
    const struct broker_question question = {"mesh.notification.seal_keys", NULL,
                                             slice_of(poll->question)};
    if (broker_request(poll->lane->broker, &question, on_shared, poll) != STATUS_OK)
        read_kept(poll);
}

/* Where no notification service answers, what was known last counts. */
static void on_info(void *closure, const struct broker_answer *answer) {
    struct shared_seal_poll *poll = closure;
    if (answer->status == STATUS_OK) {
        count_service(poll, answer->body);
        return;
    }
    if (poll->able + poll->unable > 0)
        set_refused(poll->shared, poll->unable > 0);
    ask_shared(poll);
}

static void take_turn(h2o_timer_t *entry) {
    struct shared_seal_poll *poll = H2O_STRUCT_FROM_MEMBER(struct shared_seal_poll, turn, entry);
    poll->able = poll->unable = 0;
    if (broker_survey(poll->lane->broker, "$SRV.INFO", on_info, poll) != STATUS_OK)
        ask_shared(poll);
}

struct shared_seal_poll *shared_seal_poll_create(struct lane *lane) {
    struct shared_seal_poll *poll = mem_alloc(sizeof(*poll));
    poll->lane = lane;
    poll->shared = lane->gateway->seal;
    poll->arena = arena_create(ARENA_CHUNK_BYTES);
    snprintf(poll->question, sizeof(poll->question), "{\"masterKey\":\"%.*s\"}",
             SLICE_ARG(key_ring_id(lane->gateway->keys)));
    delay_init(&poll->turns, lane->context.loop, SHARED_SEAL_TURN_MS);
    delay_init(&poll->soon, lane->context.loop, SOON_MS);
    poll->turn.cb = take_turn;
    timer_start_now(&poll->turn, &lane->context);
    return poll;
}

void shared_seal_poll_destroy(struct shared_seal_poll **poll) {
    struct shared_seal_poll *p = *poll;
    *poll = NULL;
    if (p == NULL)
        return;
    timer_stop(&p->turn);
    delay_fini(&p->turns);
    delay_fini(&p->soon);
    arena_destroy(&p->arena);
    free(p);
}
