#include "gateway/kept/kept_again.h"

#include "gateway/link/broker.h"
#include "shared/base/failpoint.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"

#include <hiredis/hiredis.h>

METRIC_COUNTER(published, "ordermesh_commands_published_again_total", "command",
               "Accepted commands that the broker had lost, published again.");
METRIC_STARTS(published, "submit", "cancel");

/* The old copy goes once there is a new one. */
static void on_kept_anew(void *closure, const struct redisReply *reply) {
    struct kept_again *again = closure;
    const struct slice argv[] = {SLICE_LITERAL("XDEL"), SLICE_LITERAL(KEPT_KEY),
                                 again->command->entry_id};
    if (reply != NULL && reply->type == REDIS_REPLY_STRING)
        redis_command(again->lane->redis, NULL, NULL, sizeof(argv) / sizeof(argv[0]), argv);
    again->fn(again->closure);
}

static enum status judge(const struct broker_answer *answer, struct error *error) {
    struct pub_ack ack = {0};
    if (answer->status != STATUS_OK)
        return error_set(error, answer->status, "%s", status_text(answer->status));
    enum status status = pub_ack_parse(answer->body, &ack, error);
    if (status == STATUS_OK && ack.error_code != 0)
        status = error_set(error, STATUS_UNAVAILABLE, "%s (%d)", ack.error_text, ack.error_code);
    return status;
}

static void on_stored(void *closure, const struct broker_answer *answer) {
    struct kept_again *again = closure;
    struct kept_command *command = again->command;
    struct error error;
    if (judge(answer, &error) != STATUS_OK) {
        log_warn("a kept command was not published again", LOG_SLICE("orderId", command->order_id),
                 LOG_ERROR(&error));
        again->fn(again->closure);
        return;
    }
    failpoint("gateway.after_again");
    metric_add(&published, metric_slot(&published, kept_kind(command->type)), 1);
    struct kept_command anew = *command;
    anew.again++;
    kept_write(again->lane->redis, &anew, on_kept_anew, again);
}

static enum status make_message(const struct kept_item *item, const char *reply, natsMsg **message,
                                struct error *error) {
    const struct event_info *info = event_info(item->event.type);
    char id[UUID_TEXT_SIZE], traceparent[TRACEPARENT_SIZE];
    struct buf message_id = {0};
    uuid_format(&item->event.id, id);
    trace_format(&item->event.trace, traceparent);
    buf_printf(&message_id, "%s.%lld", id, (long long)item->command.again + 1);
    enum status status = nats_event_message(message, info->subject, reply, item->command.body,
                                            message_id.ptr, info->stream, traceparent, error);
    buf_fini(&message_id);
    return status;
}

void kept_publish_again(struct kept_again *again, struct lane *lane, struct kept_item *item,
                        void (*fn)(void *closure), void *closure) {
    struct broker_call *call = NULL;
    natsMsg *message;
    struct error error = {0};
    *again = (struct kept_again){lane, &item->command, fn, closure};
    enum status status = broker_call_open(lane->broker, BROKER_PUBLISH, &call);
    if (status == STATUS_OK)
        status = make_message(item, broker_call_reply(call), &message, &error);
    if (status == STATUS_OK) {
        broker_call_send(call, message, on_stored, again);
        return;
    }
    broker_call_drop(&call);
    fn(closure);
}
