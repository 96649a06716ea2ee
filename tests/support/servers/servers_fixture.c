#include "tests/support/servers/servers_fixture.h"

struct servers *servers;
struct nats_client *nats;

int postgres_setup(void **state) {
    (void)state;
    servers = servers_start(SERVERS_POSTGRES);
    return 0;
}

int schema_setup(void **state) {
    postgres_setup(state);
    servers_migrate(servers);
    return 0;
}

int nats_setup(void **state) {
    (void)state;
    servers = servers_start(SERVERS_NATS);
    nats = servers_connect(servers);
    return 0;
}

int system_setup(void **state) {
    (void)state;
    servers = servers_start(SERVERS_POSTGRES | SERVERS_NATS);
    servers_migrate(servers);
    servers_provision(servers);
    nats = servers_connect(servers);
    return 0;
}

int servers_teardown(void **state) {
    (void)state;
    nats_client_destroy(&nats);
    servers_stop(&servers);
    return 0;
}
