#include "services/payment/simulator/api.h"

#include "services/payment/simulator/amount_rule.h"
#include "services/payment/simulator/customer.h"
#include "services/payment/simulator/form.h"
#include "shared/base/clock.h"
#include "shared/base/hex.h"
#include "shared/crypto/crypto.h"
#include "shared/json/json.h"

#include <stdio.h>
#include <string.h>

#define ARENA_BYTES 4096
#define ID_BYTES 12
#define HASH_BYTES 32
#define UNCONFIRMED "unconfirmed" /* instead of a decline code: an intent that took no money */

/* One POST on its way. */
struct post {
    struct api *api;
    const struct api_request *request;
    struct form form;
    struct book_entry *charge; /* that the address names, or NULL */
    enum fault fault;
    struct api_answer *answer;
};

/* --- answers --- */

static void answer_error(struct api_answer *answer, int status, const char *type, const char *code,
                         const char *param) {
    struct json_writer w = json_writer(&answer->body);
    answer->status = status;
    json_begin_object(&w);
    json_key(&w, "error");
    json_begin_object(&w);
    json_put_text(&w, "type", type);
    if (code != NULL)
        json_put_text(&w, "code", code);
    if (param != NULL)
        json_put_text(&w, "param", param);
    json_put_text(&w, "message", "as the simulator was told");
    json_end_object(&w);
    json_end_object(&w);
}

/* The intent has ended, or was never held. */
static void answer_state(struct api_answer *answer, const struct book_entry *charge) {
    struct json_writer w = json_writer(&answer->body);
    answer->status = 400;
    json_begin_object(&w);
    json_key(&w, "error");
    json_begin_object(&w);
    json_put_text(&w, "type", "invalid_request_error");
    json_put_text(&w, "code", "payment_intent_unexpected_state");
    json_put_text(&w, "message", "This PaymentIntent is not in a state for that.");
    json_key(&w, "payment_intent");
    json_begin_object(&w);
    json_put_text(&w, "id", charge->id);
    json_put_text(&w, "status", customer_intent_status(charge));
    json_end_object(&w);
    json_end_object(&w);
    json_end_object(&w);
}

static void answer_decline(struct api_answer *answer, const struct book_entry *entry) {
    bool is_plain = strcmp(entry->decline_code, "card_declined") == 0;
    struct json_writer w = json_writer(&answer->body);
    answer->status = 402;
    json_begin_object(&w);
    json_key(&w, "error");
    json_begin_object(&w);
    json_put_text(&w, "type", "card_error");
    json_put_text(&w, "code", "card_declined");
    json_put_text(&w, "decline_code", is_plain ? "generic_decline" : entry->decline_code);
    json_put_text(&w, "message", "The card was declined.");
    json_end_object(&w);
    json_end_object(&w);
}

/* Of the payment intent, or refund, once the entry was made. */
static const char *status_of(const struct book_entry *entry) {
    if (strcmp(entry->decline_code, UNCONFIRMED) == 0)
        return "requires_payment_method";
    if (entry->return_url[0] != '\0')
        return "requires_action";
    if (entry->kind == BOOK_VOID)
        return "canceled";
    return entry->capture_method[0] != '\0' ? "requires_capture" : "succeeded";
}

static void put_latest_charge(struct json_writer *w) {
    json_key(w, "latest_charge");
    json_raw(w,
             SLICE_LITERAL("{\"object\":\"charge\",\"payment_method_details\":{\"type\":\"card\","
                           "\"card\":{\"authorization_code\":\"004711\"}}}"));
}

static void put_next_action(struct json_writer *w, const struct book_entry *entry,
                            const char *own_url) {
    struct buf url = {0};
    buf_printf(&url, "%s/confirm/%s", own_url, entry->id);
    json_key(w, "next_action");
    json_begin_object(w);
    json_put_text(w, "type", "redirect_to_url");
    json_key(w, "redirect_to_url");
    json_begin_object(w);
    json_put_text(w, "url", url.ptr);
    json_put_text(w, "return_url", entry->return_url);
    json_end_object(w);
    json_end_object(w);
    buf_fini(&url);
}

