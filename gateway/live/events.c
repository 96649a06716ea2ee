#include "gateway/live/events.h"

#include "gateway/link/feed.h"
#include "gateway/live/event_stream.h"
#include "gateway/live/order_watch.h"
#include "gateway/reply/answer.h"
#include "gateway/reply/problem.h"
#include "gateway/reply/query.h"
#include "gateway/reply/request.h"
#include "shared/base/memory.h"

#include <stdlib.h>
#include <string.h>

enum {
    EVENT_ID_DIGITS_MOST = 9,
    ARENA_CHUNK_BYTES = 512,
    WAITING_MOST_BYTES = 16 * 1024, /* of all orders, for a client that is busy reading */
};

struct events {
    struct feed_lane *feed;
    struct order_watches *watches;
    struct event_streams streams;
    h2o_linklist_t viewers; /* struct viewer */
};

/* --- one order --------------------------------------------------------------------------------
 *
 * get_order_events() joins the order's watch
 *   on_news()        it is known, or not: begin() or a problem; later: there is more
 *   on_ready()       the client has taken what was sent
 *     pump()         sends what it has not got yet, and the end
 */
struct order_stream {
    struct event_stream stream; /* first */
    struct order_watcher watcher;
    h2o_req_t *req;
    struct events *events;
    size_t sent; /* entries */
    int64_t sent_version;
    bool is_resumed, is_open;
};

static struct order_stream *stream_of(struct order_watcher *watcher) {
    return H2O_STRUCT_FROM_MEMBER(struct order_stream, watcher, watcher);
}

static void pump(struct order_stream *stream) {
    const struct order_watch *watch = stream->watcher.watch;
    if (watch == NULL || !event_stream_is_ready(&stream->stream))
        return;
    bool has_ended = order_watch_has_ended(watch);
    bool is_new = order_watch_count(watch) > stream->sent ||
                  order_watch_version(watch) > stream->sent_version;
    if (!is_new && !has_ended)
        return;
    struct buf text = {0};
    if (is_new)
        order_watch_write(watch, stream->sent, &text);
    stream->sent = order_watch_count(watch);
    stream->sent_version = order_watch_version(watch);
    if (has_ended)
        event_stream_send_last(&stream->stream, buf_slice(&text));
    else
        event_stream_send(&stream->stream, buf_slice(&text));
    buf_fini(&text);
}

static void on_ready(struct event_stream *stream) {
    pump((struct order_stream *)stream);
}

static void begin(struct order_stream *stream) {
    const struct order_watch *watch = stream->watcher.watch;
    size_t count = order_watch_count(watch);
    stream->is_open = true;
    if (stream->sent > count)
        stream->sent = count;
    if (stream->is_resumed && stream->sent == count && order_watch_has_ended(watch))
        answer_empty(stream->req, 204); /* tells the client not to come again */
    else
        event_stream_start(&stream->stream, &stream->events->streams, stream->req, on_ready);
}

static void on_news(struct order_watcher *watcher) {
    struct order_stream *stream = stream_of(watcher);
    if (order_watch_state(watcher->watch) == ORDER_WATCH_FAILED) {
        enum problem problem = problem_of(order_watch_failure(watcher->watch));
        order_watch_leave(watcher);
        problem_send(stream->req, problem, NULL);
    } else if (!stream->is_open) {
        begin(stream);
    } else {
        pump(stream);
    }
}

static void on_stream_gone(void *closure) {
    struct order_stream *stream = closure;
    order_watch_leave(&stream->watcher);
    event_stream_fini(&stream->stream);
}

static bool parse_event_id(struct slice text, size_t *id) {
    return text.len <= EVENT_ID_DIGITS_MOST && slice_parse_uint(text, SIZE_MAX, id);
}

/* From the header, as browsers send it, or the query, as a page can. NULL, or what is wrong. */
static const char *read_last_event_id(const h2o_req_t *req, struct order_stream *stream) {
    struct query_parameter parameter = {.name = "lastEventId", .most = EVENT_ID_DIGITS_MOST};
    struct arena *arena = arena_create(ARENA_CHUNK_BYTES);
    bool is_query_good = query_parse(query_of(req), &parameter, 1, arena, NULL) == STATUS_OK;
    struct slice asked = parameter.value, header;
    unsigned count = request_header(req, SLICE_LITERAL("last-event-id"), &header);
    bool has_header = count > 0 && header.len > 0;
    struct slice id = has_header ? header : asked;
    stream->is_resumed = id.len > 0;
    bool is_id_good = count < 2 && (asked.len == 0 || parse_event_id(asked, &stream->sent)) &&
                      (id.len == 0 || parse_event_id(id, &stream->sent));
    arena_destroy(&arena);
    if (!is_query_good)
        return "the only parameter is lastEventId";
    return is_id_good ? NULL : "Last-Event-ID and lastEventId are an event's id: a number";
}

