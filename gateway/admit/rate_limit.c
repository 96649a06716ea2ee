#include "gateway/admit/rate_limit.h"

#include "gateway/lane/meter.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

METRIC_COUNTER(measured, "ordermesh_rate_limit_total", "result",
               "Requests measured: allowed, refused; local_ where Redis could not say.");
METRIC_STARTS(measured, "allowed", "refused", "local_allowed", "local_refused");

struct rate_limiter {
    const struct rate_limits *limits;
    struct redis *redis;
};

/* As rate_local_take(), with each key's cost and window, in microseconds, as arguments. A level
   above the window comes from a clock that was set back, and counts as none. Answers with 1 or 0
   and the levels. */
static const char take_script[] =
    "local time = redis.call('TIME')\n"
    "local now = time[1] * 1000000 + time[2]\n"
    "local answer = {1}\n"
    "for i, key in ipairs(KEYS) do\n"
    "  local cost, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])\n"
    "  local level = (tonumber(redis.call('GET', key)) or 0) - now\n"
    "  if level < 0 or level > window then level = 0 end\n"
    "  if level + cost > window then answer[1] = 0 end\n"
    "  answer[i + 1] = level\n"
    "end\n"
    "if answer[1] == 1 then\n"
    "  for i, key in ipairs(KEYS) do\n"
    "    local level = answer[i + 1] + tonumber(ARGV[2 * i - 1])\n"
    "    redis.call('SET', key, string.format('%.0f', now + level), 'PX', math.ceil(level / "
    "1000))\n"
    "    answer[i + 1] = level\n"
    "  end\n"
    "end\n"
    "return answer\n";

static const char *const names[] = {
#define RATE_CLASS_NAME(id, name) name,
    RATE_CLASS_TABLE(RATE_CLASS_NAME)
#undef RATE_CLASS_NAME
};

bool rate_limits_any(const struct rate_limits *limits) {
    for (size_t i = 0; i < RATE_CLASS_COUNT; i++)
        if (limits->quotas[i].count > 0)
            return true;
    return false;
}

struct rate_limiter *rate_limiter_create(const struct rate_limits *limits, struct redis *redis) {
    struct rate_limiter *made = mem_alloc(sizeof(*made));
    *made = (struct rate_limiter){limits, redis};
    return made;
}

void rate_limiter_destroy(struct rate_limiter **limiter) {
    free(*limiter);
    *limiter = NULL;
}

/* --- what is measured ------------------------------------------------------------------------- */

/* One request on its way. */
struct take {
    struct rate_limiter *limiter;
    rate_limit_fn fn;
    void *closure;
    struct rate_result result;
    struct rate_quota quotas[RATE_KEYS_MOST];
    struct buf keys[RATE_KEYS_MOST];
};

static void free_take(struct take *take) {
    for (size_t i = 0; i < RATE_KEYS_MOST; i++)
        buf_fini(&take->keys[i]);
    free(take);
}

/* The key's buffer, or NULL where the class has no limit. */
static struct buf *add_key(struct take *take, enum rate_class rate_class) {
    const struct rate_quota *quota = &take->limiter->limits->quotas[rate_class];
    if (quota->count == 0)
        return NULL;
    size_t at = take->result.count++;
    take->result.classes[at] = rate_class;
    take->quotas[at] = *quota;
    buf_printf(&take->keys[at], "rate:%s:", names[rate_class]);
    return &take->keys[at];
}

static void add_keys(struct take *take, const struct rate_request *request) {
    struct buf *key = add_key(take, request->rate_class);
    if (key != NULL && request->subject.len > 0)
        buf_printf(key, "subject:%.*s/%.*s", SLICE_ARG(request->tenant),
                   SLICE_ARG(request->subject)); /* no tenant has a slash in it */
    else if (key != NULL)
        buf_printf(key, "address:%s", request->address);
    key = add_key(take, RATE_ADDRESS);
    if (key != NULL)
        buf_append_text(key, request->address);
}

/* --- taking ----------------------------------------------------------------------------------- */

static void end(struct take *take, bool is_local) {
    static const char *const labels[2][2] = {{"refused", "allowed"},
                                             {"local_refused", "local_allowed"}};
    static atomic_uint slots[2][2];
    bool is_allowed = take->result.is_allowed;
    metric_add(&measured,
               meter_slot(&slots[is_local][is_allowed], &measured, labels[is_local][is_allowed]),
               1);
    take->fn(take->closure, &take->result);
    free_take(take);
}

