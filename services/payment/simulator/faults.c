#include "services/payment/simulator/faults.h"

#include "shared/base/memory.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "pm_sim_"

/* How often a key came. */
struct visits {
    char *key;
    int64_t count;
};

struct faults {
    enum fault injected;
    int64_t injected_left;
    void *visits; /* a tree of tsearch() */
};

static const char *const names[] = {
#define FAULT_NAME(id, name) [FAULT_##id] = name,
    FAULT_TABLE(FAULT_NAME)
#undef FAULT_NAME
};

struct faults *faults_create(void) {
    return mem_alloc(sizeof(struct faults));
}

static void free_visits(void *node) {
    struct visits *visits = node;
    free(visits->key);
    free(visits);
}

void faults_destroy(struct faults **faults) {
    if (*faults == NULL)
        return;
    tdestroy((*faults)->visits, free_visits);
    free(*faults);
    *faults = NULL;
}

bool fault_parse(struct slice name, enum fault *fault) {
    int found = slice_index(name, names, FAULT_COUNT);
    if (found >= 0)
        *fault = (enum fault)found;
    return found >= 0;
}

void faults_inject(struct faults *faults, enum fault fault, int64_t count) {
    faults->injected = fault;
    faults->injected_left = count;
}

static int compare_keys(const void *a, const void *b) {
    return strcmp(((const struct visits *)a)->key, ((const struct visits *)b)->key);
}

/* 1 for the first time. */
static int64_t count_visit(struct faults *faults, struct slice key) {
    struct visits *fresh = mem_alloc(sizeof(*fresh));
    fresh->key = mem_copy(key);
    struct visits **found = tsearch(fresh, &faults->visits, compare_keys);
    if (found == NULL)
        abort(); /* out of memory, as in mem_alloc() */
    if (*found != fresh)
        free_visits(fresh);
    return ++(*found)->count;
}

/* pm_sim_<fault>[_<digit>]. `times` is 1 without the digit. */
static enum fault parse_method(struct slice method, int64_t *times) {
    struct slice name = method;
    enum fault fault = FAULT_NONE;
    *times = 1;
    if (!slice_take_prefix(&name, PREFIX) || name.len == 0)
        return FAULT_NONE;
    char last = name.ptr[name.len - 1];
    if (name.len > 2 && name.ptr[name.len - 2] == '_' && last >= '1' && last <= '9') {
        *times = last - '0';
        name.len -= 2;
    }
    return fault_parse(name, &fault) ? fault : FAULT_NONE;
}

enum fault faults_take(struct faults *faults, struct slice key, struct slice payment_method) {
    int64_t times;
    enum fault fault = parse_method(payment_method, &times);
    if (faults->injected_left > 0 && (key.len > 0 || faults->injected == FAULT_DOWN)) {
        if (faults->injected_left != FAULTS_FOREVER)
            faults->injected_left--;
        return faults->injected;
    }
    return fault != FAULT_NONE && count_visit(faults, key) <= times ? fault : FAULT_NONE;
}
