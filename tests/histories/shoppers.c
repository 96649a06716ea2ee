#include "tests/histories/shoppers.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/json/json.h"
#include "tests/support/base/process.h"

#include <json-c/json.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ANSWER_MS = 5000,
    PAUSE_LEAST_MS = 5,
    PAUSE_MOST_MS = 60,
    SETTLE_PAUSE_MS = 200,
    SETTLE_TRIES = 600,
    ID_SIZE = 40,
    KNOWN_ORDERS = 64,
    ORDERS_A_CUSTOMER = 25, /* so that a list of them is one page */
    SHARED_KEYS_AT_ONCE = 3,
    SHARED_KEY_LIVES_US = 600000,
    SHARED_BODIES = 3,
};

static const char *const sold[] = {"TSHIRT-BLK-M", "SKU-123", "PROD-101"};
/* Nobody orders it: all that moves are its adjustments. */
#define COUNTED_SKU "ITEM2003"

/* A request under a key: to place an order, or to adjust stock. */
struct attempt {
    struct attempt *next;
    const char *path;
    char *key, *body;
    char order[ID_SIZE]; /* "": none was accepted */
    bool is_settled;
};

struct shopper {
    struct shoppers *shoppers;
    pthread_t thread;
    int number;
    struct dice dice;
    struct http_client *http;
    struct attempt *attempts; /* the last one first */
    int attempt_count;
};

struct shoppers {
    struct shoppers_options options;
    atomic_bool is_over;
    pthread_mutex_t mutex;
    char known[KNOWN_ORDERS][ID_SIZE]; /* of all clients, the latest ones */
    int known_count;
    struct shopper shoppers[];
};

/* --- requests --------------------------------------------------------------------------------- */

/* On a connection of its own, since libcurl sends again by itself what an old one does not take. */
static void ask(struct shopper *shopper, struct operation *operation,
                struct http_response *response) {
    const struct shoppers_options *options = &shopper->shoppers->options;
    int gateway = dice_between(&shopper->dice, 0, SCENE_GATEWAYS - 1);
    char url[256], key[128];
    const char *headers[] = {"Connection: close", operation->key != NULL ? key : NULL, NULL};

    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", options->ports[gateway], operation->path);
    snprintf(key, sizeof(key), "Idempotency-Key: \"%s\"",
             operation->key != NULL ? operation->key : "");
    operation->client = shopper->number;
    operation->gateway = (char)('a' + gateway);
    operation->call_us = history_now_us(options->history);
    (void)http_send(shopper->http,
                    &(struct http_request){.method = operation->method,
                                           .url = url,
                                           .headers = headers,
                                           .body = operation->body,
                                           .timeout_ms = ANSWER_MS},
                    response);
    operation->return_us = history_now_us(options->history);
    history_add(options->history, operation, response);
}

/* Leaves the member in `text`; false when the answer has none. */
static bool read_member(const struct http_response *response, const char *name, char *text,
                        size_t size) {
    struct json_object *root = NULL;
    struct slice value;
    struct error error;
    bool has_it = response->status / 100 == 2 &&
                  json_parse(buf_slice(&response->body), &root, &error) == STATUS_OK &&
                  json_get_string(root, name, &value, &error) == STATUS_OK;
    if (has_it)
        snprintf(text, size, "%.*s", SLICE_ARG(value));
    json_object_put(root);
    return has_it;
}

static void get(struct shopper *shopper, const char *path) {
    struct http_response response;
    ask(shopper, &(struct operation){.method = "GET", .path = path}, &response);
    http_response_fini(&response);
}

static void remember_order(struct shoppers *shoppers, const char *order) {
    (void)pthread_mutex_lock(&shoppers->mutex);
    snprintf(shoppers->known[shoppers->known_count++ % KNOWN_ORDERS], ID_SIZE, "%s", order);
    (void)pthread_mutex_unlock(&shoppers->mutex);
}

static bool pick_order(struct shopper *shopper, char order[ID_SIZE]) {
    struct shoppers *shoppers = shopper->shoppers;
    (void)pthread_mutex_lock(&shoppers->mutex);
    int count = shoppers->known_count < KNOWN_ORDERS ? shoppers->known_count : KNOWN_ORDERS;
    if (count > 0)
        snprintf(order, ID_SIZE, "%s", shoppers->known[dice_between(&shopper->dice, 0, count - 1)]);
    (void)pthread_mutex_unlock(&shoppers->mutex);
    return count > 0;
}

