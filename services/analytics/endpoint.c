#include "services/analytics/endpoint.h"

#include "services/analytics/report.h"
#include "services/analytics/store.h"
#include "shared/base/clock.h"
#include "shared/json/json.h"
#include "shared/pg/pg_result.h"

/* NATS carries up to 1 MB; headers need some. */
#define REPLY_MAX_BYTES (1000 * 1000)

static enum status read_text(struct json_object *request, const char *key, struct slice *text,
                             struct error *error) {
    *text = slice_of(NULL);
    enum status status = json_get_string(request, key, text, error);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* The texts of `root` live on; the caller frees it. */
static enum status read_period(struct json_object *root, struct period *period,
                               struct error *error) {
    struct period_request request;
    enum status status = read_text(root, "from", &request.from, error);
    if (status == STATUS_OK)
        status = read_text(root, "to", &request.to, error);
    if (status == STATUS_OK)
        status = read_text(root, "granularity", &request.granularity, error);
    if (status == STATUS_OK)
        status = period_parse(&request, clock_now_us(), period, error);
    return status;
}

static enum status answer(struct endpoint_call *call, enum report_kind kind, struct error *error) {
    struct json_object *root = NULL;
    struct pg_result *rows = NULL;
    struct period period;
    enum status status = json_parse(call->request, &root, error);
    if (status != STATUS_OK)
        return status;
    status = read_period(root, &period, error);
    if (status == STATUS_OK)
        status = counts_store_read(call->pg, &period, &rows, error);
    if (status == STATUS_OK)
        report_write(kind, &period, rows, call->reply);
    pg_result_free(&rows);
    json_object_put(root);
    if (status == STATUS_OK && call->reply->len > REPLY_MAX_BYTES)
        status = error_set(error, STATUS_INVALID,
                           "granularity: the answer is too large; take a coarser one");
    return status;
}

enum status analytics_endpoint_dashboard(struct endpoint_call *call, struct error *error) {
    return answer(call, REPORT_DASHBOARD, error);
}

enum status analytics_endpoint_metrics(struct endpoint_call *call, struct error *error) {
    return answer(call, REPORT_METRICS, error);
}
