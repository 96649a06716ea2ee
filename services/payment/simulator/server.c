#include "services/payment/simulator/server.h"

#include "services/payment/simulator/customer.h"
#include "shared/loop/loop.h"
#include "shared/net/listen.h"
#include "shared/observe/log.h"

#include <stdio.h>
#include <string.h>

#define BODY_MAX_BYTES (64 * 1024)
#define TURN_MS 200
#define BUSY_TURN_MS 10 /* while webhooks are under way */

struct server {
    h2o_globalconf_t config;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    struct delay slow; /* its delay is the API's slow_ms */
    struct api *api;
};

/* h2o hands a handler its own struct; ours follows it. */
struct api_handler {
    h2o_handler_t super;
    struct server *server;
};

/* An answer that waits; it goes with the request's pool, also when the client is gone first. */
struct late {
    h2o_timer_t entry; /* first */
    h2o_req_t *req;
    struct api_answer answer;
};

/* --- answers --- */

static const char *reason_of(int status) {
    return status == 200   ? "OK"
           : status == 303 ? "See Other"
           : status < 500  ? "Client Error"
                           : "Server Error";
}

static void send_answer(h2o_req_t *req, const struct api_answer *answer) {
    req->res.status = answer->status;
    req->res.reason = reason_of(answer->status);
    req->res.content_length = answer->body.len;
    if (answer->is_page)
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                       H2O_STRLIT("text/html; charset=utf-8"));
    else
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                       H2O_STRLIT("application/json"));
    if (answer->location.len > 0) {
        h2o_iovec_t location = h2o_strdup(&req->pool, answer->location.ptr, answer->location.len);
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_LOCATION, NULL, location.base,
                       location.len);
    }
    if (answer->is_replay)
        h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("idempotent-replayed"), 0,
                              NULL, H2O_STRLIT("true"));
    h2o_send_inline(req, answer->body.ptr, answer->body.len);
}

static void on_late(h2o_timer_t *entry) {
    struct late *late = (struct late *)entry;
    send_answer(late->req, &late->answer);
}

static void late_dispose(void *memory) {
    struct late *late = memory;
    if (timer_is_running(&late->entry))
        timer_stop(&late->entry);
    buf_fini(&late->answer.body);
    buf_fini(&late->answer.location);
}

/* Takes the answer over. A silent one only waits for the client to go. */
static void answer_late(struct server *server, h2o_req_t *req, struct api_answer *answer) {
    struct late *late = h2o_mem_alloc_shared(&req->pool, sizeof(*late), late_dispose);
    *late = (struct late){.entry = {.cb = on_late}, .req = req, .answer = *answer};
    if (!answer->is_silent)
        timer_start(&late->entry, &server->slow);
}

/* --- requests --- */

static struct slice header(const h2o_req_t *req, const char *name) {
    ssize_t at = h2o_find_header_by_str(&req->headers, name, strlen(name), -1);
    if (at < 0)
        return (struct slice){0};
    h2o_iovec_t value = req->headers.entries[at].value;
    return (struct slice){value.base, value.len};
}

static struct slice query_of(const h2o_req_t *req) {
    if (req->query_at == SIZE_MAX)
        return (struct slice){0};
    return (struct slice){req->path.base + req->query_at + 1, req->path.len - req->query_at - 1};
}

static int on_request(h2o_handler_t *self, h2o_req_t *req) {
    struct server *server = ((struct api_handler *)self)->server;
    const struct api_request request = {
        .method = {req->method.base, req->method.len},
        .path = {req->path_normalized.base, req->path_normalized.len},
        .query = query_of(req),
        .authorization = header(req, "authorization"),
        .key = header(req, "idempotency-key"),
        .body = {req->entity.base, req->entity.len},
    };
    struct api_answer answer = {0};
    api_handle(server->api, &request, &answer);
    if (answer.is_silent || answer.delay_ms > 0) {
        answer_late(server, req, &answer);
        return 0;
    }
    send_answer(req, &answer);
    buf_fini(&answer.body);
    buf_fini(&answer.location);
    return 0;
}

static void on_accept(h2o_socket_t *listener, const char *error) {
    struct server *server = listener->data;
    if (error != NULL)
        return;
    h2o_socket_t *accepted = h2o_evloop_socket_accept(listener);
    if (accepted != NULL)
        h2o_accept(&server->accept, accepted);
}

/* Written whole under another name first, so that a reader never sees half a number. */
static enum status write_port_file(const char *path, int port, struct error *error) {
    struct buf beside = {0};
    if (path[0] == '\0')
        return STATUS_OK;
    buf_printf(&beside, "%s.new", path);
    FILE *file = fopen(beside.ptr, "w");
    bool is_written = file != NULL && fprintf(file, "%d\n", port) > 0;
    if (file != NULL && fclose(file) != 0)
        is_written = false;
    is_written = is_written && rename(beside.ptr, path) == 0;
    buf_fini(&beside);
    return is_written ? STATUS_OK : error_set(error, STATUS_UNAVAILABLE, "cannot write %s", path);
}

static void configure(struct server *server, struct api *api) {
    server->api = api;
    h2o_config_init(&server->config);
    server->config.max_request_entity_size = BODY_MAX_BYTES;
    server->config.http1.upgrade_to_http2 = 0;
    h2o_hostconf_t *host =
        h2o_config_register_host(&server->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *route = h2o_config_register_path(host, "/", 0);
    h2o_handler_t *handler = h2o_create_handler(route, sizeof(struct api_handler));
    handler->on_req = on_request;
    ((struct api_handler *)handler)->server = server;
    h2o_context_init(&server->context, h2o_evloop_create(), &server->config);
    delay_init(&server->slow, server->context.loop, (uint64_t)api->slow_ms);
    server->accept.ctx = &server->context;
    server->accept.hosts = server->config.hosts;
}

enum status server_run(const struct server_options *options, const volatile sig_atomic_t *stopping,
                       struct error *error) {
    static struct server server; /* h2o keeps pointers into it until the process ends */
    int fd = -1;
    enum status status =
        listen_open("OM_SIM_HTTP_ADDRESS", options->address, options->port, &fd, error);
    if (status != STATUS_OK)
        return status;
    int port = (int)listen_port(fd);
    char own_url[64];
    if (options->api->url[0] == '\0') {
        snprintf(own_url, sizeof(own_url), "http://127.0.0.1:%d", port);
        options->api->url = own_url;
    }
    configure(&server, options->api);
    h2o_socket_t *listener =
        h2o_evloop_socket_create(server.context.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    listener->data = &server;
    h2o_socket_read_start(listener, on_accept);
    status = write_port_file(options->port_file, port, error);
    if (status == STATUS_OK)
        log_info("listening", LOG_INT("port", port));
    while (status == STATUS_OK && !*stopping) {
        customers_act(options->api);
        bool is_busy = hooks_turn(options->api->hooks);
        h2o_evloop_run(server.context.loop, is_busy ? BUSY_TURN_MS : TURN_MS);
    }
    h2o_socket_close(listener);
    return status;
}
