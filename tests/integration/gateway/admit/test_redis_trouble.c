/* A Redis that refuses, is silent or is not there: the gateway says so at once, with the reason,
   and goes on; when Redis takes writes again, all is as before.

   Covers: gateway/link/redis.c gateway/link/redis_health.c gateway/health.c */
#include "tests/support/gateway/gateway_fixture.h"

#include <sys/stat.h>

#define NOTICE_MS 5000

static bool health_has(void *part) {
    struct http_response response = get("/health");
    bool has = body_has(&response, part);
    http_response_fini(&response);
    return has;
}

static bool metric_is(void *line) {
    char url[64];
    struct http_response response;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/metrics", fixture.admin_port);
    http_get(url, &response);
    bool has = body_has(&response, line);
    http_response_fini(&response);
    return has;
}

static bool is_replay(const char *key) {
    struct http_response response = post(key, ORDER);
    bool is =
        response.status == 202 && slice_is(http_header(&response, "Idempotent-Replayed"), "true");
    http_response_fini(&response);
    return is;
}

static long status_of_order(const char *key) {
    struct http_response response = post(key, ORDER);
    long status = response.status;
    http_response_fini(&response);
    return status;
}

struct trouble {
    const char *said; /* part of the reason */
    void (*begin)(void);
    void (*end)(void);
};

static void become_replica(void) {
    redis_do("REPLICAOF 127.0.0.1 1");
}
static void become_master(void) {
    redis_do("REPLICAOF NO ONE");
}
static void fill_up(void) {
    redis_do("CONFIG SET maxmemory 1");
}
static void make_room(void) {
    redis_do("CONFIG SET maxmemory 0");
}
static void take_rights(void) {
    redis_do("ACL SETUSER default -set");
}
static void give_rights(void) {
    redis_do("ACL SETUSER default +set");
}
static void take_keys(void) {
    redis_do("ACL SETUSER default resetkeys ~idem:* ~rate:*");
}
static void give_keys(void) {
    redis_do("ACL SETUSER default allkeys");
}
static void take_reads(void) {
    redis_do("ACL SETUSER default resetkeys %s", "%W~*");
}
static void take_many(void) {
    redis_do("ACL SETUSER default -mget");
}
static void give_many(void) {
    redis_do("ACL SETUSER default +mget");
}
static void stop(void) {
    servers_pause(fixture.servers, SERVER_REDIS);
}
static void go_on(void) {
    servers_resume(fixture.servers, SERVER_REDIS);
}
static void die(void) {
    servers_kill(fixture.servers, SERVER_REDIS);
}
static void live(void) {
    servers_restart(fixture.servers, SERVER_REDIS);
}

static bool snapshot_fails(void *closure) {
    (void)closure;
    return health_has("MISCONF");
}

/* A folder stands where the snapshot would. */
static void break_snapshots(void) {
    char path[256];
    snprintf(path, sizeof(path), "%s/redis/dump.rdb", servers_dir(fixture.servers));
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof(path), "%s/redis/dump.rdb/full", servers_dir(fixture.servers));
    assert_int_equal(mkdir(path, 0755), 0);
    redis_do("CONFIG SET save %s", "3600 1");
    redis_do("BGSAVE");
    assert_true(wait_until(snapshot_fails, NULL, NOTICE_MS));
}

static void mend_snapshots(void) {
    char path[256];
    snprintf(path, sizeof(path), "%s/redis/dump.rdb/full", servers_dir(fixture.servers));
    assert_int_equal(rmdir(path), 0);
    snprintf(path, sizeof(path), "%s/redis/dump.rdb", servers_dir(fixture.servers));
    assert_int_equal(rmdir(path), 0);
    redis_do("BGSAVE");
}

static const struct trouble troubles[] = {
    {"READONLY You can't write against a read only replica", become_replica, become_master},
    {"OOM command not allowed", fill_up, make_room},
    {"no permissions to run the 'set' command", take_rights, give_rights},
    {"permissions to access", take_keys, give_keys},
    {"permissions to access", take_reads, give_keys},
    {"no permissions to run the 'mget' command", take_many, give_many},
    {"MISCONF Redis is configured to save RDB snapshots", break_snapshots, mend_snapshots},
    {"no answer within 1000 ms", stop, go_on},
    {"Connection refused", die, live},
};

static void meet(const struct trouble *trouble, int number) {
    char before[32], meanwhile[32], after[32];
    snprintf(before, sizeof(before), "before-%d", number);
    snprintf(meanwhile, sizeof(meanwhile), "meanwhile-%d", number);
    snprintf(after, sizeof(after), "after-%d", number);
    assert_int_equal(status_of_order(before), 202);

    trouble->begin(); /* and nobody posts */
    bool is_said = wait_until(health_has, (void *)(uintptr_t)trouble->said, NOTICE_MS);
    bool is_degraded = health_has("\"status\":\"degraded\"") &&
                       health_has("\"commands\":\"degraded\""); /* nor has an order a copy there */
    bool is_counted = metric_is("\nordermesh_idempotency_degraded 1\n");
    long accepted = status_of_order(meanwhile);
    trouble->end();
    bool is_well = wait_until(health_has, "\"status\":\"ok\"", NOTICE_MS);

    if (!is_said)
        fail_msg("/health never said %s", trouble->said);
    assert_true(is_degraded && is_counted);
    assert_int_equal(accepted, 202);
    assert_true(is_well);
    assert_true(metric_is("\nordermesh_idempotency_degraded 0\n"));
    assert_true(is_replay(before));
    assert_int_equal(status_of_order(after), 202);
    assert_true(is_replay(after));
}

