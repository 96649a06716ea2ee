#include "gateway/link/outgoing.h"

#include "shared/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAST_MOST 4
#define FLUSH_MOST_MS 10

struct outgoing *outgoing_of_message(natsMsg *message) {
    struct outgoing *outgoing = mem_alloc(sizeof(*outgoing));
    outgoing->message = message;
    return outgoing;
}

struct outgoing *outgoing_of_command(const struct command *command, const char *reply) {
    struct outgoing *outgoing = mem_alloc(sizeof(*outgoing) + command->body.len);
    outgoing->command = *command;
    memcpy(outgoing->body, command->body.ptr, command->body.len);
    outgoing->command.body.ptr = outgoing->body;
    snprintf(outgoing->reply, sizeof(outgoing->reply), "%s", reply);
    return outgoing;
}

void outgoing_free(struct outgoing *outgoing) {
    natsMsg_Destroy(outgoing->message);
    free(outgoing);
}

enum status outgoing_message(const struct outgoing *outgoing, bool is_answered, natsMsg **message,
                             struct error *error) {
    const struct command *command = &outgoing->command;
    return nats_event_message(message, command->subject, is_answered ? outgoing->reply : NULL,
                              command->body, command->id, command->stream, command->traceparent,
                              error);
}

natsConnection *outgoing_connection(struct nats_client *nats, size_t count) {
    return count <= FAST_MOST ? nats_client_fast(nats) : nats_client_bulk(nats);
}

void outgoing_flush(natsConnection *connection) {
    (void)natsConnection_FlushTimeout(connection, FLUSH_MOST_MS);
}

void outbound_init(struct outbound *outbound) {
    *outbound = (struct outbound){.last = &outbound->first};
}

void outbound_push(struct outbound *outbound, struct outgoing *outgoing) {
    outgoing->next = NULL;
    *outbound->last = outgoing;
    outbound->last = &outgoing->next;
    outbound->count++;
}

struct outgoing *outbound_pop(struct outbound *outbound) {
    struct outgoing *outgoing = outbound->first;
    if (outgoing == NULL)
        return NULL;
    outbound->first = outgoing->next;
    if (--outbound->count == 0)
        outbound_init(outbound);
    return outgoing;
}

void outbound_append(struct outbound *to, struct outbound *from) {
    if (from->count == 0)
        return;
    *to->last = from->first;
    to->last = from->last;
    to->count += from->count;
    outbound_init(from);
}

void outbound_free(struct outbound *outbound) {
    for (struct outgoing *outgoing; (outgoing = outbound_pop(outbound)) != NULL;)
        outgoing_free(outgoing);
}
