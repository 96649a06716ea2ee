#include "shared/net/span_exporter.h"

#include "shared/base/backoff.h"
#include "shared/base/clock.h"
#include "shared/base/waker.h"
#include "shared/json/json.h"
#include "shared/net/http_client.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"

#include <pthread.h>
#include <stdatomic.h>

METRIC_COUNTER(spans, "ordermesh_spans_total", "result",
               "Spans by what became of them: exported, dropped.");
METRIC_STARTS(spans, "exported", "dropped");

#define TRACES_PATH "/v1/traces"
#define EXPORT_TIMEOUT_MS 2000
#define RETRY_MOST_MS 30000
#define RETRY_AFTER_MOST_MS 60000
/* A queue of this length is sent at once. */
#define FULL_ENOUGH_BYTES (SPAN_QUEUE_BYTES / 8)

/* Spans as JSON, with commas between. */
struct span_list {
    struct buf json;
    int64_t count;
};

static struct {
    struct span_exporter_options options;
    struct buf url;
    struct httpc *httpc;
    pthread_t thread;
    struct waker waker; /* guards waiting and is_ending */
    struct span_list waiting;
    bool is_ending;
    struct span_list leaving; /* the thread's own, as is the rest */
    struct buf body;
    struct backoff backoff;
    int tries;       /* of what is leaving, in vain */
    int64_t rest_ms; /* until the next one */
    bool is_away;
    unsigned exported_slot, dropped_slot;
} exporter;

/* A span_sink_fn. */
static void take(const struct span *span, const char *name, int64_t ended_us,
                 const struct span_field *fields, size_t count) {
    struct span_list *waiting = &exporter.waiting;
    waker_lock(&exporter.waker);
    bool has_room = waiting->json.len < SPAN_QUEUE_BYTES;
    bool was_due = waiting->json.len >= FULL_ENOUGH_BYTES;
    if (has_room) {
        if (waiting->count++ > 0)
            buf_append_char(&waiting->json, ',');
        span_write(span, name, ended_us, fields, count, &waiting->json);
    }
    bool is_due = waiting->json.len >= FULL_ENOUGH_BYTES;
    waker_unlock(&exporter.waker);
    if (is_due && !was_due)
        waker_wake(&exporter.waker);
    if (!has_room)
        metric_add(&spans, exporter.dropped_slot, 1);
}

/* --- the thread ------------------------------------------------------------------------------- */

static void put_resource_attribute(struct json_writer *w, const char *key, const char *value) {
    json_begin_object(w);
    json_put_text(w, "key", key);
    json_key(w, "value");
    json_begin_object(w);
    json_put_text(w, "stringValue", value);
    json_end_object(w);
    json_end_object(w);
}

static void put_resource(struct json_writer *w) {
    json_key(w, "resource");
    json_begin_object(w);
    json_key(w, "attributes");
    json_begin_array(w);
    put_resource_attribute(w, "service.namespace", "ordermesh");
    put_resource_attribute(w, "service.name", exporter.options.service);
    put_resource_attribute(w, "service.instance.id", exporter.options.instance);
    put_resource_attribute(w, "service.version", exporter.options.version);
    json_end_array(w);
    json_end_object(w);
}

static void write_body(void) {
    buf_clear(&exporter.body);
    struct json_writer w = json_writer(&exporter.body);
    json_begin_object(&w);
    json_key(&w, "resourceSpans");
    json_begin_array(&w);
    json_begin_object(&w);
    put_resource(&w);
    json_key(&w, "scopeSpans");
    json_begin_array(&w);
    json_begin_object(&w);
    json_put_raw(&w, "scope", SLICE_LITERAL("{\"name\":\"ordermesh\"}"));
    json_key(&w, "spans");
    json_begin_array(&w);
    json_raw(&w, buf_slice(&exporter.leaving.json));
    json_end_array(&w);
    json_end_object(&w);
    json_end_array(&w);
    json_end_object(&w);
    json_end_array(&w);
    json_end_object(&w);
}

static void set_away(bool is_away, const struct httpc_call *call) {
    if (exporter.is_away == is_away)
        return;
    exporter.is_away = is_away;
    if (is_away)
        log_warn("the collector takes no spans", LOG_INT("status", call->status),
                 LOG_TEXT("why", call->error));
    else
        log_info("the collector takes spans again");
}

/* It is no answer, or one of those to repeat
   (https://opentelemetry.io/docs/specs/otlp/#failures-1). A lost one may have been taken: a span
   that comes twice is the same span. */
static bool is_passing(const struct httpc_call *call) {
    return call->result != HTTPC_ANSWERED || call->status == 429 || call->status == 502 ||
           call->status == 503 || call->status == 504;
}

