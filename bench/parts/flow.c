#include "bench/parts/flow.h"

#include "bench/parts/limits.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/crypto/uuid.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_result.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define DRAIN_MS 600000
#define LOOK_MS 100
#define PER_CENT 100

/* When something happened to an order; monotonic. */
struct moment {
    struct uuid order;
    int64_t us;
};

struct moments {
    struct moment *items;
    size_t count, capacity;
};

struct flow {
    struct mesh *mesh;
    struct limit_nats nats;
    natsSubscription *subscriptions[3];
    char log_path[512];
    FILE *log;
    uint64_t accepted;
    atomic_uint_fast64_t ended;
    uint64_t ended_before; /* the run that goes on */
    atomic_bool is_timed;  /* `ends` is wanted */
    pthread_mutex_t lock;
    struct moments ends; /* guarded by `lock` */
    struct moments dues;
};

/* Of all flows, since a system remembers the keys of the one before. */
static int runs;

static const char *const end_subjects[] = {"orders.evt.completed", "orders.evt.failed",
                                           "orders.evt.cancelled"};

/* --- moments ---------------------------------------------------------------------------------- */

static void add_moment(struct moments *moments, struct slice order_id, int64_t us) {
    struct moment moment = {.us = us};
    if (!uuid_parse(order_id, &moment.order))
        fixture_fail("no order id: %.*s", SLICE_ARG(order_id));
    if (moments->count == moments->capacity) {
        moments->capacity = moments->capacity * 2 + 4096;
        moments->items = realloc(moments->items, moments->capacity * sizeof(moment));
        if (moments->items == NULL)
            mem_exhausted(moments->capacity * sizeof(moment));
    }
    moments->items[moments->count++] = moment;
}

static int by_order_and_time(const void *a, const void *b) {
    const struct moment *left = a, *right = b;
    int order = uuid_compare(&left->order, &right->order);
    return order != 0 ? order : (left->us > right->us) - (left->us < right->us);
}

static void sort_moments(struct moments *moments) {
    if (moments->count > 0)
        qsort(moments->items, moments->count, sizeof(moments->items[0]), by_order_and_time);
}

