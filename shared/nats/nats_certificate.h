/*
 * When the certificates end by which a process and its NATS servers know each other, as /metrics
 * shows it. Thread safe.
 */
#ifndef OM_SHARED_NATS_NATS_CERTIFICATE_H
#define OM_SHARED_NATS_NATS_CERTIFICATE_H

#include "shared/nats/nats_client.h"

/* Of a file's content: "authority" or "client". `pem` may be NULL. */
void nats_certificate_show(const char *which, const char *pem);
/* Of the server that is connected to: "server". Connects beside; blocks for up to a few seconds. */
void nats_certificate_show_server(struct nats_client *client);

#endif
