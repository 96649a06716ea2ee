#include "services/webhooks/sender.h"

#include "services/webhooks/public_event.h"
#include "services/webhooks/settings.h"
#include "services/webhooks/verdict.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/base/memory.h"
#include "shared/crypto/signature.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"

#include <sodium.h>
#include <stdlib.h>

METRIC_COUNTER(webhook_deliveries, "ordermesh_webhook_deliveries_total", "result",
               "Attempts to deliver to a webhook: delivered, put_off (tried again later), failed "
               "(given up).");
METRIC_STARTS(webhook_deliveries, "delivered", "put_off", "failed");
METRIC_COUNTER(webhooks_switched_off, "ordermesh_webhooks_switched_off_total", "reason",
               "Webhooks that were switched off: gone (410), failing (for too long).");
METRIC_STARTS(webhooks_switched_off, "gone", "failing");
METRIC_HISTOGRAM(webhook_seconds, "ordermesh_webhook_attempt_seconds", "",
                 "From the start of an attempt to its end.");

#define ARENA_CHUNK_BYTES (64 * 1024)
#define IDLE_MS 1000
#define STIRRED_MS 50
#define STIRRED_FOR_US INT64_C(2000000)
#define DOWN_MS 1000
#define DRAIN_US INT64_C(3000000)
enum { HEADERS_MOST = SIGNATURE_HEADERS + 3 };

/* A delivery under way. */
struct job {
    struct job *next, **at;
    struct uuid endpoint_id, event_id;
    struct delivery_facts facts;
    struct httpc_call call; /* borrows the next three */
    char *url, *body;
    struct buf lines[SIGNATURE_HEADERS];
    const char *headers[HEADERS_MOST];
    int64_t started_us;
    struct delivery_settlement settlement;
    char error[VERDICT_ERROR_SIZE];
};

struct sender {
    const struct webhooks_settings *settings;
    struct webhooks *webhooks;
    struct pg *pg;
    struct arena *arena;
    struct httpc *httpc;
    struct httpc_flight *flight;
    struct job *under_way, *ended; /* lists */
    size_t under_way_count, ended_count;
    unsigned stirs; /* as last seen */
    int64_t stirred_us;
    bool is_down; /* the database, as the log last said */
};

/* --- jobs ------------------------------------------------------------------------------------- */

static void list_add(struct job **list, struct job *job) {
    job->next = *list;
    job->at = list;
    if (job->next != NULL)
        job->next->at = &job->next;
    *list = job;
}

static void list_remove(struct job *job) {
    *job->at = job->next;
    if (job->next != NULL)
        job->next->at = job->at;
}

static void job_destroy(struct job *job) {
    httpc_call_fini(&job->call);
    for (int i = 0; i < SIGNATURE_HEADERS; i++)
        buf_fini(&job->lines[i]);
    free(job->url);
    free(job->body);
    free(job);
}

static void end_list(struct job **list) {
    while (*list != NULL) {
        struct job *job = *list;
        *list = job->next;
        job_destroy(job);
    }
}

/* The lines that sign the body under the webhook's secret. */
static enum status sign(const struct key_ring *ring, struct slice sealed, struct job *job,
                        struct error *error) {
    struct buf secret = {0};
    struct signature_key *key = NULL;
    char id[UUID_TEXT_SIZE];
    uuid_format(&job->event_id, id);
    enum status status = key_ring_open(ring, sealed, &secret, error);
    if (status == STATUS_OK)
        status = signature_key_parse(buf_slice(&secret), &key, error);
    if (status == STATUS_OK)
        signature_write_headers(key, id, job->call.body, job->lines);
    signature_key_destroy(&key);
    if (secret.ptr != NULL)
        sodium_memzero(secret.ptr, secret.capacity);
    buf_fini(&secret);
    return status;
}

static struct job *make_job(const struct sender *sender, const struct queued_delivery *queued) {
    struct job *job = mem_alloc(sizeof(*job));
    size_t count = 0;
    job->endpoint_id = queued->endpoint_id;
    job->event_id = queued->event_id;
    job->facts = (struct delivery_facts){
        .is_ping = slice_is(queued->type, PUBLIC_EVENT_PING),
        .attempts = queued->attempts,
        .failures = queued->failures,
        .age_s = queued->age_s,
        .give_up_s = sender->settings->give_up_s,
    };
    job->url = mem_copy(queued->url);
    job->body = mem_copy(queued->body);
    job->call = (struct httpc_call){
        .method = "POST",
        .url = job->url,
        .headers = job->headers,
        .body = {job->body, queued->body.len},
        .timeout_ms = sender->settings->timeout_ms,
    };
    job->headers[count++] = "Content-Type: application/json";
    job->headers[count++] = "User-Agent: OrderMesh-Webhooks";
    struct error error = {0};
    if (sign(sender->webhooks->ring, queued->secret, job, &error) != STATUS_OK) {
        snprintf(job->call.error, sizeof(job->call.error), "its secret cannot be read");
        log_error("the secret of a webhook cannot be read", LOG_ERROR(&error));
        return job;
    }
    for (int i = 0; i < SIGNATURE_HEADERS; i++)
        job->headers[count++] = job->lines[i].ptr;
    return job;
}

