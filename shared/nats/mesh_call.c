#include "shared/nats/mesh_call.h"

#include "shared/nats/service_error.h"

enum status mesh_call_refusal(natsMsg *reply, const char *subject, struct error *error) {
    const char *code, *text = "refused";
    if (natsMsg_IsNoResponders(reply))
        return error_set(error, STATUS_UNAVAILABLE, "nobody serves %s", subject);
    if (natsMsgHeader_Get(reply, "Nats-Service-Error-Code", &code) != NATS_OK)
        return STATUS_OK;
    if (natsMsgHeader_Get(reply, "Nats-Service-Error", &text) != NATS_OK)
        text = subject;
    return error_set(error, service_error_status(code), "%s", text);
}

enum status mesh_call(struct nats_client *nats, const char *subject, struct slice body,
                      int64_t timeout_ms, struct json_object **reply, struct error *error) {
    natsMsg *answer = NULL;
    natsStatus s = natsConnection_Request(&answer, nats_client_fast(nats), subject, body.ptr,
                                          (int)body.len, timeout_ms);
    if (s == NATS_NO_RESPONDERS)
        return error_set(error, STATUS_UNAVAILABLE, "nobody serves %s", subject);
    enum status status = nats_error(error, s, subject);
    if (status != STATUS_OK)
        return status;
    status = mesh_call_refusal(answer, subject, error);
    struct slice payload = {natsMsg_GetData(answer), (size_t)natsMsg_GetDataLength(answer)};
    if (status == STATUS_OK)
        status = json_parse(payload, reply, error);
    natsMsg_Destroy(answer);
    return status;
}

enum status mesh_call_by_id(struct nats_client *nats, const char *subject, const char *id,
                            struct json_object **reply, struct error *error) {
    struct buf body = {0};
    struct json_writer w = json_writer(&body);
    json_begin_object(&w);
    json_put_text(&w, "id", id);
    json_end_object(&w);
    enum status status = mesh_call(nats, subject, buf_slice(&body), MESH_CALL_MS, reply, error);
    buf_fini(&body);
    return status;
}
