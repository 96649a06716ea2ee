#include "shared/service/admin.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/base/version.h"
#include "shared/json/json.h"
#include "shared/net/listen.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"

#include <h2o.h>
#include <h2o/serverutil.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

METRIC_GAUGE(ready, "ordermesh_ready", "", "1 while the process is ready.");

#define LOOP_WAIT_MS 200
#define REQUEST_TIMEOUT_MS 5000

struct admin {
    h2o_globalconf_t global;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    h2o_loop_t *loop;
    h2o_socket_t *listener;
    readiness_fn check;
    void *closure;
    pthread_t thread;
    atomic_bool stopping;
    struct admin *next_stopped;
};

/* h2o 2.2.5 asserts when a context with open connections is disposed of. Stopped ones stay, within
   reach of leak checkers, for the moment that the process still has. */
static struct admin *stopped_admins;

/* h2o hands a handler its own struct; ours follows it. */
struct admin_handler {
    h2o_handler_t super;
    struct admin *admin;
};

static int answer(h2o_req_t *req, int status, const char *type, struct slice body) {
    static h2o_generator_t generator = {NULL, NULL};
    h2o_iovec_t out = h2o_strdup(&req->pool, body.ptr, body.len);
    req->res.status = status;
    req->res.reason = status == 200 ? "OK" : "Service Unavailable";
    req->res.content_length = out.len;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, type, strlen(type));
    h2o_start_response(req, &generator);
    h2o_send(req, &out, 1, H2O_SEND_STATE_FINAL);
    return 0;
}

static int on_healthz(h2o_handler_t *self, h2o_req_t *req) {
    (void)self;
    return answer(req, 200, "application/json", SLICE_LITERAL("{\"status\":\"ok\"}\n"));
}

static int on_readyz(h2o_handler_t *self, h2o_req_t *req) {
    struct admin *admin = ((struct admin_handler *)self)->admin;
    struct readiness readiness = {0};
    struct buf body = {0};
    admin->check(admin->closure, &readiness);
    struct json_writer w = json_writer(&body);
    json_begin_object(&w);
    json_put_bool(&w, "ready", readiness.ready);
    json_put_text(&w, "version", ordermesh_version);
    if (readiness.reason[0] != '\0')
        json_put_text(&w, "reason", readiness.reason);
    json_end_object(&w);
    buf_append_char(&body, '\n');
    int handled = answer(req, readiness.ready ? 200 : 503, "application/json", buf_slice(&body));
    buf_fini(&body);
    return handled;
}

static int on_metrics(h2o_handler_t *self, h2o_req_t *req) {
    struct admin *admin = ((struct admin_handler *)self)->admin;
    struct readiness readiness = {0};
    struct buf body = {0};
    admin->check(admin->closure, &readiness);
    metric_set(&ready, 0, readiness.ready);
    metrics_render(&body);
    int handled = answer(req, 200, "text/plain; version=0.0.4; charset=utf-8", buf_slice(&body));
    buf_fini(&body);
    return handled;
}

static void add_route(struct admin *admin, h2o_hostconf_t *host, const char *path,
                      int (*handle)(h2o_handler_t *, h2o_req_t *)) {
    h2o_pathconf_t *route = h2o_config_register_path(host, path, 0);
    h2o_handler_t *handler = h2o_create_handler(route, sizeof(struct admin_handler));
    handler->on_req = handle;
    ((struct admin_handler *)handler)->admin = admin;
}

static void on_accept(h2o_socket_t *listener, const char *error) {
    struct admin *admin = listener->data;
    if (error != NULL)
        return;
    h2o_socket_t *accepted = h2o_evloop_socket_accept(listener);
    if (accepted != NULL)
        h2o_accept(&admin->accept, accepted);
}

/* Written whole under another name first, so that a reader never sees half a number. */
static void write_port_file(const char *path, int port) {
    if (path[0] == '\0')
        return;
    struct buf beside = {0};
    buf_printf(&beside, "%s.new", path);
    FILE *file = fopen(beside.ptr, "w");
    if (file != NULL) {
        fprintf(file, "%d\n", port);
        if (fclose(file) != 0 || rename(beside.ptr, path) != 0)
            log_warn("cannot write the admin port's file", LOG_TEXT("path", path));
    }
    buf_fini(&beside);
}

static void *admin_main(void *arg) {
    struct admin *admin = arg;
    while (!atomic_load(&admin->stopping)) {
        h2o_evloop_run(admin->loop, LOOP_WAIT_MS);
        log_tell_held(clock_monotonic_us());
    }
    return NULL;
}

enum status admin_start(const struct config *config, readiness_fn check, void *closure,
                        struct admin **admin, struct error *error) {
    int fd = -1;
    enum status status =
        listen_open("OM_ADMIN_ADDRESS", config->admin_address, config->admin_port, &fd, error);
    if (status != STATUS_OK)
        return status;
    write_port_file(config->admin_port_file, (int)listen_port(fd));
    struct admin *made = mem_alloc(sizeof(*made));
    made->check = check;
    made->closure = closure;
    h2o_config_init(&made->global);
    made->global.http1.req_timeout = REQUEST_TIMEOUT_MS;
    made->global.http1.upgrade_to_http2 = 0;
    h2o_hostconf_t *host =
        h2o_config_register_host(&made->global, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    add_route(made, host, "/healthz", on_healthz);
    add_route(made, host, "/readyz", on_readyz);
    add_route(made, host, "/metrics", on_metrics);
    made->loop = h2o_evloop_create();
    h2o_context_init(&made->context, made->loop, &made->global);
    made->accept.ctx = &made->context;
    made->accept.hosts = made->global.hosts;
    made->listener = h2o_evloop_socket_create(made->loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    made->listener->data = made;
    h2o_socket_read_start(made->listener, on_accept);
    if (pthread_create(&made->thread, NULL, admin_main, made) != 0) {
        h2o_socket_close(made->listener);
        free(made);
        return error_set(error, STATUS_INTERNAL, "cannot start the admin port's thread");
    }
    *admin = made;
    return STATUS_OK;
}

void admin_stop(struct admin **admin) {
    struct admin *a = *admin;
    *admin = NULL;
    if (a == NULL)
        return;
    atomic_store(&a->stopping, true);
    pthread_join(a->thread, NULL);
    h2o_socket_read_stop(a->listener);
    h2o_socket_close(a->listener);
    a->next_stopped = stopped_admins;
    stopped_admins = a;
}
