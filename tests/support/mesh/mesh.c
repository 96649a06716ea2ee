#include "tests/support/mesh/mesh.h"

#include "shared/base/memory.h"
#include "tests/support/mesh/apart.h"
#include "tests/support/mesh/stream_dump.h"
#include "tests/support/network/http.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READY_TIMEOUT_MS 30000
#define TOOL_TIMEOUT_MS 60000
#define END_TIMEOUT_MS 15000
#define LOG_END_BYTES 4096
#define REPLICAS_MAX 32

struct part {
    struct process *process; /* NULL: not running on purpose */
    int admin_port;
    char *log_path;
    int deaths;
    const char *changed_name, *changed_value; /* of its environment; NULL: nothing */
    const char *dir;                          /* of its program; NULL: this build's */
};

/* One more instance of a part. */
struct replica {
    enum mesh_part part;
    struct process *process;
};

struct mesh {
    struct servers *servers;
    struct apart *apart; /* NULL: one database for all */
    int http_port;
    struct part parts[MESH_PART_COUNT];
    struct replica replicas[REPLICAS_MAX];
    int replica_count;
};

static const char *const part_names[] = {
#define MESH_PART_NAME(id, name, role) [MESH_##id] = name,
    MESH_PART_TABLE(MESH_PART_NAME)
#undef MESH_PART_NAME
};

static const char *const part_roles[] = {
#define MESH_PART_ROLE(id, name, role) [MESH_##id] = role,
    MESH_PART_TABLE(MESH_PART_ROLE)
#undef MESH_PART_ROLE
};

struct servers *mesh_servers(struct mesh *mesh) {
    return mesh->servers;
}

struct apart *mesh_apart(struct mesh *mesh) {
    return mesh->apart;
}

const char *mesh_database_url(struct mesh *mesh) {
    return mesh->apart != NULL ? apart_whole_url(mesh->apart) : servers_postgres_url(mesh->servers);
}

uint16_t mesh_http_port(const struct mesh *mesh) {
    return (uint16_t)mesh->http_port;
}

const char *mesh_name(enum mesh_part part) {
    return part_names[part];
}

const char *mesh_log_path(const struct mesh *mesh, enum mesh_part part) {
    return mesh->parts[part].log_path;
}

int mesh_deaths(const struct mesh *mesh, enum mesh_part part) {
    return mesh->parts[part].deaths;
}

void mesh_forget_deaths(struct mesh *mesh) {
    for (int part = 0; part < MESH_PART_COUNT; part++)
        mesh->parts[part].deaths = 0;
}

static void fill_environment(struct mesh *mesh, enum mesh_part part, const char *failpoint,
                             struct environment *environment) {
    bool is_apart = mesh->apart != NULL && part_roles[part] != NULL;
    servers_service_environment(mesh->servers, part_names[part], is_apart ? NULL : part_roles[part],
                                environment);
    if (is_apart)
        apart_environment(mesh->apart, part_roles[part], environment);
    environment_set(environment, "OM_INSTANCE", part_names[part]);
    environment_set_int(environment, "OM_ADMIN_PORT", mesh->parts[part].admin_port);
    if (part == MESH_GATEWAY)
        environment_set_int(environment, "OM_HTTP_PORT", mesh->http_port);
    if (part == MESH_SHIPPING)
        environment_set(environment, "OM_SHIPPING_FAIL_SKUS", MESH_UNSHIPPABLE_SKU);
    if (part == MESH_NOTIFICATION) {
        struct buf path = {0};
        buf_printf(&path, "%s/notifications.log", servers_dir(mesh->servers));
        environment_set(environment, "OM_NOTIFY_LOG", path.ptr);
        buf_fini(&path);
    }
    if (mesh->parts[part].changed_name != NULL)
        environment_set(environment, mesh->parts[part].changed_name,
                        mesh->parts[part].changed_value);
    if (failpoint != NULL)
        environment_set(environment, "OM_FAILPOINT", failpoint);
}

void mesh_configure(struct mesh *mesh, enum mesh_part part, const char *name, const char *value) {
    mesh->parts[part].changed_name = name;
    mesh->parts[part].changed_value = value;
}

void mesh_run_from(struct mesh *mesh, enum mesh_part part, const char *dir) {
    mesh->parts[part].dir = dir;
}

