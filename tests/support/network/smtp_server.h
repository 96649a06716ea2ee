/*
 * A mail server for tests: a thread that speaks enough SMTP (RFC 5321) on a free loopback port,
 * keeps what it is sent and answers RCPT as told. One connection at a time.
 */
#ifndef OM_TESTS_SUPPORT_NETWORK_SMTP_SERVER_H
#define OM_TESTS_SUPPORT_NETWORK_SMTP_SERVER_H

#include "shared/base/buf.h"

struct smtp_server;

struct smtp_server *smtp_server_start(void);
void smtp_server_stop(struct smtp_server **server);
const char *smtp_server_url(const struct smtp_server *server);
/* The reply to RCPT from now on: 250, 450, 550; 421 also hangs up. */
void smtp_server_set_reply(struct smtp_server *server, int code);
/* How long that reply takes from now on. */
void smtp_server_set_delay_ms(struct smtp_server *server, int delay_ms);
/* Hangs up on the next mail when it has taken all of it, without a reply. */
void smtp_server_drop_after_data(struct smtp_server *server);
/* Over how many connections something came. */
int smtp_server_connections(struct smtp_server *server);
/* How many mails were taken, and all of their text; free with buf_fini(). */
int smtp_server_count(struct smtp_server *server);
struct buf smtp_server_mails(struct smtp_server *server);

#endif
