/*
 * One answer that goes on: an event stream (https://html.spec.whatwg.org/multipage/server-sent-
 * events.html).
 *
 * Nothing queues up behind a client that does not read: a stream takes text only when the last has
 * gone, and its feeder remembers its place, or drops the text that came meanwhile. A client that
 * has not taken its text for a whole heartbeat is dropped. While there is nothing to send, a
 * comment goes out every heartbeat, which also finds out that a client has left. A stream ends when
 * its caller's token does.
 *
 * Embed a stream in memory that lives as long as its request. Loop thread only.
 */
#ifndef OM_GATEWAY_LIVE_EVENT_STREAM_H
#define OM_GATEWAY_LIVE_EVENT_STREAM_H

#include "shared/base/buf.h"

#include "shared/loop/loop.h"

/* All streams of a lane. */
struct event_streams {
    struct delay heartbeat;
    h2o_linklist_t open;
    bool is_draining;
};

void event_streams_open(struct event_streams *streams, h2o_loop_t *loop, int64_t heartbeat_ms);
/* Ends every stream, and each that starts later: clients come back, elsewhere. */
void event_streams_drain(struct event_streams *streams);

struct event_stream {
    h2o_generator_t super;
    struct event_streams *streams;
    h2o_req_t *req; /* NULL: not started, or ended */
    h2o_linklist_t link;
    h2o_timer_t heartbeat;
    struct buf text; /* on its way */
    bool is_busy;
    void (*on_ready)(struct event_stream *stream); /* may send now */
};

/* Answers 200 and the headers; HEAD ends with them. `on_ready` is called when the stream can take
   text, but never before this returns. */
void event_stream_start(struct event_stream *stream, struct event_streams *streams, h2o_req_t *req,
                        void (*on_ready)(struct event_stream *stream));
bool event_stream_is_ready(const struct event_stream *stream);
/* Copies `text`, whole events; only when it is ready. */
void event_stream_send(struct event_stream *stream, struct slice text);
/* The same, and then the end. */
void event_stream_send_last(struct event_stream *stream, struct slice text);
/* When its request is gone; safe on zeroed memory, and where it never started. */
void event_stream_fini(struct event_stream *stream);

#endif
