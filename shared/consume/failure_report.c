#include "shared/consume/failure_report.h"

#include "shared/base/clock.h"
#include "shared/json/json.h"

#include <inttypes.h>
#include <string.h>

#define STORE_TIMEOUT_MS 2000

static void format_event_id(const struct failure_report *report, char *text, size_t size) {
    static const struct uuid none = {{0}};
    if (uuid_compare(&report->delivery->event.id, &none) == 0)
        snprintf(text, size, "seq-%" PRIu64, report->stream_sequence);
    else
        uuid_format(&report->delivery->event.id, text);
}

static const char *outcome_name(enum outcome outcome) {
    static const char *const names[] = {
        [OUTCOME_DONE] = "DONE", [OUTCOME_RETRY] = "RETRY", [OUTCOME_REJECT] = "REJECT"};
    return names[outcome];
}

static void write_report(const struct failure_report *report, struct buf *subject,
                         struct buf *body) {
    char event_id[UUID_TEXT_SIZE], time[RFC3339_SIZE];
    format_event_id(report, event_id, sizeof(event_id));
    clock_format(clock_now_us(), time);
    buf_printf(subject, "failures.%s.%s.%s", report->stream, report->durable, event_id);

    const struct delivery *delivery = report->delivery;
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    json_put_text(&w, "stream", report->stream);
    json_put_text(&w, "consumer", report->durable);
    json_put_text(&w, "eventId", event_id);
    json_put_int(&w, "streamSequence", (int64_t)report->stream_sequence);
    json_put_int(&w, "attempt", delivery->attempt);
    json_put_text(&w, "outcome", outcome_name(delivery->outcome));
    json_put_text(&w, "code", status_name(delivery->error.status));
    json_put_text(&w, "text", delivery->error.text);
    json_put_text(&w, "sqlstate", delivery->error.sqlstate);
    json_put_text(&w, "service", report->service);
    json_put_text(&w, "instance", report->instance);
    json_put_text(&w, "time", time);
    json_end_object(&w);
}

void failure_report_send(struct nats_client *nats, const struct failure_report *report) {
    struct buf subject = {0}, body = {0};
    write_report(report, &subject, &body);
    natsConnection_Publish(nats_client_bulk(nats), subject.ptr, body.ptr, (int)body.len);
    buf_fini(&subject);
    buf_fini(&body);
}

enum status failure_report_store(struct nats_client *nats, const struct failure_report *report,
                                 struct error *error) {
    struct buf subject = {0}, body = {0};
    write_report(report, &subject, &body);
    natsMsg *reply = NULL;
    natsStatus s = natsConnection_Request(&reply, nats_client_fast(nats), subject.ptr, body.ptr,
                                          (int)body.len, STORE_TIMEOUT_MS);
    buf_fini(&subject);
    buf_fini(&body);
    if (s != NATS_OK)
        return nats_error(error, s, "storing a failure report");
    struct pub_ack ack = {0};
    struct slice text = {natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)};
    enum status status = pub_ack_parse(text, &ack, error);
    natsMsg_Destroy(reply);
    if (status == STATUS_OK && ack.error_code != 0)
        return error_set(error, STATUS_UNAVAILABLE, "storing a failure report: %s", ack.error_text);
    return status;
}
