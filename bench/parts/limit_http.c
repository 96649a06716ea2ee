#include "bench/parts/limit_http.h"

#include "shared/net/listen.h"
#include "tests/support/base/process.h"

#include <h2o.h>
#include <json-c/json.h>
#include <pthread.h>

/* The gateway's answer to an order, but for the number. */
#define ID "ef0168a2-25ac-85ab-b2e6-7f3075139440"
static const char body[] =
    "{\"orderId\":\"" ID "\",\"status\":\"PENDING\",\"message\":"
    "\"We have your order and are about to start on it.\",\"links\":{\"self\":"
    "\"/api/v1/orders/" ID "\",\"status\":\"/api/v1/orders/" ID "/status\"}}";

struct server {
    h2o_globalconf_t global;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    h2o_loop_t *loop;
};

static int on_request(h2o_handler_t *self, h2o_req_t *req) {
    static h2o_generator_t generator = {NULL, NULL};
    (void)self;
    struct json_tokener *tokener = json_tokener_new();
    struct json_object *order =
        json_tokener_parse_ex(tokener, req->entity.base, (int)req->entity.len);
    req->res.status = order != NULL ? 202 : 400;
    req->res.reason = order != NULL ? "Accepted" : "Bad Request";
    json_object_put(order);
    json_tokener_free(tokener);
    req->res.content_length = sizeof(body) - 1;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("application/json"));
    h2o_iovec_t out = h2o_iovec_init(body, sizeof(body) - 1);
    h2o_start_response(req, &generator);
    h2o_send(req, &out, 1, H2O_SEND_STATE_FINAL);
    return 0;
}

static void on_accept(h2o_socket_t *listener, const char *error) {
    struct server *server = listener->data;
    h2o_socket_t *accepted = error == NULL ? h2o_evloop_socket_accept(listener) : NULL;
    if (accepted != NULL)
        h2o_accept(&server->accept, accepted);
}

static void *run(void *closure) {
    struct server *server = closure;
    while (h2o_evloop_run(server->loop, 1000) == 0)
        continue;
    return NULL;
}

uint16_t limit_http_start(void) {
    static struct server server;
    struct error error = {0};
    pthread_t thread;
    int fd = -1;
    if (listen_open("the limit", "127.0.0.1", 0, &fd, &error) != STATUS_OK)
        fixture_fail("%s", error.text);
    h2o_config_init(&server.global);
    server.global.http1.upgrade_to_http2 = 0;
    h2o_hostconf_t *host =
        h2o_config_register_host(&server.global, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_handler_t *handler =
        h2o_create_handler(h2o_config_register_path(host, "/", 0), sizeof(*handler));
    handler->on_req = on_request;
    server.loop = h2o_evloop_create();
    h2o_context_init(&server.context, server.loop, &server.global);
    server.accept.ctx = &server.context;
    server.accept.hosts = server.global.hosts;
    h2o_socket_t *listener = h2o_evloop_socket_create(server.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    listener->data = &server;
    h2o_socket_read_start(listener, on_accept);
    if (pthread_create(&thread, NULL, run, &server) != 0)
        fixture_fail("no thread for the limit's server");
    return (uint16_t)listen_port(fd);
}