/* As the entry was answered for, or, of a charge, how it stands. */
static void write_entry(struct api_answer *answer, const struct book_entry *entry,
                        const char *status, const char *own_url) {
    bool is_refund = entry->kind == BOOK_REFUND;
    bool is_own = is_refund || entry->kind == BOOK_CHARGE;
    struct json_writer w = json_writer(&answer->body);
    answer->status = 200;
    json_begin_object(&w);
    json_put_text(&w, "id", is_own ? entry->id : entry->charge_id);
    json_put_text(&w, "object", is_refund ? "refund" : "payment_intent");
    json_put_int(&w, "amount", entry->amount_minor);
    json_put_text(&w, "currency", entry->currency);
    json_put_text(&w, "status", status);
    if (strcmp(status, "requires_action") == 0)
        put_next_action(&w, entry, own_url);
    else if (entry->capture_method[0] != '\0')
        put_latest_charge(&w);
    if (entry->answered != NULL && entry->answered->kind == BOOK_DENY)
        json_put_raw(&w, "last_payment_error",
                     SLICE_LITERAL("{\"type\":\"card_error\","
                                   "\"code\":\"payment_intent_authentication_failure\"}"));
    if (is_refund)
        json_put_text(&w, "payment_intent", entry->charge_id);
    json_key(&w, "metadata");
    json_begin_object(&w);
    json_put_text(&w, "order_id", entry->order_id);
    json_end_object(&w);
    json_end_object(&w);
}

static void answer_entry(const struct post *post, const struct book_entry *entry) {
    bool is_unconfirmed = strcmp(entry->decline_code, UNCONFIRMED) == 0;
    if (entry->decline_code[0] != '\0' && !is_unconfirmed)
        answer_decline(post->answer, entry);
    else
        write_entry(post->answer, entry, status_of(entry), post->api->url);
}

/* --- entries --- */

static void copy_text(char *to, struct slice text) {
    snprintf(to, BOOK_TEXT_SIZE, "%.*s", SLICE_ARG(text));
}

static const char *const id_prefixes[] = {
    [BOOK_CHARGE] = "pi", [BOOK_REFUND] = "re",   [BOOK_CAPTURE] = "cap",
    [BOOK_VOID] = "void", [BOOK_CONFIRM] = "yes", [BOOK_DENY] = "no"};

static struct book_entry begin_entry(const struct post *post, enum book_kind kind) {
    struct book_entry entry = {.kind = kind};
    uint8_t hash[HASH_BYTES];
    char hex[2 * HASH_BYTES + 1];
    copy_text(entry.key, post->request->key);
    copy_text(entry.order_id, form_get(&post->form, "metadata[order_id]"));
    sha256(post->request->body.ptr, post->request->body.len, hash);
    hex_encode(hash, HASH_BYTES, entry.fingerprint);
    sha256(entry.key, strlen(entry.key), hash);
    hex_encode(hash, ID_BYTES, hex);
    snprintf(entry.id, sizeof(entry.id), "%s_%s", id_prefixes[kind], hex);
    return entry;
}

static const char *decline_code(struct slice payment_method) {
    if (slice_is(payment_method, "pm_card_chargeDeclined"))
        return "card_declined";
    if (slice_is(payment_method, "pm_card_chargeDeclinedInsufficientFunds"))
        return "insufficient_funds";
    return "";
}

/* Without a way to ask the customer it is declined. */
static void challenge(const struct post *post, struct slice method, struct book_entry *entry) {
    struct slice return_url = form_get(&post->form, "return_url");
    bool may_ask = !slice_is(form_get(&post->form, "error_on_requires_action"), "true");
    copy_text(entry->payment_method, method);
    if (may_ask && return_url.len > 0)
        copy_text(entry->return_url, return_url);
    else
        copy_text(entry->decline_code, SLICE_LITERAL("authentication_required"));
}

