/*
 * An om-provider-sim process of a test's own, with its ledger in a directory of the test's choice.
 * A step that cannot be done fails the running cmocka test. Main thread only.
 */
#ifndef OM_TESTS_SUPPORT_SERVERS_PROVIDER_SIM_H
#define OM_TESTS_SUPPORT_SERVERS_PROVIDER_SIM_H

#include "shared/base/buf.h"

struct provider_sim;

/* `dir` gets the ledger, the log and a file with a secret key. The ledger starts empty. Slow
   answers come after `slow_ms`. */
struct provider_sim *provider_sim_start(const char *dir, int64_t slow_ms);
void provider_sim_stop(struct provider_sim **sim);
void provider_sim_kill(struct provider_sim *sim);    /* SIGKILL */
void provider_sim_restart(struct provider_sim *sim); /* after a kill: same port, same ledger */
void provider_sim_pause(struct provider_sim *sim);   /* SIGSTOP: silent, not gone */
void provider_sim_resume(struct provider_sim *sim);  /* SIGCONT: does what was asked meanwhile */

const char *provider_sim_url(const struct provider_sim *sim);
const char *provider_sim_key_file(const struct provider_sim *sim);
/* What the customer does on the page of the bank, for the charge of that id. */
void provider_sim_confirm(struct provider_sim *sim, const char *charge_id);
void provider_sim_decline(struct provider_sim *sim, const char *charge_id);
/* Webhooks go to `url`, signed with a secret of this file, from the next restart on. */
void provider_sim_hook(struct provider_sim *sim, const char *url);
const char *provider_sim_secret_file(const struct provider_sim *sim);
/* `form` as POST /inject takes it: "fault=down", "fault=error_after&count=1", "fault=none". */
void provider_sim_inject(struct provider_sim *sim, const char *form);

/* Appends a query for the number of orders of which the provider's ledger and the table
   payments.payments tell different stories, or of which money was taken or given back twice. */
void provider_sim_write_check(struct provider_sim *sim, struct buf *sql);

#endif
