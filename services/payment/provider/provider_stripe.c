#include "services/payment/provider/provider_stripe.h"

#include "services/payment/provider/stripe_message.h"
#include "shared/base/backoff.h"
#include "shared/base/clock.h"
#include "shared/base/config.h"
#include "shared/base/memory.h"
#include "shared/base/percent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_TIMEOUT_MS 3000

static const struct backoff backoff = {.least_ms = 500, .most_ms = 5000};

struct stripe {
    struct provider provider; /* first */
    struct httpc *httpc;
    char *charges_url, *refunds_url, *probe_url;
    char *authorization; /* header lines */
    char *return_url;    /* NULL: nobody is asked */
    int64_t timeout_ms;
};

/* Operations differ in these. */
struct operation {
    void (*write)(struct buf *form, const struct provider_request *request);
    bool (*read)(const struct httpc_call *call, struct provider_request *request);
    const char *verb; /* of the payment intent's own address; NULL: the list's is used */
    bool is_of_refunds;
};
static const struct operation charging = {stripe_write_charge, stripe_read_charge, NULL, false};
static const struct operation voiding = {stripe_write_void, stripe_read_void, NULL, false};
static const struct operation capturing = {stripe_write_capture, stripe_read_capture, "capture",
                                           false};
static const struct operation releasing = {stripe_write_release, stripe_read_release, "cancel",
                                           false};
static const struct operation refunding = {stripe_write_refund, stripe_read_refund, NULL, true};

enum { HEADER_AUTHORIZATION, HEADER_VERSION, HEADER_TYPE, HEADER_KEY, HEADERS };

/* One request on its way through its tries. */
struct task {
    struct provider_request *request;
    struct buf url, form, key_header;
    const char *headers[HEADERS + 1];
    bool again;
};

static void task_init(struct task *task, const struct stripe *stripe,
                      const struct operation *operation, struct provider_request *request) {
    task->request = request;
    task->again = true;
    buf_append_text(&task->url,
                    operation->is_of_refunds ? stripe->refunds_url : stripe->charges_url);
    if (operation->verb != NULL) {
        buf_append_char(&task->url, '/');
        percent_encode(slice_of(request->charge_id), &task->url);
        buf_printf(&task->url, "/%s", operation->verb);
    }
    operation->write(&task->form, request);
    buf_printf(&task->key_header, "Idempotency-Key: %s", request->key);
    task->headers[HEADER_AUTHORIZATION] = stripe->authorization;
    task->headers[HEADER_VERSION] = "Stripe-Version: " STRIPE_VERSION;
    task->headers[HEADER_TYPE] = "Content-Type: application/x-www-form-urlencoded";
    task->headers[HEADER_KEY] = task->key_header.ptr;
}

static void task_fini(struct task *task) {
    buf_fini(&task->url);
    buf_fini(&task->form);
    buf_fini(&task->key_header);
}

/* --- one round of tries --- */

/* Tries all that are to be tried. Returns how long to wait for the next round; -1: none needed. */
static int64_t run_round(const struct stripe *stripe, const struct operation *operation,
                         struct task *tasks, size_t count, int tries) {
    struct httpc_call *calls = mem_alloc((count + 1) * sizeof(*calls));
    size_t call_count = 0, next = 0;
    int64_t wait_ms = -1;
    for (size_t i = 0; i < count; i++) {
        if (tasks[i].again)
            calls[call_count++] = (struct httpc_call){.method = "POST",
                                                      .url = tasks[i].url.ptr,
                                                      .headers = tasks[i].headers,
                                                      .body = buf_slice(&tasks[i].form),
                                                      .timeout_ms = stripe->timeout_ms};
    }
    httpc_perform(stripe->httpc, calls, call_count);
    for (size_t i = 0; i < count; i++) {
        if (!tasks[i].again)
            continue;
        struct httpc_call *call = &calls[next++];
        tasks[i].again = operation->read(call, tasks[i].request);
        if (tasks[i].again) {
            int64_t own_ms = backoff_jittered(&backoff, tries, httpc_retry_after_ms(call));
            wait_ms = own_ms > wait_ms ? own_ms : wait_ms;
        }
        httpc_call_fini(call);
    }
    free(calls);
    return wait_ms;
}

