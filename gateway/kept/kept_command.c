#include "gateway/kept/kept_command.h"

#include "shared/base/clock.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"

#include <hiredis/hiredis.h>
#include <stdio.h>

METRIC_COUNTER(refused, "ordermesh_commands_not_kept_total", "",
               "Accepted commands that Redis refused to keep.");

static const struct {
    enum event_type type;
    const char *name;
} kinds[] = {{EVENT_ORDER_SUBMIT, "submit"}, {EVENT_ORDER_CANCEL, "cancel"}};

/* In the order of an entry's fields and values. */
enum { FIELD_ORDER, VALUE_ORDER, FIELD_KIND, VALUE_BODY, FIELD_AGAIN, VALUE_AGAIN, FIELDS_MOST };

const char *kept_kind(enum event_type type) {
    return type == kinds[0].type ? kinds[0].name : kinds[1].name;
}

void kept_write(struct redis *redis, const struct kept_command *command, redis_fn fn,
                void *closure) {
    char again[24];
    snprintf(again, sizeof(again), "%lld", (long long)command->again);
    const struct slice argv[] = {
        SLICE_LITERAL("XADD"),  SLICE_LITERAL(KEPT_KEY), SLICE_LITERAL("*"),
        SLICE_LITERAL("order"), command->order_id,       slice_of(kept_kind(command->type)),
        command->body,          SLICE_LITERAL("again"),  slice_of(again),
    };
    size_t argc = sizeof(argv) / sizeof(argv[0]);
    redis_command(redis, fn, closure, command->again > 0 ? argc : argc - 2, argv);
}

/* Where Redis is away there are no words of its. */
void kept_note(struct lane *lane, const struct redisReply *reply) {
    atomic_int_fast64_t *refused_us = &lane->gateway->kept_refused_us;
    const char *refusal = redis_refusal(lane->redis);
    if (refusal != NULL) {
        metric_add(&refused, 0, 1);
        atomic_store(refused_us, clock_monotonic_us());
        log_warn("Redis refuses to keep an accepted command: look at " KEPT_KEY
                 " there and at the rights of the gateway's user",
                 LOG_TEXT("error", refusal));
    } else if (reply != NULL && atomic_exchange(refused_us, 0) != 0) {
        log_info("accepted commands are kept again");
    }
}

static void on_kept(void *closure, const struct redisReply *reply) {
    kept_note(closure, reply);
}

void kept_accept(struct lane *lane, enum event_type type, const struct uuid *order_id,
                 struct slice body, redis_fn fn, void *closure) {
    char id[UUID_TEXT_SIZE];
    uuid_format(order_id, id);
    const struct kept_command command = {
        .type = type, .order_id = {id, UUID_TEXT_LEN}, .body = body};
    if (!atomic_load(&lane->gateway->is_kept_full))
        kept_write(lane->redis, &command, fn != NULL ? fn : on_kept, fn != NULL ? closure : lane);
    else if (fn != NULL)
        fn(closure, NULL);
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool take_text(const struct redisReply *reply, struct arena *arena, struct slice *text) {
    if (reply->type != REDIS_REPLY_STRING)
        return false;
    *text = arena_slice(arena, (struct slice){reply->str, (size_t)reply->len});
    return true;
}

static bool take_kind(const struct redisReply *reply, enum event_type *type) {
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        *type = kinds[i].type;
        if (reply->type == REDIS_REPLY_STRING &&
            slice_is((struct slice){reply->str, (size_t)reply->len}, kinds[i].name))
            return true;
    }
    return false;
}

static bool take_number(const struct redisReply *reply, char separator, int64_t *number) {
    struct slice text = {reply->str, (size_t)reply->len};
    uint64_t read;
    if (reply->type != REDIS_REPLY_STRING ||
        !slice_parse_uint(slice_take_until(&text, separator), INT64_MAX, &read))
        return false;
    *number = (int64_t)read;
    return true;
}

bool kept_read(const struct redisReply *entry, struct arena *arena, struct kept_command *command) {
    struct kept_command read = {0};
    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2)
        return false;
    const struct redisReply *id = entry->element[0], *fields = entry->element[1];
    if (!take_number(id, '-', &read.kept_ms) || !take_text(id, arena, &read.entry_id) ||
        fields->type != REDIS_REPLY_ARRAY || fields->elements < FIELD_AGAIN)
        return false;
    bool has_again = fields->elements == FIELDS_MOST;
    if (!take_kind(fields->element[FIELD_KIND], &read.type) ||
        !take_text(fields->element[VALUE_ORDER], arena, &read.order_id) ||
        !take_text(fields->element[VALUE_BODY], arena, &read.body) ||
        (has_again && !take_number(fields->element[VALUE_AGAIN], '\0', &read.again)))
        return false;
    *command = read;
    return true;
}
