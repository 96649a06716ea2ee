#include "services/payment/simulator/hooks.h"

#include "services/payment/simulator/customer.h"
#include "shared/base/backoff.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/crypto/stripe_signature.h"
#include "shared/json/json.h"
#include "shared/net/http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES_MOST = 10, TIMEOUT_MS = 5000, FIRST_WAIT_MS = 1000 };
enum mode { USUAL, TWICE, LOST };
static const char *const modes[] = {"usual", "twice", "lost"};

struct hook {
    struct httpc_call call; /* first */
    struct buf body, signature;
    const char *headers[3];
    int tries;
    int64_t due_us;
    bool is_under_way;
    struct hook *next;
};

struct hooks {
    const char *url;
    struct stripe_secret *secret;
    struct httpc *httpc;
    struct httpc_flight *flight;
    struct hook *first;
    enum mode mode;
    int64_t count;
};

enum status hooks_create(const char *url, const char *secret_file, struct hooks **hooks,
                         struct error *error) {
    struct stripe_secret *secret = NULL;
    if (!httpc_is_url(url))
        return error_set(error, STATUS_INVALID, "OM_SIM_WEBHOOK_URL is no http or https address");
    enum status status = stripe_secret_create(secret_file, &secret, error);
    if (status != STATUS_OK)
        return status;
    struct hooks *made = mem_alloc(sizeof(*made));
    made->url = url;
    made->secret = secret;
    made->httpc = httpc_create(NULL);
    made->flight = httpc_flight_create(made->httpc);
    *hooks = made;
    return STATUS_OK;
}

static void hook_destroy(struct hook *hook) {
    httpc_call_fini(&hook->call);
    buf_fini(&hook->body);
    buf_fini(&hook->signature);
    free(hook);
}

void hooks_destroy(struct hooks **hooks) {
    struct hooks *h = *hooks;
    if (h == NULL)
        return;
    httpc_flight_destroy(&h->flight);
    httpc_destroy(&h->httpc);
    for (struct hook *hook = h->first, *next; hook != NULL; hook = next) {
        next = hook->next;
        hook_destroy(hook);
    }
    stripe_secret_destroy(&h->secret);
    free(h);
    *hooks = NULL;
}

/* --- what is told --- */

/* By the intent's status (https://docs.stripe.com/api/events/types). */
static const struct {
    const char *status, *type;
} types[] = {
    {"requires_action", "payment_intent.requires_action"},
    {"requires_capture", "payment_intent.amount_capturable_updated"},
    {"requires_payment_method", "payment_intent.payment_failed"},
    {"succeeded", "payment_intent.succeeded"},
    {"canceled", "payment_intent.canceled"},
};

static const char *type_of(const char *status) {
    size_t i = 0;
    while (strcmp(types[i].status, status) != 0)
        i++; /* customer_intent_status() has no other */
    return types[i].type;
}

static void write_event(struct buf *body, const struct book_entry *charge, int64_t number) {
    const char *status = customer_intent_status(charge);
    char id[64];
    int64_t now_s = clock_now_us() / 1000000;
    snprintf(id, sizeof(id), "evt_%lld_%lld", (long long)now_s, (long long)number);
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    json_put_text(&w, "id", id);
    json_put_text(&w, "object", "event");
    json_put_int(&w, "created", now_s);
    json_put_text(&w, "type", type_of(status));
    json_key(&w, "data");
    json_begin_object(&w);
    json_key(&w, "object");
    json_begin_object(&w);
    json_put_text(&w, "id", charge->id);
    json_put_text(&w, "object", "payment_intent");
    json_put_int(&w, "amount", charge->amount_minor);
    json_put_text(&w, "currency", charge->currency);
    json_put_text(&w, "status", status);
    json_key(&w, "metadata");
    json_begin_object(&w);
    json_put_text(&w, "order_id", charge->order_id);
    json_end_object(&w);
    json_end_object(&w);
    json_end_object(&w);
    json_end_object(&w);
}

static void add(struct hooks *hooks, const struct book_entry *charge, int64_t number) {
    struct hook *hook = mem_alloc(sizeof(*hook));
    write_event(&hook->body, charge, number);
    hook->next = hooks->first;
    hooks->first = hook; /* so that they come in another order than they happened */
}

void hooks_tell(struct hooks *hooks, const struct book_entry *charge) {
    if (hooks == NULL || charge->kind != BOOK_CHARGE || hooks->mode == LOST)
        return;
    int64_t number = ++hooks->count;
    add(hooks, charge, number);
    if (hooks->mode == TWICE)
        add(hooks, charge, number);
}

bool hooks_inject(struct hooks *hooks, struct slice what) {
    int mode = slice_index(what, modes, sizeof(modes) / sizeof(modes[0]));
    if (hooks == NULL || mode < 0)
        return false;
    hooks->mode = (enum mode)mode;
    return true;
}

/* --- sending --- */

static void send_hook(struct hooks *hooks, struct hook *hook) {
    char signature[STRIPE_SIGNATURE_SIZE];
    stripe_signature_write(hooks->secret, clock_now_us() / 1000000, buf_slice(&hook->body),
                           signature);
    buf_clear(&hook->signature);
    buf_printf(&hook->signature, "Stripe-Signature: %s", signature);
    hook->headers[0] = "Content-Type: application/json";
    hook->headers[1] = hook->signature.ptr;
    hook->call = (struct httpc_call){.url = hooks->url,
                                     .headers = hook->headers,
                                     .body = buf_slice(&hook->body),
                                     .timeout_ms = TIMEOUT_MS};
    hook->is_under_way = true;
    httpc_flight_begin(hooks->flight, &hook->call);
}

/* True: it is done with. */
static bool take_answer(struct hook *hook) {
    bool is_taken = hook->call.result == HTTPC_ANSWERED && hook->call.status / 100 == 2;
    httpc_call_fini(&hook->call);
    hook->is_under_way = false;
    hook->due_us = clock_monotonic_us() + ((int64_t)FIRST_WAIT_MS * 1000 << hook->tries);
    return is_taken || ++hook->tries == TRIES_MOST;
}

static void remove_hook(struct hooks *hooks, struct hook *hook) {
    struct hook **at = &hooks->first;
    while (*at != NULL && *at != hook)
        at = &(*at)->next;
    if (*at != NULL)
        *at = hook->next;
    hook_destroy(hook);
}

bool hooks_turn(struct hooks *hooks) {
    if (hooks == NULL || hooks->first == NULL)
        return false;
    for (struct hook *hook = hooks->first; hook != NULL; hook = hook->next)
        if (!hook->is_under_way && hook->due_us <= clock_monotonic_us())
            send_hook(hooks, hook);
    for (struct httpc_call *call; (call = httpc_flight_await(hooks->flight, 0)) != NULL;) {
        struct hook *hook = (struct hook *)call;
        if (take_answer(hook))
            remove_hook(hooks, hook);
    }
    return true;
}
