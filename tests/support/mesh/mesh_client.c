#include "tests/support/mesh/mesh_client.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/crypto/crypto.h"
#include "tests/support/check/checker.h"

#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS 1000000 /* short enough to be typed again */
#define WORKLOADS_MAX 64

struct clients {
    struct mesh *mesh;
    uint64_t seed;
    char *logs[WORKLOADS_MAX + 2]; /* the first is ours, one a workload, NULL-terminated */
    size_t log_count;
    char **poisons; /* NULL-terminated */
    bool has_lost_messages;
    size_t poison_count, poison_capacity;
    FILE *log;
};

struct workload {
    struct clients *clients;
    struct process *process;
    const char *log_path;
    char *summary_path;
    struct json_object *summary;
};

static char *path_in_dir(const struct clients *clients, const char *name, size_t number) {
    struct buf path = {0};

    buf_printf(&path, "%s/%s-%zu", servers_dir(mesh_servers(clients->mesh)), name, number);
    return path.ptr;
}

static const char *add_log(struct clients *clients) {
    if (clients->log_count > WORKLOADS_MAX)
        fixture_fail("more than %d workloads", WORKLOADS_MAX);
    char *path = path_in_dir(clients, "orders-of-clients", clients->log_count);
    clients->logs[clients->log_count++] = path;
    return path;
}

struct clients *clients_create(struct mesh *mesh) {
    struct clients *clients = mem_alloc(sizeof(*clients));

    clients->mesh = mesh;
    clients->seed = seed_of_run() % SEEDS;
    clients->log = fopen(add_log(clients), "ae");
    if (clients->log == NULL)
        fixture_fail("cannot write %s", clients->logs[0]);
    return clients;
}

uint64_t clients_seed(const struct clients *clients) {
    return clients->seed;
}

