#include "tests/support/check/checker_streams.h"

#include <json-c/json.h>
#include <nats/nats.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_TIMEOUT_MS 5000
#define DRAIN_TIMEOUT_MS 1000

static const char *const streams[] = {
    "COMMANDS",      "ORDERS",       "INVENTORY",        "PAYMENTS",   "SHIPPING",
    "NOTIFICATIONS", "ADVISORIES",   "COMMANDS_DLQ",     "ORDERS_DLQ", "INVENTORY_DLQ",
    "PAYMENTS_DLQ",  "SHIPPING_DLQ", "NOTIFICATIONS_DLQ"};
static const char type_prefix[] = "io.ordermesh.";

/* COPY's text format gives backslash, tab and newline a meaning. */
static void append_field(struct buf *rows, const char *text, char end) {
    for (; *text != '\0'; text++) {
        if (*text == '\\' || *text == '\t' || *text == '\n' || *text == '\r')
            buf_append_char(rows, '?');
        else
            buf_append_char(rows, *text);
    }
    buf_append_char(rows, end);
}

static const char *member(struct json_object *event, const char *key) {
    struct json_object *value;
    if (!json_object_object_get_ex(event, key, &value) ||
        !json_object_is_type(value, json_type_string))
        return NULL;
    return json_object_get_string(value);
}

/* An advisory is about a message given up: its subject here is "<stream>/<consumer>". */
static const char *subject_of(struct json_object *event, struct buf *scratch) {
    const char *subject = member(event, "subject");
    const char *stream = member(event, "stream");
    const char *consumer = member(event, "consumer");
    if (subject != NULL || stream == NULL || consumer == NULL)
        return subject;
    buf_printf(scratch, "%s/%s", stream, consumer);
    return scratch->ptr;
}

static bool append_event(const char *stream, natsMsg *message, struct buf *rows) {
    struct json_tokener *tokener = json_tokener_new();
    struct json_object *event =
        json_tokener_parse_ex(tokener, natsMsg_GetData(message), natsMsg_GetDataLength(message));
    struct buf scratch = {0};
    const char *type = member(event, "type");
    const char *id = member(event, "id");
    const char *subject = subject_of(event, &scratch);
    bool is_event = type != NULL && id != NULL && subject != NULL;

    if (is_event) {
        bool is_ours = strncmp(type, type_prefix, sizeof(type_prefix) - 1) == 0;
        append_field(rows, stream, '\t');
        append_field(rows, is_ours ? type + sizeof(type_prefix) - 1 : type, '\t');
        append_field(rows, id, '\t');
        append_field(rows, subject, '\n');
    }
    buf_fini(&scratch);
    json_object_put(event);
    json_tokener_free(tokener);
    return is_event;
}

/* A dead letter's body may be anything; what it is, its subject and headers say. */
static bool append_dead_letter(const char *stream, natsMsg *message, struct buf *rows) {
    static const char prefix[] = "dlq.";
    const char *subject = natsMsg_GetSubject(message), *generation = NULL;
    if (strncmp(subject, prefix, sizeof(prefix) - 1) != 0 ||
        natsMsgHeader_Get(message, "Dlq-Generation", &generation) != NATS_OK)
        return false;
    append_field(rows, stream, '\t');
    append_field(rows, CHECKER_DEAD_LETTER, '\t');
    append_field(rows, subject + sizeof(prefix) - 1, '\t');
    append_field(rows, generation, '\n');
    return true;
}

static bool append_message(const char *stream, natsMsg *message, struct buf *rows) {
    bool is_dlq = strstr(stream, "_DLQ") != NULL;
    const char *last_token = strrchr(natsMsg_GetSubject(message), '.');
    if (last_token != NULL && strcmp(last_token, ".probe") == 0)
        return true; /* says nothing: shared/contract/event.h */
    return is_dlq ? append_dead_letter(stream, message, rows) : append_event(stream, message, rows);
}

/* All of them, also behind one that is no event: who gives up leaves the client's threads at work
   on a subscription that is about to go. */