static int by_value(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Of an end that is told twice the first counts. */
static void join_latencies(struct flow *flow, struct flow_result *result) {
    struct moments *dues = &flow->dues, *ends = &flow->ends;
    sort_moments(dues);
    sort_moments(ends);
    result->latencies_ms = mem_alloc((dues->count + 1) * sizeof(double));
    for (size_t due = 0, end = 0; due < dues->count; due++) {
        while (end < ends->count &&
               uuid_compare(&ends->items[end].order, &dues->items[due].order) < 0)
            end++;
        if (end == ends->count ||
            uuid_compare(&ends->items[end].order, &dues->items[due].order) != 0)
            fixture_fail("an order that was accepted has no end");
        result->latencies_ms[result->latency_count++] =
            (double)(ends->items[end].us - dues->items[due].us) / 1e3;
    }
    qsort(result->latencies_ms, (size_t)result->latency_count, sizeof(double), by_value);
}

/* --- ends ------------------------------------------------------------------------------------- */

/* The member "subject" of the envelope, which comes before its data. */
static struct slice order_of(natsMsg *message) {
    static const char key[] = "\"subject\":\"";
    const char *data = natsMsg_GetData(message);
    size_t length = (size_t)natsMsg_GetDataLength(message);
    const char *found = memmem(data, length, key, sizeof(key) - 1);
    if (found == NULL || (size_t)(data + length - found) < sizeof(key) - 1 + UUID_TEXT_LEN)
        return SLICE_LITERAL("");
    return (struct slice){found + sizeof(key) - 1, UUID_TEXT_LEN};
}

/* Runs on a thread of the NATS library's. */
static void on_end(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
                   void *closure) {
    struct flow *flow = closure;
    (void)connection;
    (void)subscription;
    if (atomic_load(&flow->is_timed)) {
        pthread_mutex_lock(&flow->lock);
        add_moment(&flow->ends, order_of(message), clock_monotonic_us());
        pthread_mutex_unlock(&flow->lock);
    }
    atomic_fetch_add(&flow->ended, 1);
    natsMsg_Destroy(message);
}

static void subscribe(struct flow *flow) {
    flow->nats = limit_connect(mesh_servers(flow->mesh));
    for (size_t i = 0; i < 3; i++)
        if (natsConnection_Subscribe(&flow->subscriptions[i], flow->nats.connection,
                                     end_subjects[i], on_end, flow) != NATS_OK ||
            natsSubscription_SetPendingLimits(flow->subscriptions[i], -1, -1) != NATS_OK)
            fixture_fail("cannot subscribe to %s", end_subjects[i]);
    /* What is published next may come by another connection. */
    if (natsConnection_Flush(flow->nats.connection) != NATS_OK)
        fixture_fail("the broker does not answer");
}

struct flow *flow_start(struct mesh *mesh) {
    struct flow *flow = mem_alloc(sizeof(*flow));
    flow->mesh = mesh;
    pthread_mutex_init(&flow->lock, NULL);
    snprintf(flow->log_path, sizeof(flow->log_path), "%s/load.log",
             servers_dir(mesh_servers(mesh)));
    flow->log = fopen(flow->log_path, "we");
    if (flow->log == NULL)
        fixture_fail("cannot write %s", flow->log_path);
    subscribe(flow);
    return flow;
}

void flow_check(struct flow *flow) {
    (void)fflush(flow->log);
    system_require_invariants(flow->mesh, flow->log_path);
}

void flow_stop(struct flow **flow) {
    struct flow *f = *flow;
    *flow = NULL;
    for (size_t i = 0; i < 3; i++)
        natsSubscription_Destroy(f->subscriptions[i]);
    limit_disconnect(&f->nats);
    (void)fclose(f->log);
    pthread_mutex_destroy(&f->lock);
    free(f->ends.items);
    free(f->dues.items);
    free(f);
}

uint64_t flow_ended(const struct flow *flow) {
    return atomic_load(&flow->ended);
}

uint64_t flow_accepted(const struct flow *flow) {
    return flow->accepted;
}

/* --- a run ------------------------------------------------------------------------------------ */

static uint64_t ended_now(const struct flow *flow) {
    return flow_ended(flow) - flow->ended_before;
}

static uint64_t allowance(void *closure) {
    return ended_now(closure) + FLOW_UNDER_WAY;
}

static void on_accepted(void *closure, struct slice order_id, int64_t due_us) {
    struct flow *flow = closure;
    add_moment(&flow->dues, order_id, due_us);
}

static bool all_have_ended(void *closure) {
    struct flow *flow = closure;
    return flow_ended(flow) >= flow->accepted;
}

static struct load_options options_of(struct flow *flow, const struct flow_load *load,
                                      const char *prefix) {
    struct load_options options = system_load(flow->mesh);
    options.prefix = prefix;
    options.seconds = load->seconds;
    options.rate = load->rate;
    options.count = load->count;
    options.log = flow->log;
    options.recipe.weights[LOAD_OK] = PER_CENT - load->declined - load->out_of_stock;
    options.recipe.weights[LOAD_DECLINED] = load->declined;
    options.recipe.weights[LOAD_STOCK] = load->out_of_stock;
    if (load->rate <= 0 && !load->is_backlog) {
        options.allowance = allowance;
        options.allowance_closure = flow;
    }
    if (load->has_latencies) {
        options.accepted = on_accepted;
        options.accepted_closure = flow;
    }
    return options;
}

static void begin_run(struct flow *flow, const struct flow_load *load) {
    flow->ended_before = flow_ended(flow);
    runs++;
    pthread_mutex_lock(&flow->lock);
    flow->ends.count = 0;
    flow->dues.count = 0;
    pthread_mutex_unlock(&flow->lock);
    atomic_store(&flow->is_timed, load->has_latencies);
}

static const struct pg_statement count_open = {
    "bench_count_open",
    "SELECT count(*), count(*) FILTER (WHERE status IN ('PENDING', 'CONFIRMED'))"
    " FROM orders.orders",
    0,
};

struct ends {
    struct flow *flow;
    struct pg *pg;
    int64_t orders, open;
};

/* The database may be away for a moment, since somebody kills it. */
static bool all_ends_are_stored(void *closure) {
    struct ends *ends = closure;
    struct error error;
    struct pg_result *rows = NULL;
    clock_sleep_ms(LOOK_MS);
    if (pg_query(ends->pg, &count_open, NULL, &rows, &error) != STATUS_OK)
        return false;
    ends->orders = pg_get_int64(rows, 0, 0);
    ends->open = pg_get_int64(rows, 0, 1);
    pg_result_free(&rows);
    return ends->open == 0 && (uint64_t)ends->orders >= ends->flow->accepted;
}

void flow_await_ends(struct flow *flow) {
    struct ends ends = {.flow = flow,
                        .pg = pg_create(servers_postgres_url(mesh_servers(flow->mesh)), "bench")};
    if (!wait_until(all_ends_are_stored, &ends, DRAIN_MS))
        fixture_fail("%" PRIu64 " orders were accepted, %" PRId64 " are stored, %" PRId64
                     " of them have not ended",
                     flow->accepted, ends.orders, ends.open);
    pg_destroy(&ends.pg);
    atomic_store(&flow->ended, flow->accepted);
}

static void await_run(struct flow *flow, const struct flow_load *load, struct flow_result *result) {
    int64_t drain_from_us = clock_monotonic_us();
    if (load->tolerates)
        flow_await_ends(flow);
    else if (!wait_until(all_have_ended, flow, DRAIN_MS))
        fixture_fail("%" PRIu64 " orders were accepted, %" PRIu64 " ended", flow->accepted,
                     flow_ended(flow));
    result->drain_s = (double)(clock_monotonic_us() - drain_from_us) / 1e6;
}

struct flow_result flow_run(struct flow *flow, const struct flow_load *load) {
    char prefix[32];
    begin_run(flow, load);
    snprintf(prefix, sizeof(prefix), "bench-%d-", runs);
    struct load_options options = options_of(flow, load, prefix);
    struct load_result placed = {0};
    if (!load_run(&options, &placed))
        fixture_fail("the load client is out of sockets");
    struct flow_result result = {.accepted = placed.accepted, .in_time = ended_now(flow)};
    if (!load->tolerates)
        system_require_accepted(&placed);
    else if (placed.accepted != placed.placed)
        fixture_fail("of %" PRIu64 " orders %" PRIu64 " were accepted", placed.placed,
                     placed.accepted);
    flow->accepted += placed.accepted;
    result.elapsed_s = placed.elapsed_s;
    result.rate = (double)result.in_time / placed.elapsed_s;
    load_result_fini(&placed);

    if (!load->is_backlog)
        await_run(flow, load, &result);
    atomic_store(&flow->is_timed, false);
    if (load->has_latencies)
        join_latencies(flow, &result);
    return result;
}

void flow_result_fini(struct flow_result *result) {
    free(result->latencies_ms);
    *result = (struct flow_result){0};
}
