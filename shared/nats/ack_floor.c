#include "shared/nats/ack_floor.h"

#include "shared/base/buf.h"
#include "shared/json/json.h"

#define REQUEST_TIMEOUT_MS 2000

static enum status parse(struct slice reply, uint64_t *sequence, struct error *error) {
    struct json_object *root = NULL, *floor = NULL;
    int64_t read = 0;
    enum status status = json_parse(reply, &root, error);
    if (status != STATUS_OK)
        return status;
    status = json_get_object(root, "ack_floor", &floor, error);
    if (status == STATUS_OK)
        status = json_get_int64(floor, "stream_seq", &read, error);
    if (status == STATUS_OK)
        *sequence = (uint64_t)read;
    json_object_put(root);
    return status;
}

enum status ack_floor_read(struct nats_client *nats, const char *stream, const char *durable,
                           uint64_t *sequence, struct error *error) {
    struct buf subject = {0};
    natsMsg *reply = NULL;
    buf_printf(&subject, "$JS.API.CONSUMER.INFO.%s.%s", stream, durable);
    natsStatus s = natsConnection_RequestString(&reply, nats_client_fast(nats), subject.ptr, "",
                                                REQUEST_TIMEOUT_MS);
    buf_fini(&subject);
    if (s != NATS_OK)
        return nats_error(error, s, "asking how far a consumer has come");
    struct slice text = {natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)};
    enum status status = parse(text, sequence, error);
    natsMsg_Destroy(reply);
    return status;
}
