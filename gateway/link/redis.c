#include "gateway/link/redis.h"

#include "shared/base/memory.h"
#include "shared/observe/log.h"

#include <curl/curl.h>
#include <hiredis/async.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { ARGC_MAX = 80, FIRST_PAUSE_MS = 50, LAST_PAUSE_MS = 1000, PROBE_MS = 1000 };

enum state { STATE_WAITING, STATE_RESOLVING, STATE_PROBING, STATE_USABLE };

struct redis {
    const char *refusal; /* of the call that is being ended */
    h2o_context_t *context;
    char *host, *port;
    char *user, *password; /* NULL: none is needed */
    char *database;        /* NULL: the first */
    struct redis_health *health;
    enum state state;
    bool has_gap; /* it failed since it last became usable */
    bool has_any_gap;
    unsigned tries; /* of the name's addresses, in turn */
    bool is_flushing, is_ending;
    redisAsyncContext *async; /* NULL while there is no connection */
    h2o_socket_t *socket;     /* owns async's descriptor */
    h2o_hostinfo_getaddr_req_t *resolving;
    struct delay call_timeout;
    struct delay pause; /* holds retry_entry only, so its length may change */
    h2o_timer_t retry_entry;
    h2o_timer_t flush_entry;
    struct delay probes;
    h2o_timer_t probe_entry;
};

struct redis_call {
    struct redis *redis;
    redis_fn fn;
    void *closure;
    h2o_timer_t timeout;
};

/* --- state ------------------------------------------------------------------------------------ */

static void set_state(struct redis *redis, enum state state) {
    bool was_usable = redis->state == STATE_USABLE;
    redis->state = state;
    if ((state == STATE_USABLE) != was_usable)
        redis_health_change(redis->health, state == STATE_USABLE);
}

static void note_failure(struct redis *redis, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void note_failure(struct redis *redis, const char *format, ...) {
    struct error error = {.status = STATUS_UNAVAILABLE};
    va_list args;
    va_start(args, format);
    vsnprintf(error.text, sizeof(error.text), format, args);
    va_end(args);
    redis->has_gap = true;
    if (!redis->is_ending)
        redis_health_fail(redis->health, &error);
}

static void retry_later(struct redis *redis) {
    set_state(redis, STATE_WAITING);
    if (!redis->is_ending && !timer_is_running(&redis->retry_entry))
        timer_start(&redis->retry_entry, &redis->pause);
}

/* --- hiredis on h2o's loop -------------------------------------------------------------------- */

static void on_readable(h2o_socket_t *socket, const char *err) {
    (void)err; /* hiredis reads by itself and finds the error */
    struct redis *redis = socket->data;
    redisAsyncHandleRead(redis->async);
}

static void on_writable(h2o_socket_t *socket, const char *err) {
    (void)err;
    struct redis *redis = socket->data;
    redisAsyncHandleWrite(redis->async);
}

static void on_flush(h2o_timer_t *entry) {
    struct redis *redis = H2O_STRUCT_FROM_MEMBER(struct redis, flush_entry, entry);
    if (redis->async == NULL)
        return;
    redis->is_flushing = true;
    redisAsyncHandleWrite(redis->async);
    redis->is_flushing = false;
}

static void add_read(void *data) {
    struct redis *redis = data;
    if (!h2o_socket_is_reading(redis->socket))
        h2o_socket_read_start(redis->socket, on_readable);
}

/* Commands of one turn of the loop leave in one write at its end; only a connection that is not
   open yet, or does not take them all, is polled. */
static void add_write(void *data) {
    struct redis *redis = data;
    if (h2o_socket_is_writing(redis->socket) || timer_is_running(&redis->flush_entry))
        return;
    bool is_open = (redis->async->c.flags & REDIS_CONNECTED) != 0;
    if (is_open && !redis->is_flushing)
        timer_start_now(&redis->flush_entry, redis->context);
    else
        h2o_socket_notify_write(redis->socket, on_writable);
}

static void ignore_event(void *data) {
    (void)data; /* notifications of writability come once; reading never pauses */
}

/* hiredis calls this exactly once, however the connection ends, after failing its calls. */
static void on_connection_gone(void *data) {
    struct redis *redis = data;
    if (redis->async->err != 0)
        note_failure(redis, "%s:%s: %s", redis->host, redis->port, redis->async->errstr);
    redis->async->c.fd = -1; /* closed below, by its owner */
    redis->async = NULL;
    timer_stop(&redis->flush_entry);
    timer_stop(&redis->probe_entry);
    h2o_socket_close(redis->socket);
    redis->socket = NULL;
    retry_later(redis);
}

static void drop_connection(struct redis *redis) {
    set_state(redis, STATE_WAITING);
    if (redis->async != NULL)
        redisAsyncFree(redis->async);
}

/* --- commands --------------------------------------------------------------------------------- */

static void on_call_timeout(h2o_timer_t *entry) {
    struct redis *redis = H2O_STRUCT_FROM_MEMBER(struct redis_call, timeout, entry)->redis;
    note_failure(redis, "%s:%s: no answer within %d ms", redis->host, redis->port,
                 (int)delay_ms(&redis->call_timeout));
    drop_connection(redis);
}

/* A key that others use for something else is that command's trouble alone. */
static void take_refusal(struct redis *redis, const char *text) {
    if (strncmp(text, "WRONGTYPE", 9) == 0) {
        log_warn("Redis refused a command", LOG_TEXT("reply", text));
        return;
    }
    note_failure(redis, "%s:%s: %s", redis->host, redis->port, text);
    drop_connection(redis);
}

static void on_reply(redisAsyncContext *async, void *answer, void *closure) {
    (void)async;
    struct redis_call *call = closure;
    const struct redisReply *reply = answer;
    timer_stop(&call->timeout);
    struct redis *redis = call->redis;
    if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        take_refusal(redis, reply->str);
        redis->refusal = reply->str;
        reply = NULL;
    }
    if (call->fn != NULL)
        call->fn(call->closure, reply);
    redis->refusal = NULL;
    free(call);
}

