#include "omctl/streams/stream_reader.h"

#include "omctl/streams/jetstream.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/nats/pull.h"

#include <stdlib.h>
#include <string.h>

#define PULL_MESSAGES 1000
#define SILENCE_MS 5000
#define INTERRUPTIONS_MOST 10
#define FORGET_AFTER_NS (INT64_C(60) * 1000000000)

const char *const event_streams[EVENT_STREAM_COUNT] = {"COMMANDS", "ORDERS",   "INVENTORY",
                                                       "PAYMENTS", "SHIPPING", "NOTIFICATIONS"};

struct stream_reader {
    struct nats_client *nats;
    const char *stream;
    struct stream_position from; /* of the next message */
    char *consumer;
    char *inbox;
    natsSubscription *subscription;
    natsMsg *message;  /* the last one given out */
    int64_t remaining; /* until the end that was seen at the opening */
    int64_t asked;     /* of the server, and not yet received */
    int interruptions;
};

/* --- the temporary consumer ------------------------------------------------------------------- */

static void set_text(struct json_object *object, const char *key, const char *value) {
    json_object_object_add(object, key, json_object_new_string(value));
}

static struct json_object *make_request(const char *stream, const struct stream_position *from) {
    struct json_object *request = json_object_new_object();
    struct json_object *config = json_object_new_object();
    char time[RFC3339_SIZE];
    set_text(request, "stream_name", stream);
    set_text(config, "ack_policy", "none");
    set_text(config, "replay_policy", "instant");
    json_object_object_add(config, "inactive_threshold", json_object_new_int64(FORGET_AFTER_NS));
    json_object_object_add(config, "mem_storage", json_object_new_boolean(true));
    json_object_object_add(config, "num_replicas", json_object_new_int64(1));
    if (from->sequence > 0) {
        set_text(config, "deliver_policy", "by_start_sequence");
        json_object_object_add(config, "opt_start_seq",
                               json_object_new_int64((int64_t)from->sequence));
    } else if (from->time_us > 0) {
        clock_format(from->time_us, time);
        set_text(config, "deliver_policy", "by_start_time");
        set_text(config, "opt_start_time", time);
    } else {
        set_text(config, "deliver_policy", "all");
    }
    json_object_object_add(request, "config", config);
    return request;
}

static enum status take_consumer(struct stream_reader *reader, struct json_object *reply,
                                 struct error *error) {
    struct slice name;
    int64_t pending;
    enum status status = json_get_string(reply, "name", &name, error);
    if (status == STATUS_OK)
        status = json_get_int64(reply, "num_pending", &pending, error);
    if (status != STATUS_OK)
        return status;
    free(reader->consumer);
    reader->consumer = mem_copy(name);
    reader->remaining = pending;
    reader->asked = 0;
    return STATUS_OK;
}

static enum status make_consumer(struct stream_reader *reader, struct error *error) {
    struct json_object *request = make_request(reader->stream, &reader->from);
    struct json_object *reply = NULL;
    struct jetstream_refusal refused;
    char verb[100];
    snprintf(verb, sizeof(verb), "CONSUMER.CREATE.%s", reader->stream);
    enum status status = jetstream_call(reader->nats, verb, request, &reply, &refused, error);
    json_object_put(request);
    if (status == STATUS_OK && refused.code != 0)
        status = error_set(error,
                           refused.code == JETSTREAM_STREAM_NOT_FOUND ? STATUS_NOT_FOUND
                                                                      : STATUS_UNAVAILABLE,
                           "stream %s: %s", reader->stream, refused.text);
    if (status == STATUS_OK)
        status = take_consumer(reader, reply, error);
    json_object_put(reply);
    return status;
}

static void drop_consumer(struct stream_reader *reader) {
    struct json_object *reply = NULL;
    struct jetstream_refusal refused;
    char verb[200];
    if (reader->consumer == NULL)
        return;
    snprintf(verb, sizeof(verb), "CONSUMER.DELETE.%s.%s", reader->stream, reader->consumer);
    enum status status = jetstream_call(reader->nats, verb, NULL, &reply, &refused, NULL);
    (void)status; /* one that stays is ended by the server when it has been idle */
    json_object_put(reply);
    free(reader->consumer);
    reader->consumer = NULL;
}

