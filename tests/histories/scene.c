#include "tests/histories/scene.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "tests/support/mesh/apart.h"
#include "tests/support/servers/program.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WHOLE_MS = 60000,
    END_MS = 15000,
    FAULT_LEAST_MS = 200,
    FAULT_MOST_MS = 2000,
    FAULTS_AT_ONCE = 3,
    STAGGER_MOST_MS = 400,
    STANDBY_LAG_MS = 30, /* less than is waited for it */
};

struct scene {
    struct mesh *mesh;
    struct process *second; /* gateway; NULL: killed */
    int ports[SCENE_GATEWAYS];
    int second_admin_port;
    bool was_disturbed;
    char second_log[128];
};

enum target_kind { TARGET_PART, TARGET_SECOND, TARGET_SERVER, TARGET_STANDBY, TARGET_EVERYTHING };

struct target {
    const char *name;
    enum target_kind kind;
    int which; /* enum mesh_part, or enum server */
};

/* The standby is there only where databases are apart; then PostgreSQL is its primary. */
static const struct target targets[] = {
    {"gateway-a", TARGET_PART, MESH_GATEWAY}, {"gateway-b", TARGET_SECOND, 0},
    {"order", TARGET_PART, MESH_ORDER},       {"inventory", TARGET_PART, MESH_INVENTORY},
    {"payment", TARGET_PART, MESH_PAYMENT},   {"nats", TARGET_SERVER, SERVER_NATS},
    {"redis", TARGET_SERVER, SERVER_REDIS},   {"postgres", TARGET_SERVER, SERVER_POSTGRES},
    {"everything", TARGET_EVERYTHING, 0},     {"standby", TARGET_STANDBY, 0},
};

static void start_second(struct scene *scene) {
    struct environment environment = {0};
    servers_service_environment(mesh_servers(scene->mesh), "gateway", NULL, &environment);
    environment_set(&environment, "OM_INSTANCE", "gateway-b");
    environment_set_int(&environment, "OM_ADMIN_PORT", scene->second_admin_port);
    environment_set_int(&environment, "OM_HTTP_PORT", scene->ports[1]);
    scene->second = program_start("gateway", &environment, scene->second_log);
    environment_fini(&environment);
}

/* The page says `degraded` while keys are not guarded by Redis. */
static bool gateway_is_whole(int port) {
    struct http_response response;
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/readyz", port);
    bool is_whole =
        http_get(url, &response) == 200 && strstr(response.body.ptr, "degraded") == NULL;
    http_response_fini(&response);
    return is_whole;
}

static bool gateways_are_whole(void *closure) {
    const struct scene *scene = closure;
    return gateway_is_whole(scene->ports[0]) && gateway_is_whole(scene->ports[1]);
}

static void await_whole(struct scene *scene) {
    if (!mesh_await_ready(scene->mesh, WHOLE_MS) ||
        !wait_until(gateways_are_whole, scene, WHOLE_MS))
        fixture_fail("the mesh does not become whole again");
}

/* The second instance goes on while the first is killed, or stands still with events in hand. */
static const enum mesh_part doubled[] = {MESH_ORDER, MESH_INVENTORY, MESH_PAYMENT};

struct scene *scene_start(bool is_apart) {
    struct scene *scene = mem_alloc(sizeof(*scene));
    scene->mesh = is_apart ? mesh_start_apart() : mesh_start();
    if (is_apart)
        standby_delay_replay(apart_standby(mesh_apart(scene->mesh)), STANDBY_LAG_MS);
    scene->ports[0] = mesh_http_port(scene->mesh);
    scene->ports[1] = free_port();
    scene->second_admin_port = free_port();
    snprintf(scene->second_log, sizeof(scene->second_log), "%s/om-gateway-b.log",
             servers_dir(mesh_servers(scene->mesh)));
    start_second(scene);
    for (size_t i = 0; i < sizeof(doubled) / sizeof(doubled[0]); i++)
        mesh_launch_replica(scene->mesh, doubled[i]);
    await_whole(scene);
    return scene;
}

void scene_stop(struct scene **scene) {
    if (program_end(&(*scene)->second, END_MS) != 0)
        fixture_fail("the second gateway did not end in order");
    mesh_stop(&(*scene)->mesh);
    free(*scene);
    *scene = NULL;
}

struct mesh *scene_mesh(struct scene *scene) {
    return scene->mesh;
}

int scene_port(const struct scene *scene, int gateway) {
    return scene->ports[gateway];
}

/* --- faults ----------------------------------------------------------------------------------- */

static void kill_target(struct scene *scene, const struct target *target) {
    switch (target->kind) {
    case TARGET_PART:
        mesh_kill(scene->mesh, (enum mesh_part)target->which);
        return;
    case TARGET_SECOND:
        process_destroy(&scene->second);
        return;
    case TARGET_SERVER:
        servers_kill(mesh_servers(scene->mesh), (enum server)target->which);
        return;
    case TARGET_STANDBY:
        standby_kill(apart_standby(mesh_apart(scene->mesh)));
        return;
    case TARGET_EVERYTHING:
        return;
    }
}

