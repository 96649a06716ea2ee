#include "gateway/http/http1.h"

#include "gateway/http/http_chunks.h"
#include "gateway/http/tls.h"
#include "gateway/reply/problem.h"

#include <string.h>

#define LINGER_MS 1000
#define REQUESTS_A_TURN 16
#define TURN_MS 1 /* with 0, h2o would come back before anybody else has a turn */
#define PARTS_FEW 8
#define SMALL_BYTES HTTP_HEAD_MAX_BYTES /* so much is not worth a refusal, nor giving back */

struct connection {
    h2o_conn_t super;
    struct http1_lane *lane;
    h2o_socket_t *socket;
    h2o_linklist_t link;
    h2o_timer_t timer;
    h2o_timer_t turn; /* of the loop, awaited so that others have theirs */
    unsigned served;  /* requests since the last turn */
    struct {
        bool has_begun;   /* its first byte is there, and its time runs */
        bool is_arriving; /* and its last one is not */
        size_t searched;  /* of a head that is not complete */
        size_t head_len;  /* 0: the head is not complete */
        size_t body_len;  /* so far, where it comes in chunks */
        size_t content_length;
        bool is_chunked;
        struct http_chunks chunks;
    } incoming;
    size_t held_bytes;   /* as the lane counts it */
    size_t request_len;  /* of the one that is being answered, in the socket's input */
    h2o_buffer_t *asked; /* the request, out of the input's way while its answer goes on; or NULL */
    bool has_sent_head;
    bool is_surplus;
    bool is_refused; /* bytes that nobody wants may still arrive */
    h2o_ostream_t output;
    h2o_req_t req;
};

static void on_read(h2o_socket_t *socket, const char *err);

/* --- lifecycle -------------------------------------------------------------------------------- */

static struct connection *connection_of(h2o_conn_t *conn) {
    return H2O_STRUCT_FROM_MEMBER(struct connection, super, conn);
}

static void count_input(struct connection *connection, size_t bytes) {
    connection->lane->input_bytes += bytes - connection->held_bytes;
    connection->held_bytes = bytes;
}

/* Gives back what the input has grown to once nothing is in it. */
static void drop_input(struct connection *connection, size_t bytes) {
    h2o_buffer_t **input = &connection->socket->input;
    h2o_buffer_consume(input, bytes);
    count_input(connection, (*input)->size);
    if ((*input)->size > 0 || (*input)->capacity <= SMALL_BYTES)
        return;
    h2o_buffer_dispose(input);
    h2o_buffer_init(input, &h2o_socket_buffer_prototype);
}

static void connection_close(struct connection *connection) {
    count_input(connection, 0);
    timer_stop(&connection->timer);
    timer_stop(&connection->turn);
    h2o_dispose_request(&connection->req);
    h2o_linklist_unlink(&connection->link);
    if (connection->asked != NULL)
        h2o_buffer_dispose(&connection->asked);
    h2o_socket_close(connection->socket);
    loop_connection_free(&connection->super);
}

static void set_timer(struct connection *connection, struct delay *timeout) {
    timer_stop(&connection->timer);
    if (timeout != NULL)
        timer_start(&connection->timer, timeout);
}

static socklen_t get_own_name(h2o_conn_t *conn, struct sockaddr *address) {
    return h2o_socket_getsockname(connection_of(conn)->socket, address);
}

static socklen_t get_peer_name(h2o_conn_t *conn, struct sockaddr *address) {
    return h2o_socket_getpeername(connection_of(conn)->socket, address);
}

static h2o_socket_t *get_socket(h2o_conn_t *conn) {
    return connection_of(conn)->socket;
}

static const struct loop_connection_callbacks connection_callbacks = {
    {.get_sockname = get_own_name, .get_peername = get_peer_name, LOOP_OTHER_CALLBACKS},
    get_socket};

/* --- the answer ------------------------------------------------------------------------------- */

static void next_request(struct connection *connection);

/* Closing with unread input would reset the connection, and the answer might be lost on its way. */
static void on_unwanted(h2o_socket_t *socket, const char *err) {
    if (err != NULL)
        connection_close(socket->data);
    else
        drop_input(socket->data, socket->input->size);
}

static void linger(struct connection *connection) {
    if (connection->socket->ssl == NULL)
        shutdown(h2o_socket_get_fd(connection->socket), SHUT_WR);
    set_timer(connection, &connection->lane->linger_timeout);
    drop_input(connection, connection->socket->input->size);
    h2o_socket_read_start(connection->socket, on_unwanted);
}

