#include "services/payment/provider/stripe_message.h"

#include "services/payment/provider/stripe_verdict.h"
#include "shared/base/percent.h"
#include "shared/contract/currency.h"
#include "shared/json/json.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* --- forms --- */

static void add_field(struct buf *form, const char *name, struct slice value) {
    if (form->len > 0)
        buf_append_char(form, '&');
    buf_append_text(form, name);
    buf_append_char(form, '=');
    percent_encode(value, form);
}

static void add_number(struct buf *form, const char *name, int64_t value) {
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)value);
    add_field(form, name, slice_of(text));
}

/* Stripe writes currencies in lower case. */
static void add_currency(struct buf *form, struct slice currency) {
    char text[8];
    size_t len = currency.len < sizeof(text) ? currency.len : sizeof(text);
    for (size_t i = 0; i < len; i++)
        text[i] = (char)tolower((unsigned char)currency.ptr[i]);
    add_field(form, "currency", (struct slice){text, len});
}

bool stripe_amount(struct slice currency, int64_t amount_minor, int64_t *amount) {
    bool is_written_longer = slice_is(currency, "ISK") || slice_is(currency, "UGX");
    if (amount_minor % currency_step_minor(currency) != 0)
        return false;
    if (is_written_longer && amount_minor > INT64_MAX / 100)
        return false;
    *amount = is_written_longer           ? amount_minor * 100
              : slice_is(currency, "MGA") ? amount_minor / 100
                                          : amount_minor;
    return true;
}

static void add_amount(struct buf *form, const struct provider_request *request) {
    int64_t amount = 0;
    (void)stripe_amount(request->currency, request->amount_minor, &amount);
    add_number(form, "amount", amount);
    add_currency(form, request->currency);
}

static void add_return_url(struct buf *form, const struct provider_request *request) {
    struct buf url = {0};
    buf_printf(&url, "%s%corderId=%s", request->return_url,
               strchr(request->return_url, '?') != NULL ? '&' : '?', request->order_id);
    add_field(form, "return_url", buf_slice(&url));
    buf_fini(&url);
}

void stripe_write_charge(struct buf *form, const struct provider_request *request) {
    add_amount(form, request);
    add_field(form, "payment_method", request->payment_method);
    add_field(form, "payment_method_types%5B%5D", SLICE_LITERAL("card"));
    add_field(form, "confirm", SLICE_LITERAL("true"));
    if (request->return_url != NULL)
        add_return_url(form, request);
    else /* nobody is there to be asked by the card's bank: that is a decline */
        add_field(form, "error_on_requires_action", SLICE_LITERAL("true"));
    add_field(form, "metadata%5Border_id%5D", slice_of(request->order_id));
    if (request->is_held) {
        add_field(form, "capture_method", SLICE_LITERAL("manual"));
        add_field(form, "expand%5B%5D", SLICE_LITERAL("latest_charge"));
    }
}

void stripe_write_capture(struct buf *form, const struct provider_request *request) {
    int64_t amount = 0;
    (void)stripe_amount(request->currency, request->amount_minor, &amount);
    add_number(form, "amount_to_capture", amount);
}

void stripe_write_release(struct buf *form, const struct provider_request *request) {
    (void)request;
    add_field(form, "cancellation_reason", SLICE_LITERAL("abandoned"));
}

void stripe_write_void(struct buf *form, const struct provider_request *request) {
    add_amount(form, request);
    add_field(form, "payment_method_types%5B%5D", SLICE_LITERAL("card"));
    add_field(form, "confirm", SLICE_LITERAL("false"));
    add_field(form, "metadata%5Border_id%5D", slice_of(request->order_id));
}

void stripe_write_refund(struct buf *form, const struct provider_request *request) {
    int64_t amount = 0;
    add_field(form, "payment_intent", slice_of(request->charge_id));
    add_field(form, "metadata%5Border_id%5D", slice_of(request->order_id));
    if (!request->is_partial)
        return;
    (void)stripe_amount(request->currency, request->amount_minor, &amount);
    add_number(form, "amount", amount);
}

/* --- errors --- */

static void set_code(struct provider_request *request, enum provider_answer answer,
                     struct slice code) {
    request->answer = answer;
    snprintf(request->code, sizeof(request->code), "%.*s", SLICE_ARG(code));
}

/* The text under `key`, or an empty one. */
static struct slice text_of(struct json_object *object, const char *key) {
    struct slice text;
    if (object == NULL || json_get_string(object, key, &text, NULL) != STATUS_OK)
        return SLICE_LITERAL("");
    return text;
}

/* The bank's reason, where it gave one. */
static struct slice decline_code(struct json_object *error) {
    struct slice code = text_of(error, "code");
    struct slice more = text_of(error, "decline_code");
    if (more.len > 0 && !slice_is(more, "generic_decline"))
        return more;
    return code.len > 0 ? code : SLICE_LITERAL("card_declined");
}

