/*
 * A hot standby of a PostgreSQL of the tests: copied from it while it runs, and streaming from then
 * on. Its files are in the directory of the servers that it is made for (servers.h), whose end it
 * has to be stopped before. A step that cannot be done ends the test program with a message. Main
 * thread only.
 */
#ifndef OM_TESTS_SUPPORT_SERVERS_STANDBY_H
#define OM_TESTS_SUPPORT_SERVERS_STANDBY_H

#include "tests/support/servers/servers.h"

struct standby;

/* Of the server at `source_url`, a superuser's; it serves reads when this returns. */
struct standby *standby_start(struct servers *home, const char *source_url);
struct standby *standby_start_at(struct servers *home, const char *source_url, int port);
void standby_stop(struct standby **standby);

int standby_port(const struct standby *standby);
const char *
standby_url(const struct standby *standby); /* a superuser's, of the source's database */

/* It shows each commit so much later, from here on. */
void standby_delay_replay(struct standby *standby, int64_t ms);
/* It goes on receiving, and shows nothing of it. */
void standby_hold_replay(struct standby *standby);
void standby_resume_replay(struct standby *standby);
/* It takes writes when this returns, on a timeline of its own. */
void standby_promote(struct standby *standby);
void standby_kill(struct standby *standby);
void standby_restart(struct standby *standby); /* after a kill */
void standby_pause(struct standby *standby);   /* SIGSTOP: silent, not gone */
void standby_resume(struct standby *standby);

/* `url` with another port; free with buf_fini(). */
struct buf url_with_port(const char *url, int port);

#endif