static void on_answer_sent(h2o_socket_t *socket, const char *err) {
    struct connection *connection = socket->data;
    if (err != NULL)
        connection_close(connection);
    else if (connection->is_refused ||
             (!connection->req.http1_is_persistent && socket->ssl == NULL))
        linger(connection);
    else if (!connection->req.http1_is_persistent)
        connection_close(connection); /* over TLS its end can only be told by closing */
    else
        next_request(connection);
}

static void on_part_sent(h2o_socket_t *socket, const char *err) {
    struct connection *connection = socket->data;
    set_timer(connection, NULL);
    if (err != NULL)
        connection_close(connection);
    else
        h2o_proceed_response(&connection->req);
}

/* An answer of unknown length ends with its connection, unless it goes out in chunks. */
static bool has_known_end(const h2o_req_t *req) {
    return req->res.content_length != SIZE_MAX || req->res.status == 204 ||
           req->res.status == 304 ||
           h2o_find_header(&req->res.headers, H2O_TOKEN_TRANSFER_ENCODING, -1) != -1;
}

static void write_head(h2o_req_t *req, struct buf *out) {
    h2o_timestamp_t now = loop_timestamp(req->conn->ctx, &req->pool);
    buf_append_text(out, "HTTP/1.1 ");
    buf_append_int(out, req->res.status);
    buf_append_char(out, ' ');
    buf_append_text(out, req->res.reason);
    buf_append_text(out, "\r\nDate: ");
    buf_append(out, now.str->rfc1123, H2O_TIMESTR_RFC1123_LEN);
    buf_append_text(out, req->http1_is_persistent ? "\r\nConnection: keep-alive\r\n"
                                                  : "\r\nConnection: close\r\n");
    if (req->res.content_length != SIZE_MAX) {
        buf_append_text(out, "Content-Length: ");
        buf_append_int(out, (int64_t)req->res.content_length);
        buf_append_text(out, "\r\n");
    }
    for (size_t i = 0; i < req->res.headers.size; i++) {
        const h2o_header_t *header = &req->res.headers.entries[i];
        buf_append(out, header->orig_name != NULL ? header->orig_name : header->name->base,
                   header->name->len);
        buf_append_text(out, ": ");
        buf_append(out, header->value.base, header->value.len);
        buf_append_text(out, "\r\n");
    }
    buf_append_text(out, "\r\n");
}

static h2o_iovec_t make_head(h2o_req_t *req) {
    struct buf *scratch = &connection_of(req->conn)->lane->scratch;
    if (!has_known_end(req))
        req->http1_is_persistent = 0;
    buf_clear(scratch);
    write_head(req, scratch);
    return h2o_strdup(&req->pool, scratch->ptr, scratch->len);
}

/* During an answer that goes on for long, reading shows whether the client is still there. Other
   bytes that come are not wanted, so the connection ends with the answer. */
static void watch_client(struct connection *connection) {
    connection->req.http1_is_persistent = 0;
    connection->asked = connection->socket->input; /* the request borrows from it */
    h2o_buffer_init(&connection->socket->input, &h2o_socket_buffer_prototype);
    h2o_socket_read_start(connection->socket, on_unwanted);
}

/* The last of the output streams. */
static void on_output(h2o_ostream_t *output, h2o_req_t *req, h2o_sendvec_t *parts, size_t count,
                      h2o_send_state_t state) {
    struct connection *connection = H2O_STRUCT_FROM_MEMBER(struct connection, output, output);
    /* an event stream sends for hours, and its pool must not grow with that; the socket copies what
       it keeps */
    h2o_iovec_t few[PARTS_FEW];
    h2o_iovec_t *all = count < PARTS_FEW ? few : pool_alloc(&req->pool, (count + 1) * sizeof(*all));
    size_t all_count = 0;
    if (!connection->has_sent_head && h2o_send_state_is_in_progress(state))
        watch_client(connection);
    if (!connection->has_sent_head)
        all[all_count++] = make_head(req);
    connection->has_sent_head = true;
    for (size_t i = 0; i < count; i++)
        all[all_count++] = loop_sent_bytes(&parts[i]);
    if (state == H2O_SEND_STATE_ERROR)
        req->http1_is_persistent = 0;
    set_timer(connection, &connection->lane->send_timeout);
    h2o_socket_cb next = h2o_send_state_is_in_progress(state) ? on_part_sent : on_answer_sent;
    if (all_count > 0)
        h2o_socket_write(connection->socket, all, all_count, next);
    else
        next(connection->socket, NULL);
}

/* --- the request ------------------------------------------------------------------------------ */

static void init_request(struct connection *connection) {
    h2o_init_request(&connection->req, &connection->super, NULL);
    connection->req._ostr_top = &connection->output;
    connection->has_sent_head = false;
    memset(&connection->incoming, 0, sizeof(connection->incoming));
}

