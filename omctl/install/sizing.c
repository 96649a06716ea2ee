#include "omctl/install/sizing.h"

#define MIB (INT64_C(1024) * 1024)

static const char limit_field[] = "max_bytes";

enum status sizing_parse(const char *text, int64_t *bytes, struct error *error) {
    static const struct {
        const char *unit;
        int64_t bytes;
    } units[] = {
        {"", 1},
        {"M", 1000000},
        {"MB", MIB},
        {"MiB", MIB},
        {"G", INT64_C(1000000000)},
        {"GB", 1024 * MIB},
        {"GiB", 1024 * MIB},
        {"T", INT64_C(1000000000000)},
        {"TB", 1024 * 1024 * MIB},
        {"TiB", 1024 * 1024 * MIB},
    };
    struct slice unit = slice_of(text), digits = slice_take_digits(&unit);
    uint64_t number;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        int64_t product;
        if (!slice_is(unit, units[i].unit) || !slice_parse_uint(digits, INT64_MAX, &number) ||
            number == 0 || __builtin_mul_overflow((int64_t)number, units[i].bytes, &product))
            continue;
        *bytes = product;
        return STATUS_OK;
    }
    return error_set(error, STATUS_INVALID, "%s is not a size such as 512MB or 9GB", text);
}

/* 0: none. */
static int64_t limit_of(struct json_object *config) {
    int64_t limit = 0;
    if (json_get_int64(config, limit_field, &limit, NULL) != STATUS_OK || limit < 0)
        return 0;
    return limit;
}

void sizing_share(const struct resources *resources, int64_t store_bytes) {
    int64_t together = 0;
    for (size_t i = 0; i < resources->count; i++)
        together += limit_of(resources->items[i].declared);
    for (size_t i = 0; i < resources->count; i++) {
        struct json_object *declared = resources->items[i].declared;
        int64_t limit = limit_of(declared);
        if (limit == 0)
            continue;
        /* In double, since the product of two sizes is more than 64 bits. */
        double share = (double)store_bytes * 4 / 5 * (double)limit / (double)together;
        int64_t whole = (int64_t)share / MIB * MIB;
        json_object_object_add(declared, limit_field,
                               json_object_new_int64(whole > MIB ? whole : MIB));
    }
}

/* As the server has it; all NULL where it has none. */
struct held {
    struct json_object *config; /* part of `reply` */
    struct json_object *reply;
    int64_t bytes;
};

static enum status read_held(struct nats_client *nats, const struct resource *resource,
                             struct held *held, struct error *error) {
    struct json_object *state = NULL;
    struct jetstream_refusal refused;
    *held = (struct held){0};
    enum status status =
        jetstream_call(nats, resource->info_verb, NULL, &held->reply, &refused, error);
    if (status != STATUS_OK || refused.code != 0)
        return status;
    status = json_get_object(held->reply, "config", &held->config, error);
    if (status == STATUS_OK)
        status = json_get_object(held->reply, "state", &state, error);
    return status == STATUS_OK ? json_get_int64(state, "bytes", &held->bytes, error) : status;
}

static void spare(const struct resource *resource, const struct held *held, FILE *out) {
    int64_t present = limit_of(held->config);
    fprintf(out,
            "%s: it holds %lld MiB, and would have %lld: its limit is left alone"
            " (OM_NATS_STORE)\n",
            resource->label, (long long)(held->bytes / MIB),
            (long long)(limit_of(resource->declared) / MIB));
    json_object_object_add(resource->declared, limit_field,
                           json_object_new_int64(present > 0 ? present : -1));
}

enum status sizing_spare(struct nats_client *nats, struct resources *resources, FILE *out,
                         struct error *error) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < resources->count && status == STATUS_OK; i++) {
        const struct resource *resource = &resources->items[i];
        struct held held;
        int64_t wanted = limit_of(resource->declared);
        if (resource->stream != NULL || wanted == 0)
            continue;
        status = read_held(nats, resource, &held, error);
        int64_t present = limit_of(held.config);
        bool is_lowered = held.config != NULL && (present == 0 || present > wanted);
        if (status == STATUS_OK && is_lowered && held.bytes / 3 >= wanted / 4)
            spare(resource, &held, out);
        json_object_put(held.reply);
    }
    return status;
}

bool sizing_is_short(const struct jetstream_refusal *refused) {
    return refused->code == JETSTREAM_STORAGE_RESOURCES || refused->code == JETSTREAM_NO_PEERS;
}

void sizing_print_remedy(const struct resource *resource, FILE *out) {
    int64_t wanted = limit_of(resource->declared);
    if (wanted > 0)
        fprintf(out,
                "%s: it is to have %lld MiB, and the server's max_file_store has no room for that:"
                " raise it, or say how much it is in OM_NATS_STORE\n",
                resource->label, (long long)(wanted / MIB));
}
