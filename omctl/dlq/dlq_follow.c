#include "omctl/dlq/dlq_follow.h"

#include "omctl/dlq/dlq_print.h"
#include "shared/base/clock.h"
#include "shared/nats/mesh_call.h"

#include <string.h>
#include <unistd.h>

enum { JOB_POLL_MS = 250, WATCH_POLL_MS = 500, PAGES_MOST = 50, SEEN_MOST = 100000 };
/* An entry is dated when it failed, and is seen some time after that. */
#define LATE_MOST_US (INT64_C(60) * 1000000)

/* --- a job ------------------------------------------------------------------------------------ */

static bool is_running(struct json_object *job) {
    struct slice state;
    return json_get_string(job, "state", &state, NULL) == STATUS_OK && slice_is(state, "running");
}

/* On a terminal the line is written over and over. */
static void show_progress(struct json_object *job, FILE *progress) {
    bool is_terminal = isatty(fileno(progress)) == 1;
    fputs(is_terminal ? "\r" : "", progress);
    dlq_print_progress(job, progress);
    fputs(is_terminal && is_running(job) ? "" : "\n", progress);
    fflush(progress);
}

static int64_t done_by(struct json_object *job) {
    int64_t replayed = 0, discarded = 0;
    (void)!json_get_int64(job, "replayed", &replayed, NULL);
    (void)!json_get_int64(job, "discarded", &discarded, NULL);
    return replayed + discarded;
}

enum status dlq_await_job(struct nats_client *nats, const char *id, FILE *progress,
                          struct json_object **job, struct error *error) {
    struct json_object *now = NULL;
    int64_t last_done = -1;
    for (;;) {
        enum status status = mesh_call_by_id(nats, "mesh.dlq.job", id, &now, error);
        if (status != STATUS_OK)
            return status;
        if (done_by(now) != last_done || !is_running(now))
            show_progress(now, progress);
        last_done = done_by(now);
        if (!is_running(now))
            break;
        json_object_put(now);
        clock_sleep_ms(JOB_POLL_MS);
    }
    *job = now;
    return STATUS_OK;
}

/* --- watching --------------------------------------------------------------------------------- */

struct follower {
    struct nats_client *nats;
    const struct dlq_watch *watch;
    FILE *out;
    struct json_object *seen; /* a set of what was printed */
    int64_t from_us;
    bool is_started; /* the first look at the jobs is no news */
};

/* True once for each text. */
static bool is_news(struct follower *follower, const char *text) {
    if (json_object_object_get_ex(follower->seen, text, NULL))
        return false;
    if (json_object_object_length(follower->seen) >= SEEN_MOST) {
        json_object_put(follower->seen);
        follower->seen = json_object_new_object();
    }
    json_object_object_add(follower->seen, text, NULL);
    return true;
}

static void print(const struct follower *follower, struct json_object *value,
                  void (*print_row)(struct json_object *value, FILE *out)) {
    if (follower->watch->is_json)
        dlq_print_json(value, follower->out);
    else
        print_row(value, follower->out);
}

static void print_news(struct follower *follower, struct json_object *list, const char *const *keys,
                       void (*print_row)(struct json_object *value, FILE *out)) {
    for (size_t i = json_object_array_length(list); i-- > 0;) { /* the newest is first in it */
        struct json_object *value = json_object_array_get_idx(list, i), *part;
        struct buf text = {0};
        for (size_t k = 0; keys[k] != NULL; k++)
            if (json_object_object_get_ex(value, keys[k], &part))
                buf_printf(&text, "%s ", json_object_get_string(part));
        if (is_news(follower, text.ptr) && follower->is_started)
            print(follower, value, print_row);
        buf_fini(&text);
    }
}

/* `page` is the page before, NULL for the first. */
static void write_request(const struct follower *follower, struct json_object *page,
                          struct buf *body) {
    char from[RFC3339_SIZE];
    struct slice cursor;
    struct dlq_filter filter = follower->watch->filter;
    clock_format(follower->from_us, from);
    filter.text[DLQ_FILTER_FROM] = slice_of(from);
    if (filter.text[DLQ_FILTER_STATUS].ptr == NULL)
        filter.text[DLQ_FILTER_STATUS] = SLICE_LITERAL("any");
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    dlq_filter_write(&filter, &w);
    json_put_int(&w, "limit", DLQ_LIMIT_MOST);
    if (page != NULL && json_get_string(page, "nextCursor", &cursor, NULL) == STATUS_OK)
        json_put_string(&w, "cursor", cursor);
    json_end_object(&w);
}

static enum status follow_entries(struct follower *follower, struct error *error) {
    static const char *const keys[] = {"id", "generation", "status", NULL};
    struct json_object *page = NULL, *entries;
    enum status status = STATUS_OK;
    for (int i = 0; i < PAGES_MOST && status == STATUS_OK; i++) {
        struct buf body = {0};
        struct json_object *next = NULL;
        write_request(follower, page, &body);
        status = mesh_call(follower->nats, "mesh.dlq.list", buf_slice(&body), MESH_CALL_MS, &next,
                           error);
        buf_fini(&body);
        json_object_put(page);
        page = next;
        if (status == STATUS_OK)
            status = json_get_array(page, "entries", &entries, error);
        if (status == STATUS_OK)
            print_news(follower, entries, keys, dlq_print_entry);
        if (status != STATUS_OK || !json_object_object_get_ex(page, "nextCursor", NULL))
            break;
    }
    json_object_put(page);
    return status;
}

static enum status follow_jobs(struct follower *follower, struct error *error) {
    static const char *const keys[] = {"id",        "state",  "replayed",  "resolved",
                                       "deadAgain", "failed", "discarded", NULL};
    struct json_object *reply = NULL, *jobs;
    enum status status = mesh_call(follower->nats, "mesh.dlq.jobs", SLICE_LITERAL("{}"),
                                   MESH_CALL_MS, &reply, error);
    if (status == STATUS_OK)
        status = json_get_array(reply, "jobs", &jobs, error);
    if (status == STATUS_OK)
        print_news(follower, jobs, keys, dlq_print_job);
    json_object_put(reply);
    return status;
}

enum status dlq_follow(struct nats_client *nats, const struct dlq_watch *watch, FILE *out,
                       struct error *error) {
    int64_t started_us = clock_monotonic_us();
    struct follower follower = {nats, watch, out, json_object_new_object(), clock_now_us(), false};
    enum status status = follow_jobs(&follower, error);
    follower.is_started = true;
    while (status == STATUS_OK &&
           (watch->duration_us == 0 || clock_monotonic_us() - started_us < watch->duration_us)) {
        status = follow_entries(&follower, error);
        if (status == STATUS_OK)
            status = follow_jobs(&follower, error);
        if (status == STATUS_OK && (fflush(out) != 0 || ferror(out) != 0))
            status = error_set(error, STATUS_INTERNAL, "its output cannot be written");
        if (clock_now_us() - follower.from_us > 2 * LATE_MOST_US)
            follower.from_us = clock_now_us() - LATE_MOST_US;
        clock_sleep_ms(WATCH_POLL_MS);
    }
    json_object_put(follower.seen);
    return status;
}