static void refuse(struct connection *connection, const struct http_fault *fault) {
    h2o_req_t *req = &connection->req;
    h2o_hostconf_t *host = connection->lane->hosts[0];
    const h2o_buffer_t *input = connection->socket->input;
    h2o_socket_read_stop(connection->socket);
    connection->incoming.is_arriving = false;
    if (input->size > 5 && memcmp(input->bytes, "HEAD ", 5) == 0)
        req->input.method = h2o_iovec_init(H2O_STRLIT("HEAD")); /* whatever else is wrong */
    drop_input(connection, connection->socket->input->size);
    connection->is_refused = true;
    req->http1_is_persistent = 0;
    h2o_req_bind_conf(req, host, &host->fallback_path);
    connection->lane->callbacks->refuse(req, fault->problem, fault->detail);
}

/* Whoever has begun to send is told why nothing comes of it (RFC 9110 section 15.5.9). */
static void on_timeout(h2o_timer_t *timer) {
    static const struct http_fault too_slow = {PROBLEM_REQUEST_TIMEOUT, NULL};
    struct connection *connection = H2O_STRUCT_FROM_MEMBER(struct connection, timer, timer);
    if (connection->incoming.is_arriving && !h2o_socket_is_writing(connection->socket))
        refuse(connection, &too_slow);
    else
        connection_close(connection);
}

static h2o_iovec_t iovec_of(struct slice slice) {
    return h2o_iovec_init(slice.ptr, slice.len);
}

/* h2o keeps names in lower case, and Host and the framing elsewhere. */
static void add_header(h2o_req_t *req, const struct http_field *field) {
    char *name = (char *)field->name.ptr; /* in the socket's input, which is ours */
    h2o_strtolower(name, field->name.len);
    const h2o_token_t *token = h2o_lookup_token(name, field->name.len);
    if (token == NULL)
        h2o_add_header_by_str(&req->pool, &req->headers, name, field->name.len, 0, NULL,
                              field->value.ptr, field->value.len);
    else if (!loop_is_framing(token))
        h2o_add_header(&req->pool, &req->headers, token, NULL, field->value.ptr, field->value.len);
}

/* Nothing is read while a request is answered, so all of it may stay in the socket's input. */
static void process(struct connection *connection, const struct http_head *head, size_t body_len) {
    h2o_req_t *req = &connection->req;
    h2o_socket_read_stop(connection->socket);
    set_timer(connection, NULL);
    connection->incoming.is_arriving = false;
    connection->request_len = head->len + body_len;
    req->version = head->is_http_1_0 ? 0x100 : 0x101;
    req->http1_is_persistent = head->is_persistent && !connection->is_refused &&
                               !connection->super.ctx->shutdown_requested;
    req->input.scheme =
        connection->socket->ssl != NULL ? &H2O_URL_SCHEME_HTTPS : &H2O_URL_SCHEME_HTTP;
    req->input.method = iovec_of(head->method);
    req->input.path = iovec_of(head->target);
    if (head->host.len > 0)
        req->input.authority = iovec_of(head->host);
    for (size_t i = 0; i < head->field_count; i++)
        add_header(req, &head->fields[i]);
    if (head->is_chunked || head->content_length != HTTP_NO_LENGTH)
        req->entity = h2o_iovec_init(connection->socket->input->bytes + head->len, body_len);
    h2o_process_request(req);
}

static void on_continue_sent(h2o_socket_t *socket, const char *err) {
    struct connection *connection = socket->data;
    if (err != NULL)
        connection_close(connection);
    else
        h2o_socket_read_start(socket, on_read);
}

static void send_continue(struct connection *connection) {
    static h2o_iovec_t go_on = {H2O_STRLIT("HTTP/1.1 100 Continue\r\n\r\n")};
    h2o_socket_read_stop(connection->socket);
    h2o_socket_write(connection->socket, &go_on, 1, on_continue_sent);
}

static void keep_framing(struct connection *connection, const struct http_head *head) {
    connection->incoming.head_len = head->len;
    connection->incoming.is_chunked = head->is_chunked;
    connection->incoming.content_length = head->content_length;
}