/* --- what has a key --------------------------------------------------------------------------- */

static struct attempt *add_attempt(struct shopper *shopper, const char *path, char *key,
                                   char *body) {
    struct attempt *attempt = mem_alloc(sizeof(*attempt));
    *attempt = (struct attempt){.next = shopper->attempts, .path = path, .key = key, .body = body};
    shopper->attempts = attempt;
    shopper->attempt_count++;
    return attempt;
}

/* A 409 of an order is another request that is under way; everything else that is no 5xx is a last
   word. */
static void try_attempt(struct shopper *shopper, struct attempt *attempt) {
    struct http_response response;
    ask(shopper,
        &(struct operation){
            .method = "POST", .path = attempt->path, .key = attempt->key, .body = attempt->body},
        &response);
    if (read_member(&response, "orderId", attempt->order, sizeof(attempt->order)))
        remember_order(shopper->shoppers, attempt->order);
    attempt->is_settled =
        response.status == 202 || response.status == 201 || response.status == 422;
    http_response_fini(&response);
}

static char *text_of(struct buf *text) {
    return text->ptr;
}

/* A slow payment leaves time to cancel. More of them, and a payment service that was killed takes
   minutes for what it works on alone. */
static char *order_body(struct shopper *shopper, const char *customer, int quantity) {
    static const char *const methods[] = {"pm_card_visa",           "pm_card_visa",
                                          "pm_card_visa",           "pm_card_visa",
                                          "pm_card_chargeDeclined", "pm_sim_delay_200"};
    struct buf body = {0};
    int method = dice_between(&shopper->dice, 0, 5), sku = dice_between(&shopper->dice, 0, 2);
    buf_printf(&body,
               "{\"customerId\":\"%s\",\"currency\":\"USD\",\"items\":[{\"sku\":\"%s\","
               "\"quantity\":%d}],\"paymentMethod\":\"%s\"}",
               customer, sold[sku], quantity, methods[method]);
    return text_of(&body);
}

static void own_customer(const struct shopper *shopper, char customer[ID_SIZE]) {
    snprintf(customer, ID_SIZE, "H%llu-%d-%d", (unsigned long long)shopper->shoppers->options.seed,
             shopper->number, shopper->attempt_count / ORDERS_A_CUSTOMER);
}

static void place_own(struct shopper *shopper) {
    char customer[ID_SIZE];
    struct buf key = {0};
    own_customer(shopper, customer);
    buf_printf(&key, "%s-%d", customer, shopper->attempt_count);
    char *body = order_body(shopper, customer, dice_between(&shopper->dice, 1, 3));
    try_attempt(shopper, add_attempt(shopper, "/api/v1/orders", text_of(&key), body));
}

/* A few keys are everybody's for a while, and now and then an older one comes back. */
static void place_shared(struct shopper *shopper) {
    const struct shoppers_options *options = &shopper->shoppers->options;
    int64_t epoch = history_now_us(options->history) / SHARED_KEY_LIVES_US;
    struct buf key = {0}, body = {0};
    if (dice_between(&shopper->dice, 0, 3) == 0)
        epoch -= dice_between(&shopper->dice, 1, 8);
    int slot = dice_between(&shopper->dice, 1, SHARED_KEYS_AT_ONCE);
    buf_printf(&key, "H%llu-shared-%lld-%d", (unsigned long long)options->seed,
               (long long)(epoch < 0 ? 0 : epoch), slot);
    buf_printf(&body,
               "{\"customerId\":\"%s\",\"currency\":\"USD\",\"items\":[{\"sku\":\"%s\","
               "\"quantity\":%d}],\"paymentMethod\":\"pm_card_visa\"}",
               key.ptr, sold[slot - 1], dice_between(&shopper->dice, 1, SHARED_BODIES));
    try_attempt(shopper, add_attempt(shopper, "/api/v1/orders", text_of(&key), text_of(&body)));
}

