#include "tests/support/servers/stream_change.h"

#include "shared/json/json.h"
#include "tests/support/base/test.h"

#include <json-c/linkhash.h>
#include <string.h>

#define TRIES 10 /* a cluster has a leader by then */
#define ANSWER_MS 2000

static struct json_object *ask(struct nats_client *nats, const char *verb, const char *stream,
                               const char *body) {
    struct json_object *answer = NULL;
    struct buf subject = {0};
    natsMsg *reply = NULL;
    natsStatus s = NATS_TIMEOUT;
    buf_printf(&subject, "$JS.API.STREAM.%s.%s", verb, stream);
    for (int tries = 0; s == NATS_TIMEOUT && tries < TRIES; tries++)
        s = natsConnection_RequestString(&reply, nats_client_fast(nats), subject.ptr, body,
                                         ANSWER_MS);
    if (s != NATS_OK || strstr(natsMsg_GetData(reply), "\"error\"") != NULL)
        fail_msg("%s: %s", subject.ptr,
                 s == NATS_OK ? natsMsg_GetData(reply) : natsStatus_GetText(s));
    assert_int_equal(json_parse(slice_of(natsMsg_GetData(reply)), &answer, NULL), STATUS_OK);
    natsMsg_Destroy(reply);
    buf_fini(&subject);
    return answer;
}

void stream_change(struct nats_client *nats, const char *stream, const char *members) {
    struct json_object *info = ask(nats, "INFO", stream, ""), *config, *wanted;
    assert_int_equal(json_get_object(info, "config", &config, NULL), STATUS_OK);
    assert_int_equal(json_parse(slice_of(members), &wanted, NULL), STATUS_OK);
    json_object_object_foreach(wanted, name, value)
        json_object_object_add(config, name, json_object_get(value));
    json_object_put(ask(nats, "UPDATE", stream, json_object_to_json_string(config)));
    json_object_put(wanted);
    json_object_put(info);
}