/* A refusal left the connection as it was: no replay and no 422, while /health said ok. */
static void what_redis_refuses_is_said_at_once_and_mended_by_itself(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++)
        meet(&troubles[i], (int)i);
}

/* --- from the start --------------------------------------------------------------------------- */

static void what_is_wrong_from_the_start_is_said(void **state) {
    (void)state;
    int port = servers_port(fixture.servers, SERVER_REDIS);
    char database[64], password[64], refused[64];
    snprintf(database, sizeof(database), "redis://127.0.0.1:%d/99", port);
    snprintf(password, sizeof(password), "redis://nobody:wrong@127.0.0.1:%d", port);
    snprintf(refused, sizeof(refused), "redis://127.0.0.1:%d", free_port());
    const struct {
        const char *url, *said;
    } cases[] = {
        {"redis://no-such-name.invalid:6379", "no-such-name.invalid:6379: "},
        {refused, "Connection refused"},
        {database, "ERR DB index is out of range"},
        {password, "WRONGPASS"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        gateway_restart((const char *[]){"OM_REDIS_URL", cases[i].url, NULL});
        if (!wait_until(health_has, (void *)(uintptr_t)cases[i].said, NOTICE_MS))
            fail_msg("/health never said %s", cases[i].said);
        assert_true(health_has("\"idempotency\":\"degraded\""));
    }
    gateway_restart(NULL);
}

/* A Redis of its own, with one more setting, and the keys of the fixture's. */
static struct process *start_other(int port, const char *name, const char *value) {
    char dir[256], number[16], bus_port[16], log_path[256];
    snprintf(dir, sizeof(dir), "%s/redis", servers_dir(fixture.servers));
    snprintf(log_path, sizeof(log_path), "%s/other-redis.log", servers_dir(fixture.servers));
    snprintf(number, sizeof(number), "%d", port);
    snprintf(bus_port, sizeof(bus_port), "%d", free_port()); /* 10,000 above may be somebody's */
    const char *const argv[] = {"redis-server",
                                "--port",
                                number,
                                "--dir",
                                dir,
                                "--save",
                                "",
                                "--loading-process-events-interval-bytes",
                                "1024",
                                "--cluster-port",
                                bus_port,
                                name,
                                value,
                                NULL};
    return process_start(&(struct process_options){.argv = argv, .log_path = log_path});
}

static void another_kind_of_server_is_named(void **state) {
    (void)state;
    static const struct {
        const char *name, *value, *said;
    } cases[] = {
        {"--requirepass", "secret", "NOAUTH Authentication required."},
        {"--key-load-delay", "100000", "LOADING Redis is loading the dataset in memory"},
        {"--cluster-enabled", "yes", "CLUSTERDOWN Hash slot not served"},
    };
    static const char filler[1500];
    redis_do("FLUSHALL"); /* what comes next takes 0.1 s each to load, with an event after each */
    redis_do("CONFIG SET rdbcompression no");
    for (int i = 0; i < 60; i++)
        redis_do("SET filler:%d %b", i, filler, sizeof(filler));
    redis_do("SAVE");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char url[64];
        int port = free_port();
        snprintf(url, sizeof(url), "redis://127.0.0.1:%d", port);
        struct process *other = start_other(port, cases[i].name, cases[i].value);
        gateway_restart((const char *[]){"OM_REDIS_URL", url, NULL});
        bool is_said = wait_until(health_has, (void *)(uintptr_t)cases[i].said, NOTICE_MS);
        process_destroy(&other);
        if (!is_said)
            fail_msg("/health never said %s", cases[i].said);
    }
    gateway_restart(NULL);
}

static void the_urls_database_is_the_one_used(void **state) {
    (void)state;
    char url[64];
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d/3",
             servers_port(fixture.servers, SERVER_REDIS));
    gateway_restart((const char *[]){"OM_REDIS_URL", url, NULL});
    assert_int_equal(status_of_order("third"), 202);
    assert_true(is_replay("third"));
    gateway_restart(NULL);
    assert_int_equal(status_of_order("third"), 202);
    assert_true(is_replay("third"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_redis_refuses_is_said_at_once_and_mended_by_itself),
        cmocka_unit_test(what_is_wrong_from_the_start_is_said),
        cmocka_unit_test(another_kind_of_server_is_named),
        cmocka_unit_test(the_urls_database_is_the_one_used),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