static void adjust(struct shopper *shopper) {
    struct buf key = {0}, body = {0};
    int delta = dice_between(&shopper->dice, 1, 9);
    buf_printf(&key, "H%llu-adjust-%d-%d", (unsigned long long)shopper->shoppers->options.seed,
               shopper->number, shopper->attempt_count);
    buf_printf(&body, "{\"delta\":%d,\"reason\":\"count\"}",
               dice_between(&shopper->dice, 0, 2) == 0 ? -delta : delta);
    try_attempt(shopper, add_attempt(shopper, "/api/v1/products/" COUNTED_SKU "/stock-adjustments",
                                     text_of(&key), text_of(&body)));
}

static void repeat(struct shopper *shopper) {
    struct attempt *attempt = shopper->attempts;
    for (int back = dice_between(&shopper->dice, 0, 10); attempt != NULL && back > 0; back--)
        attempt = attempt->next;
    if (attempt != NULL)
        try_attempt(shopper, attempt);
}

/* --- what has none ---------------------------------------------------------------------------- */

static void read_order(struct shopper *shopper, const char *rest) {
    char order[ID_SIZE], path[128];
    if (!pick_order(shopper, order))
        return;
    snprintf(path, sizeof(path), "/api/v1/orders/%s%s", order, rest);
    get(shopper, path);
}

static void read_whole(struct shopper *shopper) {
    read_order(shopper, "");
}

static void read_status(struct shopper *shopper) {
    read_order(shopper, "/status");
}

/* Its own last one, which it was just told of. */
static void read_last(struct shopper *shopper) {
    char path[128];
    if (shopper->attempts == NULL || shopper->attempts->order[0] == '\0')
        return;
    snprintf(path, sizeof(path), "/api/v1/orders/%s", shopper->attempts->order);
    get(shopper, path);
}

static void cancel(struct shopper *shopper) {
    char order[ID_SIZE], path[128];
    struct http_response response;
    if (!pick_order(shopper, order))
        return;
    snprintf(path, sizeof(path), "/api/v1/orders/%s/cancel", order);
    ask(shopper, &(struct operation){.method = "POST", .path = path}, &response);
    http_response_fini(&response);
}

static void list_own(struct shopper *shopper) {
    char customer[ID_SIZE], path[128];
    own_customer(shopper, customer);
    snprintf(path, sizeof(path), "/api/v1/orders?customerId=%s&limit=200", customer);
    get(shopper, path);
}

static void read_stock_of(struct shopper *shopper, const char *sku) {
    char path[128];
    snprintf(path, sizeof(path), "/api/v1/products/%s/stock", sku);
    get(shopper, path);
}

static void read_stock(struct shopper *shopper) {
    int sku = dice_between(&shopper->dice, 0, 3);
    read_stock_of(shopper, sku < 3 ? sold[sku] : COUNTED_SKU);
}

static void read_product(struct shopper *shopper) {
    get(shopper, "/api/v1/products/" COUNTED_SKU);
}

/* --- threads ---------------------------------------------------------------------------------- */

static const struct {
    int weight;
    void (*act)(struct shopper *shopper);
} acts[] = {
    {24, place_own},  {14, place_shared}, {8, repeat}, {12, read_last},
    {14, read_whole}, {8, read_status},   {6, cancel}, {6, list_own},
    {3, read_stock},  {3, read_product},  {2, adjust},
};

static void act(struct shopper *shopper) {
    int at = dice_between(&shopper->dice, 1, 100);
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        at -= acts[i].weight;
        if (at <= 0) {
            acts[i].act(shopper);
            return;
        }
    }
}

static void settle(struct shopper *shopper, struct attempt *attempt) {
    for (int i = 0; i < SETTLE_TRIES && !attempt->is_settled; i++) {
        try_attempt(shopper, attempt);
        if (!attempt->is_settled)
            clock_sleep_ms(SETTLE_PAUSE_MS);
    }
}

static bool is_final(const char *status) {
    return strcmp(status, "COMPLETED") == 0 || strcmp(status, "FAILED") == 0 ||
           strcmp(status, "CANCELLED") == 0;
}