static struct process *start_program(struct mesh *mesh, enum mesh_part part,
                                     const struct environment *environment) {
    struct buf binary = {0};
    const char *dir = mesh->parts[part].dir;
    buf_printf(&binary, "%s/om-%s", dir != NULL ? dir : OM_BINARY_DIR "/bin", part_names[part]);
    struct process *process = process_start(&(struct process_options){
        .argv = (const char *const[]){binary.ptr, NULL},
        .environment = environment,
        .log_path = mesh->parts[part].log_path,
    });
    buf_fini(&binary);
    return process;
}

void mesh_launch(struct mesh *mesh, enum mesh_part part, const char *failpoint) {
    struct environment environment = {0};

    fill_environment(mesh, part, failpoint, &environment);
    process_destroy(&mesh->parts[part].process);
    mesh->parts[part].process = start_program(mesh, part, &environment);
    environment_fini(&environment);
}

void mesh_launch_replica(struct mesh *mesh, enum mesh_part part) {
    struct environment environment = {0};
    char instance[64];

    if (mesh->replica_count == REPLICAS_MAX)
        fixture_fail("more than %d replicas", REPLICAS_MAX);
    struct replica *replica = &mesh->replicas[mesh->replica_count++];
    fill_environment(mesh, part, NULL, &environment);
    (void)snprintf(instance, sizeof(instance), "%s-%d", part_names[part], mesh->replica_count);
    environment_set(&environment, "OM_INSTANCE", instance);
    environment_set_int(&environment, "OM_ADMIN_PORT", free_port());
    *replica = (struct replica){part, start_program(mesh, part, &environment)};
    environment_fini(&environment);
}

void mesh_kill(struct mesh *mesh, enum mesh_part part) {
    process_destroy(&mesh->parts[part].process);
}

void mesh_pause(struct mesh *mesh, enum mesh_part part) {
    process_signal(mesh->parts[part].process, SIGSTOP);
}

void mesh_resume(struct mesh *mesh, enum mesh_part part) {
    process_signal(mesh->parts[part].process, SIGCONT);
}

static void signal_parts(struct mesh *mesh, int signal) {
    for (int part = 0; part < MESH_PART_COUNT; part++) {
        if (mesh->parts[part].process != NULL)
            process_signal(mesh->parts[part].process, signal);
    }
    for (int i = 0; i < mesh->replica_count; i++)
        process_signal(mesh->replicas[i].process, signal);
}

static const enum server all_servers[] = {SERVER_NATS, SERVER_POSTGRES, SERVER_REDIS};

void mesh_freeze(struct mesh *mesh) {
    signal_parts(mesh, SIGSTOP);
    for (size_t i = 0; i < 3; i++)
        servers_pause(mesh->servers, all_servers[i]);
}

/* The broker first: it finds that everything in hand ran out of time before anybody says otherwise.
 */
void mesh_thaw(struct mesh *mesh) {
    for (size_t i = 0; i < 3; i++)
        servers_resume(mesh->servers, all_servers[i]);
    signal_parts(mesh, SIGCONT);
}

int mesh_await_end(struct mesh *mesh, enum mesh_part part, int64_t timeout_ms) {
    int exit_code = -1;

    if (!process_wait(mesh->parts[part].process, timeout_ms, &exit_code))
        return -1;
    process_destroy(&mesh->parts[part].process);
    return exit_code;
}

int mesh_terminate(struct mesh *mesh, enum mesh_part part, int64_t timeout_ms) {
    if (mesh->parts[part].process == NULL)
        fixture_fail("%s does not run", part_names[part]);
    process_signal(mesh->parts[part].process, SIGTERM);
    return mesh_await_end(mesh, part, timeout_ms);
}

int mesh_terminate_all(struct mesh *mesh, int64_t timeout_ms) {
    int worst = 0;

    for (int part = 0; part < MESH_PART_COUNT; part++)
        process_signal(mesh->parts[part].process, SIGTERM);
    for (int part = 0; part < MESH_PART_COUNT; part++) {
        int exit_code = mesh_await_end(mesh, (enum mesh_part)part, timeout_ms);
        if (exit_code != 0 && worst >= 0)
            worst = exit_code;
    }
    return worst;
}