static void revive_target(struct scene *scene, const struct target *target) {
    switch (target->kind) {
    case TARGET_PART:
        mesh_launch(scene->mesh, (enum mesh_part)target->which, NULL);
        return;
    case TARGET_SECOND:
        start_second(scene);
        return;
    case TARGET_SERVER:
        servers_restart(mesh_servers(scene->mesh), (enum server)target->which);
        return;
    case TARGET_STANDBY:
        standby_restart(apart_standby(mesh_apart(scene->mesh)));
        return;
    case TARGET_EVERYTHING:
        return;
    }
}

static void pause_target(struct scene *scene, const struct target *target) {
    switch (target->kind) {
    case TARGET_PART:
        mesh_pause(scene->mesh, (enum mesh_part)target->which);
        return;
    case TARGET_SECOND:
        process_signal(scene->second, SIGSTOP);
        return;
    case TARGET_SERVER:
        servers_pause(mesh_servers(scene->mesh), (enum server)target->which);
        return;
    case TARGET_STANDBY:
        standby_hold_replay(apart_standby(mesh_apart(scene->mesh)));
        return;
    case TARGET_EVERYTHING:
        process_signal(scene->second, SIGSTOP);
        mesh_freeze(scene->mesh);
        return;
    }
}

static void resume_target(struct scene *scene, const struct target *target) {
    switch (target->kind) {
    case TARGET_PART:
        mesh_resume(scene->mesh, (enum mesh_part)target->which);
        return;
    case TARGET_SECOND:
        process_signal(scene->second, SIGCONT);
        return;
    case TARGET_SERVER:
        servers_resume(mesh_servers(scene->mesh), (enum server)target->which);
        return;
    case TARGET_STANDBY:
        standby_resume_replay(apart_standby(mesh_apart(scene->mesh)));
        return;
    case TARGET_EVERYTHING:
        mesh_thaw(scene->mesh);
        process_signal(scene->second, SIGCONT);
        return;
    }
}

/* The judge excuses what comes from a standby while its primary is away (docs/deploying.md). */
static const char *name_of(const struct scene *scene, const struct target *target) {
    bool is_primary = mesh_apart(scene->mesh) != NULL && target->kind == TARGET_SERVER &&
                      target->which == SERVER_POSTGRES;
    return is_primary ? "primary" : target->name;
}

struct fault {
    const struct target *target;
    bool is_kill;
    int64_t from_us;
};

static const struct target *target_named(const char *name) {
    const struct target *target = targets;
    while (strcmp(target->name, name) != 0)
        target++;
    return target;
}

/* The first is Redis' death, since two orders of one key come of no other. */
static struct fault draw_fault(struct scene *scene, struct dice *dice) {
    int count = (int)(sizeof(targets) / sizeof(targets[0]));
    int last = mesh_apart(scene->mesh) != NULL ? count - 1 : count - 2;
    const struct target *target = &targets[dice_between(dice, 0, last)];
    bool is_kill = dice_between(dice, 0, 2) > 0 && target->kind != TARGET_EVERYTHING;
    if (!scene->was_disturbed)
        return (struct fault){target_named("redis"), true, 0};
    return (struct fault){target, is_kill, 0};
}

static void begin(struct scene *scene, struct fault *fault, const struct history *history) {
    fault->from_us = history_now_us(history);
    if (fault->is_kill)
        kill_target(scene, fault->target);
    else
        pause_target(scene, fault->target);
}

static void end(struct scene *scene, const struct fault *fault) {
    if (fault->is_kill)
        revive_target(scene, fault->target);
    else
        resume_target(scene, fault->target);
}

static bool can_join(const struct fault *faults, int count, const struct fault *fault) {
    for (int i = 0; i < count; i++) {
        if (faults[i].target == fault->target || faults[i].target->kind == TARGET_EVERYTHING)
            return false;
    }
    return count == 0 || fault->target->kind != TARGET_EVERYTHING;
}

/* Of as many as the dice have it those that can be at once. */
static int draw_faults(struct scene *scene, struct dice *dice,
                       struct fault faults[FAULTS_AT_ONCE]) {
    int wanted = dice_between(dice, 1, FAULTS_AT_ONCE), count = 0;
    for (int i = 0; i < wanted; i++) {
        struct fault fault = draw_fault(scene, dice);
        if (can_join(faults, count, &fault))
            faults[count++] = fault;
    }
    return count;
}

void scene_disturb(struct scene *scene, struct dice *dice, struct history *history) {
    struct fault faults[FAULTS_AT_ONCE];
    int count = draw_faults(scene, dice, faults);

    for (int i = 0; i < count; i++) {
        begin(scene, &faults[i], history);
        clock_sleep_ms(dice_between(dice, 0, STAGGER_MOST_MS));
    }
    clock_sleep_ms(dice_between(dice, FAULT_LEAST_MS, FAULT_MOST_MS));
    for (int i = count - 1; i >= 0; i--) {
        end(scene, &faults[i]);
        clock_sleep_ms(dice_between(dice, 0, STAGGER_MOST_MS));
    }
    await_whole(scene);
    scene->was_disturbed = true;
    for (int i = 0; i < count; i++)
        history_add_fault(history, faults[i].is_kill ? "kill" : "stop",
                          name_of(scene, faults[i].target), faults[i].from_us,
                          history_now_us(history));
}
