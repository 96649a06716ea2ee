#include "gateway/admin/mesh_report.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/contract/event.h"
#include "shared/json/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lists of json objects as they came. */
struct mesh_report {
    struct json_object *infos, *stats, *streams, *consumers;
};

struct mesh_report *mesh_report_create(void) {
    struct mesh_report *report = mem_alloc(sizeof(*report));
    report->infos = json_object_new_array();
    report->stats = json_object_new_array();
    report->streams = json_object_new_array();
    report->consumers = json_object_new_array();
    return report;
}

void mesh_report_destroy(struct mesh_report **report) {
    struct mesh_report *r = *report;
    *report = NULL;
    if (r == NULL)
        return;
    json_object_put(r->infos);
    json_object_put(r->stats);
    json_object_put(r->streams);
    json_object_put(r->consumers);
    free(r);
}

/* --- reading answers -------------------------------------------------------------------------- */

static struct slice text_of(struct json_object *object, const char *key) {
    struct slice text;
    return json_get_string(object, key, &text, NULL) == STATUS_OK ? text : (struct slice){"", 0};
}

static int64_t number_of(struct json_object *object, const char *key) {
    int64_t number;
    return json_get_int64(object, key, &number, NULL) == STATUS_OK ? number : 0;
}

static bool is_true(struct json_object *object, const char *key) {
    struct json_object *value;
    return json_object_object_get_ex(object, key, &value) && json_object_get_boolean(value);
}

/* NULL, which has no members, when there is none. */
static struct json_object *member_of(struct json_object *object, const char *key) {
    struct json_object *member;
    return json_get_object(object, key, &member, NULL) == STATUS_OK ? member : NULL;
}

static void add_process(struct json_object *list, struct slice answer) {
    struct json_object *root = NULL;
    if (json_parse(answer, &root, NULL) != STATUS_OK)
        return;
    if (text_of(root, "name").len > 0 && text_of(root, "id").len > 0)
        json_object_array_add(list, root);
    else
        json_object_put(root);
}

void mesh_report_add_info(struct mesh_report *report, struct slice answer) {
    add_process(report->infos, answer);
}

void mesh_report_add_stats(struct mesh_report *report, struct slice answer) {
    add_process(report->stats, answer);
}

static enum status add_listed(struct json_object *list, const char *key, struct slice answer,
                              struct error *error) {
    struct json_object *root = NULL, *items = NULL;
    enum status status = json_parse(answer, &root, error);
    if (status == STATUS_OK && member_of(root, "error") != NULL)
        status = error_set(error, STATUS_UNAVAILABLE, "%.*s",
                           SLICE_ARG(text_of(member_of(root, "error"), "description")));
    /* an empty list may be null */
    if (status == STATUS_OK && json_get_array(root, key, &items, NULL) == STATUS_OK)
        for (size_t i = 0; i < json_object_array_length(items); i++)
            json_object_array_add(list, json_object_get(json_object_array_get_idx(items, i)));
    json_object_put(root);
    return status;
}

enum status mesh_report_add_streams(struct mesh_report *report, struct slice answer,
                                    struct error *error) {
    return add_listed(report->streams, "streams", answer, error);
}

enum status mesh_report_add_consumers(struct mesh_report *report, struct slice answer,
                                      struct error *error) {
    return add_listed(report->consumers, "consumers", answer, error);
}

static struct json_object *item_of(struct json_object *list, size_t index) {
    return json_object_array_get_idx(list, index);
}

size_t mesh_report_stream_count(const struct mesh_report *report) {
    return json_object_array_length(report->streams);
}

struct slice mesh_report_stream(const struct mesh_report *report, size_t index) {
    return text_of(member_of(item_of(report->streams, index), "config"), "name");
}

/* --- order ------------------------------------------------------------------------------------ */

static int compare_text(const void *a, const void *b, const char *key) {
    struct slice one = text_of(*(struct json_object *const *)a, key);
    struct slice other = text_of(*(struct json_object *const *)b, key);
    int order = memcmp(one.ptr, other.ptr, one.len < other.len ? one.len : other.len);
    return order != 0 ? order : (one.len > other.len) - (one.len < other.len);
}

static int compare_processes(const void *a, const void *b) {
    int order = compare_text(a, b, "name");
    return order != 0 ? order : compare_text(a, b, "started");
}

static int compare_streams(const void *a, const void *b) {
    struct json_object *one = member_of(*(struct json_object *const *)a, "config");
    struct json_object *other = member_of(*(struct json_object *const *)b, "config");
    return compare_text(&one, &other, "name");
}

static int compare_consumers(const void *a, const void *b) {
    int order = compare_text(a, b, "stream_name");
    return order != 0 ? order : compare_text(a, b, "name");
}

/* --- writing ---------------------------------------------------------------------------------- */

static void put_given(struct json_writer *w, const char *key, struct slice text) {
    if (text.len > 0)
        json_put_string(w, key, text);
}

static void put_average(struct json_writer *w, int64_t average_ns) {
    char text[32];
    int len = snprintf(text, sizeof(text), "%" PRId64 ".%03" PRId64, average_ns / 1000000,
                       average_ns / 1000 % 1000);
    json_put_raw(w, "averageMs", (struct slice){text, (size_t)len});
}