static int64_t next_rest_ms(const struct httpc_call *call) {
    int64_t told_ms = httpc_retry_after_ms(call);
    return backoff_jittered(&exporter.backoff, exporter.tries,
                            told_ms < RETRY_AFTER_MOST_MS ? told_ms : RETRY_AFTER_MOST_MS);
}

static void forget_leaving(unsigned slot) {
    metric_add(&spans, slot, exporter.leaving.count);
    buf_clear(&exporter.leaving.json);
    exporter.leaving.count = 0;
    exporter.tries = 0;
    exporter.rest_ms = SPAN_EXPORT_INTERVAL_MS;
}

static void export_leaving(bool is_last) {
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    write_body();
    struct httpc_call call = {
        .method = "POST",
        .url = exporter.url.ptr,
        .headers = headers,
        .body = buf_slice(&exporter.body),
        .timeout_ms = EXPORT_TIMEOUT_MS,
    };
    httpc_perform(exporter.httpc, &call, 1);
    bool was_taken = call.result == HTTPC_ANSWERED && call.status / 100 == 2;
    exporter.tries++;
    if (was_taken)
        forget_leaving(exporter.exported_slot);
    else if (is_last || exporter.tries == SPAN_TRIES || !is_passing(&call))
        forget_leaving(exporter.dropped_slot);
    else
        exporter.rest_ms = next_rest_ms(&call);
    set_away(!was_taken, &call);
    httpc_call_fini(&call);
}

/* Only at the end some are leaving already; those that wait then go with them. */
static void take_waiting(void) {
    struct span_list *waiting = &exporter.waiting, *leaving = &exporter.leaving;
    if (waiting->count == 0)
        return;
    if (leaving->count == 0) {
        struct span_list taken = *waiting;
        *waiting = *leaving;
        *leaving = taken;
        return;
    }
    buf_append_char(&leaving->json, ',');
    buf_append_slice(&leaving->json, buf_slice(&waiting->json));
    leaving->count += waiting->count;
    buf_clear(&waiting->json);
    waiting->count = 0;
}

/* Waits for the next try, a queue that fills while there is none to repeat, or the end, which it
   returns. */
static bool await_spans(void) {
    bool repeats = exporter.leaving.count > 0;
    int64_t until_us = clock_monotonic_us() + exporter.rest_ms * 1000;
    waker_lock(&exporter.waker);
    while (!exporter.is_ending && (repeats || exporter.waiting.json.len < FULL_ENOUGH_BYTES) &&
           waker_wait(&exporter.waker, until_us))
        continue;
    bool is_ending = exporter.is_ending;
    if (is_ending || !repeats)
        take_waiting();
    waker_unlock(&exporter.waker);
    return is_ending;
}

static void *exporter_main(void *arg) {
    (void)arg;
    for (bool is_ending = false; !is_ending;) {
        is_ending = await_spans();
        if (exporter.leaving.count > 0)
            export_leaving(is_ending);
    }
    return NULL;
}

/* --- lifecycle -------------------------------------------------------------------------------- */

static void fini(void) {
    httpc_destroy(&exporter.httpc);
    buf_fini(&exporter.url);
    buf_fini(&exporter.waiting.json);
    buf_fini(&exporter.leaving.json);
    buf_fini(&exporter.body);
    waker_fini(&exporter.waker);
}

static void init(const struct span_exporter_options *options) {
    waker_init(&exporter.waker);
    exporter.options = *options;
    exporter.is_ending = false;
    exporter.is_away = false;
    exporter.backoff = (struct backoff){
        .least_ms = options->retry_ms > 0 ? options->retry_ms : SPAN_RETRY_MS,
        .most_ms = RETRY_MOST_MS,
    };
    exporter.tries = 0;
    exporter.rest_ms = SPAN_EXPORT_INTERVAL_MS;
    exporter.waiting.count = exporter.leaving.count = 0;
    buf_printf(&exporter.url, "%s" TRACES_PATH, options->url);
    exporter.httpc = httpc_create(NULL);
    exporter.exported_slot = metric_slot(&spans, "exported");
    exporter.dropped_slot = metric_slot(&spans, "dropped");
}

enum status span_exporter_start(const struct span_exporter_options *options, struct error *error) {
    if (options->url[0] == '\0')
        return STATUS_OK;
    init(options);
    if (pthread_create(&exporter.thread, NULL, exporter_main, NULL) != 0) {
        fini();
        return error_set(error, STATUS_INTERNAL, "cannot start the thread that exports spans");
    }
    span_sink = take;
    return STATUS_OK;
}

void span_exporter_stop(void) {
    if (span_sink == NULL)
        return;
    span_sink = NULL;
    waker_lock(&exporter.waker);
    exporter.is_ending = true;
    waker_wake(&exporter.waker);
    waker_unlock(&exporter.waker);
    pthread_join(exporter.thread, NULL);
    fini();
}
