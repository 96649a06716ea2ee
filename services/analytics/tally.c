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

/* --- adding ----------------------------------------------------------------------------------- */

/* FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), by words where there are some. */
static size_t hash_row(const struct tally_row *row) {
    uint64_t hash = UINT64_C(14695981039346656037);
    const uint64_t words[] = {(uint64_t)row->at_us, (uint64_t)row->measure, (uint64_t)row->bin};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        hash = (hash ^ words[i]) * UINT64_C(1099511628211);
    for (size_t i = 0; i < row->label.len; i++)
        hash = (hash ^ (unsigned char)row->label.ptr[i]) * UINT64_C(1099511628211);
    return (size_t)(hash ^ hash >> 32);
}

/* The place in the index of a row of this kind, or of where it belongs. */
static size_t *find_place(const struct tally *tally, const struct tally_row *row) {
    size_t mask = 2 * tally->capacity - 1;
    size_t at = hash_row(row) & mask;
    while (tally->index[at] != 0 && compare_rows(&tally->rows[tally->index[at] - 1], row) != 0)
        at = (at + 1) & mask;
    return &tally->index[at];
}

static void grow(struct tally *tally) {
    size_t capacity = tally->capacity > 0 ? tally->capacity * 2 : FIRST_CAPACITY;
    struct tally_row *rows = arena_alloc(tally->arena, capacity * sizeof(*rows));
    if (tally->count > 0)
        memcpy(rows, tally->rows, tally->count * sizeof(*rows));
    tally->rows = rows;
    tally->capacity = capacity;
}

static struct tally_row *new_row(struct tally *tally) {
    if (tally->count == tally->capacity)
        grow(tally);
    return &tally->rows[tally->count++];
}

static void rebuild_index(struct tally *tally) {
    tally->index = arena_alloc(tally->arena, 2 * tally->capacity * sizeof(*tally->index));
    for (size_t i = 0; i < tally->count; i++)
        *find_place(tally, &tally->rows[i]) = i + 1;
}

/* A batch counts the same few kinds for each of its orders. */
void tally_add(struct tally *tally, enum measure measure, struct slice label, int bin,
               int64_t at_us, int64_t value) {
    const struct tally_row row = {GRANULARITY_MINUTE,
                                  granularity_floor(GRANULARITY_MINUTE, at_us),
                                  measure,
                                  label,
                                  bin,
                                  value};
    if (tally->count == tally->capacity) {
        grow(tally);
        rebuild_index(tally);
    }
    size_t *place = find_place(tally, &row);
    if (*place != 0) {
        tally->rows[*place - 1].value += value;
        return;
    }
    *new_row(tally) = row;
    *place = tally->count;
}

/* --- settling --------------------------------------------------------------------------------- */

/* Sorts the rows from `first` on, and leaves one of each kind unless it came to nothing. */
static void settle_from(struct tally *tally, size_t first) {
    struct tally_row *rows = tally->rows + first;
    size_t count = tally->count - first, kept = 0;
    if (count > 0)
        qsort(rows, count, sizeof(*rows), compare_rows);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && compare_rows(&rows[kept - 1], &rows[i]) == 0) {
            rows[kept - 1].value += rows[i].value;
            continue;
        }
        if (kept > 0 && rows[kept - 1].value == 0)
            kept--;
        rows[kept++] = rows[i];
    }
    if (kept > 0 && rows[kept - 1].value == 0)
        kept--;
    tally->count = first + kept;
}

static void add_coarser(struct tally *tally, struct tally_row row, enum granularity granularity) {
    row.granularity = granularity;
    row.at_us = granularity_floor(granularity, row.at_us);
    *new_row(tally) = row;
}

/* Minutes are whole in their hours, and hours in their days. */
void tally_settle(struct tally *tally) {
    size_t finer = 0;
    settle_from(tally, finer);
    for (int i = GRANULARITY_MINUTE + 1; i < GRANULARITY_COUNT; i++) {
        size_t end = tally->count;
        for (size_t row = finer; row < end; row++)
            add_coarser(tally, tally->rows[row], (enum granularity)i);
        settle_from(tally, end);
        finer = end;
    }
}