/* Decodes what is new of the body, in place; the bytes behind it close up. */
static enum http_progress read_chunks(struct connection *connection, struct http_fault *fault) {
    h2o_buffer_t *input = connection->socket->input;
    size_t at = connection->incoming.head_len + connection->incoming.body_len;
    size_t len = input->size - at, rest;
    enum http_progress progress =
        http_chunks_decode(&connection->incoming.chunks, input->bytes + at, &len, &rest);
    *fault = (struct http_fault){PROBLEM_MALFORMED_REQUEST, "the chunks of the body are malformed"};
    if (progress != HTTP_REFUSED) {
        input->size = at + len + rest;
        connection->incoming.body_len += len;
    }
    /* a chunk counts by its size, before its bytes are there, and also by one of too many digits */
    if (connection->incoming.body_len + connection->incoming.chunks.left <=
        connection->lane->body_max_bytes)
        return progress;
    *fault = (struct http_fault){PROBLEM_BODY_TOO_LARGE, NULL};
    return HTTP_REFUSED;
}

static enum http_progress read_body(struct connection *connection, struct http_fault *fault) {
    if (connection->incoming.is_chunked)
        return read_chunks(connection, fault);
    size_t length = connection->incoming.content_length;
    if (length == HTTP_NO_LENGTH)
        return HTTP_COMPLETE;
    *fault = (struct http_fault){PROBLEM_BODY_TOO_LARGE, NULL};
    if (length > connection->lane->body_max_bytes)
        return HTTP_REFUSED;
    connection->incoming.body_len = length;
    return connection->socket->input->size < connection->incoming.head_len + length
               ? HTTP_INCOMPLETE
               : HTTP_COMPLETE;
}

/* The head when its body has come: the input may have moved since it was first read. */
static enum http_progress read_head_again(struct connection *connection, struct http_head *head,
                                          struct http_fault *fault) {
    size_t searched = 0;
    const struct slice bytes = {connection->socket->input->bytes, connection->incoming.head_len};
    return http_head_parse(bytes, &searched, head, fault);
}

static const struct http_fault too_much = {PROBLEM_OVERLOADED, "too much is being received"};

static bool is_over(const struct http1_lane *lane) {
    return lane->input_bytes > lane->input_most_bytes;
}

/* Refuses what has been arriving for longest, up to `self` where that is not whole either. */
static void make_room(struct connection *self, enum http_progress progress) {
    h2o_linklist_t *all = &self->lane->connections;
    for (h2o_linklist_t *link = all->next, *next; link != all && is_over(self->lane); link = next) {
        struct connection *other = H2O_STRUCT_FROM_MEMBER(struct connection, link, link);
        next = link->next;
        if (other == self && progress == HTTP_INCOMPLETE)
            return;
        if (other == self || !other->incoming.is_arriving)
            continue;
        if (h2o_socket_is_writing(other->socket))
            connection_close(other); /* its 100 is not out yet */
        else
            refuse(other, &too_much);
    }
}

/* Whether this request has to go because all of them together are too much. A small request that is
   whole does little harm, and most clients never send another kind. */
static bool is_too_much(struct connection *connection, enum http_progress progress) {
    bool is_small = connection->socket->input->size <= SMALL_BYTES;
    if (!is_over(connection->lane) || (is_small && progress == HTTP_COMPLETE))
        return false;
    make_room(connection, progress);
    return is_over(connection->lane);
}

/* As much of a request as there is. `head` counts when it is whole, and at the first look. */
static enum http_progress read_request(struct connection *connection, struct http_head *head,
                                       struct http_fault *fault) {
    const h2o_buffer_t *input = connection->socket->input;
    bool is_first_look = connection->incoming.head_len == 0;
    enum http_progress progress = HTTP_COMPLETE;
    if (is_first_look)
        progress = http_head_parse((struct slice){input->bytes, input->size},
                                   &connection->incoming.searched, head, fault);
    if (is_first_look && progress == HTTP_COMPLETE)
        keep_framing(connection, head);
    if (progress == HTTP_COMPLETE)
        progress = read_body(connection, fault);
    if (progress == HTTP_COMPLETE && !is_first_look)
        progress = read_head_again(connection, head, fault);
    if (progress == HTTP_REFUSED || !is_too_much(connection, progress))
        return progress;
    *fault = too_much;
    return HTTP_REFUSED;
}

/* The head is there for the first time, and not all of the body. A client that is going to be
   refused need not send the rest. */
static void await_body(struct connection *connection, const struct http_head *head) {
    if (!connection->lane->callbacks->awaits_body(&connection->req, head)) {
        connection->is_refused = true;
        process(connection, head, 0);
    } else if (head->expects_continue && connection->socket->input->size == head->len) {
        send_continue(connection);
    }
}