/* The servers' directory goes with the test program, so what a log says last is shown. */
static void print_log_end(const char *path) {
    char text[LOG_END_BYTES];
    FILE *log = fopen(path, "re");
    if (log == NULL)
        return;
    if (fseek(log, -(long)sizeof(text), SEEK_END) != 0)
        rewind(log);
    size_t len = fread(text, 1, sizeof(text), log);
    (void)fclose(log);
    (void)fwrite(text, 1, len, stderr);
}

/* SIGKILL is a failpoint's or the kernel's. Any other end that nobody asked for is a fault of ours,
   which no restart may hide. */
static void note_death(struct part *part, const char *name) {
    int exit_code = 0;
    (void)process_wait(part->process, 0, &exit_code);
    part->deaths++;
    if (exit_code == 128 + SIGKILL)
        return;
    print_log_end(part->log_path);
    fixture_fail("%s ended by itself with %d", name, exit_code);
}

void mesh_revive(struct mesh *mesh) {
    for (int part = 0; part < MESH_PART_COUNT; part++) {
        struct process *process = mesh->parts[part].process;
        if (process == NULL || process_is_running(process))
            continue;
        note_death(&mesh->parts[part], part_names[part]);
        mesh_launch(mesh, (enum mesh_part)part, NULL);
    }
}

bool mesh_is_ready(struct mesh *mesh, enum mesh_part part, struct buf *body) {
    struct http_response response;
    char url[64];

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/readyz", mesh->parts[part].admin_port);
    bool is_ready = http_get(url, &response) == 200;
    if (body != NULL)
        buf_append_slice(body, buf_slice(&response.body));
    http_response_fini(&response);
    return is_ready;
}

static bool all_ready(void *closure) {
    struct mesh *mesh = closure;

    mesh_revive(mesh);
    for (int part = 0; part < MESH_PART_COUNT; part++) {
        if (mesh->parts[part].process != NULL && !mesh_is_ready(mesh, (enum mesh_part)part, NULL))
            return false;
    }
    return true;
}

/* Prints why parts are not ready, and the end of their logs. */
static void print_not_ready(struct mesh *mesh) {
    for (int part = 0; part < MESH_PART_COUNT; part++) {
        struct buf body = {0};
        if (mesh->parts[part].process != NULL &&
            !mesh_is_ready(mesh, (enum mesh_part)part, &body)) {
            fprintf(stderr, "%s is not ready: %s\n", part_names[part],
                    body.len > 0 ? body.ptr : "no answer");
            print_log_end(mesh->parts[part].log_path);
        }
        buf_fini(&body);
    }
}

bool mesh_await_ready(struct mesh *mesh, int64_t timeout_ms) {
    bool is_ready = wait_until(all_ready, mesh, timeout_ms);
    if (!is_ready)
        print_not_ready(mesh);
    return is_ready;
}

/* Runs omctl as the operator; `arguments` are NULL-terminated. */
static void run_omctl(struct mesh *mesh, const char *const *arguments) {
    const char *argv[8] = {OM_BINARY_DIR "/bin/omctl"};
    struct environment environment = {0};
    struct buf log_path = {0};

    for (int i = 0; i < 6 && arguments[i] != NULL; i++)
        argv[i + 1] = arguments[i];
    servers_environment(mesh->servers, NULL, &environment);
    environment_set(&environment, "OM_DATABASE_URL",
                    mesh->apart != NULL ? apart_owner_url(mesh->apart, "om_inventory")
                                        : servers_postgres_url(mesh->servers));
    buf_printf(&log_path, "%s/omctl.log", servers_dir(mesh->servers));
    int exit_code = process_run(&(struct process_options){.argv = argv,
                                                          .environment = &environment,
                                                          .log_path = log_path.ptr},
                                TOOL_TIMEOUT_MS);
    if (exit_code != 0) {
        print_log_end(log_path.ptr);
        fixture_fail("omctl %s ended with %d", argv[1], exit_code);
    }
    environment_fini(&environment);
    buf_fini(&log_path);
}

static void prepare_parts(struct mesh *mesh) {
    for (int part = 0; part < MESH_PART_COUNT; part++) {
        struct buf path = {0};
        buf_printf(&path, "%s/om-%s.log", servers_dir(mesh->servers), part_names[part]);
        mesh->parts[part].log_path = path.ptr;
        mesh->parts[part].admin_port = free_port();
    }
    mesh->http_port = free_port();
}

