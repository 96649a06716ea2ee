/*
 * The server's users and their permissions, from what the tree declares.
 *
 * A file nats_<user> in the directory of secrets is a user, and its content the password.
 * `operator` may do everything. Every other user is a process of ours and may
 *
 * - publish the events whose source it is (shared/contract/event.h), the failures,
 *   acknowledgements and pulls of its own consumers
 *   (<directory>/consumers/<STREAM>.<user>[-...].json), and answers to the inboxes of those that
 *   ask it;
 * - subscribe to its endpoints (mesh.<user>.>), the service protocol and its own inboxes;
 * - do what the table in nats_users.c adds for it. So a new service changes no line here.
 *
 * Answers go to the inboxes of those who may ask, by name, and not by the server's allow_responses:
 * with that, a 2.9 server keeps a list of all that was delivered to the user lately, and goes
 * through it at each delivery.
 */
#ifndef OM_OMCTL_INSTALL_NATS_USERS_H
#define OM_OMCTL_INSTALL_NATS_USERS_H

#include "omctl/command/command.h"
#include "shared/base/buf.h"
#include "shared/base/status.h"

/* Appends `users: [...]` in the format of the server's configuration; it has the passwords in it.
   INVALID when a secret cannot be a password, or there is no operator. */
enum status nats_users_write(const char *directory, const char *secrets, struct buf *out,
                             struct error *error) MUST_CHECK;

int nats_users_command(const struct omctl_config *config, int argc, char **argv);

#endif