/* --- an outage, or one request's trouble --- */

static bool is_settled(enum provider_answer answer) {
    return answer != PROVIDER_TRANSIENT && answer != PROVIDER_OUTAGE;
}

/* Does Stripe answer a harmless question about payments? */
static bool is_answering(const struct stripe *stripe) {
    const char *headers[] = {stripe->authorization, "Stripe-Version: " STRIPE_VERSION, NULL};
    int64_t timeout_ms =
        stripe->timeout_ms < PROBE_TIMEOUT_MS ? stripe->timeout_ms : PROBE_TIMEOUT_MS;
    struct httpc_call call = {
        .url = stripe->probe_url, .headers = headers, .timeout_ms = timeout_ms};
    httpc_perform(stripe->httpc, &call, 1);
    bool answers = call.result == HTTPC_ANSWERED && call.status != 429 &&
                   (call.status == 200 || (call.status >= 400 && call.status < 500));
    httpc_call_fini(&call);
    return answers;
}

/* Nothing of the batch was answered, and nothing else is. */
static bool is_down(const struct stripe *stripe, struct provider_request *const *requests,
                    size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (is_settled(requests[i]->answer))
            return false;
    }
    return !is_answering(stripe);
}

static void call_it_an_outage(struct provider_request *const *requests, size_t count) {
    for (size_t i = 0; i < count; i++)
        requests[i]->answer = PROVIDER_OUTAGE;
}

/* --- a batch --- */

static void run(const struct stripe *stripe, const struct operation *operation,
                struct provider_request *const *requests, size_t count) {
    int64_t deadline_us = clock_monotonic_us() + (int64_t)STRIPE_BUDGET_MS * 1000;
    struct task *tasks = mem_alloc((count + 1) * sizeof(*tasks));
    for (size_t i = 0; i < count; i++)
        task_init(&tasks[i], stripe, operation, requests[i]);
    bool is_last = false;
    for (int tries = 1; !is_last; tries++) {
        int64_t wait_ms = run_round(stripe, operation, tasks, count, tries);
        is_last = wait_ms < 0 || tries == STRIPE_TRIES ||
                  clock_monotonic_us() + wait_ms * 1000 > deadline_us;
        if ((tries == 1 || is_last) && is_down(stripe, requests, count)) {
            call_it_an_outage(requests, count);
            is_last = true;
        }
        if (!is_last)
            clock_sleep_ms(wait_ms);
    }
    for (size_t i = 0; i < count; i++)
        task_fini(&tasks[i]);
    free(tasks);
}

/* True when Stripe has no way to write the amount; answered then. */
static bool refuse_amount(struct provider_request *request) {
    int64_t amount;
    if (stripe_amount(request->currency, request->amount_minor, &amount))
        return false;
    request->answer = request->is_over ? PROVIDER_NOTHING : PROVIDER_DECLINED;
    snprintf(request->code, sizeof(request->code), "amount_not_exact");
    return true;
}

/* The key was used by a request that could not ask the customer: it is asked for again like that.
 */
static void charge_as_before(const struct stripe *stripe, struct provider_request **requests,
                             size_t count) {
    size_t refused = 0;
    for (size_t i = 0; i < count; i++) {
        if (requests[i]->answer != PROVIDER_REFUSED || requests[i]->return_url == NULL ||
            strcmp(requests[i]->code, "idempotency_error") != 0)
            continue;
        requests[i]->return_url = NULL;
        requests[refused++] = requests[i];
    }
    if (refused > 0)
        run(stripe, &charging, requests, refused);
}

/* An order that is over is charged no more: its key is used up, unless it was used before; then the
   charge is asked again, which tells what came of it. */
