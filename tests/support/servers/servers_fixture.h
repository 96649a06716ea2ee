/*
 * Real servers as cmocka's group fixture, for a test program that needs nothing else for all of its
 * tests. The servers and the operator's connection to NATS are in two globals; both are NULL where
 * there are none.
 *
 *     return cmocka_run_group_tests(tests, postgres_setup, servers_teardown);
 */
#ifndef OM_TESTS_SUPPORT_SERVERS_SERVERS_FIXTURE_H
#define OM_TESTS_SUPPORT_SERVERS_SERVERS_FIXTURE_H

#include "tests/support/servers/servers.h"

extern struct servers *servers;
extern struct nats_client *nats;

int postgres_setup(void **state); /* PostgreSQL without any schema */
int schema_setup(void **state);   /* PostgreSQL, migrated */
int nats_setup(void **state);     /* NATS without any stream */
int system_setup(void **state);   /* both, migrated and provisioned */
int servers_teardown(void **state);

#endif