void clients_destroy(struct clients **clients) {
    if (*clients == NULL)
        return;
    (void)fclose((*clients)->log);
    for (size_t i = 0; i < (*clients)->log_count; i++)
        free((*clients)->logs[i]);
    for (size_t i = 0; i < (*clients)->poison_count; i++)
        free((*clients)->poisons[i]);
    free((*clients)->poisons);
    free(*clients);
    *clients = NULL;
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

void clients_send(const struct clients *clients, const char *key, const char *body,
                  struct placed_order *order) {
    struct http_client *client = http_client_create();
    struct http_response response;
    struct buf url = {0}, key_header = {0};

    *order = (struct placed_order){0};
    buf_printf(&url, "http://127.0.0.1:%u/api/v1/orders", mesh_http_port(clients->mesh));
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
void clients_record(struct clients *clients, const char *key, const char *body,
                    const struct placed_order *order) {
    uint8_t hash[32];
    char kind[17];

    sha256(body, strlen(body), hash);
    hex_encode(hash, 8, kind);
    fprintf(clients->log, "%s\t%ld\t%s\t%lld\t0\t%s\t1\n", key == NULL ? "" : key, order->status,
            order->id, (long long)clock_now_us(), kind);
    (void)fflush(clients->log);
}

void clients_place(struct clients *clients, const char *key, const char *body,
                   struct placed_order *order) {
    clients_send(clients, key, body, order);
    clients_record(clients, key, body, order);
}

void placed_order_fini(struct placed_order *order) {
    buf_fini(&order->body);
}

long clients_get(const struct clients *clients, const char *path, struct http_response *response) {
    struct buf url = {0};

    buf_printf(&url, "http://127.0.0.1:%u%s", mesh_http_port(clients->mesh), path);
    long status = http_get(url.ptr, response);
    buf_fini(&url);
    return status;
}

struct awaited_status {
    struct clients *clients;
    const char *id, *status;
    struct buf *json;
};

static bool has_status(void *closure) {
    struct awaited_status *awaited = closure;
    struct http_response response;
    char path[128];

    mesh_revive(awaited->clients->mesh);
    (void)snprintf(path, sizeof(path), "/api/v1/orders/%s", awaited->id);
    long http_status = clients_get(awaited->clients, path, &response);
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

bool clients_await_status(struct clients *clients, const char *id, const char *status,
                          int64_t timeout_ms, struct buf *json) {
    struct awaited_status awaited = {clients, id, status, json};

    return wait_until(has_status, &awaited, timeout_ms);
}

struct workload *workload_start(struct clients *clients, const char *const *arguments) {
    struct workload *workload = mem_alloc(sizeof(*workload));
    size_t number = clients->log_count;
    char port[16], prefix[32], seed[32];
    const char *argv[40] = {OM_BINARY_DIR "/bin/om-test-load"};
    int argc = 1;

    workload->clients = clients;
    workload->log_path = add_log(clients);
    workload->summary_path = path_in_dir(clients, "summary", number);
    (void)snprintf(port, sizeof(port), "%u", mesh_http_port(clients->mesh));
    (void)snprintf(prefix, sizeof(prefix), "workload%zu-", number);
    (void)snprintf(seed, sizeof(seed), "%llu", (unsigned long long)(clients->seed + number));
    const char *const given[] = {"--port", port, "--prefix", prefix,
                                 "--seed", seed, "--log",    workload->log_path};
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
        argv[argc++] = given[i];
    for (; *arguments != NULL && argc < 39; arguments++)
        argv[argc++] = *arguments;
    workload->process =
        process_start(&(struct process_options){.argv = argv, .log_path = workload->summary_path});
    return workload;
}

uint64_t workload_accepted(const struct workload *workload) {
    FILE *log = fopen(workload->log_path, "re");
    char line[512];
    uint64_t accepted = 0;

    while (log != NULL && fgets(line, sizeof(line), log) != NULL)
        accepted += strstr(line, "\t202\t") != NULL;
    if (log != NULL)
        (void)fclose(log);
    return accepted;
}

struct awaited_count {
    struct workload *workload;
    uint64_t count;
};

static bool has_accepted(void *closure) {
    struct awaited_count *awaited = closure;

    mesh_revive(awaited->workload->clients->mesh);
    return workload_accepted(awaited->workload) >= awaited->count;
}

bool workload_await_accepted(struct workload *workload, uint64_t count, int64_t timeout_ms) {
    struct awaited_count awaited = {workload, count};

    return wait_until(has_accepted, &awaited, timeout_ms);
}

void workload_stop(struct workload *workload) {
    process_signal(workload->process, SIGTERM);
}

static bool has_ended(void *closure) {
    struct workload *workload = closure;

    mesh_revive(workload->clients->mesh);
    return !process_is_running(workload->process);
}

bool workload_await_end(struct workload *workload, int64_t timeout_ms) {
    int exit_code = -1;

    if (!wait_until(has_ended, workload, timeout_ms) ||
        !process_wait(workload->process, 0, &exit_code))
        return false;
    json_object_put(workload->summary);
    workload->summary = json_object_from_file(workload->summary_path);
    if (exit_code != 0)
        fprintf(stderr, "load ended with %d: %s\n", exit_code,
                workload->summary == NULL ? "no summary"
                                          : json_object_to_json_string(workload->summary));
    return exit_code == 0;
}

int64_t workload_answers(const struct workload *workload, int status) {
    struct json_object *answers, *count;
    char name[8];

    (void)snprintf(name, sizeof(name), "%d", status);
    if (!json_object_object_get_ex(workload->summary, "answers", &answers) ||
        !json_object_object_get_ex(answers, name, &count))
        return 0;
    return json_object_get_int64(count);
}

void workload_destroy(struct workload **workload) {
    if (*workload == NULL)
        return;
    process_destroy(&(*workload)->process);
    json_object_put((*workload)->summary);
    free((*workload)->summary_path);
    free(*workload);
    *workload = NULL;
}

static void supervise(void *closure) {
    mesh_revive(closure);
}

static bool supervised_check(struct clients *clients, int64_t settle_ms, struct buf *report) {
    struct servers *servers = mesh_servers(clients->mesh);
    struct checker_options options = {
        .database_url = mesh_database_url(clients->mesh),
        .nats_url = servers_nats_url(servers),
        .nats_user = "operator",
        .nats_password_file = servers_nats_password_file(servers, "operator"),
        .logs = (const char *const *)clients->logs,
        .poisons = (const char *const *)clients->poisons,
        .has_lost_messages = clients->has_lost_messages,
        .settle_ms = settle_ms * OM_TIME_FACTOR,
        .seed = clients->seed,
        .while_waiting = supervise,
        .closure = clients->mesh,
    };

    return mesh_await_ready(clients->mesh, settle_ms) && checker_run(&options, report);
}

void clients_expect_dead(struct clients *clients, const char *entry) {
    if (clients->poison_count + 2 > clients->poison_capacity) {
        size_t capacity = clients->poison_capacity * 2 + 64;
        char **grown = mem_alloc(capacity * sizeof(*grown));
        for (size_t i = 0; i < clients->poison_count; i++)
            grown[i] = clients->poisons[i];
        free(clients->poisons);
        clients->poisons = grown;
        clients->poison_capacity = capacity;
    }
    clients->poisons[clients->poison_count++] = mem_copy(slice_of(entry));
    clients->poisons[clients->poison_count] = NULL;
}

void clients_expect_losses(struct clients *clients) {
    clients->has_lost_messages = true;
}

bool clients_check(struct clients *clients, int64_t settle_ms) {
    struct buf report = {0};
    bool all_hold = supervised_check(clients, settle_ms, &report);

    if (!all_hold)
        fputs(report.ptr == NULL ? "the mesh did not become ready\n" : report.ptr, stderr);
    buf_fini(&report);
    return all_hold;
}