static void charge(const struct provider *self, struct provider_request *const *requests,
                   size_t count) {
    const struct stripe *stripe = (const struct stripe *)self;
    struct provider_request **some = mem_alloc((count + 1) * sizeof(struct provider_request *));
    size_t some_count = 0;
    for (size_t i = 0; i < count; i++) {
        requests[i]->answer = PROVIDER_NONE;
        requests[i]->return_url = stripe->return_url;
        if (!refuse_amount(requests[i]) && requests[i]->is_over)
            some[some_count++] = requests[i];
    }
    if (some_count > 0)
        run(stripe, &voiding, some, some_count);
    some_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (requests[i]->answer == PROVIDER_NONE)
            some[some_count++] = requests[i];
    }
    if (some_count > 0)
        run(stripe, &charging, some, some_count);
    charge_as_before(stripe, some, some_count);
    free(some);
}

/* Somebody else gave the money back, or we did, longer ago than Stripe remembers keys. */
static void find_earlier_refund(const struct stripe *stripe, struct provider_request *request) {
    const char *headers[] = {stripe->authorization, "Stripe-Version: " STRIPE_VERSION, NULL};
    struct buf url = {0};
    buf_printf(&url, "%s?limit=1&payment_intent=", stripe->refunds_url);
    percent_encode(slice_of(request->charge_id), &url);
    struct httpc_call call = {.url = url.ptr, .headers = headers, .timeout_ms = stripe->timeout_ms};
    httpc_perform(stripe->httpc, &call, 1);
    stripe_read_refund_list(&call, request);
    httpc_call_fini(&call);
    buf_fini(&url);
}

/* Runs what is about a charge whose id is known. Nobody knows what became of the others. */
static void run_known(const struct stripe *stripe, const struct operation *operation,
                      struct provider_request *const *requests, size_t count) {
    struct provider_request **known = mem_alloc((count + 1) * sizeof(struct provider_request *));
    size_t known_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (requests[i]->charge_id[0] != '\0') {
            known[known_count++] = requests[i];
        } else {
            requests[i]->answer = PROVIDER_TRANSIENT;
            snprintf(requests[i]->code, PROVIDER_CODE_SIZE, "charge_id_unknown");
        }
    }
    if (known_count > 0)
        run(stripe, operation, known, known_count);
    free(known);
}

static void capture(const struct provider *self, struct provider_request *const *requests,
                    size_t count) {
    run_known((const struct stripe *)self, &capturing, requests, count);
}

static void release(const struct provider *self, struct provider_request *const *requests,
                    size_t count) {
    run_known((const struct stripe *)self, &releasing, requests, count);
}

static void refund(const struct provider *self, struct provider_request *const *requests,
                   size_t count) {
    const struct stripe *stripe = (const struct stripe *)self;
    run_known(stripe, &refunding, requests, count);
    for (size_t i = 0; i < count; i++) {
        if (requests[i]->answer == PROVIDER_REFUSED && !requests[i]->is_partial &&
            strcmp(requests[i]->code, STRIPE_ALREADY_REFUNDED) == 0)
            find_earlier_refund(stripe, requests[i]);
    }
}

/* --- what the customer does --- */

/* Each is asked once, since its turn comes again. */
static void ask_each(const struct stripe *stripe, struct provider_request *const *requests,
                     size_t count) {
    const char *headers[] = {stripe->authorization, "Stripe-Version: " STRIPE_VERSION, NULL};
    struct httpc_call *calls = mem_alloc((count + 1) * sizeof(*calls));
    struct buf *urls = mem_alloc((count + 1) * sizeof(*urls));
    for (size_t i = 0; i < count; i++) {
        buf_printf(&urls[i], "%s/", stripe->charges_url);
        percent_encode(slice_of(requests[i]->charge_id), &urls[i]);
        buf_append_text(&urls[i], "?expand%5B%5D=latest_charge");
        calls[i] = (struct httpc_call){
            .url = urls[i].ptr, .headers = headers, .timeout_ms = stripe->timeout_ms};
    }
    httpc_perform(stripe->httpc, calls, count);
    for (size_t i = 0; i < count; i++) {
        stripe_read_inquiry(&calls[i], requests[i]);
        httpc_call_fini(&calls[i]);
        buf_fini(&urls[i]);
    }
    free(urls);
    free(calls);
}