const char *redis_refusal(const struct redis *redis) {
    return redis->refusal;
}

static bool send_command(struct redis *redis, redis_fn fn, void *closure, size_t argc,
                         const struct slice *argv) {
    const char *args[ARGC_MAX];
    size_t lens[ARGC_MAX];
    assert(argc <= ARGC_MAX);
    for (size_t i = 0; i < argc; i++) {
        args[i] = argv[i].ptr;
        lens[i] = argv[i].len;
    }
    struct redis_call *call = mem_alloc(sizeof(*call));
    *call = (struct redis_call){.redis = redis, .fn = fn, .closure = closure};
    call->timeout.cb = on_call_timeout;
    if (redisAsyncCommandArgv(redis->async, on_reply, call, (int)argc, args, lens) != REDIS_OK) {
        free(call);
        return false;
    }
    timer_start(&call->timeout, &redis->call_timeout);
    return true;
}

bool redis_has_gap(const struct redis *redis) {
    return redis->has_any_gap;
}

void redis_command(struct redis *redis, redis_fn fn, void *closure, size_t argc,
                   const struct slice *argv) {
    if (redis->state == STATE_USABLE && send_command(redis, fn, closure, argc, argv))
        return;
    if (fn != NULL)
        fn(closure, NULL);
}

/* --- connecting ------------------------------------------------------------------------------- */

static bool write_probes(struct redis *redis);

/* A pause that grew stays long for a server that refuses again what it took when asked. */
static void on_probed(void *closure, const struct redisReply *reply) {
    struct redis *redis = closure;
    if (redis->async == NULL || reply == NULL)
        return;
    if (redis->state == STATE_USABLE)
        delay_set_ms(&redis->pause, FIRST_PAUSE_MS);
    else
        set_state(redis, STATE_USABLE);
    redis->has_gap = false;
    redis->has_any_gap = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                         reply->element[1]->type == REDIS_REPLY_STRING;
    timer_start(&redis->probe_entry, &redis->probes);
}

static void on_probe_due(h2o_timer_t *entry) {
    struct redis *redis = H2O_STRUCT_FROM_MEMBER(struct redis, probe_entry, entry);
    if (redis->state == STATE_USABLE && !write_probes(redis))
        drop_connection(redis);
}

/* What orders ask, as they ask it, since a right may be missing for a kind of key, or for reading.
   The last one's reply counts: a refusal of those before ends the connection. */
