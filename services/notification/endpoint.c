#include "services/notification/endpoint.h"

#include "services/notification/customer_keys.h"
#include "services/notification/handler.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/contract/contact.h"
#include "shared/json/json.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"

METRIC_COUNTER(erased, "ordermesh_customers_erased_total", "",
               "Times that a customer's personal data was erased.");

/* Slices borrow from *request. */
static enum status read_customer(struct json_object *request, struct customer *customer,
                                 struct error *error) {
    enum status status = json_get_string(request, "tenant", &customer->tenant, error);
    if (status == STATUS_OK)
        status = json_get_string(request, "customerId", &customer->id, error);
    if (status == STATUS_OK && !customer_id_is_valid(customer->id))
        status = error_set(error, STATUS_INVALID, "customerId: is nobody's");
    return status == STATUS_OK ? STATUS_OK : STATUS_INVALID;
}

/* --- what seals ------------------------------------------------------------------------------- */

static enum status read_customers(struct json_object *list, struct arena *arena,
                                  struct customers *customers, struct error *error) {
    size_t count = json_object_array_length(list);
    if (count == 0 || count > SEAL_KEYS_MOST)
        return error_set(error, STATUS_INVALID, "customers: must be 1 to %d", SEAL_KEYS_MOST);
    struct customer *items = arena_alloc(arena, count * sizeof(*items));
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = read_customer(json_object_array_get_idx(list, i), &items[i], error);
    if (status == STATUS_OK)
        *customers = (struct customers){items, count};
    return status;
}

static void reply_keys(const struct slice *keys, size_t count, struct buf *reply) {
    struct json_writer w = json_writer(reply);
    json_begin_object(&w);
    json_key(&w, "keys");
    json_begin_array(&w);
    for (size_t i = 0; i < count; i++)
        json_string(&w, keys[i]);
    json_end_array(&w);
    json_end_object(&w);
}

static enum status get_keys(struct endpoint_call *call, struct json_object *list,
                            struct error *error) {
    const struct notification *notification = call->context;
    struct customers customers;
    struct slice keys[SEAL_KEYS_MOST];
    enum status status = read_customers(list, call->arena, &customers, error);
    if (status == STATUS_OK)
        status =
            customer_keys_get(call->pg, notification->ring, &customers, call->arena, keys, error);
    if (status == STATUS_OK)
        reply_keys(keys, customers.count, call->reply);
    return status;
}

static enum status get_shared(struct endpoint_call *call, struct error *error) {
    const struct notification *notification = call->context;
    struct slice key;
    struct buf lately = {0};
    enum status status = shared_key_get(call->pg, notification->ring, call->arena, &key, error);
    if (status == STATUS_OK)
        status = customers_erased_lately(call->pg, &lately, error);
    if (status == STATUS_OK) {
        struct json_writer w = json_writer(call->reply);
        json_begin_object(&w);
        json_put_string(&w, "shared", key);
        json_put_raw(&w, "erased", buf_slice(&lately));
        json_end_object(&w);
    }
    buf_fini(&lately);
    return status;
}

/* Takes the member out. Whoever seals with another master key gets no keys: what he sealed could
   not be opened, not even once this service had the right one, since what opens is sealed with the
   wrong one. */
static enum status take_master_key(struct json_object *request, const struct key_ring *ring,
                                   struct error *error) {
    const char *id = json_object_get_string(json_object_object_get(request, "masterKey"));
    enum status status = STATUS_OK;
    if (id != NULL && !key_ring_has(ring, slice_of(id)))
        status = error_set(error, STATUS_NOT_FOUND,
                           "a gateway seals with the master key %s, which is not in the ring", id);
    json_object_object_del(request, "masterKey");
    return status;
}

enum status notification_endpoint_seal_keys(struct endpoint_call *call, struct error *error) {
    const struct notification *notification = call->context;
    struct json_object *request = NULL, *list;
    if (notification->ring == NULL)
        return error_set(error, STATUS_NOT_FOUND, "OM_PII_KEY_FILE is not set");
    enum status status = json_parse(call->request, &request, error);
    if (status == STATUS_OK)
        status = take_master_key(request, notification->ring, error);
    if (status == STATUS_OK && json_object_object_length(request) == 0)
        status = get_shared(call, error);
    else if (status == STATUS_OK)
        status = json_get_array(request, "customers", &list, error) == STATUS_OK
                     ? get_keys(call, list, error)
                     : STATUS_INVALID;
    json_object_put(request);
    return status;
}

/* --- erasing ---------------------------------------------------------------------------------- */

static void reply_erasure(const struct customer *customer, const struct erasure *erasure,
                          struct buf *reply) {
    char at[RFC3339_SIZE];
    struct json_writer w = json_writer(reply);
    clock_format(erasure->erased_at_us, at);
    json_begin_object(&w);
    json_put_string(&w, "customerId", customer->id);
    json_put_text(&w, "erasedAt", at);
    json_put_int(&w, "keys", erasure->keys);
    json_put_int(&w, "times", erasure->times);
    json_end_object(&w);
}

enum status notification_endpoint_erase(struct endpoint_call *call, struct error *error) {
    struct customer customer = {slice_of(NULL), slice_of(NULL)};
    struct slice actor;
    struct erasure erasure;
    struct json_object *request = NULL;
    enum status status = json_parse(call->request, &request, error);
    if (status == STATUS_OK)
        status = read_customer(request, &customer, error);
    if (status == STATUS_OK && json_get_string(request, "actor", &actor, error) != STATUS_OK)
        status = STATUS_INVALID;
    if (status == STATUS_OK)
        status = customer_erase(call->pg, &customer, actor, &erasure, error);
    if (status == STATUS_OK) {
        failpoint("notification.after_erasing");
        metric_add(&erased, 0, 1);
        log_info("the personal data of a customer was erased", LOG_SLICE("tenant", customer.tenant),
                 LOG_SLICE("customerId", customer.id), LOG_SLICE("by", actor));
        reply_erasure(&customer, &erasure, call->reply);
    }
    json_object_put(request);
    return status;
}