/* What Stripe calls it, else the status. */
static void set_reason(struct provider_request *request, const struct httpc_call *call,
                       struct json_object *error) {
    static const char *const members[] = {"code", "type", "param"};
    bool is_own = request->answer == PROVIDER_DECLINED || request->answer == PROVIDER_REFUSED;
    struct slice text = SLICE_LITERAL("");
    for (size_t i = 0; is_own && i < 3 && text.len == 0; i++)
        text = text_of(error, members[i]);
    if (slice_is(text_of(error, "type"), "card_error"))
        text = decline_code(error);
    if (text.len > 0)
        set_code(request, request->answer, text);
    else
        snprintf(request->code, sizeof(request->code), "http_%d", call->status);
}

/* What was asked, and the bit by which it is judged. */
enum asked { CHARGE, CAPTURE, RELEASE, REFUND, INQUIRY };
static const unsigned judged_as[] = {
    [CHARGE] = STRIPE_CHARGE, [CAPTURE] = STRIPE_CAPTURE, [RELEASE] = STRIPE_ANY,
    [REFUND] = STRIPE_ANY,    [INQUIRY] = STRIPE_ANY,
};

static struct json_object *object_of(struct json_object *object, const char *key) {
    struct json_object *member = NULL;
    if (object == NULL || json_get_object(object, key, &member, NULL) != STATUS_OK)
        return NULL;
    return member;
}

/* The intent has ended already: by us, longer ago than Stripe remembers keys, or by somebody else.
   False when the error does not say so. */
static bool read_ended(struct json_object *error, enum asked asked,
                       struct provider_request *request) {
    if ((asked != CAPTURE && asked != RELEASE) ||
        !slice_is(text_of(error, "code"), "payment_intent_unexpected_state"))
        return false;
    struct slice status = text_of(object_of(error, "payment_intent"), "status");
    bool is_captured = slice_is(status, "succeeded");
    if (!is_captured && !slice_is(status, "canceled"))
        return false;
    if (is_captured == (asked == CAPTURE))
        set_code(request, PROVIDER_DONE, SLICE_LITERAL(""));
    else
        set_code(request, PROVIDER_DECLINED,
                 is_captured ? SLICE_LITERAL("already_captured") : slice_of(PROVIDER_EXPIRED));
    return true;
}

/* True: ask again. */
static bool read_error(const struct httpc_call *call, struct json_object *body, enum asked asked,
                       struct provider_request *request) {
    struct json_object *error = object_of(body, "error");
    struct stripe_verdict verdict = stripe_judge(call->status, judged_as[asked], error);
    struct slice advice = httpc_header(call, "Stripe-Should-Retry");
    request->answer = verdict.answer;
    set_reason(request, call, error);
    if (verdict.answer == PROVIDER_REFUSED && read_ended(error, asked, request))
        return false;
    if (slice_is(advice, "true") || slice_is(advice, "false"))
        return slice_is(advice, "true");
    return verdict.again;
}

/* --- results --- */

/* False when the answer has no usable id: it is then as good as none. */
static bool read_id(struct json_object *body, char *id) {
    struct slice text = text_of(body, "id");
    if (text.len == 0 || text.len >= PROVIDER_ID_SIZE)
        return false;
    snprintf(id, PROVIDER_ID_SIZE, "%.*s", SLICE_ARG(text));
    return true;
}

/* The bank's code where Stripe tells it, else what stands for it. */
static void read_auth_code(struct json_object *body, struct provider_request *request) {
    struct json_object *charge = object_of(body, "latest_charge");
    struct json_object *card = object_of(object_of(charge, "payment_method_details"), "card");
    struct slice code = text_of(card, "authorization_code");
    if (code.len == 0)
        code = charge != NULL ? text_of(charge, "id") : text_of(body, "latest_charge");
    if (code.len == 0 || code.len >= PROVIDER_AUTH_SIZE)
        code = slice_of(request->charge_id);
    snprintf(request->auth_code, PROVIDER_AUTH_SIZE, "%.*s", SLICE_ARG(code));
}

static bool is_as_asked(struct slice status, enum asked asked,
                        const struct provider_request *request) {
    if (asked == RELEASE)
        return slice_is(status, "canceled");
    return slice_is(status, "succeeded") ||
           (asked != CAPTURE && request->is_held && slice_is(status, "requires_capture"));
}

/* False: it names no page to send the customer to. */
static bool read_action(struct json_object *body, struct provider_request *request) {
    struct json_object *action = object_of(body, "next_action");
    struct slice url = text_of(object_of(action, "redirect_to_url"), "url");
    if (url.len == 0 || url.len >= sizeof(request->action_url))
        return false;
    snprintf(request->action_url, sizeof(request->action_url), "%.*s", SLICE_ARG(url));
    return true;
}