static bool write_probes(struct redis *redis) {
    const struct slice claim[] = {SLICE_LITERAL("SET"),      SLICE_LITERAL("idem:probe"),
                                  SLICE_LITERAL("1"),        SLICE_LITERAL("NX"),
                                  SLICE_LITERAL("GET"),      SLICE_LITERAL("EX"),
                                  SLICE_LITERAL(REDIS_GAP_S)};
    const struct slice mark[] = {
        SLICE_LITERAL("SET"), slice_of(redis->has_gap ? REDIS_GAP_KEY : "order:probe"),
        SLICE_LITERAL("1"), SLICE_LITERAL("EX"), SLICE_LITERAL(REDIS_GAP_S)};
    const struct slice find[] = {SLICE_LITERAL("MGET"), SLICE_LITERAL("order:probe"),
                                 SLICE_LITERAL(REDIS_GAP_KEY)};
    return send_command(redis, NULL, NULL, COUNT(claim), claim) &&
           send_command(redis, NULL, NULL, COUNT(mark), mark) &&
           send_command(redis, on_probed, redis, COUNT(find), find);
}

static void attach(struct redis *redis, redisAsyncContext *async) {
    redis->async = async;
    redis->socket =
        h2o_evloop_socket_create(redis->context->loop, async->c.fd, H2O_SOCKET_FLAG_DONT_READ);
    redis->socket->data = redis;
    async->ev.data = redis;
    async->ev.addRead = add_read;
    async->ev.delRead = ignore_event;
    async->ev.addWrite = add_write;
    async->ev.delWrite = ignore_event;
    async->ev.cleanup = on_connection_gone;
}

static bool log_in(struct redis *redis) {
    struct slice login[3] = {SLICE_LITERAL("AUTH")};
    size_t count = 1;
    if (redis->password == NULL)
        return true;
    if (redis->user != NULL)
        login[count++] = slice_of(redis->user);
    login[count++] = slice_of(redis->password);
    return send_command(redis, NULL, NULL, count, login);
}

static bool select_database(struct redis *redis) {
    if (redis->database == NULL)
        return true;
    const struct slice select[] = {SLICE_LITERAL("SELECT"), slice_of(redis->database)};
    return send_command(redis, NULL, NULL, 2, select);
}

static void connect_to(struct redis *redis, const char *address) {
    redisAsyncContext *async = redisAsyncConnect(address, (int)strtol(redis->port, NULL, 10));
    if (async == NULL || async->err != 0) {
        note_failure(redis, "%s:%s: %s", redis->host, redis->port,
                     async == NULL ? "out of memory" : async->errstr);
        if (async != NULL)
            redisAsyncFree(async);
        retry_later(redis);
        return;
    }
    attach(redis, async);
    set_state(redis, STATE_PROBING);
    if (!log_in(redis) || !select_database(redis) || !write_probes(redis))
        drop_connection(redis);
}

/* Each try takes the next address of the name, which has one at least. */
static const struct addrinfo *choose(struct redis *redis, const struct addrinfo *found) {
    unsigned count = 1;
    for (const struct addrinfo *at = found->ai_next; at != NULL; at = at->ai_next)
        count++;
    for (unsigned skip = redis->tries++ % count; skip > 0; skip--)
        found = found->ai_next;
    return found;
}

static void on_resolved(h2o_hostinfo_getaddr_req_t *req, const char *errstr, struct addrinfo *found,
                        void *closure) {
    (void)req;
    struct redis *redis = closure;
    redis->resolving = NULL;
    char address[NI_MAXHOST];
    if (errstr != NULL) {
        note_failure(redis, "%s:%s: %s", redis->host, redis->port, errstr);
        retry_later(redis);
        return;
    }
    const struct addrinfo *chosen = choose(redis, found);
    if (getnameinfo(chosen->ai_addr, chosen->ai_addrlen, address, sizeof(address), NULL, 0,
                    NI_NUMERICHOST) == 0)
        connect_to(redis, address);
    else
        retry_later(redis);
}

/* hiredis would resolve the name itself and block; h2o does it on a thread. */
static void on_retry(h2o_timer_t *entry) {
    struct redis *redis = H2O_STRUCT_FROM_MEMBER(struct redis, retry_entry, entry);
    uint64_t longer_ms = delay_ms(&redis->pause) * 2;
    delay_set_ms(&redis->pause, longer_ms < LAST_PAUSE_MS ? longer_ms : LAST_PAUSE_MS);
    set_state(redis, STATE_RESOLVING);
    redis->resolving =
        h2o_hostinfo_getaddr(&redis->context->receivers.hostinfo_getaddr,
                             h2o_iovec_init(redis->host, strlen(redis->host)),
                             h2o_iovec_init(redis->port, strlen(redis->port)), AF_UNSPEC,
                             SOCK_STREAM, IPPROTO_TCP, 0, on_resolved, redis);
}