static void write_endpoint(struct json_object *endpoint, struct json_writer *w) {
    json_begin_object(w);
    json_put_string(w, "name", text_of(endpoint, "name"));
    json_put_string(w, "subject", text_of(endpoint, "subject"));
    json_put_int(w, "requests", number_of(endpoint, "num_requests"));
    json_put_int(w, "errors", number_of(endpoint, "num_errors"));
    put_average(w, number_of(endpoint, "average_processing_time"));
    put_given(w, "lastError", text_of(endpoint, "last_error"));
    json_end_object(w);
}

/* The INFO of the process whose STATS has this id; NULL where it has not come. */
static struct json_object *info_of(const struct mesh_report *report, struct slice id) {
    for (size_t i = 0; i < json_object_array_length(report->infos); i++)
        if (slice_equal(text_of(item_of(report->infos, i), "id"), id))
            return item_of(report->infos, i);
    return NULL;
}

static void write_service(const struct mesh_report *report, struct json_object *stats,
                          struct json_writer *w) {
    struct json_object *endpoints;
    struct json_object *info = info_of(report, text_of(stats, "id"));
    json_begin_object(w);
    json_put_string(w, "name", text_of(stats, "name"));
    json_put_string(w, "id", text_of(stats, "id"));
    json_put_string(w, "version", text_of(stats, "version"));
    json_put_string(w, "description", text_of(info, "description"));
    json_put_string(w, "started", text_of(stats, "started"));
    put_given(w, "notReady", text_of(stats, "not_ready"));
    json_key(w, "endpoints");
    json_begin_array(w);
    if (json_get_array(stats, "endpoints", &endpoints, NULL) == STATUS_OK)
        for (size_t i = 0; i < json_object_array_length(endpoints); i++)
            write_endpoint(item_of(endpoints, i), w);
    json_end_array(w);
    json_end_object(w);
}

static bool is_new_source(struct slice stream, enum event_type type) {
    for (int i = 0; i < (int)type; i++)
        if (slice_is(stream, event_info((enum event_type)i)->stream) &&
            strcmp(event_info((enum event_type)i)->source, event_info(type)->source) == 0)
            return false;
    return slice_is(stream, event_info(type)->stream);
}

/* Whose events it keeps. */
static void put_sources(struct json_writer *w, struct slice stream) {
    json_key(w, "from");
    json_begin_array(w);
    for (int i = 0; i < EVENT_TYPE_COUNT; i++)
        if (is_new_source(stream, (enum event_type)i))
            json_string(w, slice_of(event_info((enum event_type)i)->source));
    json_end_array(w);
}

static void write_stream(struct json_object *stream, struct json_writer *w) {
    struct json_object *state = member_of(stream, "state");
    struct slice name = text_of(member_of(stream, "config"), "name");
    int64_t messages = number_of(state, "messages");
    json_begin_object(w);
    json_put_string(w, "name", name);
    put_sources(w, name);
    json_put_int(w, "messages", messages);
    json_put_int(w, "bytes", number_of(state, "bytes"));
    json_put_int(w, "lastSequence", number_of(state, "last_seq"));
    if (messages > 0)
        put_given(w, "lastAt", text_of(state, "last_ts"));
    json_end_object(w);
}

static void write_consumer(struct json_object *consumer, struct json_writer *w) {
    struct json_object *config = member_of(consumer, "config");
    json_begin_object(w);
    json_put_string(w, "stream", text_of(consumer, "stream_name"));
    json_put_string(w, "name", text_of(consumer, "name"));
    put_given(w, "filter", text_of(config, "filter_subject"));
    json_put_int(w, "pending", number_of(consumer, "num_pending"));
    json_put_int(w, "ackPending", number_of(consumer, "num_ack_pending"));
    json_put_int(w, "acknowledged", number_of(member_of(consumer, "ack_floor"), "consumer_seq"));
    json_put_int(w, "redelivered", number_of(consumer, "num_redelivered"));
    json_put_int(w, "waiting", number_of(consumer, "num_waiting"));
    if (number_of(config, "max_ack_pending") > 0)
        json_put_int(w, "maxAckPending", number_of(config, "max_ack_pending"));
    if (is_true(consumer, "paused"))
        put_given(w, "pausedUntil", text_of(config, "pause_until"));
    put_given(w, "lastActiveAt", text_of(member_of(consumer, "delivered"), "last_active"));
    json_end_object(w);
}

void mesh_report_write(struct mesh_report *report, int64_t at_us, struct buf *out) {
    char at[RFC3339_SIZE];
    struct json_writer w = json_writer(out);
    clock_format(at_us, at);
    json_object_array_sort(report->stats, compare_processes);
    json_object_array_sort(report->streams, compare_streams);
    json_object_array_sort(report->consumers, compare_consumers);
    json_begin_object(&w);
    json_put_text(&w, "at", at);
    json_key(&w, "services");
    json_begin_array(&w);
    for (size_t i = 0; i < json_object_array_length(report->stats); i++)
        write_service(report, item_of(report->stats, i), &w);
    json_end_array(&w);
    json_key(&w, "streams");
    json_begin_array(&w);
    for (size_t i = 0; i < json_object_array_length(report->streams); i++)
        write_stream(item_of(report->streams, i), &w);
    json_end_array(&w);
    json_key(&w, "consumers");
    json_begin_array(&w);
    for (size_t i = 0; i < json_object_array_length(report->consumers); i++)
        write_consumer(item_of(report->consumers, i), &w);
    json_end_array(&w);
    json_end_object(&w);
}
