#include "shared/outbox/stream/stream_fill.h"

#include "shared/contract/event.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"
#include "shared/outbox/stream/stream_facts.h"

METRIC_COUNTER(filled, "ordermesh_outbox_fillers_total", "",
               "Messages without content, up to what a consumer that was ahead had reached.");

#define AT_ONCE 10000
#define VAIN_TRIES 3
#define FLUSH_TIMEOUT_MS 5000

struct reach {
    uint64_t last;      /* of the stream */
    uint64_t delivered; /* the most that a consumer was delivered */
};

static enum status ask(struct request_batch *requests, const char *stream, struct reach *reach,
                       struct error *error) {
    struct stream_facts facts;
    request_batch_clear(requests);
    request_batch_add(requests, slice_of(""), "$JS.API.STREAM.INFO.%s", stream);
    request_batch_add(requests, slice_of(""), "$JS.API.CONSUMER.LIST.%s", stream);
    enum status status = request_batch_run(requests, error);
    if (status == STATUS_OK)
        status = stream_facts_parse(request_batch_reply(requests, 0), &facts, error);
    if (status == STATUS_OK)
        status = stream_delivered_parse(request_batch_reply(requests, 1), &reach->delivered, error);
    if (status == STATUS_OK)
        reach->last = facts.last_sequence;
    return status;
}

/* Without acknowledgements: the stream is asked how far it is. */
static enum status publish(struct nats_client *nats, const char *stream, uint64_t count,
                           struct error *error) {
    natsConnection *connection = nats_client_bulk(nats);
    struct buf subject = {0};
    natsStatus s = NATS_OK;
    event_filler_subject(stream, &subject);
    for (uint64_t i = 0; i < count && s == NATS_OK; i++)
        s = natsConnection_Publish(connection, subject.ptr, "", 0);
    if (s == NATS_OK)
        s = natsConnection_FlushTimeout(connection, FLUSH_TIMEOUT_MS);
    buf_fini(&subject);
    return s == NATS_OK ? STATUS_OK : nats_error(error, s, "filling a stream");
}

enum status stream_fill(struct nats_client *nats, struct request_batch *requests,
                        const char *stream, struct error *error) {
    struct reach reach;
    uint64_t before = 0;
    int vain = 0;
    enum status status = ask(requests, stream, &reach, error);
    if (status == STATUS_OK && reach.last < reach.delivered)
        log_warn("a consumer is ahead of its stream, which is filled", LOG_TEXT("stream", stream),
                 LOG_INT("lastSequence", (int64_t)reach.last),
                 LOG_INT("delivered", (int64_t)reach.delivered));
    while (status == STATUS_OK && reach.last < reach.delivered) {
        uint64_t gap = reach.delivered - reach.last;
        vain = reach.last > before ? 0 : vain + 1;
        if (vain > VAIN_TRIES)
            return error_set(error, STATUS_UNAVAILABLE, "the stream %s is not filled", stream);
        before = reach.last;
        status = publish(nats, stream, gap < AT_ONCE ? gap : AT_ONCE, error);
        if (status == STATUS_OK)
            status = ask(requests, stream, &reach, error);
        if (status == STATUS_OK && reach.last > before)
            metric_add(&filled, 0, (int64_t)(reach.last - before));
    }
    return status;
}