/* Each opening has an inbox of its own, so that messages for the one before do not mix in. */
static enum status open_reader(struct stream_reader *reader, struct error *error) {
    nats_client_unsubscribe(reader->nats, &reader->subscription);
    free(reader->inbox);
    reader->inbox = nats_client_inbox(reader->nats);
    natsStatus s = natsConnection_SubscribeSync(&reader->subscription,
                                                nats_client_fast(reader->nats), reader->inbox);
    if (s == NATS_OK)
        s = natsSubscription_SetPendingLimits(reader->subscription, -1, -1);
    enum status status = nats_error(error, s, "subscribing");
    return status == STATUS_OK ? make_consumer(reader, error) : status;
}

enum status stream_reader_create(struct nats_client *nats, const char *stream,
                                 const struct stream_position *from, struct stream_reader **reader,
                                 struct error *error) {
    struct stream_reader *made = mem_alloc(sizeof(*made));
    made->nats = nats;
    made->stream = stream;
    made->from = *from;
    enum status status = open_reader(made, error);
    if (status == STATUS_OK)
        *reader = made;
    else
        stream_reader_destroy(&made);
    return status;
}

void stream_reader_destroy(struct stream_reader **reader) {
    struct stream_reader *r = *reader;
    *reader = NULL;
    if (r == NULL)
        return;
    drop_consumer(r);
    natsMsg_Destroy(r->message);
    nats_client_unsubscribe(r->nats, &r->subscription);
    free(r->inbox);
    free(r);
}

/* --- reading ---------------------------------------------------------------------------------- */

static enum status ask(struct stream_reader *reader, struct error *error) {
    int64_t count = reader->remaining < PULL_MESSAGES ? reader->remaining : PULL_MESSAGES;
    char subject[200], body[100];
    if (reader->asked > 0)
        return STATUS_OK;
    snprintf(subject, sizeof(subject), "$JS.API.CONSUMER.MSG.NEXT.%s.%s", reader->stream,
             reader->consumer);
    snprintf(body, sizeof(body), "{\"batch\":%lld,\"expires\":%lld}", (long long)count,
             SILENCE_MS * 1000000LL);
    natsStatus s = natsConnection_PublishRequestString(nats_client_fast(reader->nats), subject,
                                                       reader->inbox, body);
    reader->asked = count;
    return nats_error(error, s, "asking for messages");
}

/* The next message of the subscription; TIMEOUT when the pull has ended without one. */
static enum status receive(struct stream_reader *reader, struct pull_metadata *metadata,
                           struct error *error) {
    natsMsg *got = NULL;
    natsStatus s = natsSubscription_NextMsg(&got, reader->subscription, SILENCE_MS);
    if (s != NATS_OK)
        return nats_error(error, s, "waiting for messages");
    const char *reply = natsMsg_GetReply(got);
    if (reply == NULL || !pull_parse_metadata(reply, metadata)) {
        natsMsg_Destroy(got);
        return error_set(error, STATUS_TIMEOUT, "stream %s fell silent", reader->stream);
    }
    reader->message = got;
    return STATUS_OK;
}

static enum status next_or_interruption(struct stream_reader *reader,
                                        struct pull_metadata *metadata, struct error *error) {
    enum status status = ask(reader, error);
    return status == STATUS_OK ? receive(reader, metadata, error) : status;
}

enum status stream_reader_next(struct stream_reader *reader, struct stream_message *message,
                               struct error *error) {
    struct pull_metadata metadata = {0};
    natsMsg_Destroy(reader->message);
    reader->message = NULL;
    for (;;) {
        if (reader->remaining == 0)
            return error_set(error, STATUS_CLOSED, "the end of stream %s", reader->stream);
        enum status status = next_or_interruption(reader, &metadata, error);
        if (status == STATUS_OK)
            break;
        if (++reader->interruptions > INTERRUPTIONS_MOST)
            return status;
        drop_consumer(reader);
        status = open_reader(reader, error);
        if (status != STATUS_OK)
            return status;
    }
    reader->asked--;
    reader->remaining--;
    reader->from.sequence = metadata.stream_sequence + 1;
    *message = (struct stream_message){
        .sequence = metadata.stream_sequence,
        .subject = natsMsg_GetSubject(reader->message),
        .payload = {natsMsg_GetData(reader->message),
                    (size_t)natsMsg_GetDataLength(reader->message)},
    };
    return STATUS_OK;
}

int64_t stream_reader_remaining(const struct stream_reader *reader) {
    return reader->remaining;
}