/* --- lifecycle -------------------------------------------------------------------------------- */

/* A part of the URL, decoded; NULL when it has none. Caller frees. */
static char *url_part(CURLU *url, CURLUPart part) {
    char *text = NULL;
    if (curl_url_get(url, part, &text, CURLU_URLDECODE) != CURLUE_OK)
        return NULL;
    char *copy = text[0] != '\0' ? mem_copy(slice_of(text)) : NULL;
    curl_free(text);
    return copy;
}

static bool is_redis_url(CURLU *url, const char *text) {
    char *scheme = NULL;
    if (url == NULL ||
        curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
        return false;
    bool is_redis = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                    strcmp(scheme, "redis") == 0;
    curl_free(scheme);
    return is_redis;
}

/* "[::1]" without its brackets. */
static void strip_brackets(char *host) {
    size_t len = host == NULL ? 0 : strlen(host);
    if (len < 2 || host[0] != '[' || host[len - 1] != ']')
        return;
    memmove(host, host + 1, len - 2);
    host[len - 2] = '\0';
}

/* The path is the database's number. */
static char *read_database(CURLU *url) {
    char *path = url_part(url, CURLUPART_PATH);
    char *number = path != NULL && path[1] != '\0' ? mem_copy(slice_of(path + 1)) : NULL;
    free(path);
    return number;
}

/* Whoever writes options into it, as for TLS, would be heard by nobody. */
static bool has_more(CURLU *url) {
    char *query = NULL, *fragment = NULL;
    bool has = curl_url_get(url, CURLUPART_QUERY, &query, 0) == CURLUE_OK ||
               curl_url_get(url, CURLUPART_FRAGMENT, &fragment, 0) == CURLUE_OK;
    curl_free(query);
    curl_free(fragment);
    return has;
}

static enum status read_url(struct redis *redis, const char *text, struct error *error) {
    CURLU *url = curl_url();
    if (is_redis_url(url, text) && !has_more(url)) {
        redis->host = url_part(url, CURLUPART_HOST);
        redis->port = url_part(url, CURLUPART_PORT);
        redis->user = url_part(url, CURLUPART_USER);
        redis->password = url_part(url, CURLUPART_PASSWORD);
        redis->database = read_database(url);
    }
    curl_url_cleanup(url);
    strip_brackets(redis->host);
    bool is_number =
        redis->database == NULL || redis->database[strspn(redis->database, "0123456789")] == '\0';
    if (redis->host == NULL || redis->port == NULL || strcmp(redis->port, "0") == 0 || !is_number)
        return error_set(error, STATUS_INVALID,
                         "OM_REDIS_URL must be redis://[[user]:password@]host:port[/database]");
    return STATUS_OK;
}

static void free_url(struct redis *redis) {
    free(redis->host);
    free(redis->port);
    free(redis->user);
    free(redis->password);
    free(redis->database);
}

enum status redis_check_url(const char *url, struct error *error) {
    struct redis read = {0};
    enum status status = read_url(&read, url, error);
    free_url(&read);
    return status;
}

enum status redis_create(const struct redis_options *options, struct redis **redis,
                         struct error *error) {
    struct redis *made = mem_alloc(sizeof(*made));
    enum status status = read_url(made, options->url, error);
    if (status != STATUS_OK) {
        free_url(made);
        free(made);
        return status;
    }
    made->context = options->context;
    made->health = options->health;
    delay_init(&made->call_timeout, made->context->loop, (uint64_t)options->timeout_ms);
    delay_init(&made->pause, made->context->loop, FIRST_PAUSE_MS);
    delay_init(&made->probes, made->context->loop, PROBE_MS);
    made->probe_entry.cb = on_probe_due;
    made->retry_entry.cb = on_retry;
    made->flush_entry.cb = on_flush;
    on_retry(&made->retry_entry);
    *redis = made;
    return STATUS_OK;
}

void redis_destroy(struct redis **redis) {
    struct redis *r = *redis;
    *redis = NULL;
    if (r == NULL)
        return;
    r->is_ending = true;
    if (r->resolving != NULL)
        h2o_hostinfo_getaddr_cancel(r->resolving);
    drop_connection(r);
    timer_stop(&r->retry_entry);
    delay_fini(&r->call_timeout);
    delay_fini(&r->pause);
    delay_fini(&r->probes);
    free_url(r);
    free(r);
}