static void judge(struct sender *sender, struct job *job) {
    static const char *const results[] = {
        [RESULT_DELIVERED] = "delivered", [RESULT_PUT_OFF] = "put_off", [RESULT_FAILED] = "failed"};
    struct delivery_settlement *settlement = &job->settlement;
    *settlement =
        (struct delivery_settlement){.endpoint_id = job->endpoint_id, .event_id = job->event_id};
    verdict_give(&job->facts, &job->call, settlement, job->error);
    metric_add(&webhook_deliveries, metric_slot(&webhook_deliveries, results[settlement->result]),
               1);
    metric_observe(&webhook_seconds, 0, (double)(clock_monotonic_us() - job->started_us) / 1e6);
    list_add(&sender->ended, job);
    sender->ended_count++;
}

/* --- taking ----------------------------------------------------------------------------------- */

static int64_t lease_ms(const struct sender *sender) {
    return 2 * sender->settings->timeout_ms + 3000;
}

static void begin(struct sender *sender, const struct queued_delivery *queued) {
    struct job *job = make_job(sender, queued);
    job->started_us = clock_monotonic_us();
    if (job->call.error[0] != '\0') {
        judge(sender, job);
        return;
    }
    list_add(&sender->under_way, job);
    sender->under_way_count++;
    httpc_flight_begin(sender->flight, &job->call);
}

static void count_busy(const struct sender *sender, struct queue_busy *busy) {
    pg_array_init(&busy->ids, PG_ARRAY_UUID);
    pg_array_init(&busy->counts, PG_ARRAY_INT64);
    for (const struct job *job = sender->under_way; job != NULL; job = job->next) {
        bool is_first = true;
        int64_t count = 0;
        for (const struct job *other = sender->under_way; other != NULL; other = other->next) {
            if (uuid_compare(&other->endpoint_id, &job->endpoint_id) != 0)
                continue;
            is_first = is_first && (count > 0 || other == job);
            count++;
        }
        if (!is_first)
            continue;
        pg_array_add_uuid(&busy->ids, &job->endpoint_id);
        pg_array_add_int64(&busy->counts, count);
    }
}

static enum status take(struct sender *sender, size_t *count, struct error *error) {
    const struct queue_terms terms = {
        .most = sender->settings->in_flight - (int64_t)sender->under_way_count,
        .most_each = sender->settings->in_flight_each,
        .lease_ms = lease_ms(sender),
    };
    struct queue_busy busy;
    struct queued_delivery *deliveries = NULL;
    *count = 0;
    if (terms.most <= 0)
        return STATUS_OK;
    count_busy(sender, &busy);
    arena_reset(sender->arena);
    enum status status =
        webhooks_queue_take(sender->pg, &terms, &busy, sender->arena, &deliveries, count, error);
    for (size_t i = 0; i < *count && status == STATUS_OK; i++)
        begin(sender, &deliveries[i]);
    pg_array_fini(&busy.ids);
    pg_array_fini(&busy.counts);
    return status;
}

/* --- settling --------------------------------------------------------------------------------- */

static void tell_switched_off(const struct switched_off_list *off) {
    for (size_t i = 0; i < off->count; i++) {
        char id[UUID_TEXT_SIZE], reason[16];
        uuid_format(&off->rows[i].endpoint_id, id);
        snprintf(reason, sizeof(reason), "%.*s", SLICE_ARG(off->rows[i].reason));
        log_warn("a webhook was switched off", LOG_TEXT("webhookId", id),
                 LOG_SLICE("tenant", off->rows[i].tenant), LOG_TEXT("reason", reason));
        metric_add(&webhooks_switched_off, metric_slot(&webhooks_switched_off, reason), 1);
    }
}

/* What has ended stays in its list until its results are written. */
static enum status settle(struct sender *sender, struct error *error) {
    const struct settle_terms terms = {sender->settings->off_after_s, lease_ms(sender)};
    struct switched_off_list off;
    size_t count = 0;
    if (sender->ended == NULL)
        return STATUS_OK;
    failpoint("webhooks.before_settle");
    arena_reset(sender->arena);
    struct delivery_settlement *settlements =
        arena_alloc(sender->arena, sender->ended_count * sizeof(*settlements));
    for (const struct job *job = sender->ended; job != NULL; job = job->next)
        settlements[count++] = job->settlement;
    enum status status =
        webhooks_queue_settle(sender->pg, &terms, settlements, count, sender->arena, &off, error);
    if (status != STATUS_OK)
        return status;
    tell_switched_off(&off);
    end_list(&sender->ended);
    sender->ended_count = 0;
    return STATUS_OK;
}

