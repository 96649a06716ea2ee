/* A gateway (gateway_fixture.h) that also speaks HTTPS, with a certificate of its
   own. */
#ifndef OM_TESTS_SUPPORT_GATEWAY_TLS_FIXTURE_H
#define OM_TESTS_SUPPORT_GATEWAY_TLS_FIXTURE_H

#include "tests/support/gateway/gateway_fixture.h"
#include "tests/support/network/raw_http.h"

struct tls {
    int port;
    char cert_file[256], key_file[256];
};

extern struct tls tls;

int tls_fixture_setup(void **state); /* end it with fixture_teardown() */
/* Each time another key and serial number. */
void make_certificate(void);
int port_of(bool is_tls);

void assert_next_answer(struct raw_connection *connection, int status, const char *part);
void assert_served(bool is_tls);

#endif