/* False when the request is refused, and answered. */
static bool read_charge(struct post *post, struct book_entry *entry) {
    struct slice method = form_get(&post->form, "payment_method");
    struct slice currency = form_get(&post->form, "currency");
    bool is_confirmed = slice_is(form_get(&post->form, "confirm"), "true");
    const char *wrong = "amount", *code = NULL;
    *entry = begin_entry(post, BOOK_CHARGE);
    if (form_get_int(&post->form, "amount", &entry->amount_minor))
        wrong = amount_rule_judge(currency, entry->amount_minor, &code);
    if (wrong != NULL) {
        answer_error(post->answer, 400, "invalid_request_error",
                     code != NULL ? code : "parameter_invalid", wrong);
        return false;
    }
    if (is_confirmed && (method.len < 4 || memcmp(method.ptr, "pm_", 3) != 0)) {
        answer_error(post->answer, 400, "invalid_request_error", "resource_missing",
                     "payment_method");
        return false;
    }
    copy_text(entry->currency, currency);
    if (!is_confirmed)
        copy_text(entry->decline_code, slice_of(UNCONFIRMED));
    else
        copy_text(entry->decline_code, slice_of(decline_code(method)));
    if (is_confirmed && slice_is(form_get(&post->form, "capture_method"), "manual")) {
        copy_text(entry->capture_method, SLICE_LITERAL("manual"));
        copy_text(entry->payment_method, method);
    }
    if (is_confirmed && customer_is_needed(method))
        challenge(post, method, entry);
    return true;
}

/* False when nothing is held, and answered. */
static bool begin_settling(struct post *post, enum book_kind kind, struct book_entry *entry) {
    const struct book_entry *charge = post->charge;
    *entry = begin_entry(post, kind);
    if (charge == NULL) {
        answer_error(post->answer, 404, "invalid_request_error", "resource_missing", "intent");
        return false;
    }
    if (!book_is_held(charge) && (kind != BOOK_VOID || !book_is_open(charge))) {
        answer_state(post->answer, charge);
        return false;
    }
    copy_text(entry->charge_id, slice_of(charge->id));
    copy_text(entry->order_id, slice_of(charge->order_id));
    copy_text(entry->currency, slice_of(charge->currency));
    entry->amount_minor = charge->amount_minor;
    return true;
}

static bool read_capture(struct post *post, struct book_entry *entry) {
    static const char field[] = "amount_to_capture";
    if (!begin_settling(post, BOOK_CAPTURE, entry))
        return false;
    if (strcmp(post->charge->payment_method, "pm_sim_expired") == 0) {
        answer_error(post->answer, 400, "invalid_request_error", "charge_expired_for_capture",
                     NULL);
        return false;
    }
    if (form_get(&post->form, field).len > 0 &&
        (!form_get_int(&post->form, field, &entry->amount_minor) || entry->amount_minor < 1 ||
         entry->amount_minor > post->charge->amount_minor)) {
        answer_error(post->answer, 400, "invalid_request_error", "amount_too_large", field);
        return false;
    }
    return true;
}

static bool read_cancel(struct post *post, struct book_entry *entry) {
    return begin_settling(post, BOOK_VOID, entry);
}

static bool read_refund(struct post *post, struct book_entry *entry) {
    struct slice id = form_get(&post->form, "payment_intent");
    const struct book_entry *charge = book_find_id(post->api->book, id);
    *entry = begin_entry(post, BOOK_REFUND);
    if (charge == NULL || charge->kind != BOOK_CHARGE || charge->decline_code[0] != '\0') {
        answer_error(post->answer, 404, "invalid_request_error", "resource_missing",
                     "payment_intent");
        return false;
    }
    int64_t left_minor = book_left_minor(charge);
    if (left_minor == 0) {
        answer_error(post->answer, 400, "invalid_request_error",
                     charge->refund != NULL ? "charge_already_refunded" : "charge_not_captured",
                     NULL);
        return false;
    }
    entry->amount_minor = left_minor;
    if (form_get(&post->form, "amount").len > 0 &&
        (!form_get_int(&post->form, "amount", &entry->amount_minor) || entry->amount_minor < 1 ||
         entry->amount_minor > left_minor)) {
        answer_error(post->answer, 400, "invalid_request_error", "amount_too_large", "amount");
        return false;
    }
    copy_text(entry->charge_id, id);
    copy_text(entry->currency, slice_of(charge->currency));
    return true;
}

