/* Everything over IPv6: what is listened on, and Redis and NATS by number and by a name that has no
   other address. Without ::1 on this machine the tests are skipped, and say so.

   Covers: gateway/link/redis.c shared/net/listen.c shared/nats/nats_info.c */
#include "tests/support/gateway/jwt_fixture.h"
#include "tests/support/servers/program.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define NAME "only-ipv6.test"

static bool has_ipv6, has_name;

static bool can_bind_loopback(void) {
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool can = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    if (fd >= 0)
        close(fd);
    return can;
}

/* A hosts file for this program and those that it starts. */
static bool name_loopback(void) {
    char path[] = "/tmp/om-test-hosts-XXXXXX";
    static const char hosts[] = "127.0.0.1 localhost\n::1 " NAME "\n";
    int fd = mkstemp(path);
    bool is_named = fd >= 0 && write(fd, hosts, strlen(hosts)) == (ssize_t)strlen(hosts) &&
                    fchmod(fd, 0644) == 0 && unshare(CLONE_NEWNS) == 0 &&
                    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                    mount(path, "/etc/hosts", NULL, MS_BIND, NULL) == 0;
    if (fd >= 0) {
        close(fd);
        unlink(path);
    }
    return is_named;
}

static void need(bool condition, const char *what) {
    if (condition)
        return;
    fprintf(stderr, "SKIPPED: %s\n", what);
    skip();
}

static bool answers(const char *host, int port) {
    char url[96];
    struct http_response response;
    snprintf(url, sizeof(url), "http://%s:%d/healthz", host, port);
    bool does = http_get(url, &response) == 200;
    http_response_fini(&response);
    return does;
}

static bool is_well(void *host) {
    char url[96];
    struct http_response response;
    snprintf(url, sizeof(url), "http://%s:%d/health", (const char *)host, fixture.port);
    http_get(url, &response);
    bool is = body_has(&response, "\"status\":\"ok\"");
    http_response_fini(&response);
    return is;
}

/* The gateway's settings with both servers under this name. */
static void restart_with(const char *host, const char *const *more) {
    char redis[64], broker[64];
    const char *rows[16] = {"OM_REDIS_URL", redis, "OM_NATS_URL", broker};
    snprintf(redis, sizeof(redis), "redis://%s:%d", host,
             servers_port(fixture.servers, SERVER_REDIS));
    snprintf(broker, sizeof(broker), "nats://%s:%d", host,
             servers_port(fixture.servers, SERVER_NATS));
    for (size_t i = 0; more[i] != NULL; i++)
        rows[i + 4] = more[i];
    gateway_restart(rows);
}

static void servers_are_reached_by_number_and_by_name(void **state) {
    (void)state;
    need(has_ipv6, "this machine has no ::1");
    restart_with("[::1]", (const char *[]){NULL});
    assert_true(wait_until(is_well, "127.0.0.1", 10000));
    need(has_name, "names of our own need a mount namespace: run as root");
    restart_with(NAME, (const char *[]){NULL});
    assert_true(wait_until(is_well, "127.0.0.1", 10000));
}

static void the_loopback_of_ipv6_is_listened_on(void **state) {
    (void)state;
    static const char *const spellings[] = {"::1", "[::1]"};
    need(has_ipv6, "this machine has no ::1");
    for (size_t i = 0; i < 2; i++) {
        restart_with("[::1]", (const char *[]){"OM_HTTP_ADDRESS", spellings[i], NULL});
        assert_true(wait_until(is_well, "[::1]", 10000));
        assert_false(answers("127.0.0.1", fixture.port));
    }
}

static void the_wildcard_of_ipv6_takes_both(void **state) {
    (void)state;
    static const char *const spellings[] = {"::", "[::]"};
    need(has_ipv6, "this machine has no ::1");
    jwt_fixture_set(); /* for callers from everywhere */
    for (size_t i = 0; i < 2; i++) {
        restart_with("[::1]", (const char *[]){"OM_HTTP_ADDRESS", spellings[i], "OM_ADMIN_ADDRESS",
                                               spellings[i], NULL});
        assert_true(answers("127.0.0.1", fixture.port) && answers("[::1]", fixture.port));
        assert_true(answers("127.0.0.1", fixture.admin_port) &&
                    answers("[::1]", fixture.admin_port));
    }
}

/* The servers of the tests listen on 127.0.0.1: these two on ::1 as well. */
static void widen_servers(void) {
    char path[256];
    struct buf wider = {0};
    redis_do("CONFIG SET bind %s", "127.0.0.1 ::1");
    snprintf(path, sizeof(path), "%s/nats.conf", servers_dir(fixture.servers));
    struct buf config = read_file(path);
    char *host = strstr(config.ptr, "\"127.0.0.1:");
    assert_non_null(host);
    buf_append(&wider, config.ptr, (size_t)(host - config.ptr));
    buf_printf(&wider, "\"[::]:%s", host + strlen("\"127.0.0.1:"));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(wider.ptr, 1, wider.len, file), wider.len);
    assert_int_equal(fclose(file), 0);
    servers_shutdown(fixture.servers, SERVER_NATS);
    servers_restart(fixture.servers, SERVER_NATS);
    buf_fini(&config);
    buf_fini(&wider);
}

static int setup(void **state) {
    has_ipv6 = can_bind_loopback();
    has_name = has_ipv6 && name_loopback();
    int code = fixture_setup(state);
    if (has_ipv6)
        widen_servers();
    return code;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_are_reached_by_number_and_by_name),
        cmocka_unit_test(the_loopback_of_ipv6_is_listened_on),
        cmocka_unit_test(the_wildcard_of_ipv6_takes_both),
    };
    return cmocka_run_group_tests(tests, setup, jwt_fixture_teardown);
}