static void take_input(struct connection *connection) {
    struct http_head head;
    struct http_fault fault;
    bool had_head = connection->incoming.head_len > 0;
    enum http_progress progress = read_request(connection, &head, &fault);
    if (progress == HTTP_REFUSED)
        refuse(connection, &fault);
    else if (progress == HTTP_COMPLETE)
        process(connection, &head, connection->incoming.body_len);
    else if (!had_head && connection->incoming.head_len > 0)
        await_body(connection, &head);
}

/* The time of a request runs from its first byte to its last, however many come in between. */
static void begin_request(struct connection *connection) {
    if (connection->incoming.has_begun || connection->socket->input->size == 0)
        return;
    connection->incoming.has_begun = connection->incoming.is_arriving = true;
    h2o_linklist_unlink(&connection->link);
    h2o_linklist_insert(&connection->lane->connections, &connection->link);
    set_timer(connection, &connection->lane->request_timeout);
}

static void on_read(h2o_socket_t *socket, const char *err) {
    struct connection *connection = socket->data;
    if (err != NULL) {
        connection_close(connection);
        return;
    }
    begin_request(connection);
    connection->served = 0;
    count_input(connection, socket->input->size);
    take_input(connection);
}

/* `timeout` is for the first byte; it may be there. */
static void await_request(struct connection *connection, struct delay *timeout) {
    set_timer(connection, timeout);
    begin_request(connection);
    h2o_socket_read_start(connection->socket, on_read);
    if (connection->incoming.has_begun)
        take_input(connection);
}

static void next_request(struct connection *connection) {
    h2o_dispose_request(&connection->req);
    drop_input(connection, connection->request_len);
    init_request(connection);
    if (++connection->served < REQUESTS_A_TURN || connection->socket->input->size == 0) {
        await_request(connection, &connection->lane->idle_timeout);
        return;
    }
    set_timer(connection, NULL);
    timer_start(&connection->turn, &connection->lane->turn_timeout);
}

static void on_turn(h2o_timer_t *turn) {
    struct connection *connection = H2O_STRUCT_FROM_MEMBER(struct connection, turn, turn);
    connection->served = 0;
    await_request(connection, &connection->lane->idle_timeout);
}

/* --- accepting -------------------------------------------------------------------------------- */

static void begin(struct connection *connection) {
    static const struct http_fault surplus = {PROBLEM_OVERLOADED, "too many connections are open"};
    if (connection->is_surplus)
        refuse(connection, &surplus);
    else
        await_request(connection, &connection->lane->request_timeout);
}

/* h2o leaves the alert of a handshake that fails unsent. */
static void send_alert(h2o_socket_t *socket) {
    unsigned char alert[TLS_ALERT_BYTES];
    if (tls_take_alert(alert))
        (void)!send(h2o_socket_get_fd(socket), alert, sizeof(alert), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void on_handshake(h2o_socket_t *socket, const char *err) {
    if (err == NULL) {
        begin(socket->data);
        return;
    }
    send_alert(socket);
    connection_close(socket->data);
}

void http1_accept(struct http1_lane *lane, h2o_socket_t *socket, SSL_CTX *tls, bool is_surplus) {
    struct connection *connection = (struct connection *)h2o_create_connection(
        sizeof(*connection), lane->context, lane->hosts, loop_time(lane->context),
        &connection_callbacks.h2o);
    memset((char *)connection + sizeof(connection->super), 0,
           offsetof(struct connection, req) - sizeof(connection->super));
    connection->lane = lane;
    connection->socket = socket;
    connection->is_surplus = is_surplus;
    connection->timer.cb = on_timeout;
    connection->turn.cb = on_turn;
    connection->output.do_send = on_output;
    socket->data = connection;
    h2o_linklist_insert(&lane->connections, &connection->link);
    init_request(connection);
    if (tls == NULL) {
        begin(connection);
        return;
    }
    set_timer(connection, &lane->request_timeout);
    loop_handshake(socket, tls, on_handshake);
}

void http1_lane_init(struct http1_lane *lane, h2o_context_t *context, h2o_hostconf_t **hosts,
                     const struct http1_callbacks *callbacks, const struct http1_limits *limits) {
    lane->callbacks = callbacks;
    lane->context = context;
    lane->hosts = hosts;
    lane->body_max_bytes = limits->body_max_bytes;
    lane->input_most_bytes = limits->input_most_bytes;
    delay_init(&lane->request_timeout, context->loop, limits->request_timeout_ms);
    delay_init(&lane->idle_timeout, context->loop, limits->idle_timeout_ms);
    delay_init(&lane->send_timeout, context->loop, limits->send_timeout_ms);
    delay_init(&lane->linger_timeout, context->loop, LINGER_MS);
    delay_init(&lane->turn_timeout, context->loop, TURN_MS);
    h2o_linklist_init_anchor(&lane->connections);
}
