#include "shared/consume/acknowledge.h"

#include "shared/base/failpoint.h"
#include "shared/consume/failure_report.h"
#include "shared/consume/retry_delay.h"
#include "shared/observe/log.h"

static struct failure_report report_of(const struct acknowledger *acknowledger,
                                       const struct message *message) {
    return (struct failure_report){
        .stream = acknowledger->spec->stream,
        .durable = acknowledger->spec->durable,
        .service = acknowledger->service,
        .instance = acknowledger->instance,
        .stream_sequence = message->metadata.stream_sequence,
        .delivery = &message->delivery,
    };
}

/* A report about an earlier attempt, or about the dead letter sent again, no longer holds. */
static bool supersedes_a_report(const struct message *message) {
    return message->delivery.event.root != NULL &&
           (message->delivery.attempt > 1 || message->is_replay);
}

static enum event_count settle_done(const struct acknowledger *acknowledger,
                                    struct message *message) {
    if (supersedes_a_report(message)) {
        struct failure_report report = report_of(acknowledger, message);
        failure_report_send(acknowledger->nats, &report);
    }
    pull_ack(acknowledger->pull, message->raw);
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
    struct pull *pull = acknowledger->pull;
    const struct delivery *delivery = &message->delivery;
    struct failure_report report = report_of(acknowledger, message);
    struct error error = {0};
    bool is_final = delivery->outcome == OUTCOME_REJECT;
    log_warn(is_final ? "a message is rejected" : "a message is to be tried again",
             LOG_TEXT("consumer", acknowledger->consumer),
             LOG_INT("streamSequence", (int64_t)message->metadata.stream_sequence),
             LOG_INT("attempt", delivery->attempt), LOG_ERROR(&delivery->error));
    if (is_final && failure_report_store(acknowledger->nats, &report, &error) == STATUS_OK) {
        pull_term(pull, message->raw, delivery->error.text);
        return COUNT_REJECT;
    }
    if (is_final)
        log_warn("a rejection could not be reported", LOG_ERROR(&error));
    else if (!consumer_spec_is_raw(acknowledger->spec))
        failure_report_send(acknowledger->nats, &report);
    pull_nak(pull, message->raw,
             retry_delay_ms(delivery->attempt, pull_is_last_delivery(pull, delivery->attempt)));
    return COUNT_RETRY;
}

void acknowledge_batch(const struct acknowledger *acknowledger, const struct message_list *batch,
                       int64_t counts[COUNTS]) {
    for (size_t i = 0; i < batch->count; i++) {
        struct message *message = batch->items[i];
        bool is_done = message->delivery.outcome == OUTCOME_DONE;
        trace_set_current(&message->delivery.event.trace);
        counts[is_done ? settle_done(acknowledger, message)
                       : settle_failed(acknowledger, message)]++;
    }
    failpoint("consumer.after_ack");
}
