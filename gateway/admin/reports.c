#include "gateway/admin/reports.h"

#include "gateway/lane/mesh_ask.h"
#include "gateway/reply/answer.h"
#include "gateway/reply/query.h"
#include "shared/base/clock.h"
#include "shared/query/report.h"

#include <string.h>

enum {
    ARENA_CHUNK_BYTES = 1024,
    AFTER_MOST = 128,
    REPORTS_MOST = 4, /* at once, of a gateway: each has a service read without a pause */
};

enum parameter {
    PARAMETER_FROM,
    PARAMETER_TO,
    PARAMETER_GRANULARITY,
    PARAMETER_FORMAT,
    PARAMETER_AFTER,
    PARAMETERS
};

/* A report holds itself while a page is asked for; else its request holds it. */
struct report {
    struct pending pending;
    h2o_generator_t generator;
    const struct report_kind *kind;
    enum report_format format;
    struct period period;
    struct arena *arena;
    struct slice after;
    struct buf cursor; /* of the next page; empty: the first */
    struct buf text;   /* on its way */
    bool has_begun, is_last;
};

static atomic_int reports_open;

static void dispose(void *closure) {
    struct report *report = closure;
    buf_fini(&report->cursor);
    buf_fini(&report->text);
    arena_destroy(&report->arena);
    atomic_fetch_sub(&reports_open, 1);
}

/* --- the query -------------------------------------------------------------------------------- */

static enum status read_query(h2o_req_t *req, struct report *report, struct error *error) {
    struct query_parameter parameters[PARAMETERS] = {
        [PARAMETER_FROM] = {.name = "from", .most = 40},
        [PARAMETER_TO] = {.name = "to", .most = 40},
        [PARAMETER_GRANULARITY] = {.name = "granularity", .most = 16},
        [PARAMETER_FORMAT] = {.name = "format", .most = 16},
        [PARAMETER_AFTER] = {.name = "after", .most = AFTER_MOST},
    };
    enum status status = query_parse(query_of(req), parameters, PARAMETERS, report->arena, error);
    if (status != STATUS_OK)
        return status;
    struct slice granularity = parameters[PARAMETER_GRANULARITY].value, name;
    const struct period_request period = {
        .from = parameters[PARAMETER_FROM].value,
        .to = parameters[PARAMETER_TO].value,
        .granularity = granularity.len > 0 ? granularity : SLICE_LITERAL("day"),
    };
    int64_t at_us;
    report->after = parameters[PARAMETER_AFTER].value;
    if (parameters[PARAMETER_FORMAT].value.len > 0 &&
        !report_format_parse(parameters[PARAMETER_FORMAT].value, &report->format))
        return error_set(error, STATUS_INVALID, "format: must be csv or ndjson");
    if (report->after.len > 0 && !report_place_parse(report->after, &at_us, &name))
        return error_set(error, STATUS_INVALID,
                         "after: must be the first two values of a row, with a slash between");
    return period_parse(&period, clock_now_us(), &report->period, error);
}

/* --- a page ----------------------------------------------------------------------------------- */

/* Before the first page it is a problem; afterwards the answer is left without an end. */
static void fail(struct report *report, enum status status) {
    h2o_req_t *req = report->pending.req;
    if (!report->has_begun && status == STATUS_INVALID)
        pending_refuse(report, PROBLEM_INVALID_QUERY, "after: must be the place of a row");
    else if (!report->has_begun)
        pending_refuse(report, problem_of(status), NULL);
    else {
        if (req != NULL)
            h2o_send(req, NULL, 0, H2O_SEND_STATE_ERROR);
        pending_release(report);
    }
}

static void begin(struct report *report) {
    h2o_req_t *req = report->pending.req;
    char disposition[80];
    snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s.%s\"", report->kind->name,
             report->format == REPORT_CSV ? "csv" : "ndjson");
    req->res.status = 200;
    req->res.reason = "OK";
    answer_header(req, "Content-Type", slice_of(report_content_type(report->format)));
    answer_header(req, "Content-Disposition", slice_of(disposition));
    answer_header(req, "Cache-Control", SLICE_LITERAL("no-store"));
    report->has_begun = true;
    if (req->version < 0x101)
        req->http1_is_persistent = 0; /* the connection's end is the report's */
    h2o_start_response(req, &report->generator);
}