/* --- requests --- */

static bool refuse_early(struct post *post) {
    switch (post->fault) {
    case FAULT_DOWN:
        answer_error(post->answer, 503, "api_error", NULL, NULL);
        return true;
    case FAULT_ERROR_BEFORE:
        answer_error(post->answer, 500, "api_error", NULL, NULL);
        return true;
    case FAULT_BUSY:
        answer_error(post->answer, 429, "invalid_request_error", "rate_limit", NULL);
        return true;
    default:
        return false;
    }
}

/* True when the key was used before, in a way that forbids its use now; answered then. */
static bool refuse_key(struct post *post, const struct book_entry *entry) {
    struct book_entry same = begin_entry(post, entry->kind);
    if (clock_monotonic_us() < entry->busy_until_us) {
        answer_error(post->answer, 409, "idempotency_error", "idempotency_key_in_use", NULL);
        return true;
    }
    if (strcmp(same.fingerprint, entry->fingerprint) != 0) {
        answer_error(post->answer, 400, "idempotency_error", NULL, NULL);
        return true;
    }
    return false;
}

/* The thing is done, now or before: the fault decides what the client hears of it. */
static void answer_done(struct post *post, struct book_entry *entry) {
    struct api_answer *answer = post->answer;
    if (post->fault == FAULT_ERROR_AFTER) {
        answer_error(answer, 500, "api_error", NULL, NULL);
        return;
    }
    answer_entry(post, entry);
    answer->is_silent = post->fault == FAULT_TIMEOUT_AFTER;
    if (post->fault == FAULT_SLOW) {
        answer->delay_ms = post->api->slow_ms;
        entry->busy_until_us = clock_monotonic_us() + answer->delay_ms * 1000;
    }
}

static void handle_post(struct post *post, bool (*read)(struct post *, struct book_entry *)) {
    struct slice key = post->request->key;
    struct book_entry entry;
    if (key.len == 0 || key.len >= BOOK_TEXT_SIZE) {
        answer_error(post->answer, 400, "invalid_request_error", "parameter_invalid",
                     "Idempotency-Key");
        return;
    }
    struct slice method = form_get(&post->form, "payment_method");
    if (post->charge != NULL)
        method = slice_of(post->charge->payment_method);
    post->fault = faults_take(post->api->faults, key, method);
    if (refuse_early(post))
        return;
    struct book_entry *known = book_find_key(post->api->book, key);
    post->answer->is_replay = known != NULL;
    if (known == NULL && read(post, &entry)) {
        known = book_add(post->api->book, &entry);
        hooks_tell(post->api->hooks, post->charge != NULL ? post->charge : known);
        answer_done(post, known);
    } else if (known != NULL && !refuse_key(post, known))
        answer_done(post, known);
}

/* `entry` is all there is in the list; NULL: nothing is. */
static void answer_list(struct post *post, const struct book_entry *entry) {
    struct buf *body = &post->answer->body;
    post->fault = faults_take(post->api->faults, (struct slice){0}, (struct slice){0});
    if (refuse_early(post))
        return;
    buf_append_text(body, "{\"object\":\"list\",\"has_more\":false,\"data\":[");
    if (entry != NULL)
        answer_entry(post, entry);
    buf_append_text(body, "]}");
    post->answer->status = 200;
}