/* An intent that is neither done nor under way. */
static void read_open(struct json_object *body, struct slice status, enum asked asked,
                      struct provider_request *request) {
    bool is_asked = slice_is(status, "requires_action");
    if (is_asked && (asked == INQUIRY || (asked == CHARGE && read_action(body, request)))) {
        set_code(request, PROVIDER_ACTION, SLICE_LITERAL(""));
    } else if (asked == INQUIRY && slice_is(status, "canceled")) {
        set_code(request, PROVIDER_NOTHING, status);
    } else if (asked == INQUIRY) {
        struct json_object *error = object_of(body, "last_payment_error");
        set_code(request, PROVIDER_DECLINED, error != NULL ? decline_code(error) : status);
    } else if (asked == CHARGE) {
        set_code(request, PROVIDER_DECLINED, status);
        request->charge_id[0] = '\0';
    } else {
        set_code(request, PROVIDER_REFUSED, status);
    }
}

static bool read_intent(struct json_object *body, enum asked asked,
                        struct provider_request *request) {
    struct slice status = text_of(body, "status");
    if (status.len == 0 || slice_is(status, "processing") || !read_id(body, request->charge_id)) {
        set_code(request, PROVIDER_TRANSIENT,
                 status.len > 0 ? status : SLICE_LITERAL("unreadable"));
        return true;
    }
    if (is_as_asked(status, asked, request)) {
        set_code(request, PROVIDER_DONE, SLICE_LITERAL(""));
        if (request->is_held)
            read_auth_code(body, request);
    } else {
        read_open(body, status, asked, request);
    }
    return false;
}

static bool read_refund(struct json_object *body, struct provider_request *request) {
    struct slice status = text_of(body, "status");
    if (status.len == 0 || !read_id(body, request->refund_id)) {
        set_code(request, PROVIDER_TRANSIENT, SLICE_LITERAL("unreadable"));
        return true;
    }
    /* Accepted is enough: a pending refund leaves our balance at once. */
    if (slice_is(status, "succeeded") || slice_is(status, "pending"))
        set_code(request, PROVIDER_DONE, SLICE_LITERAL(""));
    else
        set_code(request, PROVIDER_REFUSED, status);
    return false;
}

static bool read_answer(const struct httpc_call *call, enum asked asked,
                        struct provider_request *request) {
    struct json_object *body = NULL;
    bool again;
    if (json_parse(buf_slice(&call->answer), &body, NULL) != STATUS_OK)
        body = NULL;
    if (call->status != 200)
        again = read_error(call, body, asked, request);
    else
        again = asked == REFUND ? read_refund(body, request) : read_intent(body, asked, request);
    json_object_put(body);
    return again;
}

static bool read_call(const struct httpc_call *call, enum asked asked,
                      struct provider_request *request) {
    if (call->result == HTTPC_ANSWERED)
        return read_answer(call, asked, request);
    struct stripe_verdict verdict = stripe_judge(
        call->result == HTTPC_UNSENT ? STRIPE_UNSENT : STRIPE_LOST, judged_as[asked], NULL);
    set_code(request, verdict.answer, slice_of(call->error));
    return verdict.again;
}

bool stripe_read_charge(const struct httpc_call *call, struct provider_request *request) {
    return read_call(call, CHARGE, request);
}

bool stripe_read_capture(const struct httpc_call *call, struct provider_request *request) {
    return read_call(call, CAPTURE, request);
}

bool stripe_read_release(const struct httpc_call *call, struct provider_request *request) {
    return read_call(call, RELEASE, request);
}

bool stripe_read_void(const struct httpc_call *call, struct provider_request *request) {
    if (call->result == HTTPC_ANSWERED && call->status == 200) {
        set_code(request, PROVIDER_NOTHING, SLICE_LITERAL("never_charged"));
        return false;
    }
    bool again = read_call(call, REFUND, request);
    if (request->answer == PROVIDER_REFUSED && strcmp(request->code, "idempotency_error") == 0)
        set_code(request, PROVIDER_NONE, SLICE_LITERAL(""));
    return again;
}

bool stripe_read_refund(const struct httpc_call *call, struct provider_request *request) {
    return read_call(call, REFUND, request);
}

void stripe_read_inquiry(const struct httpc_call *call, struct provider_request *request) {
    (void)read_call(call, INQUIRY, request);
}

void stripe_read_refund_list(const struct httpc_call *call, struct provider_request *request) {
    struct json_object *body = NULL, *data = NULL;
    if (call->result != HTTPC_ANSWERED || call->status != 200 ||
        json_parse(buf_slice(&call->answer), &body, NULL) != STATUS_OK)
        return;
    if (json_get_array(body, "data", &data, NULL) == STATUS_OK &&
        json_object_array_length(data) > 0) {
        struct json_object *first = json_object_array_get_idx(data, 0);
        if (json_object_is_type(first, json_type_object))
            read_refund(first, request);
    }
    json_object_put(body);
}
