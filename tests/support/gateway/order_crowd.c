#include "tests/support/gateway/order_crowd.h"

#include "shared/nats/atomic_batch.h"
#include "tests/support/servers/stream_change.h"

#include <inttypes.h>
#include <stdlib.h>

/* --- what the stream holds -------------------------------------------------------------------- */

bool takes_batches(void) {
    return atomic_batch_is_supported(nats_client_server_version(fixture.nats));
}

/* The batch that the message before was in, and whether that one was an order. */
struct before {
    char batch[64];
    bool is_order;
};

static void take_batch(natsMsg *message, bool is_order, struct tally *tally,
                       struct before *before) {
    const char *batch;
    if (natsMsgHeader_Get(message, "Nats-Batch-Id", &batch) != NATS_OK)
        batch = "";
    tally->in_batches += batch[0] != '\0';
    tally->mixed +=
        batch[0] != '\0' && strcmp(batch, before->batch) == 0 && is_order != before->is_order;
    snprintf(before->batch, sizeof(before->batch), "%s", batch);
    before->is_order = is_order;
}

static void take_message(natsMsg *message, struct tally *tally, struct before *before,
                         struct buf *ids) {
    const char *id;
    bool is_order = strcmp(natsMsg_GetSubject(message), SUBJECT_ORDERS) == 0;
    if (!is_order && strcmp(natsMsg_GetSubject(message), SUBJECT_CANCELS) != 0)
        return;
    assert_int_equal(natsMsgHeader_Get(message, "Nats-Msg-Id", &id), NATS_OK);
    tally->orders += is_order;
    tally->cancels += !is_order;
    take_batch(message, is_order, tally, before);
    tally->doubled += ids->len > 0 && strstr(ids->ptr, id) != NULL;
    buf_printf(ids, "%s ", id);
}

struct tally count_stored(uint64_t after) {
    struct tally tally = {0};
    struct before last = {0};
    struct buf ids = {0};
    jsCtx *js = NULL;
    jsStreamInfo *info = NULL;
    assert_int_equal(natsConnection_JetStream(&js, nats_client_fast(fixture.nats), NULL), NATS_OK);
    assert_int_equal(js_GetStreamInfo(&info, js, "COMMANDS", NULL, NULL), NATS_OK);
    for (uint64_t sequence = after + 1; sequence <= info->State.LastSeq; sequence++) {
        natsMsg *message = NULL;
        if (js_GetMsg(&message, js, "COMMANDS", sequence, NULL, NULL) != NATS_OK)
            continue;
        take_message(message, &tally, &last, &ids);
        natsMsg_Destroy(message);
    }
    jsStreamInfo_Destroy(info);
    jsCtx_Destroy(js);
    buf_fini(&ids);
    return tally;
}

uint64_t last_sequence(void) {
    jsCtx *js = NULL;
    jsStreamInfo *info = NULL;
    assert_int_equal(natsConnection_JetStream(&js, nats_client_fast(fixture.nats), NULL), NATS_OK);
    assert_int_equal(js_GetStreamInfo(&info, js, "COMMANDS", NULL, NULL), NATS_OK);
    uint64_t sequence = info->State.LastSeq;
    jsStreamInfo_Destroy(info);
    jsCtx_Destroy(js);
    return sequence;
}

void assert_stored_once(uint64_t after, size_t wanted) {
    struct tally tally = count_stored(after);
    assert_int_equal(tally.orders, wanted);
    assert_int_equal(tally.doubled, 0);
}

natsMsg *ask_server(const char *subject, const char *body) {
    natsMsg *reply = NULL;
    natsConnection *connection = nats_client_fast(fixture.nats);
    natsStatus s = NATS_TIMEOUT;
    for (int tries = 0; s == NATS_TIMEOUT && tries < 10; tries++)
        s = natsConnection_RequestString(&reply, connection, subject, body, 2000);
    assert_int_equal(s, NATS_OK);
    return reply;
}

void set_stream_member(const char *name, struct json_object *value) {
    struct buf members = {0};
    buf_printf(&members, "{\"%s\":%s}", name, json_object_to_json_string(value));
    stream_change(fixture.nats, "COMMANDS", members.ptr);
    json_object_put(value);
    buf_fini(&members);
}

