#include "shared/nats/consumer_progress.h"

#include "shared/base/buf.h"
#include "shared/json/json.h"

#define REQUEST_TIMEOUT_MS 2000

static enum status read_stream(struct json_object *root, struct consumer_progress *progress,
                               struct error *error) {
    struct json_object *state;
    int64_t last = 0;
    enum status status = json_get_object(root, "state", &state, error);
    if (status == STATUS_OK)
        status = json_get_int64(state, "last_seq", &last, error);
    if (status == STATUS_OK)
        progress->last = (uint64_t)last;
    return status;
}

static enum status read_consumer(struct json_object *root, struct consumer_progress *progress,
                                 struct error *error) {
    struct json_object *floor;
    int64_t sequence = 0, waiting = 0, unsettled = 0;
    enum status status = json_get_object(root, "ack_floor", &floor, error);
    if (status == STATUS_OK)
        status = json_get_int64(floor, "stream_seq", &sequence, error);
    if (status == STATUS_OK)
        status = json_get_int64(root, "num_pending", &waiting, error);
    if (status == STATUS_OK)
        status = json_get_int64(root, "num_ack_pending", &unsettled, error);
    if (status != STATUS_OK)
        return status;
    progress->floor = (uint64_t)sequence;
    progress->is_idle = waiting == 0 && unsettled == 0;
    return STATUS_OK;
}

static enum status ask(struct nats_client *nats, const char *subject,
                       enum status (*read)(struct json_object *root,
                                           struct consumer_progress *progress, struct error *error),
                       struct consumer_progress *progress, struct error *error) {
    struct json_object *root = NULL;
    natsMsg *reply = NULL;
    natsStatus s = natsConnection_RequestString(&reply, nats_client_fast(nats), subject, "",
                                                REQUEST_TIMEOUT_MS);
    if (s != NATS_OK)
        return nats_error(error, s, "asking how far a consumer has come");
    struct slice text = {natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)};
    enum status status = json_parse(text, &root, error);
    if (status == STATUS_OK)
        status = read(root, progress, error);
    json_object_put(root);
    natsMsg_Destroy(reply);
    return status;
}

enum status consumer_progress_read(struct nats_client *nats, const char *stream,
                                   const char *durable, struct consumer_progress *progress,
                                   struct error *error) {
    struct consumer_progress found = {0};
    struct buf subject = {0};
    buf_printf(&subject, "$JS.API.STREAM.INFO.%s", stream);
    enum status status = ask(nats, subject.ptr, read_stream, &found, error);
    buf_clear(&subject);
    buf_printf(&subject, "$JS.API.CONSUMER.INFO.%s.%s", stream, durable);
    if (status == STATUS_OK)
        status = ask(nats, subject.ptr, read_consumer, &found, error);
    buf_fini(&subject);
    if (status == STATUS_OK)
        *progress = found;
    return status;
}

bool consumer_fence_pass(struct consumer_fence *fence, const struct consumer_progress *progress,
                         int64_t at_us, struct consumer_fence *passed) {
    if (!fence->is_set)
        *fence = (struct consumer_fence){true, progress->last, at_us};
    if (progress->last < fence->sequence)
        fence->sequence = progress->last;
    if (!progress->is_idle && progress->floor < fence->sequence)
        return false;
    *passed = *fence;
    fence->is_set = false;
    return true;
}
