/* The dead-letter service: what cannot be processed is kept with its reason, and replayed. */
#include "services/dlq/collect/examiner.h"
#include "services/dlq/collect/notices.h"
#include "services/dlq/collect/second_chances.h"
#include "services/dlq/collect/sweep.h"
#include "services/dlq/endpoint.h"
#include "services/dlq/replay/jobs.h"
#include "services/dlq/watch/stream_watch.h"
#include "shared/service/runtime.h"

#include <stddef.h>

static struct dlq_settings settings;

static const struct config_row config_rows[] = {
    {"OM_DLQ_GRACE_MS", CONFIG_INT, offsetof(struct dlq_settings, grace_ms), "10000", 100, 86400000,
     "milliseconds a last failed attempt waits for the server's advisory"},
};

static const struct handler advisories = {.take_raw = advisories_take, .raw_most = EXAMINER_MOST};
static const struct handler reports = {.take_raw = reports_take, .raw_most = 256};

static const struct handler_row advisory_rows[] = {{EVENT_TYPE_COUNT, &advisories}};
static const struct handler_row report_rows[] = {{EVENT_TYPE_COUNT, &reports}};
static const struct consumer_spec consumers[] = {
    {"ADVISORIES", "dlq", advisory_rows, 1},
    {"FAILURES", "dlq", report_rows, 1},
};

static const struct worker_spec workers[] = {
    {"sweep", sweep_run},
    {"jobs", jobs_run},
    {"chances", chances_run},
    {"watch", stream_watch_run},
};

static const struct endpoint endpoints[] = {
    {"list", "mesh.dlq.list", dlq_endpoint_list},
    {"get", "mesh.dlq.get", dlq_endpoint_get},
    {"counts", "mesh.dlq.counts", dlq_endpoint_counts},
    {"groups", "mesh.dlq.groups", dlq_endpoint_groups},
    {"fate", "mesh.dlq.fate", dlq_endpoint_fate},
    {"discarded", "mesh.dlq.discarded", dlq_endpoint_discarded},
    {"replay", "mesh.dlq.replay", dlq_endpoint_replay},
    {"discard", "mesh.dlq.discard", dlq_endpoint_discard},
    {"replay_all", "mesh.dlq.replay_all", dlq_endpoint_replay_all},
    {"discard_all", "mesh.dlq.discard_all", dlq_endpoint_discard_all},
    {"jobs", "mesh.dlq.jobs", dlq_endpoint_jobs},
    {"job", "mesh.dlq.job", dlq_endpoint_job},
    {"job_cancel", "mesh.dlq.job_cancel", dlq_endpoint_job_cancel},
};

static const struct service service = {
    .name = "dlq",
    .description = "Keeps what cannot be processed, with its reason, and replays it",
    .schema = "dlq",
    .consumers = ROWS(consumers),
    .workers = ROWS(workers),
    .endpoints = ROWS(endpoints),
    .replica_reads = (const char *const[]){"list", "counts", "groups", NULL},
    .config_rows = ROWS(config_rows),
    .config_target = &settings,
};

int main(int argc, char **argv) {
    return runtime_run(&service, argc, argv);
}