/* `provision` are the arguments for omctl, NULL-terminated. */
static struct mesh *start_on(unsigned servers, bool is_apart, const char *const *provision) {
    struct mesh *mesh = mem_alloc(sizeof(*mesh));

    mesh->servers = servers_start(servers);
    if (is_apart)
        mesh->apart = apart_create(mesh->servers);
    else
        servers_migrate(mesh->servers);
    run_omctl(mesh, provision);
    prepare_parts(mesh);
    for (int part = 0; part < MESH_PART_COUNT; part++)
        mesh_launch(mesh, (enum mesh_part)part, NULL);
    if (!mesh_await_ready(mesh, READY_TIMEOUT_MS))
        fixture_fail("the mesh is not ready");
    run_omctl(mesh, (const char *const[]){"seed", "demo", is_apart ? NULL : "--wait", NULL});
    if (is_apart)
        apart_await_prices(mesh->apart);
    mesh_forget_deaths(mesh);
    return mesh;
}

static const char *const provision_soon_again[] = {"provision",  "--dir", OM_SOURCE_DIR "/nats",
                                                   "--ack-wait", "2s",    NULL};

struct mesh *mesh_start(void) {
    return start_on(SERVERS_ALL, false, provision_soon_again);
}

struct mesh *mesh_start_apart(void) {
    return start_on(SERVERS_ALL, true, provision_soon_again);
}

struct mesh *mesh_start_on_disks(void) {
    struct mesh *mesh = start_on(SERVERS_ALL | SERVERS_DISKS, false, provision_soon_again);
    servers_sync_disks(mesh->servers);
    return mesh;
}

struct mesh *mesh_start_cluster(void) {
    return start_on(SERVERS_ALL | SERVERS_CLUSTER, false,
                    (const char *const[]){"provision", "--dir", OM_SOURCE_DIR "/nats", "--replicas",
                                          "3", NULL});
}

/* Not killed: only who ends in order reports leaks and races, and writes its coverage. */
static void end_process(struct mesh *mesh, enum mesh_part part, struct process **process) {
    int exit_code = -1;
    if (*process == NULL)
        return;
    bool is_over = process_wait(*process, END_TIMEOUT_MS, &exit_code);
    if (!is_over || (exit_code != 0 && exit_code != 128 + SIGKILL)) {
        print_log_end(mesh->parts[part].log_path);
        fixture_fail("%s ended with %d", part_names[part], exit_code);
    }
    process_destroy(process);
}

/* Each part runs as the NATS user of its name: what it does must be what that user may do. */
static void check_permissions(const struct part *part, const char *name) {
    char line[1024];
    FILE *log = fopen(part->log_path, "re");
    while (log != NULL && fgets(line, sizeof(line), log) != NULL) {
        if (strstr(line, "Permissions Violation") != NULL)
            fixture_fail("%s: %s", name, line);
    }
    if (log != NULL)
        (void)fclose(log);
}

void mesh_stop(struct mesh **mesh) {
    if (*mesh == NULL)
        return;
    for (int part = 0; part < MESH_PART_COUNT; part++) {
        if ((*mesh)->parts[part].process != NULL)
            process_signal((*mesh)->parts[part].process, SIGTERM);
    }
    for (int i = 0; i < (*mesh)->replica_count; i++)
        process_signal((*mesh)->replicas[i].process, SIGTERM);
    for (int i = 0; i < (*mesh)->replica_count; i++)
        end_process(*mesh, (*mesh)->replicas[i].part, &(*mesh)->replicas[i].process);
    for (int part = 0; part < MESH_PART_COUNT; part++) {
        end_process(*mesh, (enum mesh_part)part, &(*mesh)->parts[part].process);
        check_permissions(&(*mesh)->parts[part], part_names[part]);
        free((*mesh)->parts[part].log_path);
    }
    const char *dump_dir = getenv("OM_EVENT_DUMP_DIR");
    if (dump_dir != NULL && dump_dir[0] != '\0')
        stream_dump_to_dir((*mesh)->servers, dump_dir);
    apart_destroy(&(*mesh)->apart);
    servers_stop(&(*mesh)->servers);
    free(*mesh);
    *mesh = NULL;
}
