#include "omctl/mesh_call.h"

#include <string.h>

#define CALL_TIMEOUT_MS 10000

/* What the service answered instead of a body; OK when it did not. */
static enum status read_refusal(natsMsg *reply, const char *subject, struct error *error) {
    static const struct {
        const char *code;
        enum status status;
    } codes[] = {{"400", STATUS_INVALID},
                 {"404", STATUS_NOT_FOUND},
                 {"409", STATUS_CONFLICT},
                 {"503", STATUS_UNAVAILABLE}};
    const char *code, *text = "refused";
    if (natsMsgHeader_Get(reply, "Nats-Service-Error-Code", &code) != NATS_OK)
        return STATUS_OK;
    if (natsMsgHeader_Get(reply, "Nats-Service-Error", &text) != NATS_OK)
        text = subject;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strcmp(code, codes[i].code) == 0)
            return error_set(error, codes[i].status, "%s", text);
    return error_set(error, STATUS_INTERNAL, "%s", text);
}

enum status mesh_call(struct nats_client *nats, const char *subject, struct slice body,
                      struct json_object **reply, struct error *error) {
    natsMsg *answer = NULL;
    natsStatus s = natsConnection_Request(&answer, nats_client_fast(nats), subject, body.ptr,
                                          (int)body.len, CALL_TIMEOUT_MS);
    if (s == NATS_NO_RESPONDERS)
        return error_set(error, STATUS_UNAVAILABLE, "nobody serves %s", subject);
    enum status status = nats_error(error, s, subject);
    if (status != STATUS_OK)
        return status;
    status = read_refusal(answer, subject, error);
    struct slice payload = {natsMsg_GetData(answer), (size_t)natsMsg_GetDataLength(answer)};
    if (status == STATUS_OK)
        status = json_parse(payload, reply, error);
    natsMsg_Destroy(answer);
    return status;
}