static bool read_messages(natsSubscription *subscription, const char *stream, uint64_t count,
                          bool takes_poison, struct buf *rows, struct buf *problem) {
    bool are_events = true;
    for (uint64_t i = 0; i < count; i++) {
        natsMsg *message = NULL;
        natsStatus status = natsSubscription_NextMsg(&message, subscription, MESSAGE_TIMEOUT_MS);
        if (status != NATS_OK) {
            buf_printf(problem, "%s: message %llu of %llu: %s\n", stream, (unsigned long long)i,
                       (unsigned long long)count, natsStatus_GetText(status));
            return false;
        }
        bool is_event = append_message(stream, message, rows) || takes_poison;
        if (!is_event)
            buf_printf(problem, "%s: no event: %.*s\n", stream, natsMsg_GetDataLength(message),
                       natsMsg_GetData(message));
        are_events = are_events && is_event;
        natsMsg_Destroy(message);
    }
    return are_events;
}

static bool read_stream(jsCtx *js, const char *stream, bool takes_poison, struct buf *rows,
                        struct buf *problem) {
    natsSubscription *subscription = NULL;
    jsStreamInfo *info = NULL;
    jsErrCode code = 0;
    jsSubOptions options;
    bool is_whole = false;

    natsStatus status = js_GetStreamInfo(&info, js, stream, NULL, &code);
    if (status != NATS_OK)
        goto out;
    jsSubOptions_Init(&options);
    options.Stream = stream;
    options.Ordered = true;
    if (info->State.Msgs == 0) {
        is_whole = true;
        goto out;
    }
    status = js_SubscribeSync(&subscription, js, ">", NULL, &options, &code);
    if (status != NATS_OK)
        goto out;
    (void)natsSubscription_SetPendingLimits(subscription, -1, -1);
    is_whole = read_messages(subscription, stream, info->State.Msgs, takes_poison, rows, problem);
out:
    if (status != NATS_OK)
        buf_printf(problem, "%s: %s (%d)\n", stream, natsStatus_GetText(status), (int)code);
    jsStreamInfo_Destroy(info);
    if (subscription != NULL && natsSubscription_Drain(subscription) == NATS_OK)
        (void)natsSubscription_WaitForDrainCompletion(subscription, DRAIN_TIMEOUT_MS);
    natsSubscription_Destroy(subscription);
    return is_whole;
}

static bool read_password(const char *path, char *password, size_t size) {
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    size_t len = fread(password, 1, size - 1, file);
    (void)fclose(file);
    password[len] = '\0';
    password[strcspn(password, "\n")] = '\0';
    return true;
}

bool checker_read_streams(const struct checker_options *options, struct buf *rows,
                          struct buf *problem) {
    natsOptions *nats_options = NULL;
    natsConnection *connection = NULL;
    jsCtx *js = NULL;
    char password[256] = "";
    bool is_whole = false;

    if (!read_password(options->nats_password_file, password, sizeof(password))) {
        buf_printf(problem, "cannot read %s\n", options->nats_password_file);
        return false;
    }
    natsStatus status = natsOptions_Create(&nats_options);
    if (status == NATS_OK)
        status = natsOptions_SetURL(nats_options, options->nats_url);
    if (status == NATS_OK)
        status = natsOptions_SetUserInfo(nats_options, options->nats_user, password);
    if (status == NATS_OK && options->nats_ca_file != NULL)
        status = natsOptions_LoadCATrustedCertificates(nats_options, options->nats_ca_file);
    if (status == NATS_OK)
        status = natsConnection_Connect(&connection, nats_options);
    if (status == NATS_OK)
        status = natsConnection_JetStream(&js, connection, NULL);
    if (status != NATS_OK) {
        buf_printf(problem, "%s: %s\n", options->nats_url, natsStatus_GetText(status));
        goto out;
    }
    is_whole = true;
    for (size_t i = 0; is_whole && i < sizeof(streams) / sizeof(streams[0]); i++)
        is_whole = read_stream(js, streams[i], options->poisons != NULL, rows, problem);
out:
    jsCtx_Destroy(js);
    natsConnection_Destroy(connection);
    natsOptions_Destroy(nats_options);
    return is_whole;
}
