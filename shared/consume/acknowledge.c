#include "shared/consume/acknowledge.h"

#include "shared/base/backoff.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/consume/awaited.h"
#include "shared/consume/retry_delay.h"
#include "shared/json/json.h"
#include "shared/observe/log.h"

#include <inttypes.h>
#include <stdio.h>

/* --- reports ---------------------------------------------------------------------------------- */

#define STORE_TIMEOUT_MS 2000

static void write_report(const struct acknowledger *acknowledger, const struct message *message,
                         struct buf *subject, struct buf *body) {
    static const char *const outcomes[] = {
        [OUTCOME_DONE] = "DONE", [OUTCOME_RETRY] = "RETRY", [OUTCOME_REJECT] = "REJECT"};
    const struct consumer_spec *spec = acknowledger->spec;
    const struct delivery *delivery = &message->delivery;
    char event_id[UUID_TEXT_SIZE], time[RFC3339_SIZE];
    uuid_format(&delivery->event.id, event_id);
    if (delivery->event.data == NULL) /* it cannot be read */
        snprintf(event_id, sizeof(event_id), "seq-%" PRIu64, message->metadata.stream_sequence);
    clock_format(clock_now_us(), time);
    buf_printf(subject, "failures.%s.%s.%s", spec->stream, spec->durable, event_id);

    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    json_put_text(&w, "stream", spec->stream);
    json_put_text(&w, "consumer", spec->durable);
    json_put_text(&w, "eventId", event_id);
    json_put_int(&w, "streamSequence", (int64_t)message->metadata.stream_sequence);
    json_put_int(&w, "attempt", delivery->attempt);
    json_put_text(&w, "outcome", outcomes[delivery->outcome]);
    json_put_text(&w, "code", status_name(delivery->error.status));
    json_put_text(&w, "text", delivery->error.text);
    json_put_text(&w, "sqlstate", delivery->error.sqlstate);
    json_put_text(&w, "service", acknowledger->options->service);
    json_put_text(&w, "instance", acknowledger->options->instance);
    json_put_text(&w, "time", time);
    json_end_object(&w);
}

/* Fire and forget: for an attempt that will be repeated, or is done. */
static void send_report(const struct acknowledger *acknowledger, const struct message *message) {
    struct buf subject = {0}, body = {0};
    write_report(acknowledger, message, &subject, &body);
    natsConnection_Publish(nats_client_bulk(acknowledger->options->nats), subject.ptr, body.ptr,
                           (int)body.len);
    buf_fini(&subject);
    buf_fini(&body);
}

/* Waits until it is stored: for the last word on a message, before it is terminated. */
static enum status store_report(const struct acknowledger *acknowledger,
                                const struct message *message, struct error *error) {
    struct buf subject = {0}, body = {0};
    struct pub_ack ack = {0};
    natsMsg *reply = NULL;
    write_report(acknowledger, message, &subject, &body);
    natsStatus s = natsConnection_Request(&reply, nats_client_fast(acknowledger->options->nats),
                                          subject.ptr, body.ptr, (int)body.len, STORE_TIMEOUT_MS);
    buf_fini(&subject);
    buf_fini(&body);
    if (s != NATS_OK)
        return nats_error(error, s, "storing a failure report");
    struct slice text = {natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)};
    enum status status = pub_ack_parse(text, &ack, error);
    natsMsg_Destroy(reply);
    if (status == STATUS_OK && ack.error_code != 0)
        return error_set(error, STATUS_UNAVAILABLE, "storing a failure report: %s", ack.error_text);
    return status;
}

void acknowledge_begin(const struct acknowledger *acknowledger, const struct message *message,
                       const char *reader) {
    const struct consumer_spec *spec = acknowledger->spec;
    struct buf subject = {0};
    buf_printf(&subject, "failures.%s.%s.seq-%" PRIu64 ".%d", spec->stream, spec->durable,
               message->metadata.stream_sequence, message->delivery.attempt);
    natsConnection_PublishString(nats_client_bulk(acknowledger->options->nats), subject.ptr,
                                 reader);
    buf_fini(&subject);
}

/* --- acknowledgements ------------------------------------------------------------------------- */

/* A report about an earlier attempt, or about the dead letter sent again, no longer holds. */
static bool supersedes_a_report(const struct message *message) {
    return message->delivery.event.data != NULL &&
           (message->delivery.attempt > 1 || message->is_replay);
}

static enum event_count settle_done(const struct acknowledger *acknowledger,
                                    struct message *message) {
    if (supersedes_a_report(message))
        send_report(acknowledger, message);
    pull_ack(intake_pull(acknowledger->intake), message->raw);
    log_debug("an event is done", LOG_TEXT("consumer", acknowledger->consumer),
              LOG_INT("streamSequence", (int64_t)message->metadata.stream_sequence),
              LOG_INT("attempt", message->delivery.attempt));
    if (message->is_settled)
        return COUNT_IGNORED;
    return message->delivery.is_duplicate ? COUNT_DUPLICATE : COUNT_DONE;
}

