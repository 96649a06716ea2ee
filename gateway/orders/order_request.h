/*
 * The body of POST /api/v1/orders: parsed, validated, and written again in one canonical form.
 *
 * A parsed request lives in the arena given, and borrows nothing of the text.
 * Pure; thread safe on distinct requests.
 */
#ifndef OM_GATEWAY_ORDERS_ORDER_REQUEST_H
#define OM_GATEWAY_ORDERS_ORDER_REQUEST_H

#include "gateway/reply/problem.h"
#include "shared/base/arena.h"
#include "shared/base/buf.h"
#include "shared/contract/notify_channel.h"
#include "shared/contract/order_snapshot.h"

struct order_address {
    struct slice street, city, state, zip, country;
};

/* Personal data: it leaves the gateway sealed only. Absent members are empty. */
struct order_contact {
    struct slice email, phone;
    bool has_address;
    struct order_address address;
    bool has_notify; /* says how to be told */
    unsigned notify; /* NOTIFY_BIT()s */
};

struct order_request {
    /* Without id, tenant and sealed data, which are not the client's to say; unpriced. */
    struct order_snapshot snapshot;
    bool may_name_flow; /* set before parsing: "flow" and "capture" are members like others */
    bool has_flow;      /* and was given */
    bool has_capture;
    unsigned channels; /* NOTIFY_BIT()s that "notify" may name; set before parsing */
    struct order_contact contact;
};

/* Reads request->may_name_flow and channels. INVALID: the body is not one strict JSON object.
   Otherwise OK, and `errors` lists every field at fault; with none, `request` is complete. */
enum status order_request_parse(struct slice text, struct arena *arena,
                                struct order_request *request, struct field_errors *errors,
                                struct error *error) MUST_CHECK;

/* Appends the request in fixed member order and without white space: equal for two bodies exactly
   when they ask for the same. */
void order_request_canonical(const struct order_request *request, struct buf *out);
bool order_request_has_contact(const struct order_request *request);
/* Appends the personal data as one JSON object; false when there is none. */
bool order_request_contact(const struct order_request *request, struct buf *out);

#endif