static bool read_reply(struct take *take, const struct redisReply *reply) {
    struct rate_result *result = &take->result;
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != result->count + 1)
        return false;
    for (size_t i = 0; i < reply->elements; i++)
        if (reply->element[i]->type != REDIS_REPLY_INTEGER)
            return false;
    result->is_allowed = reply->element[0]->integer == 1;
    for (size_t i = 0; i < result->count; i++)
        result->levels_us[i] = reply->element[i + 1]->integer;
    return true;
}

static void on_taken(void *closure, const struct redisReply *reply) {
    struct take *take = closure;
    if (read_reply(take, reply)) {
        end(take, false);
        return;
    }
    struct rate_bucket buckets[RATE_KEYS_MOST];
    for (size_t i = 0; i < take->result.count; i++)
        buckets[i] = (struct rate_bucket){buf_slice(&take->keys[i]), take->quotas[i], 0};
    take->result.is_allowed = rate_local_take(take->limiter->limits->local, buckets,
                                              take->result.count, clock_monotonic_us());
    for (size_t i = 0; i < take->result.count; i++)
        take->result.levels_us[i] = buckets[i].level_us;
    end(take, true);
}

static void ask_redis(struct take *take) {
    struct slice argv[3 + 3 * RATE_KEYS_MOST] = {SLICE_LITERAL("EVAL"), SLICE_LITERAL(take_script)};
    struct buf numbers[2 * RATE_KEYS_MOST] = {0};
    size_t count = take->result.count, argc = 3;
    argv[2] = slice_of(count == 1 ? "1" : "2");
    for (size_t i = 0; i < count; i++)
        argv[argc++] = buf_slice(&take->keys[i]);
    for (size_t i = 0; i < count; i++) {
        buf_append_int(&numbers[2 * i], rate_quota_cost_us(&take->quotas[i]));
        buf_append_int(&numbers[2 * i + 1], take->quotas[i].window_us);
        argv[argc++] = buf_slice(&numbers[2 * i]);
        argv[argc++] = buf_slice(&numbers[2 * i + 1]);
    }
    redis_command(take->limiter->redis, on_taken, take, argc, argv);
    for (size_t i = 0; i < 2 * RATE_KEYS_MOST; i++)
        buf_fini(&numbers[i]);
}

void rate_limit_take(struct rate_limiter *limiter, const struct rate_request *request,
                     rate_limit_fn fn, void *closure) {
    static const struct rate_result unlimited = {.is_allowed = true};
    const struct rate_quota *quotas = limiter->limits->quotas;
    if (quotas[request->rate_class].count == 0 && quotas[RATE_ADDRESS].count == 0) {
        fn(closure, &unlimited);
        return;
    }
    struct take *take = mem_alloc(sizeof(*take));
    *take = (struct take){.limiter = limiter, .fn = fn, .closure = closure};
    add_keys(take, request);
    ask_redis(take);
}

/* --- headers ---------------------------------------------------------------------------------- */

void rate_limit_write_policy(const struct rate_limits *limits, const struct rate_result *result,
                             struct buf *out) {
    for (size_t i = 0; i < result->count; i++) {
        const struct rate_quota *quota = &limits->quotas[result->classes[i]];
        buf_printf(out, "%s\"%s\";q=%lld;w=%lld", i == 0 ? "" : ", ", names[result->classes[i]],
                   (long long)quota->count, (long long)(quota->window_us / 1000000));
    }
}

void rate_limit_write_state(const struct rate_limits *limits, const struct rate_result *result,
                            struct buf *out) {
    for (size_t i = 0; i < result->count; i++) {
        const struct rate_quota *quota = &limits->quotas[result->classes[i]];
        buf_printf(out, "%s\"%s\";r=%lld;t=%lld", i == 0 ? "" : ", ", names[result->classes[i]],
                   (long long)rate_quota_remaining(quota, result->levels_us[i]),
                   (long long)rate_quota_reset_s(result->levels_us[i]));
    }
}

int64_t rate_limit_retry_s(const struct rate_limits *limits, const struct rate_result *result) {
    int64_t longest_s = 1;
    for (size_t i = 0; i < result->count; i++) {
        int64_t retry_s =
            rate_quota_retry_s(&limits->quotas[result->classes[i]], result->levels_us[i]);
        longest_s = retry_s > longest_s ? retry_s : longest_s;
    }
    return longest_s;
}