static void send_page(struct report *report) {
    h2o_req_t *req = report->pending.req;
    if (!report->has_begun &&
        h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("HEAD"))) {
        answer_send(req, 200, report_content_type(report->format), slice_of(NULL));
        return;
    }
    if (!report->has_begun)
        begin(report);
    h2o_iovec_t text = {report->text.ptr, report->text.len};
    h2o_send(req, &text, text.len > 0 ? 1 : 0,
             report->is_last ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

static enum status take_page(struct report *report, struct slice body, struct error *error) {
    struct json_object *page = NULL;
    struct slice cursor;
    enum status status = json_parse(body, &page, error);
    if (status == STATUS_OK && !report->has_begun && report->after.len == 0)
        report_write_head(report->kind, report->format, &report->text);
    if (status == STATUS_OK)
        status =
            report_write_page(report->kind, report->format, page, &report->text, &cursor, error);
    if (status == STATUS_OK) {
        buf_clear(&report->cursor);
        buf_append_slice(&report->cursor, cursor);
        report->is_last = cursor.len == 0;
    }
    json_object_put(page);
    return status == STATUS_OK ? STATUS_OK : STATUS_INTERNAL;
}

static void ask_page(struct report *report);

static void on_page(void *closure, const struct broker_answer *answer) {
    struct report *report = closure;
    struct error error;
    enum status status = answer->status;
    if (report->pending.req == NULL) {
        pending_release(report);
        return;
    }
    if (status == STATUS_OK)
        status = take_page(report, answer->body, &error);
    if (status != STATUS_OK)
        fail(report, status);
    else if (report->text.len == 0 && !report->is_last)
        ask_page(report);
    else {
        send_page(report);
        pending_release(report);
    }
}

/* Holds the report until the answer. */
static void ask_page(struct report *report) {
    char traceparent[TRACEPARENT_SIZE];
    struct buf *body = lane_scratch(report->pending.lane);
    trace_format(pending_trace(&report->pending), traceparent);
    report_write_question(
        &(struct report_request){.tenant = slice_of(report->pending.caller.tenant),
                                 .period = report->period,
                                 .after = report->after,
                                 .cursor = buf_slice(&report->cursor)},
        body);
    const struct broker_question question = {report->kind->subject, traceparent, buf_slice(body)};
    enum status status =
        broker_request(report->pending.lane->broker, &question, on_page, &report->pending);
    if (status != STATUS_OK)
        fail(report, status);
}

/* The client has taken the page. */
static void on_proceed(h2o_generator_t *self, h2o_req_t *req) {
    struct report *report = H2O_STRUCT_FROM_MEMBER(struct report, generator, self);
    (void)req;
    buf_clear(&report->text);
    h2o_mem_addref_shared(report);
    if (report->pending.lane->gateway->is_draining ||
        caller_has_expired(&report->pending.caller, clock_now_us() / 1000000))
        fail(report, STATUS_UNAVAILABLE);
    else
        ask_page(report);
}

/* --- the routes ------------------------------------------------------------------------------- */

static void start(h2o_req_t *req, const char *kind) {
    struct error error = {0};
    struct report *report = pending_create(req, sizeof(*report), dispose);
    report->generator.proceed = on_proceed;
    report->kind = report_kind_find(slice_of(kind));
    report->arena = arena_create(ARENA_CHUNK_BYTES);
    if (atomic_fetch_add(&reports_open, 1) >= REPORTS_MOST)
        pending_refuse(report, PROBLEM_OVERLOADED, "as many reports are being read already");
    else if (read_query(req, report, &error) != STATUS_OK)
        pending_refuse(report, PROBLEM_INVALID_QUERY, error.text);
    else
        ask_page(report);
}

void get_orders_report(h2o_req_t *req, struct slice id) {
    (void)id;
    start(req, "orders");
}

void get_revenue_report(h2o_req_t *req, struct slice id) {
    (void)id;
    start(req, "revenue");
}

void get_refunds_report(h2o_req_t *req, struct slice id) {
    (void)id;
    start(req, "refunds");
}

void get_stock_report(h2o_req_t *req, struct slice id) {
    (void)id;
    start(req, "stock");
}
