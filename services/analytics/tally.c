#include "services/analytics/tally.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 1024

static const char *const measure_names[] = {
#define MEASURE_NAME(id, name) [MEASURE_##id] = name,
    MEASURE_TABLE(MEASURE_NAME)
#undef MEASURE_NAME
};

const char *measure_name(enum measure measure) {
    return measure_names[measure];
}

bool measure_parse(struct slice text, enum measure *measure) {
    int found = slice_index(text, measure_names, MEASURE_COUNT);
    if (found >= 0)
        *measure = (enum measure)found;
    return found >= 0;
}

static struct tally_row *new_row(struct tally *tally) {
    if (tally->count == tally->capacity) {
        size_t capacity = tally->capacity > 0 ? tally->capacity * 2 : FIRST_CAPACITY;
        struct tally_row *rows = arena_alloc(tally->arena, capacity * sizeof(*rows));
        if (tally->count > 0)
            memcpy(rows, tally->rows, tally->count * sizeof(*rows));
        tally->rows = rows;
        tally->capacity = capacity;
    }
    return &tally->rows[tally->count++];
}

void tally_add(struct tally *tally, enum measure measure, struct slice label, int bin,
               int64_t at_us, int64_t value) {
    for (int i = 0; i < GRANULARITY_COUNT; i++) {
        enum granularity granularity = (enum granularity)i;
        *new_row(tally) = (struct tally_row){
            granularity, granularity_floor(granularity, at_us), measure, label, bin, value};
    }
}

static int compare_rows(const void *a, const void *b) {
    const struct tally_row *left = a, *right = b;
    if (left->granularity != right->granularity)
        return left->granularity < right->granularity ? -1 : 1;
    if (left->at_us != right->at_us)
        return left->at_us < right->at_us ? -1 : 1;
    if (left->measure != right->measure)
        return left->measure < right->measure ? -1 : 1;
    if (left->label.len != right->label.len)
        return left->label.len < right->label.len ? -1 : 1;
    int order =
        left->label.len > 0 ? memcmp(left->label.ptr, right->label.ptr, left->label.len) : 0;
    return order != 0 ? order : (left->bin > right->bin) - (left->bin < right->bin);
}

void tally_settle(struct tally *tally) {
    if (tally->count == 0)
        return;
    qsort(tally->rows, tally->count, sizeof(*tally->rows), compare_rows);
    size_t kept = 0;
    for (size_t i = 0; i < tally->count; i++) {
        if (kept > 0 && compare_rows(&tally->rows[kept - 1], &tally->rows[i]) == 0) {
            tally->rows[kept - 1].value += tally->rows[i].value;
            continue;
        }
        if (kept > 0 && tally->rows[kept - 1].value == 0)
            kept--;
        tally->rows[kept++] = tally->rows[i];
    }
    if (tally->rows[kept - 1].value == 0)
        kept--;
    tally->count = kept;
}
