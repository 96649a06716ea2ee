#include "services/payment/provider/provider_simulated.h"

#include "shared/base/clock.h"
#include "shared/base/hex.h"
#include "shared/crypto/crypto.h"

#include <stdio.h>
#include <string.h>

#define ID_HASH_BYTES 12

static void derive_id(const char *prefix, const char *key, char *id) {
    uint8_t hash[32];
    char hex[2 * ID_HASH_BYTES + 1];
    sha256(key, strlen(key), hash);
    hex_encode(hash, ID_HASH_BYTES, hex);
    snprintf(id, PROVIDER_ID_SIZE, "%s_%s", prefix, hex);
}

/* Six digits, as banks give them. */
static void derive_auth_code(const char *key, char *auth_code) {
    uint8_t hash[32];
    sha256(key, strlen(key), hash);
    unsigned number = ((unsigned)hash[0] << 16 | (unsigned)hash[1] << 8 | hash[2]) % 1000000;
    snprintf(auth_code, PROVIDER_AUTH_SIZE, "%06u", number);
}

static const struct {
    const char *payment_method;
    const char *code;
} declines[] = {
    {"pm_card_chargeDeclined", "card_declined"},
    {"pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"},
};

static const char *decline_code(struct slice payment_method) {
    for (size_t i = 0; i < sizeof(declines) / sizeof(declines[0]); i++) {
        if (slice_is(payment_method, declines[i].payment_method))
            return declines[i].code;
    }
    return NULL;
}

/* 0 when the method asks for none, or not in digits. */
static int64_t delay_ms(struct slice payment_method) {
    uint64_t ms;
    if (!slice_take_prefix(&payment_method, "pm_sim_delay_") ||
        !slice_parse_uint(payment_method, UINT64_MAX, &ms))
        return 0;
    return ms < SIMULATED_DELAY_MOST_MS ? (int64_t)ms : SIMULATED_DELAY_MOST_MS;
}

#define ACTION_METHOD "pm_sim_action"
#define ACTION_DECLINED "pm_sim_action_declined"

static bool needs_action(struct slice payment_method) {
    return slice_take_prefix(&payment_method, ACTION_METHOD) &&
           (payment_method.len == 0 || payment_method.ptr[0] == '_');
}

/* Whether its customer has confirmed it by now. */
static bool is_confirmed(const struct provider_request *request) {
    struct slice rest = request->payment_method;
    uint64_t ms;
    return slice_take_prefix(&rest, ACTION_METHOD "_") && slice_parse_uint(rest, INT32_MAX, &ms) &&
           clock_now_us() - request->wanted_at_us >= (int64_t)ms * 1000;
}

static void ask_customer(struct provider_request *request) {
    request->answer = PROVIDER_ACTION;
    derive_id("ch", request->charge_key, request->charge_id);
    snprintf(request->action_url, sizeof(request->action_url),
             "https://provider.invalid/confirm/%s", request->charge_id);
}

static void charge_one(struct provider_request *request, int64_t now_us) {
    const char *code = decline_code(request->payment_method);
    if (code != NULL) {
        request->answer = PROVIDER_DECLINED;
        snprintf(request->code, sizeof(request->code), "%s", code);
    } else if (slice_is(request->payment_method, "pm_sim_unavailable") &&
               now_us - request->wanted_at_us < SIMULATED_OUTAGE_US) {
        request->answer = PROVIDER_OUTAGE;
        snprintf(request->code, sizeof(request->code), "outage");
    } else if (slice_is(request->payment_method, "pm_sim_error") &&
               request->attempt <= SIMULATED_ERRORS) {
        request->answer = PROVIDER_TRANSIENT;
        snprintf(request->code, sizeof(request->code), "simulated_error");
    } else if (needs_action(request->payment_method)) {
        ask_customer(request);
    } else {
        request->answer = PROVIDER_DONE;
        derive_id("ch", request->key, request->charge_id);
        if (request->is_held)
            derive_auth_code(request->key, request->auth_code);
    }
}

/* The delays of a batch run side by side: it waits for the longest. */
static void charge(const struct provider *self, struct provider_request *const *requests,
                   size_t count) {
    (void)self;
    int64_t longest_ms = 0;
    int64_t now_us = clock_now_us();
    for (size_t i = 0; i < count; i++) {
        int64_t ms = delay_ms(requests[i]->payment_method);
        longest_ms = ms > longest_ms ? ms : longest_ms;
        charge_one(requests[i], now_us);
    }
    clock_sleep_ms(longest_ms);
}

/* True when it fails this time; answered then. */
static bool fails_now(struct provider_request *request) {
    if (!slice_is(request->payment_method, "pm_sim_error") || request->attempt > SIMULATED_ERRORS)
        return false;
    request->answer = PROVIDER_TRANSIENT;
    snprintf(request->code, sizeof(request->code), "simulated_error");
    return true;
}

static void capture(const struct provider *self, struct provider_request *const *requests,
                    size_t count) {
    (void)self;
    for (size_t i = 0; i < count; i++) {
        struct provider_request *request = requests[i];
        if (fails_now(request))
            continue;
        bool is_gone = slice_is(request->payment_method, "pm_sim_expired");
        request->answer = is_gone ? PROVIDER_DECLINED : PROVIDER_DONE;
        snprintf(request->code, sizeof(request->code), "%s", is_gone ? PROVIDER_EXPIRED : "");
        derive_id("ch", request->charge_key, request->charge_id);
    }
}

static void release(const struct provider *self, struct provider_request *const *requests,
                    size_t count) {
    (void)self;
    for (size_t i = 0; i < count; i++) {
        if (fails_now(requests[i]))
            continue;
        requests[i]->answer = PROVIDER_DONE;
        requests[i]->code[0] = '\0';
        derive_id("ch", requests[i]->charge_key, requests[i]->charge_id);
    }
}

static void inquire_one(struct provider_request *request) {
    derive_id("ch", request->charge_key, request->charge_id);
    if (slice_is(request->payment_method, ACTION_DECLINED)) {
        request->answer = PROVIDER_DECLINED;
        snprintf(request->code, sizeof(request->code), "authentication_failed");
    } else if (is_confirmed(request)) {
        request->answer = PROVIDER_DONE;
        if (request->is_held)
            derive_auth_code(request->charge_key, request->auth_code);
    } else {
        request->answer = PROVIDER_ACTION;
    }
}

static void inquire(const struct provider *self, struct provider_request *const *requests,
                    size_t count) {
    (void)self;
    for (size_t i = 0; i < count; i++)
        inquire_one(requests[i]);
}

static void refund_one(struct provider_request *request) {
    if (decline_code(request->payment_method) != NULL) {
        request->answer = PROVIDER_NOTHING;
        return;
    }
    request->answer = PROVIDER_DONE;
    derive_id("ch", request->charge_key, request->charge_id);
    derive_id("re", request->key, request->refund_id);
}

static void refund(const struct provider *self, struct provider_request *const *requests,
                   size_t count) {
    (void)self;
    for (size_t i = 0; i < count; i++)
        refund_one(requests[i]);
}

const struct provider provider_simulated = {"simulated", charge, capture, release, refund, inquire};
