#include "tests/support/mesh_client.h"

#include "shared/clock.h"
#include "shared/crypto.h"
#include "tests/support/checker.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CROWDS_MAX 64

struct customers {
    struct mesh *mesh;
    uint64_t seed;
    char *logs[CROWDS_MAX + 2]; /* the first is ours, one a crowd, NULL-terminated */
    size_t log_count;
    FILE *log;
};

struct crowd {
    struct customers *customers;
    struct process *process;
    const char *log_path;
    char *summary_path;
    struct json_object *summary;
};

static char *path_in_dir(const struct customers *customers, const char *name, size_t number) {
    struct buf path = {0};

    buf_printf(&path, "%s/%s-%zu", servers_dir(mesh_servers(customers->mesh)), name, number);
    return path.ptr;
}

static const char *add_log(struct customers *customers) {
    if (customers->log_count > CROWDS_MAX)
        fixture_fail("more than %d crowds", CROWDS_MAX);
    char *path = path_in_dir(customers, "orders-of-clients", customers->log_count);
    customers->logs[customers->log_count++] = path;
    return path;
}

/* OM_SEED repeats a run. */
static uint64_t seed_of_run(void) {
    const char *text = getenv("OM_SEED");
    return text != NULL ? strtoull(text, NULL, 10) : (uint64_t)clock_now_us() % 1000000;
}

struct customers *customers_create(struct mesh *mesh) {
    struct customers *customers = mem_alloc(sizeof(*customers));

    customers->mesh = mesh;
    customers->seed = seed_of_run();
    customers->log = fopen(add_log(customers), "ae");
    if (customers->log == NULL)
        fixture_fail("cannot write %s", customers->logs[0]);
    return customers;
}

uint64_t customers_seed(const struct customers *customers) {
    return customers->seed;
}

void customers_destroy(struct customers **customers) {
    if (*customers == NULL)
        return;
    (void)fclose((*customers)->log);
    for (size_t i = 0; i < (*customers)->log_count; i++)
        free((*customers)->logs[i]);
    free(*customers);
    *customers = NULL;
}

static void read_answer(const struct http_response *response, struct placed_order *order) {
    struct json_object *root =
        json_tokener_parse(response->body.ptr == NULL ? "" : response->body.ptr);
    struct json_object *id;

    order->status = response->status;
    order->is_replay = slice_is(http_header(response, "Idempotent-Replayed"), "true");
    buf_append_slice(&order->body, buf_slice(&response->body));
    if (response->status == 202 && json_object_object_get_ex(root, "orderId", &id))
        (void)snprintf(order->id, sizeof(order->id), "%s", json_object_get_string(id));
    json_object_put(root);
}

void customers_send(const struct customers *customers, const char *key, const char *body,
                    struct placed_order *order) {
    struct http_client *client = http_client_create();
    struct http_response response;
    struct buf url = {0}, key_header = {0};

    *order = (struct placed_order){0};
    buf_printf(&url, "http://127.0.0.1:%u/api/v1/orders", mesh_http_port(customers->mesh));
    if (key != NULL)
        buf_printf(&key_header, "Idempotency-Key: \"%s\"", key);
    (void)http_send(client,
                    &(struct http_request){.method = "POST",
                                           .url = url.ptr,
                                           .headers = (const char *const[]){key_header.ptr, NULL},
                                           .body = body},
                    &response);
    read_answer(&response, order);
    http_response_fini(&response);
    http_client_destroy(&client);
    buf_fini(&url);
    buf_fini(&key_header);
}

/* As load.h describes; the kind names the body, which under one key must mean one order. */
void customers_record(struct customers *customers, const char *key, const char *body,
                      const struct placed_order *order) {
    uint8_t hash[32];
    char kind[17];

    sha256(body, strlen(body), hash);
    hex_encode(hash, 8, kind);
    fprintf(customers->log, "%s\t%ld\t%s\t%lld\t0\t%s\t1\n", key == NULL ? "" : key, order->status,
            order->id, (long long)clock_now_us(), kind);
    (void)fflush(customers->log);
}

void customers_place(struct customers *customers, const char *key, const char *body,
                     struct placed_order *order) {
    customers_send(customers, key, body, order);
    customers_record(customers, key, body, order);
}

void placed_order_fini(struct placed_order *order) {
    buf_fini(&order->body);
}

long customers_get(const struct customers *customers, const char *path,
                   struct http_response *response) {
    struct buf url = {0};

    buf_printf(&url, "http://127.0.0.1:%u%s", mesh_http_port(customers->mesh), path);
    long status = http_get(url.ptr, response);
    buf_fini(&url);
    return status;
}

struct awaited_status {
    struct customers *customers;
    const char *id, *status;
    struct buf *json;
};

static bool has_status(void *closure) {
    struct awaited_status *awaited = closure;
    struct http_response response;
    char path[128];

    mesh_revive(awaited->customers->mesh);
    (void)snprintf(path, sizeof(path), "/api/v1/orders/%s", awaited->id);
    long http_status = customers_get(awaited->customers, path, &response);
    struct json_object *root = http_status == 200 ? json_tokener_parse(response.body.ptr) : NULL;
    struct json_object *status;
    bool has_it = json_object_object_get_ex(root, "status", &status) &&
                  strcmp(json_object_get_string(status), awaited->status) == 0;
    if (awaited->json != NULL) {
        buf_clear(awaited->json);
        buf_append_slice(awaited->json, buf_slice(&response.body));
    }
    json_object_put(root);
    http_response_fini(&response);
    return has_it;
}