static void handle_refund_list(struct post *post, struct arena *arena) {
    struct form query;
    const struct book_entry *charge = NULL;
    if (form_parse(post->request->query, arena, &query))
        charge = book_find_id(post->api->book, form_get(&query, "payment_intent"));
    answer_list(post, charge != NULL ? charge->refund : NULL);
}

static void handle_intent(struct post *post) {
    post->fault = faults_take(post->api->faults, (struct slice){0}, (struct slice){0});
    if (refuse_early(post))
        return;
    if (post->charge == NULL)
        answer_error(post->answer, 404, "invalid_request_error", "resource_missing", "intent");
    else
        write_entry(post->answer, post->charge, customer_intent_status(post->charge),
                    post->api->url);
}

static void handle_inject(struct post *post) {
    enum fault fault;
    int64_t count = FAULTS_FOREVER;
    if (hooks_inject(post->api->hooks, form_get(&post->form, "webhooks"))) {
        post->answer->status = 200;
        buf_append_text(&post->answer->body, "{}");
        return;
    }
    if (!fault_parse(form_get(&post->form, "fault"), &fault)) {
        answer_error(post->answer, 400, "invalid_request_error", "parameter_invalid", "fault");
        return;
    }
    form_get_int(&post->form, "count", &count);
    faults_inject(post->api->faults, fault, fault == FAULT_NONE ? 0 : count);
    post->answer->status = 200;
    buf_append_text(&post->answer->body, "{}");
}

/* /v1/payment_intents/<id><verb>; post->charge is the one of that id, if any. */
static bool names_intent(struct post *post, const char *verb) {
    struct slice id = post->request->path;
    size_t verb_len = strlen(verb);
    if (!slice_take_prefix(&id, "/v1/payment_intents/") || id.len <= verb_len ||
        memcmp(id.ptr + id.len - verb_len, verb, verb_len) != 0)
        return false;
    id.len -= verb_len;
    post->charge = book_find_id(post->api->book, id);
    if (post->charge != NULL && post->charge->kind != BOOK_CHARGE)
        post->charge = NULL;
    return true;
}

static void handle_v1(struct post *post, struct arena *arena) {
    static const struct slice bearer = SLICE_LITERAL("Bearer ");
    struct slice given = post->request->authorization;
    bool is_post = slice_is(post->request->method, "POST");
    if (given.len <= bearer.len || memcmp(given.ptr, bearer.ptr, bearer.len) != 0)
        answer_error(post->answer, 401, "invalid_request_error", NULL, NULL);
    else if (is_post && slice_is(post->request->path, "/v1/payment_intents"))
        handle_post(post, read_charge);
    else if (is_post && slice_is(post->request->path, "/v1/refunds"))
        handle_post(post, read_refund);
    else if (is_post && names_intent(post, "/capture"))
        handle_post(post, read_capture);
    else if (is_post && names_intent(post, "/cancel"))
        handle_post(post, read_cancel);
    else if (slice_is(post->request->path, "/v1/payment_intents"))
        answer_list(post, NULL);
    else if (slice_is(post->request->path, "/v1/refunds"))
        handle_refund_list(post, arena);
    else if (!is_post && names_intent(post, ""))
        handle_intent(post);
    else
        answer_error(post->answer, 404, "invalid_request_error", NULL, NULL);
}

void api_handle(struct api *api, const struct api_request *request, struct api_answer *answer) {
    struct arena *arena = arena_create(ARENA_BYTES);
    struct post post = {.api = api, .request = request, .answer = answer};
    bool is_post = slice_is(request->method, "POST");
    if (!form_parse(request->body, arena, &post.form)) {
        answer_error(answer, 400, "invalid_request_error", "parameter_invalid", NULL);
    } else if (slice_is(request->path, "/ledger")) {
        answer->status = 200;
        book_write_json(api->book, &answer->body);
    } else if (is_post && slice_is(request->path, "/inject")) {
        handle_inject(&post);
    } else if (customer_visits(api, request, answer)) {
        /* answered */
    } else {
        handle_v1(&post, arena);
    }
    arena_destroy(&arena);
}
