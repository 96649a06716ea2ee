#include "gateway/live/event_stream.h"

#include "gateway/lane/caller.h"
#include "gateway/reply/answer.h"
#include "shared/base/clock.h"
#include "shared/observe/metrics.h"

#include <sys/socket.h>

METRIC_GAUGE(streams_open, "ordermesh_event_streams", "", "Event streams that are open.");
METRIC_COUNTER(streams_dropped, "ordermesh_event_streams_dropped_total", "",
               "Event streams that ended with text their clients had not taken.");

/* The kernel may hold so much of a stream whose client does not read. */
enum { SEND_BUFFER_BYTES = 32 * 1024 };

/* Milliseconds until a client comes back. */
#define PREAMBLE "retry: 2000\n\n"
#define HEARTBEAT ":\n\n"

static int socket_of(const h2o_req_t *req) {
    return h2o_socket_get_fd(loop_socket(req->conn));
}

static void expect(struct event_stream *stream) {
    timer_stop(&stream->heartbeat);
    timer_start(&stream->heartbeat, &stream->streams->heartbeat);
}

static void leave(struct event_stream *stream) {
    timer_stop(&stream->heartbeat);
    if (h2o_linklist_is_linked(&stream->link)) {
        h2o_linklist_unlink(&stream->link);
        metric_add(&streams_open, 0, -1);
    }
    stream->req = NULL;
}

static void send_text(struct event_stream *stream, h2o_send_state_t state) {
    h2o_req_t *req = stream->req;
    h2o_iovec_t text = {stream->text.ptr, stream->text.len};
    stream->is_busy = true;
    if (state == H2O_SEND_STATE_IN_PROGRESS)
        expect(stream);
    else
        leave(stream);
    h2o_send(req, &text, text.len > 0 ? 1 : 0, state);
}

static void on_proceed(h2o_generator_t *self, h2o_req_t *req) {
    struct event_stream *stream = H2O_STRUCT_FROM_MEMBER(struct event_stream, super, self);
    stream->is_busy = false;
    buf_fini(&stream->text); /* most streams are quiet most of the time */
    expect(stream);
    /* a token that has expired meanwhile allows no more; heartbeats lead here too */
    if (stream->streams->is_draining ||
        caller_has_expired(caller_of(req), clock_now_us() / 1000000))
        send_text(stream, H2O_SEND_STATE_FINAL);
    else
        stream->on_ready(stream);
}

/* Nothing has gone out for a while: there was nothing, or the client does not take it. Its pending
   write then fails, and h2o ends the connection. */
static void on_heartbeat(h2o_timer_t *entry) {
    struct event_stream *stream = H2O_STRUCT_FROM_MEMBER(struct event_stream, heartbeat, entry);
    if (!stream->is_busy) {
        event_stream_send(stream, SLICE_LITERAL(HEARTBEAT));
        return;
    }
    shutdown(socket_of(stream->req), SHUT_RDWR);
}

static void add_headers(h2o_req_t *req) {
    req->res.status = 200;
    req->res.reason = "OK";
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, "Content-Type",
                   H2O_STRLIT("text/event-stream"));
    answer_header(req, "Cache-Control", SLICE_LITERAL("no-store"));
    answer_header(req, "X-Accel-Buffering", SLICE_LITERAL("no"));
}

void event_stream_start(struct event_stream *stream, struct event_streams *streams, h2o_req_t *req,
                        void (*on_ready)(struct event_stream *stream)) {
    int bytes = SEND_BUFFER_BYTES;
    add_headers(req);
    if (h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("HEAD"))) {
        h2o_send_inline(req, "", 0);
        return;
    }
    if (req->version < 0x101)
        req->http1_is_persistent = 0; /* the connection's end is the stream's */
    setsockopt(socket_of(req), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    stream->super.proceed = on_proceed;
    stream->streams = streams;
    stream->req = req;
    stream->heartbeat.cb = on_heartbeat;
    stream->on_ready = on_ready;
    h2o_linklist_insert(&streams->open, &stream->link);
    metric_add(&streams_open, 0, 1);
    h2o_start_response(req, &stream->super);
    event_stream_send(stream, SLICE_LITERAL(PREAMBLE));
}

bool event_stream_is_ready(const struct event_stream *stream) {
    return stream->req != NULL && !stream->is_busy;
}

void event_stream_send(struct event_stream *stream, struct slice text) {
    buf_append_slice(&stream->text, text);
    send_text(stream, H2O_SEND_STATE_IN_PROGRESS);
}

void event_stream_send_last(struct event_stream *stream, struct slice text) {
    buf_append_slice(&stream->text, text);
    send_text(stream, H2O_SEND_STATE_FINAL);
}

void event_stream_fini(struct event_stream *stream) {
    if (stream->req != NULL && stream->is_busy)
        metric_add(&streams_dropped, 0, 1);
    leave(stream);
    buf_fini(&stream->text);
}

/* --- all of a lane ---------------------------------------------------------------------------- */

void event_streams_open(struct event_streams *streams, h2o_loop_t *loop, int64_t heartbeat_ms) {
    delay_init(&streams->heartbeat, loop, (uint64_t)heartbeat_ms);
    h2o_linklist_init_anchor(&streams->open);
}

void event_streams_drain(struct event_streams *streams) {
    streams->is_draining = true;
    while (!h2o_linklist_is_empty(&streams->open)) {
        struct event_stream *stream =
            H2O_STRUCT_FROM_MEMBER(struct event_stream, link, streams->open.next);
        if (stream->is_busy) { /* ends when its text has gone */
            h2o_linklist_unlink(&stream->link);
            metric_add(&streams_open, 0, -1);
        } else {
            send_text(stream, H2O_SEND_STATE_FINAL);
        }
    }
}