void get_order_events(h2o_req_t *req, struct slice id) {
    struct uuid order_id;
    if (!uuid_parse(id, &order_id)) {
        problem_send(req, PROBLEM_NOT_FOUND, NULL);
        return;
    }
    struct order_stream *stream = h2o_mem_alloc_shared(&req->pool, sizeof(*stream), on_stream_gone);
    memset(stream, 0, sizeof(*stream));
    const char *fault = read_last_event_id(req, stream);
    if (fault != NULL) {
        problem_send(req, PROBLEM_INVALID_QUERY, fault);
        return;
    }
    stream->req = req;
    stream->events = lane_of(req)->events;
    stream->watcher.on_news = on_news;
    order_watch_join(stream->events->watches, caller_of(req), &order_id, &stream->watcher);
    const struct order_watch *watch = stream->watcher.watch;
    if (watch != NULL && !stream->is_open && order_watch_state(watch) == ORDER_WATCH_KNOWN)
        begin(stream);
}

/* --- all orders ------------------------------------------------------------------------------- */

struct viewer {
    struct event_stream stream; /* first */
    struct events *events;
    h2o_linklist_t link;
    struct buf waiting;
};

static void on_viewer_ready(struct event_stream *stream) {
    struct viewer *viewer = (struct viewer *)stream;
    if (viewer->waiting.len == 0)
        return;
    event_stream_send(stream, buf_slice(&viewer->waiting));
    buf_clear(&viewer->waiting);
}

/* A viewer that is behind loses text that is too much to keep. */
static void show(struct viewer *viewer, struct slice text) {
    if (event_stream_is_ready(&viewer->stream))
        event_stream_send(&viewer->stream, text);
    else if (viewer->waiting.len + text.len <= WAITING_MOST_BYTES)
        buf_append_slice(&viewer->waiting, text);
}

static void on_viewer_gone(void *closure) {
    struct viewer *viewer = closure;
    if (h2o_linklist_is_linked(&viewer->link)) {
        h2o_linklist_unlink(&viewer->link);
        feed_unwatch_all(viewer->events->feed);
    }
    event_stream_fini(&viewer->stream);
    buf_fini(&viewer->waiting);
}

void get_all_events(h2o_req_t *req, struct slice id) {
    (void)id;
    struct viewer *viewer = h2o_mem_alloc_shared(&req->pool, sizeof(*viewer), on_viewer_gone);
    memset(viewer, 0, sizeof(*viewer));
    viewer->events = lane_of(req)->events;
    h2o_linklist_insert(&viewer->events->viewers, &viewer->link);
    feed_watch_all(viewer->events->feed);
    event_stream_start(&viewer->stream, &viewer->events->streams, req, on_viewer_ready);
}

/* --- a lane ----------------------------------------------------------------------------------- */

static void on_feed(void *closure, const struct feed_news *news) {
    struct events *events = closure;
    if (news->kind != FEED_SECOND) {
        order_watches_hear(events->watches, news);
        return;
    }
    for (h2o_linklist_t *at = events->viewers.next; at != &events->viewers; at = at->next)
        show(H2O_STRUCT_FROM_MEMBER(struct viewer, link, at), news->text);
}

struct events *events_open(struct lane *lane, size_t lane_index) {
    struct gateway *gateway = lane->gateway;
    struct events *events = mem_alloc(sizeof(*events));
    h2o_linklist_init_anchor(&events->viewers);
    event_streams_open(&events->streams, lane->context.loop,
                       gateway->settings->events_heartbeat_ms);
    events->feed = feed_lane_open(gateway->feed, lane_index, &lane->context, on_feed, events);
    events->watches = order_watches_create(lane, events->feed);
    return events;
}

void events_drain(struct events *events) {
    event_streams_drain(&events->streams);
}

void events_close(struct events **events) {
    if (*events == NULL)
        return;
    order_watches_destroy(&(*events)->watches);
    free(*events);
    *events = NULL;
}