static void await_end(struct shopper *shopper, const char *order) {
    char path[128], status[32] = "";
    snprintf(path, sizeof(path), "/api/v1/orders/%s", order);
    for (int i = 0; i < SETTLE_TRIES && !is_final(status); i++) {
        struct http_response response;
        if (i > 0)
            clock_sleep_ms(SETTLE_PAUSE_MS);
        ask(shopper, &(struct operation){.method = "GET", .path = path}, &response);
        (void)read_member(&response, "status", status, sizeof(status));
        http_response_fini(&response);
    }
}

static void *run(void *closure) {
    struct shopper *shopper = closure;
    while (!atomic_load(&shopper->shoppers->is_over)) {
        act(shopper);
        clock_sleep_ms(dice_between(&shopper->dice, PAUSE_LEAST_MS, PAUSE_MOST_MS));
    }
    for (struct attempt *attempt = shopper->attempts; attempt != NULL; attempt = attempt->next)
        settle(shopper, attempt);
    for (struct attempt *attempt = shopper->attempts; attempt != NULL; attempt = attempt->next)
        if (attempt->order[0] != '\0')
            await_end(shopper, attempt->order);
    return NULL;
}

static struct shoppers *create(const struct shoppers_options *options) {
    size_t size = sizeof(struct shoppers) + (size_t)options->count * sizeof(struct shopper);
    struct shoppers *shoppers = mem_alloc(size);
    shoppers->options = *options;
    (void)pthread_mutex_init(&shoppers->mutex, NULL);
    for (int i = 0; i < options->count; i++) {
        uint64_t seed = options->seed * 1000 + (uint64_t)i;
        shoppers->shoppers[i] = (struct shopper){
            .shoppers = shoppers, .number = i, .dice = {seed}, .http = http_client_create()};
    }
    return shoppers;
}

struct shoppers *shoppers_start(const struct shoppers_options *options) {
    struct shoppers *shoppers = create(options);
    for (int i = 0; i < options->count; i++) {
        struct shopper *shopper = &shoppers->shoppers[i];
        if (pthread_create(&shopper->thread, NULL, run, shopper) != 0)
            fixture_fail("no thread for a client");
    }
    return shoppers;
}

void shoppers_settle(struct shoppers *shoppers) {
    atomic_store(&shoppers->is_over, true);
    for (int i = 0; i < shoppers->options.count; i++)
        (void)pthread_join(shoppers->shoppers[i].thread, NULL);
}

/* All of it lies in one warehouse. */
static bool is_at_rest(struct shopper *shopper, const char *sku) {
    struct http_response response;
    char path[128];
    snprintf(path, sizeof(path), "/api/v1/products/%s/stock", sku);
    ask(shopper, &(struct operation){.method = "GET", .path = path}, &response);
    bool is_rest = response.status == 200 && strstr(response.body.ptr, "\"reserved\":0,") != NULL;
    http_response_fini(&response);
    return is_rest;
}

static void count_stock_of(struct shopper *shopper, const char *sku) {
    for (int i = 0; i < SETTLE_TRIES && !is_at_rest(shopper, sku); i++)
        clock_sleep_ms(SETTLE_PAUSE_MS);
}

void shoppers_count_stock(const struct shoppers_options *options) {
    struct shoppers_options counting = *options;
    counting.count = 1;
    struct shoppers *shoppers = create(&counting);
    struct shopper *shopper = &shoppers->shoppers[0];
    shopper->number = options->count;
    for (int i = 0; i < 3; i++)
        count_stock_of(shopper, sold[i]);
    count_stock_of(shopper, COUNTED_SKU);
    shoppers_destroy(&shoppers);
}

static void free_attempts(struct shopper *shopper) {
    while (shopper->attempts != NULL) {
        struct attempt *attempt = shopper->attempts;
        shopper->attempts = attempt->next;
        free(attempt->key);
        free(attempt->body);
        free(attempt);
    }
}

void shoppers_destroy(struct shoppers **shoppers) {
    for (int i = 0; i < (*shoppers)->options.count; i++) {
        http_client_destroy(&(*shoppers)->shoppers[i].http);
        free_attempts(&(*shoppers)->shoppers[i]);
    }
    (void)pthread_mutex_destroy(&(*shoppers)->mutex);
    free(*shoppers);
    *shoppers = NULL;
}