/* Without its report the reason would be lost: then it comes once more. */
static enum event_count settle_failed(const struct acknowledger *acknowledger,
                                      struct message *message) {
    struct pull *pull = intake_pull(acknowledger->intake);
    const struct delivery *delivery = &message->delivery;
    struct error error = {0};
    bool is_final = delivery->outcome == OUTCOME_REJECT;
    log_warn(is_final ? "a message is rejected" : "a message is to be tried again",
             LOG_TEXT("consumer", acknowledger->consumer),
             LOG_INT("streamSequence", (int64_t)message->metadata.stream_sequence),
             LOG_INT("attempt", delivery->attempt), LOG_ERROR(&delivery->error));
    if (is_final && store_report(acknowledger, message, &error) == STATUS_OK) {
        pull_term(pull, message->raw, delivery->error.text);
        return COUNT_REJECT;
    }
    if (is_final)
        log_warn("a rejection could not be reported", LOG_ERROR(&error));
    else if (!consumer_spec_is_raw(acknowledger->spec))
        send_report(acknowledger, message);
    pull_nak(pull, message->raw,
             retry_delay_ms(delivery->attempt, pull_is_last_delivery(pull, delivery->attempt)));
    return COUNT_RETRY;
}

/* What failed for a moment's trouble of another's is not given up for it: one delivery is left for
   the next process, should this one end. */
static bool is_others_trouble(const struct acknowledger *acknowledger,
                              const struct delivery *delivery) {
    return delivery->outcome == OUTCOME_RETRY && delivery->error.status == STATUS_UNAVAILABLE &&
           pull_is_last_delivery(intake_pull(acknowledger->intake), delivery->attempt + 1);
}

static bool awaits_answer(const struct delivery *delivery) {
    return delivery->outcome == OUTCOME_EARLY && delivery->error.status == STATUS_UNAVAILABLE;
}

/* Not while somebody is away who would have to say whether it waits for anything. */
static bool has_waited_in_vain(const struct acknowledger *acknowledger,
                               const struct message *message, int64_t now_us) {
    return now_us >= message->until_us && !awaits_answer(&message->delivery) &&
           !intake_is_crowded(acknowledger->intake);
}

/* Once, and once more when it is another reason. */
static void tell_why_it_waits(const struct acknowledger *acknowledger, struct message *message) {
    const struct delivery *delivery = &message->delivery;
    if (message->told == delivery->error.status)
        return;
    message->told = delivery->error.status;
    log_info(delivery->outcome == OUTCOME_EARLY ? "an event waits for what it follows"
                                                : "an event waits to be tried again",
             LOG_TEXT("consumer", acknowledger->consumer),
             LOG_INT("streamSequence", (int64_t)message->metadata.stream_sequence),
             LOG_ERROR(&delivery->error));
}

/* Should this process end, then not for what is set aside, which has failed at nothing. */
static bool waits_on(const struct acknowledger *acknowledger, struct message *message) {
    static const struct backoff delays = {.least_ms = 1000, .most_ms = 30000};
    struct delivery *delivery = &message->delivery;
    const int64_t limit_s = acknowledger->options->early_limit_s;
    int64_t now_us = clock_monotonic_us();
    if (message->until_us == 0)
        message->until_us = now_us + limit_s * 1000000;
    tell_why_it_waits(acknowledger, message);
    if (awaits_answer(delivery))
        awaited_note(acknowledger->consumer, &delivery->event.order_id, delivery->error.text);
    else if (message->early_tries > 0)
        awaited_forget(acknowledger->consumer, &delivery->event.order_id);
    if (has_waited_in_vain(acknowledger, message, now_us)) {
        struct error why = delivery->error;
        delivery_reject(delivery, why.status, "%s, after %" PRId64 " s", why.text, limit_s);
        return false;
    }
    if (message->is_chance)
        acknowledge_begin(acknowledger, message, "aside");
    message->due_us = now_us + backoff_after(&delays, ++message->early_tries) * 1000;
    return true;
}

void acknowledge_batch(const struct acknowledger *acknowledger, const struct message_list *batch,
                       int64_t counts[COUNTS]) {
    for (size_t i = 0; i < batch->count; i++) {
        struct message *message = batch->items[i];
        trace_set_current(&message->delivery.event.trace);
        bool waits = message->delivery.outcome == OUTCOME_EARLY ||
                     is_others_trouble(acknowledger, &message->delivery);
        if (waits && waits_on(acknowledger, message))
            continue;
        if (message->early_tries > 0)
            awaited_forget(acknowledger->consumer, &message->delivery.event.order_id);
        bool is_done = message->delivery.outcome == OUTCOME_DONE;
        counts[is_done ? settle_done(acknowledger, message)
                       : settle_failed(acknowledger, message)]++;
    }
    failpoint("consumer.after_ack");
}