/* Waits for the first answer, and then takes all that are there. */
static void collect(struct sender *sender, int64_t wait_ms) {
    for (struct httpc_call *call; sender->under_way != NULL; wait_ms = 0) {
        call = httpc_flight_await(sender->flight, wait_ms);
        if (call == NULL)
            return;
        struct job *job = (struct job *)((char *)call - offsetof(struct job, call));
        list_remove(job);
        sender->under_way_count--;
        judge(sender, job);
    }
}

/* --- the thread ------------------------------------------------------------------------------- */

static bool is_stirred(struct sender *sender) {
    unsigned stirs = atomic_load(&sender->webhooks->stirs);
    int64_t now_us = clock_monotonic_us();
    if (stirs != sender->stirs)
        sender->stirred_us = now_us;
    sender->stirs = stirs;
    return now_us - sender->stirred_us < STIRRED_FOR_US;
}

/* A step of waiting, for answers where some are awaited. */
static void pause_shortly(struct sender *sender, const struct worker *worker) {
    if (sender->under_way != NULL)
        collect(sender, STIRRED_MS);
    else if (sender->ended == NULL)
        (void)worker_nap(worker, STIRRED_MS);
}

/* Until something may have come or ended. */
static void rest(struct sender *sender, const struct worker *worker, bool is_idle) {
    int64_t most_ms = is_idle ? IDLE_MS : STIRRED_MS;
    for (int64_t ms = 0; ms < most_ms && !worker_is_draining(worker); ms += STIRRED_MS) {
        pause_shortly(sender, worker);
        if (sender->ended != NULL || is_stirred(sender))
            return;
    }
}

static void report(struct sender *sender, struct worker *worker, enum status status,
                   const struct error *error) {
    bool is_down = status != STATUS_OK;
    worker_set_ready(worker, !is_down);
    if (is_down && !sender->is_down)
        log_warn("webhooks wait for the database", LOG_ERROR(error));
    if (!is_down && sender->is_down)
        log_info("webhooks are sent again");
    sender->is_down = is_down;
}

/* What is still under way is due again: it may have arrived, and then comes twice. */
static void give_back(struct sender *sender) {
    while (sender->under_way != NULL) {
        struct job *job = sender->under_way;
        list_remove(job);
        job->settlement = (struct delivery_settlement){.endpoint_id = job->endpoint_id,
                                                       .event_id = job->event_id,
                                                       .result = RESULT_UNTRIED,
                                                       .error = ""};
        list_add(&sender->ended, job);
        sender->ended_count++;
    }
}

static void drain(struct sender *sender) {
    struct error error = {0};
    int64_t until_us = clock_monotonic_us() + DRAIN_US;
    while (sender->under_way != NULL && clock_monotonic_us() < until_us)
        collect(sender, STIRRED_MS);
    httpc_flight_destroy(&sender->flight);
    give_back(sender);
    if (settle(sender, &error) != STATUS_OK)
        log_warn("deliveries to webhooks are made again, since they cannot be settled",
                 LOG_ERROR(&error));
    end_list(&sender->ended);
}

void webhooks_sender_run(struct worker *worker) {
    const struct worker_options *options = worker_options(worker);
    struct sender sender = {.webhooks = options->context};
    sender.settings = sender.webhooks->settings;
    sender.pg = pg_create(options->config->database_url, "webhooks-sender");
    sender.arena = arena_create(ARENA_CHUNK_BYTES);
    sender.httpc = httpc_create(&(struct httpc_options){
        .ca_file = sender.settings->ca_file,
        .is_guarded = true,
        .reach_most = sender.webhooks->policy.reach_most,
        .drops_answer = true,
    });
    sender.flight = httpc_flight_create(sender.httpc);
    while (!worker_is_draining(worker)) {
        struct error error = {0};
        size_t count = 0;
        enum status status = settle(&sender, &error);
        if (status == STATUS_OK)
            status = take(&sender, &count, &error);
        report(&sender, worker, status, &error);
        if (status != STATUS_OK)
            (void)worker_nap(worker, DOWN_MS);
        else
            rest(&sender, worker, count == 0 && !is_stirred(&sender));
    }
    drain(&sender);
    httpc_destroy(&sender.httpc);
    arena_destroy(&sender.arena);
    pg_destroy(&sender.pg);
}
