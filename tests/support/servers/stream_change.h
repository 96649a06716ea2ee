#ifndef OM_TESTS_SUPPORT_SERVERS_STREAM_CHANGE_H
#define OM_TESTS_SUPPORT_SERVERS_STREAM_CHANGE_H

#include "shared/nats/nats_client.h"

/* Sets members of a stream's configuration, which are a JSON object: `{"max_msgs":4}`. nats.c would
   leave out those that it does not know. Fails the fixture where the server refuses. */
void stream_change(struct nats_client *nats, const char *stream, const char *members);

#endif
