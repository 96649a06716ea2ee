#include "services/payment/simulator/customer.h"

#include "shared/base/clock.h"

#include <stdio.h>
#include <string.h>

#define METHOD "pm_sim_action"
#define DECLINES "declined_"

bool customer_is_needed(struct slice payment_method) {
    if (slice_is(payment_method, "pm_card_threeDSecure2Required"))
        return true;
    return slice_take_prefix(&payment_method, METHOD) &&
           (payment_method.len == 0 || payment_method.ptr[0] == '_');
}

const char *customer_intent_status(const struct book_entry *charge) {
    if (charge->settled != NULL)
        return charge->settled->kind == BOOK_VOID ? "canceled" : "succeeded";
    if (charge->decline_code[0] != '\0' ||
        (charge->answered != NULL && charge->answered->kind == BOOK_DENY))
        return "requires_payment_method";
    if (charge->return_url[0] != '\0' && charge->answered == NULL)
        return "requires_action";
    return charge->capture_method[0] != '\0' ? "requires_capture" : "succeeded";
}

/* --- answers --- */

/* Once; nobody answers what was cancelled. */
static void answer(struct api *api, struct book_entry *charge, enum book_kind kind) {
    struct book_entry entry = {.kind = kind, .amount_minor = charge->amount_minor};
    if (charge->answered != NULL || charge->settled != NULL)
        return;
    snprintf(entry.id, sizeof(entry.id), "act_%.100s", charge->id);
    snprintf(entry.key, sizeof(entry.key), "act-%.100s", charge->key);
    snprintf(entry.charge_id, sizeof(entry.charge_id), "%s", charge->id);
    snprintf(entry.order_id, sizeof(entry.order_id), "%s", charge->order_id);
    snprintf(entry.currency, sizeof(entry.currency), "%s", charge->currency);
    book_add(api->book, &entry);
    hooks_tell(api->hooks, charge);
}

/* pm_sim_action_<ms>, pm_sim_action_declined_<ms>; false for one who waits for the page. */
static bool acts_by_itself(const struct book_entry *charge, int64_t *after_ms,
                           enum book_kind *kind) {
    struct slice rest = slice_of(charge->payment_method);
    uint64_t ms;
    if (!slice_take_prefix(&rest, METHOD "_"))
        return false;
    *kind = slice_take_prefix(&rest, DECLINES) ? BOOK_DENY : BOOK_CONFIRM;
    if (!slice_parse_uint(rest, INT32_MAX, &ms))
        return false;
    *after_ms = (int64_t)ms;
    return true;
}

void customers_act(struct api *api) {
    int64_t now_us = clock_monotonic_us(), after_ms;
    enum book_kind kind;
    struct book_entry *charge;
    for (size_t i = 0; (charge = book_at(api->book, i)) != NULL; i++) {
        if (book_is_open(charge) && charge->answered == NULL &&
            acts_by_itself(charge, &after_ms, &kind) && now_us - charge->kept_us >= after_ms * 1000)
            answer(api, charge, kind);
    }
}

/* --- the page --- */

static void show_page(const struct book_entry *charge, struct api_answer *answer) {
    answer->status = 200;
    answer->is_page = true;
    buf_printf(&answer->body,
               "<!doctype html><meta charset=utf-8><title>Confirm</title><h1>Your bank</h1>"
               "<p>A payment of %lld minor units of %s: %s.</p>"
               "<form method=post action=\"/confirm/%s/yes\"><button>Confirm</button></form>"
               "<form method=post action=\"/confirm/%s/no\"><button>Decline</button></form>\n",
               (long long)charge->amount_minor, charge->currency, customer_intent_status(charge),
               charge->id, charge->id);
}

static void lead_back(const struct book_entry *charge, struct api_answer *answer) {
    bool is_done = charge->answered != NULL && charge->answered->kind == BOOK_CONFIRM;
    answer->status = 303;
    buf_printf(&answer->location, "%s%cpayment_intent=%s&redirect_status=%s", charge->return_url,
               strchr(charge->return_url, '?') != NULL ? '&' : '?', charge->id,
               is_done ? "succeeded" : "failed");
}

bool customer_visits(struct api *api, const struct api_request *request,
                     struct api_answer *answered) {
    struct slice rest = request->path;
    if (!slice_take_prefix(&rest, "/confirm/"))
        return false;
    struct slice id = slice_take_until(&rest, '/');
    struct book_entry *charge = book_find_id(api->book, id);
    bool is_post = slice_is(request->method, "POST");
    bool says_yes = slice_is(rest, "yes");
    if (charge == NULL || charge->return_url[0] == '\0' ||
        (is_post && !says_yes && !slice_is(rest, "no"))) {
        answered->status = 404;
        return true;
    }
    if (is_post) {
        answer(api, charge, says_yes ? BOOK_CONFIRM : BOOK_DENY);
        lead_back(charge, answered);
    } else {
        show_page(charge, answered);
    }
    return true;
}
