#include "tests/support/mesh/stream_dump.h"

#include "shared/contract/event.h"
#include "shared/json/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_TIMEOUT_MS 5000

struct nats_client *stream_dump_connect(const struct nats_client_options *options, jsCtx **js) {
    struct nats_client *nats = NULL;
    struct error error = {0};
    if (nats_client_create(options, &nats, &error) != STATUS_OK)
        fixture_fail("%s: %s", options->url, error.text);
    if (natsConnection_JetStream(js, nats_client_bulk(nats), NULL) != NATS_OK)
        fixture_fail("%s: no JetStream", options->url);
    return nats;
}

static void put_headers(struct json_writer *w, natsMsg *message) {
    const char **keys = NULL;
    int count = 0;
    json_key(w, "headers");
    json_begin_object(w);
    if (natsMsgHeader_Keys(message, &keys, &count) != NATS_OK)
        count = 0;
    for (int i = 0; i < count; i++) {
        const char *value = "";
        if (natsMsgHeader_Get(message, keys[i], &value) == NATS_OK)
            json_put_text(w, keys[i], value);
    }
    free((void *)keys);
    json_end_object(w);
}

static void write_message(const char *stream, natsMsg *message, FILE *out) {
    struct buf line = {0};
    struct json_writer w = json_writer(&line);
    jsMsgMetaData *meta = NULL;
    json_begin_object(&w);
    json_put_text(&w, "stream", stream);
    if (natsMsg_GetMetaData(&meta, message) == NATS_OK)
        json_put_int(&w, "sequence", (int64_t)meta->Sequence.Stream);
    jsMsgMetaData_Destroy(meta);
    json_put_text(&w, "subject", natsMsg_GetSubject(message));
    put_headers(&w, message);
    json_put_string(
        &w, "payload",
        (struct slice){natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message)});
    json_end_object(&w);
    buf_append_char(&line, '\n');
    if (fwrite(line.ptr, 1, line.len, out) != line.len)
        fixture_fail("cannot write the messages of %s", stream);
    buf_fini(&line);
}

static natsStatus write_messages(natsSubscription *subscription, const char *stream, uint64_t count,
                                 FILE *out) {
    natsStatus s = NATS_OK;
    for (uint64_t i = 0; i < count && s == NATS_OK; i++) {
        natsMsg *message = NULL;
        s = natsSubscription_NextMsg(&message, subscription, MESSAGE_TIMEOUT_MS);
        if (s == NATS_OK && !event_is_filler(slice_of(natsMsg_GetSubject(message))))
            write_message(stream, message, out);
        natsMsg_Destroy(message);
    }
    return s;
}

uint64_t stream_dump_count(jsCtx *js, const char *stream) {
    jsStreamInfo *info = NULL;
    natsStatus s = js_GetStreamInfo(&info, js, stream, NULL, NULL);
    if (s != NATS_OK)
        fixture_fail("%s: %s", stream, natsStatus_GetText(s));
    uint64_t count = info->State.Msgs;
    jsStreamInfo_Destroy(info);
    return count;
}

static void write_stream(jsCtx *js, const char *stream, FILE *out) {
    natsSubscription *subscription = NULL;
    jsSubOptions options;
    uint64_t count = stream_dump_count(js, stream);
    if (count == 0)
        return;
    jsSubOptions_Init(&options);
    options.Stream = stream;
    options.Ordered = true;
    natsStatus s = js_SubscribeSync(&subscription, js, ">", NULL, &options, NULL);
    if (s == NATS_OK)
        s = natsSubscription_SetPendingLimits(subscription, -1, -1);
    if (s == NATS_OK)
        s = write_messages(subscription, stream, count, out);
    natsSubscription_Destroy(subscription);
    if (s != NATS_OK)
        fixture_fail("%s: %s", stream, natsStatus_GetText(s));
}

void stream_dump(jsCtx *js, FILE *out) {
    write_stream(js, "ADVISORIES", out);
    for (int i = 0; i < EVENT_TYPE_COUNT; i++) {
        const char *stream = event_info((enum event_type)i)->stream;
        bool is_first = true;
        for (int j = 0; j < i && is_first; j++)
            is_first = strcmp(event_info((enum event_type)j)->stream, stream) != 0;
        if (is_first)
            write_stream(js, stream, out);
    }
    write_stream(js, "FAILURES", out);
}

/* Programs run side by side, and each may have several meshes. */
static FILE *open_file(const char *dir) {
    struct buf path = {0};
    buf_printf(&path, "%s/%s-XXXXXX.jsonl", dir, program_invocation_short_name);
    int fd = mkstemps(path.ptr, 6);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (file == NULL)
        fixture_fail("%s: %s", path.ptr, strerror(errno));
    buf_fini(&path);
    return file;
}

void stream_dump_to_dir(struct servers *servers, const char *dir) {
    jsCtx *js = NULL;
    struct nats_client *nats = stream_dump_connect(
        &(struct nats_client_options){
            .url = servers_nats_url(servers),
            .user = "operator",
            .password_file = servers_nats_password_file(servers, "operator"),
            .name = program_invocation_short_name,
        },
        &js);
    FILE *file = open_file(dir);
    stream_dump(js, file);
    if (fclose(file) != 0)
        fixture_fail("%s: %s", dir, strerror(errno));
    jsCtx_Destroy(js);
    nats_client_destroy(&nats);
}
