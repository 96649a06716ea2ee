#include "gateway/admin/admin_mesh.h"

#include "gateway/admin/mesh_report.h"
#include "gateway/lane/pending.h"
#include "gateway/link/broker.h"
#include "shared/base/clock.h"
#include "shared/observe/log.h"

enum { STREAM_NAME_MOST = 64 };

/*
 * get_mesh()        asks three at once
 *   on_info()         each process, and the survey's end
 *   on_stats()        the same
 *   on_streams()      asks for each stream's consumers
 *     on_consumers()  of one stream
 * end_one()         answers when the last of all these has ended
 */
struct mesh_get {
    struct pending pending;
    struct mesh_report *report;
    int due;             /* calls that have not ended */
    enum status failure; /* of what the server was asked */
};

static void dispose(void *closure) {
    struct mesh_get *get = closure;
    mesh_report_destroy(&get->report);
}

static void end_one(struct mesh_get *get) {
    struct buf out = {0};
    if (--get->due > 0)
        return;
    if (get->failure != STATUS_OK) {
        pending_refuse(get, problem_of(get->failure), NULL);
        return;
    }
    mesh_report_write(get->report, clock_now_us(), &out);
    pending_answer(get, 200, buf_slice(&out));
    buf_fini(&out);
}

static void fail(struct mesh_get *get, enum status status) {
    if (get->failure == STATUS_OK)
        get->failure = status;
}

static void note_call(struct mesh_get *get, enum status status) {
    if (status == STATUS_OK)
        get->due++;
    else
        fail(get, status);
}

/* --- services --------------------------------------------------------------------------------- */

static void on_info(void *closure, const struct broker_answer *answer) {
    struct mesh_get *get = closure;
    if (answer->status == STATUS_OK)
        mesh_report_add_info(get->report, answer->body);
    else
        end_one(get);
}

static void on_stats(void *closure, const struct broker_answer *answer) {
    struct mesh_get *get = closure;
    if (answer->status == STATUS_OK)
        mesh_report_add_stats(get->report, answer->body);
    else
        end_one(get);
}

static void survey(struct mesh_get *get, const char *subject, broker_fn fn) {
    note_call(get, broker_survey(get->pending.lane->broker, subject, fn, get));
}

/* --- streams and consumers -------------------------------------------------------------------- */

typedef enum status (*add_fn)(struct mesh_report *report, struct slice answer, struct error *error);

static bool take(struct mesh_get *get, const struct broker_answer *answer, add_fn add) {
    struct error error = {0};
    enum status status = answer->status;
    if (status == STATUS_OK) {
        status = add(get->report, answer->body, &error);
        if (status != STATUS_OK)
            log_warn("the streams cannot be looked at", LOG_ERROR(&error));
    }
    if (status != STATUS_OK)
        fail(get, status == STATUS_INVALID ? STATUS_INTERNAL : status);
    return status == STATUS_OK;
}

static void request(struct mesh_get *get, const char *subject, broker_fn fn) {
    const struct broker_question question = {subject, NULL, {"", 0}};
    note_call(get, broker_request(get->pending.lane->broker, &question, fn, get));
}

static void on_consumers(void *closure, const struct broker_answer *answer) {
    struct mesh_get *get = closure;
    (void)take(get, answer, mesh_report_add_consumers);
    end_one(get);
}

static void on_streams(void *closure, const struct broker_answer *answer) {
    struct mesh_get *get = closure;
    size_t count =
        take(get, answer, mesh_report_add_streams) ? mesh_report_stream_count(get->report) : 0;
    for (size_t i = 0; i < count; i++) {
        struct slice name = mesh_report_stream(get->report, i);
        char subject[sizeof("$JS.API.CONSUMER.LIST.") + STREAM_NAME_MOST];
        if (name.len == 0 || name.len > STREAM_NAME_MOST)
            continue;
        snprintf(subject, sizeof(subject), "$JS.API.CONSUMER.LIST.%.*s", SLICE_ARG(name));
        request(get, subject, on_consumers);
    }
    end_one(get);
}

/* ---------------------------------------------------------------------------------------------- */

void get_mesh(h2o_req_t *req, struct slice id) {
    (void)id;
    struct mesh_get *get = pending_create(req, sizeof(*get), dispose);
    get->report = mesh_report_create();
    get->due = 1; /* this */
    survey(get, "$SRV.INFO", on_info);
    survey(get, "$SRV.STATS", on_stats);
    request(get, "$JS.API.STREAM.LIST", on_streams);
    end_one(get);
}