/* What the customer failed to confirm stays failed: DONE where it was confirmed after all. */
static void close_failed(const struct stripe *stripe, struct provider_request *request) {
    char code[PROVIDER_CODE_SIZE];
    snprintf(code, sizeof(code), "%s", request->code);
    run(stripe, &releasing, &request, 1);
    if (request->answer == PROVIDER_DECLINED) {
        request->answer = PROVIDER_DONE;
        request->code[0] = '\0';
    } else if (request->answer == PROVIDER_DONE) {
        request->answer = PROVIDER_DECLINED;
        snprintf(request->code, sizeof(request->code), "%s", code);
    }
}

static void inquire(const struct provider *self, struct provider_request *const *requests,
                    size_t count) {
    const struct stripe *stripe = (const struct stripe *)self;
    ask_each(stripe, requests, count);
    for (size_t i = 0; i < count; i++) {
        if (requests[i]->answer == PROVIDER_DECLINED)
            close_failed(stripe, requests[i]);
    }
}

/* --- lifecycle --- */

static char *join(const char *base, const char *path) {
    struct buf url = {0};
    size_t len = strlen(base);
    while (len > 0 && base[len - 1] == '/')
        len--;
    buf_append(&url, base, len);
    buf_append_text(&url, path);
    return url.ptr;
}

static enum status read_key(const char *path, char **authorization, struct error *error) {
    char *key;
    size_t len;
    struct buf line = {0};
    if (path[0] == '\0')
        return error_set(error, STATUS_INVALID, "OM_STRIPE_KEY_FILE is missing");
    enum status status = config_read_file(path, &key, &len, error);
    if (status != STATUS_OK)
        return status;
    if (len == 0 || strpbrk(key, " \t\r\n") != NULL) {
        status = error_set(error, STATUS_INVALID, "OM_STRIPE_KEY_FILE holds no key");
    } else {
        buf_printf(&line, "Authorization: Bearer %s", key);
        *authorization = line.ptr;
    }
    explicit_bzero(key, len);
    free(key);
    return status;
}

enum status provider_stripe_create(const struct provider_stripe_options *options,
                                   struct provider **provider, struct error *error) {
    char *authorization = NULL;
    if (!httpc_is_url(options->url))
        return error_set(error, STATUS_INVALID, "OM_STRIPE_URL is no http or https address");
    if (options->return_url != NULL && options->return_url[0] != '\0' &&
        !httpc_is_url(options->return_url))
        return error_set(error, STATUS_INVALID,
                         "OM_PAYMENT_RETURN_URL is no http or https address");
    enum status status = read_key(options->key_file, &authorization, error);
    if (status != STATUS_OK)
        return status;
    struct stripe *stripe = mem_alloc(sizeof(*stripe));
    stripe->provider = (struct provider){"stripe", charge, capture, release, refund, inquire};
    stripe->httpc = httpc_create(&(struct httpc_options){
        .parallel_max = (size_t)options->parallel_max, .ca_file = options->ca_file});
    stripe->charges_url = join(options->url, "/v1/payment_intents");
    stripe->refunds_url = join(options->url, "/v1/refunds");
    stripe->probe_url = join(options->url, "/v1/payment_intents?limit=1");
    stripe->authorization = authorization;
    stripe->return_url = options->return_url != NULL && options->return_url[0] != '\0'
                             ? mem_copy(slice_of(options->return_url))
                             : NULL;
    stripe->timeout_ms = options->timeout_ms;
    *provider = &stripe->provider;
    return STATUS_OK;
}

void provider_stripe_destroy(struct provider **provider) {
    struct stripe *stripe = (struct stripe *)*provider;
    if (stripe == NULL)
        return;
    httpc_destroy(&stripe->httpc);
    free(stripe->charges_url);
    free(stripe->refunds_url);
    free(stripe->probe_url);
    explicit_bzero(stripe->authorization, strlen(stripe->authorization));
    free(stripe->authorization);
    free(stripe->return_url);
    free(stripe);
    *provider = NULL;
}
