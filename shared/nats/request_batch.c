#include "shared/nats/request_batch.h"

#include "shared/base/buf.h"
#include "shared/base/memory.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_TIMEOUT_MS 5000
/* Answers of 1.4 MB each (a largest message in base64) must stay well below what the server buffers
   for a client before it cuts it off. */
#define IN_FLIGHT_MOST 24
#define SUBJECT_SIZE 1024 /* names have up to 255 bytes each */

struct request {
    natsMsg *message;
    natsMsg *reply;
};

struct request_batch {
    struct nats_client *nats;
    natsSubscription *subscription;
    char *inbox;
    struct buf reply_subject; /* scratch */
    struct request *requests;
    size_t count, capacity;
    uint64_t first; /* number of requests[0]: an answer to an earlier run is known as late */
};

struct request_batch *request_batch_create(struct nats_client *nats) {
    struct request_batch *batch = mem_alloc(sizeof(*batch));
    batch->nats = nats;
    batch->inbox = nats_client_inbox(nats);
    return batch;
}

void request_batch_clear(struct request_batch *batch) {
    for (size_t i = 0; i < batch->count; i++) {
        natsMsg_Destroy(batch->requests[i].message);
        natsMsg_Destroy(batch->requests[i].reply);
    }
    batch->first += batch->count;
    batch->count = 0;
}

/* After a failed run: that nobody listens is said without naming the request, and a later run must
   not take it for an answer to its own. */
static void unsubscribe(struct request_batch *batch) {
    nats_client_unsubscribe(batch->nats, &batch->subscription);
}

void request_batch_destroy(struct request_batch **batch) {
    struct request_batch *b = *batch;
    *batch = NULL;
    if (b == NULL)
        return;
    request_batch_clear(b);
    unsubscribe(b);
    buf_fini(&b->reply_subject);
    free(b->requests);
    free(b->inbox);
    free(b);
}

/* --- adding ----------------------------------------------------------------------------------- */

const char *request_batch_next_reply(struct request_batch *batch) {
    buf_clear(&batch->reply_subject);
    buf_printf(&batch->reply_subject, "%s.%" PRIu64, batch->inbox, batch->first + batch->count);
    return batch->reply_subject.ptr;
}

size_t request_batch_add_message(struct request_batch *batch, natsMsg *message) {
    if (batch->count == batch->capacity) {
        size_t capacity = batch->capacity == 0 ? 64 : batch->capacity * 2;
        struct request *grown = mem_alloc(capacity * sizeof(*grown));
        if (batch->count > 0)
            memcpy(grown, batch->requests, batch->count * sizeof(*grown));
        free(batch->requests);
        batch->requests = grown;
        batch->capacity = capacity;
    }
    batch->requests[batch->count] = (struct request){.message = message};
    return batch->count++;
}

size_t request_batch_add(struct request_batch *batch, struct slice body, const char *format, ...) {
    char subject[SUBJECT_SIZE];
    natsMsg *message = NULL;
    va_list args;
    va_start(args, format);
    vsnprintf(subject, sizeof(subject), format, args);
    va_end(args);
    /* A failure shows when the message is to be sent. */
    (void)natsMsg_Create(&message, subject, request_batch_next_reply(batch), body.ptr,
                         (int)body.len);
    return request_batch_add_message(batch, message);
}

size_t request_batch_count(const struct request_batch *batch) {
    return batch->count;
}

/* --- running ---------------------------------------------------------------------------------- */

static natsStatus subscribe(struct request_batch *batch) {
    struct buf subject = {0};
    if (batch->subscription != NULL)
        return NATS_OK;
    buf_printf(&subject, "%s.*", batch->inbox);
    natsStatus s = natsConnection_SubscribeSync(&batch->subscription, nats_client_fast(batch->nats),
                                                subject.ptr);
    if (s == NATS_OK)
        s = natsSubscription_SetPendingLimits(batch->subscription, -1, -1);
    buf_fini(&subject);
    return s;
}

/* The request an answer belongs to; NULL for a late one of an earlier run, or a second one. */
static struct request *request_of(struct request_batch *batch, natsMsg *answer) {
    const char *number = strrchr(natsMsg_GetSubject(answer), '.');
    uint64_t index;
    if (!slice_parse_uint(slice_of(number + 1), UINT64_MAX, &index))
        return NULL;
    index -= batch->first;
    if (index >= batch->count || batch->requests[index].reply != NULL)
        return NULL;
    return &batch->requests[index];
}

/* Takes one answer. */
static enum status receive(struct request_batch *batch, size_t *answered, struct error *error) {
    natsMsg *answer = NULL;
    natsStatus s = natsSubscription_NextMsg(&answer, batch->subscription, ANSWER_TIMEOUT_MS);
    if (s != NATS_OK)
        return nats_error(error, s, "awaiting the server's answers");
    struct request *request = request_of(batch, answer);
    if (request == NULL) {
        natsMsg_Destroy(answer);
        return STATUS_OK;
    }
    request->reply = answer;
    (*answered)++;
    return STATUS_OK;
}

enum status request_batch_run(struct request_batch *batch, struct error *error) {
    natsStatus s = subscribe(batch);
    if (s != NATS_OK)
        return nats_error(error, s, "subscribing to answers");
    enum status status = STATUS_OK;
    for (size_t sent = 0, answered = 0; answered < batch->count && status == STATUS_OK;) {
        while (sent < batch->count && sent - answered < IN_FLIGHT_MOST && s == NATS_OK)
            s = natsConnection_PublishMsg(nats_client_fast(batch->nats),
                                          batch->requests[sent++].message);
        status = s == NATS_OK ? receive(batch, &answered, error)
                              : nats_error(error, s, "sending a request");
    }
    if (status != STATUS_OK)
        unsubscribe(batch);
    return status;
}

struct slice request_batch_reply(const struct request_batch *batch, size_t index) {
    natsMsg *reply = batch->requests[index].reply;
    return (struct slice){natsMsg_GetData(reply), (size_t)natsMsg_GetDataLength(reply)};
}