bool customers_await_status(struct customers *customers, const char *id, const char *status,
                            int64_t timeout_ms, struct buf *json) {
    struct awaited_status awaited = {customers, id, status, json};

    return wait_until(has_status, &awaited, timeout_ms);
}

struct crowd *crowd_start(struct customers *customers, const char *const *arguments) {
    struct crowd *crowd = mem_alloc(sizeof(*crowd));
    size_t number = customers->log_count;
    char port[16], prefix[32], seed[32];
    const char *argv[40] = {OM_BINARY_DIR "/bin/om-test-load"};
    int argc = 1;

    crowd->customers = customers;
    crowd->log_path = add_log(customers);
    crowd->summary_path = path_in_dir(customers, "summary", number);
    (void)snprintf(port, sizeof(port), "%u", mesh_http_port(customers->mesh));
    (void)snprintf(prefix, sizeof(prefix), "crowd%zu-", number);
    (void)snprintf(seed, sizeof(seed), "%llu", (unsigned long long)(customers->seed + number));
    const char *const given[] = {"--port", port, "--prefix", prefix,
                                 "--seed", seed, "--log",    crowd->log_path};
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
        argv[argc++] = given[i];
    for (; *arguments != NULL && argc < 39; arguments++)
        argv[argc++] = *arguments;
    crowd->process =
        process_start(&(struct process_options){.argv = argv, .log_path = crowd->summary_path});
    return crowd;
}

uint64_t crowd_accepted(const struct crowd *crowd) {
    FILE *log = fopen(crowd->log_path, "re");
    char line[512];
    uint64_t accepted = 0;

    while (log != NULL && fgets(line, sizeof(line), log) != NULL)
        accepted += strstr(line, "\t202\t") != NULL;
    if (log != NULL)
        (void)fclose(log);
    return accepted;
}

struct awaited_count {
    struct crowd *crowd;
    uint64_t count;
};

static bool has_accepted(void *closure) {
    struct awaited_count *awaited = closure;

    mesh_revive(awaited->crowd->customers->mesh);
    return crowd_accepted(awaited->crowd) >= awaited->count;
}

bool crowd_await_accepted(struct crowd *crowd, uint64_t count, int64_t timeout_ms) {
    struct awaited_count awaited = {crowd, count};

    return wait_until(has_accepted, &awaited, timeout_ms);
}

void crowd_stop(struct crowd *crowd) {
    process_signal(crowd->process, SIGTERM);
}

static bool has_ended(void *closure) {
    struct crowd *crowd = closure;

    mesh_revive(crowd->customers->mesh);
    return !process_is_running(crowd->process);
}

bool crowd_await_end(struct crowd *crowd, int64_t timeout_ms) {
    int exit_code = -1;

    if (!wait_until(has_ended, crowd, timeout_ms) || !process_wait(crowd->process, 0, &exit_code))
        return false;
    json_object_put(crowd->summary);
    crowd->summary = json_object_from_file(crowd->summary_path);
    if (exit_code != 0)
        print_message("load ended with %d: %s\n", exit_code,
                      crowd->summary == NULL ? "no summary"
                                             : json_object_to_json_string(crowd->summary));
    return exit_code == 0;
}

int64_t crowd_answers(const struct crowd *crowd, int status) {
    struct json_object *answers, *count;
    char name[8];

    (void)snprintf(name, sizeof(name), "%d", status);
    if (!json_object_object_get_ex(crowd->summary, "answers", &answers) ||
        !json_object_object_get_ex(answers, name, &count))
        return 0;
    return json_object_get_int64(count);
}

void crowd_destroy(struct crowd **crowd) {
    if (*crowd == NULL)
        return;
    process_destroy(&(*crowd)->process);
    json_object_put((*crowd)->summary);
    free((*crowd)->summary_path);
    free(*crowd);
    *crowd = NULL;
}

static bool supervised_check(struct customers *customers, int64_t settle_ms, struct buf *report) {
    struct servers *servers = mesh_servers(customers->mesh);
    struct checker_options options = {
        .database_url = servers_postgres_url(servers),
        .nats_url = servers_nats_url(servers),
        .nats_user = "operator",
        .nats_password_file = servers_nats_password_file(servers, "operator"),
        .logs = (const char *const *)customers->logs,
        .settle_ms = settle_ms,
        .seed = customers->seed,
    };

    return mesh_await_ready(customers->mesh, settle_ms) && checker_run(&options, report);
}

bool customers_check(struct customers *customers, int64_t settle_ms) {
    struct buf report = {0};
    bool all_hold = supervised_check(customers, settle_ms, &report);

    if (!all_hold)
        print_message("%s", report.ptr == NULL ? "the mesh did not become ready\n" : report.ptr);
    buf_fini(&report);
    return all_hold;
}