/* --- a crowd of clients ----------------------------------------------------------------------- */

struct customer crowd[CROWD];

static struct http_response post_to(struct http_client *http, const char *path) {
    struct http_response response;
    char *url = gateway_url(path);
    http_send(http, &(struct http_request){.method = "POST", .url = url}, &response);
    free(url);
    return response;
}

static void *order(void *closure) {
    struct customer *customer = closure;
    struct http_client *http = http_client_create();
    customer->response = customer->path != NULL ? post_to(http, customer->path)
                                                : post_with(http, customer->key, customer->body);
    http_client_destroy(&http);
    return NULL;
}

static bool has_metric(void *line) {
    char url[64];
    struct http_response response;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/metrics", fixture.admin_port);
    http_get(url, &response);
    bool has = body_has(&response, line);
    http_response_fini(&response);
    return has;
}

/* Each has a key of its own, so that what is sent again is the same order. */
void crowd_prepare(const char *prefix) {
    for (int i = 0; i < CROWD; i++) {
        snprintf(crowd[i].made_key, sizeof(crowd[i].made_key), "%s-%d", prefix, i);
        crowd[i].key = crowd[i].made_key;
        crowd[i].body = ORDER;
        crowd[i].path = NULL;
    }
}

void crowd_goes(void) {
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(pthread_create(&crowd[i].thread, NULL, order, &crowd[i]), 0);
}

/* They come while the broker is silent, so that they wait for it together. */
void crowd_comes(void) {
    servers_pause(fixture.servers, SERVER_NATS);
    crowd_goes();
}

/* All of them wait. */
void crowd_waits(void) {
    char line[64];
    crowd_comes();
    snprintf(line, sizeof(line), "\nordermesh_http_in_flight_requests %d\n", CROWD);
    bool is_complete = wait_until(has_metric, line, IN_FLIGHT_MS);
    if (!is_complete)
        servers_resume(fixture.servers, SERVER_NATS);
    assert_true(is_complete);
}

void crowd_join(void) {
    for (int i = 0; i < CROWD; i++)
        pthread_join(crowd[i].thread, NULL);
}

size_t crowd_leave(long status) {
    size_t count = 0;
    for (int i = 0; i < CROWD; i++) {
        count += crowd[i].response.status == status;
        http_response_fini(&crowd[i].response);
    }
    return count;
}

/* A gateway that has measured nothing tries a batch with the first group that is large enough. */
void start_anew(void) {
    gateway_restart((const char *const[]){"OM_PUBLISH_TIMEOUT_MS", "8000", NULL});
}

/* A figure of the groups that were sent: "count" of groups, "sum" of commands. */
long groups_sent(const char *figure, const char *way) {
    char url[64], line[96];
    struct http_response response;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/metrics", fixture.admin_port);
    snprintf(line, sizeof(line), "\nordermesh_command_group_size_%s{way=\"%s\"} ", figure, way);
    http_get(url, &response);
    const char *found = response.body.ptr == NULL ? NULL : strstr(response.body.ptr, line);
    long value = found == NULL ? -1 : strtol(found + strlen(line), NULL, 10);
    http_response_fini(&response);
    return value;
}

/* --- a batch that is halted ------------------------------------------------------------------- */

#ifdef OM_FAILPOINTS
static bool has_halted(void *closure) {
    (void)closure;
    char path[64], state = '\0';
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)process_pid(fixture.gateway));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    bool is_read = fscanf(file, "%*d (%*[^)]) %c", &state) == 1;
    fclose(file);
    return is_read && state == 'T';
}

void crowd_halts_in_batch(const char *prefix) {
    gateway_restart((const char *const[]){"OM_FAILPOINT", "gateway.in_batch:1:halt",
                                          "OM_PUBLISH_TIMEOUT_MS", "8000", NULL});
    crowd_prepare(prefix);
    crowd_comes();
    bool is_halted = wait_until(has_halted, NULL, IN_FLIGHT_MS);
    servers_resume(fixture.servers, SERVER_NATS);
    assert_true(is_halted);
    /* what was sent before comes first */
    natsMsg_Destroy(ask_server("$JS.API.STREAM.INFO.COMMANDS", ""));
}

void crowd_goes_on(void) {
    process_signal(fixture.gateway, SIGCONT);
    crowd_join();
}
#endif
