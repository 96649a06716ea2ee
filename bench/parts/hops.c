#include "bench/parts/hops.h"

#include "tests/support/base/process.h"
#include "tests/support/network/otlp_spans.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOPS_MOST 24
#define NAME_SIZE 64

/* The last transaction of an order, and what it sends. */
#define LAST "process shipping.evt.shipped"
#define END "send orders.evt.completed"

struct hop {
    char service[NAME_SIZE], name[NAME_SIZE];
    struct series begins, takes; /* ms; since the POST */
};

struct hops {
    struct hop items[HOPS_MOST];
    int count;
};

static struct hop *hop_of(struct hops *hops, const struct otlp_span *span) {
    for (int i = 0; i < hops->count; i++) {
        if (strcmp(hops->items[i].service, span->service) == 0 &&
            strcmp(hops->items[i].name, span->name) == 0)
            return &hops->items[i];
    }
    if (hops->count == HOPS_MOST)
        fixture_fail("an order has more hops than fit");
    struct hop *hop = &hops->items[hops->count++];
    snprintf(hop->service, NAME_SIZE, "%s", span->service);
    snprintf(hop->name, NAME_SIZE, "%s", span->name);
    return hop;
}

static void add(struct hops *hops, const struct otlp_span *root, const struct otlp_span *span) {
    struct hop *hop = hop_of(hops, span);
    if (hop->begins.count == SERIES_MAX)
        return;
    series_add(&hop->begins, (double)(span->started_us - root->started_us) / 1e3);
    series_add(&hop->takes, (double)(span->ended_us - span->started_us) / 1e3);
}

/* How `parent`, an event's transaction, sent the next one. */
static const struct otlp_span *find_send(const struct otlp_spans *spans,
                                         const struct otlp_span *parent, const char *name) {
    for (size_t i = 0; i < spans->count; i++) {
        const struct otlp_span *span = &spans->items[i];
        if (span->parent_id != NULL && strcmp(span->parent_id, parent->id) == 0 &&
            strcmp(span->name, name) == 0)
            return span;
    }
    return NULL;
}

/* From its last transaction up to the POST. */
static int climb(const struct otlp_spans *spans, const struct otlp_span *last,
                 const struct otlp_span *way[HOPS_MOST]) {
    int length = 0;
    for (const struct otlp_span *span = last; span != NULL && length < HOPS_MOST;
         span = otlp_spans_parent(spans, span))
        way[length++] = span;
    return length;
}

static bool take_order(const struct otlp_spans *spans, const struct otlp_span *last,
                       struct hops *hops) {
    const struct otlp_span *way[HOPS_MOST], *end = find_send(spans, last, END);
    int length = climb(spans, last, way);
    const struct otlp_span *root = way[length - 1];
    if (end == NULL || strncmp(root->name, "POST ", 5) != 0)
        return false;
    for (int i = length - 1; i >= 0; i--) {
        char send[NAME_SIZE] = "";
        add(hops, root, way[i]);
        if (i > 0 && strncmp(way[i - 1]->name, "process ", 8) == 0)
            snprintf(send, sizeof(send), "send %s", way[i - 1]->name + 8);
        const struct otlp_span *sent = i > 0 ? find_send(spans, way[i], send) : end;
        if (sent != NULL && sent != way[i - (i > 0)])
            add(hops, root, sent);
    }
    return true;
}

static int by_begin(const void *a, const void *b) {
    double left = series_median(&((const struct hop *)a)->begins);
    double right = series_median(&((const struct hop *)b)->begins);
    return (left > right) - (left < right);
}

void hops_report(const struct bench_options *options, const char *bench, struct slice lines,
                 int orders) {
    struct otlp_spans spans = {0};
    struct hops hops = {0};
    int whole = 0;
    otlp_spans_read(&spans, lines, NULL);
    for (size_t i = 0; i < spans.count; i++)
        whole += strcmp(spans.items[i].name, LAST) == 0 &&
                 strcmp(spans.items[i].service, "order") == 0 &&
                 take_order(&spans, &spans.items[i], &hops);
    if (whole < orders)
        fixture_fail("of %d orders %d are traced whole", orders, whole);
    qsort(hops.items, (size_t)hops.count, sizeof(hops.items[0]), by_begin);
    for (int i = 0; i < hops.count; i++) {
        const struct hop *hop = &hops.items[i];
        bench_say("  %6.2f ms: %s: %s, %.2f ms", series_median(&hop->begins), hop->service,
                  hop->name, series_median(&hop->takes));
        bench_append(options, "hop", bench,
                     "\"service\":\"%s\",\"name\":\"%s\",\"begins_ms\":%.3f,\"takes_ms\":%.3f",
                     hop->service, hop->name, series_median(&hop->begins),
                     series_median(&hop->takes));
    }
    otlp_spans_fini(&spans);
}
