/*
 * Requests about products, parsed: the query of a page, a product's fields, a stock adjustment.
 * Strict: unknown members and parameters are faults. Pure and thread safe; the results borrow from
 * the request and from the tree in `root`.
 */
#ifndef OM_GATEWAY_CATALOG_PRODUCT_REQUEST_H
#define OM_GATEWAY_CATALOG_PRODUCT_REQUEST_H

#include "gateway/reply/problem.h"
#include "shared/base/arena.h"
#include "shared/crypto/uuid.h"
#include "shared/json/json.h"

#define PAGE_LIMIT_DEFAULT 100
#define PAGE_LIMIT_MAX 200

/* 1 to 64 of A-Z a-z 0-9 _ . : - */
bool sku_is_valid(struct slice sku);
/* 1 to 32 of a-z 0-9 - */
bool warehouse_is_valid(struct slice warehouse);

struct page_request {
    int64_t limit;
    struct slice
        cursor; /* empty: the first page. Its letters are right; its meaning is not known */
};
/* `query` is what stands behind the question mark; may be empty. INVALID says why. The cursor is in
   the arena. */
enum status page_request_parse(struct slice query, struct arena *arena, struct page_request *page,
                               struct error *error) MUST_CHECK;

struct product_request {
    struct json_object *root; /* owned: json_object_put() */
    struct slice name, currency;
    int64_t price_minor;
    bool has_active, is_active;
    int64_t expected_version; /* -1: any */
};
/* INVALID: no JSON object. OK with *errors: fields at fault. */
enum status product_request_parse(struct slice body, struct product_request *request,
                                  struct field_errors *errors, struct error *error) MUST_CHECK;

struct adjustment_request {
    struct json_object *root; /* owned: json_object_put() */
    int64_t delta;
    struct slice reason;
    struct slice warehouse; /* empty: main */
    bool has_id;
    struct uuid id;
};
/* As above. */
enum status adjustment_request_parse(struct slice body, struct adjustment_request *request,
                                     struct field_errors *errors, struct error *error) MUST_CHECK;

#endif
