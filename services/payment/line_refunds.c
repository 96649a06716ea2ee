#include "services/payment/line_refunds.h"

#include "services/payment/part_refunds.h"
#include "services/payment/store.h"
#include "shared/base/failpoint.h"
#include "shared/contract/currency.h"
#include "shared/contract/lines_cancelled.h"

/* What of its money may still be given back: nothing where it was not taken. */
static int64_t left_minor(const struct refundable *payment) {
    return payment->status == PAYMENT_CAPTURED ? payment->captured_minor - payment->refunded_minor
                                               : 0;
}

/* The pieces that nobody was given back yet, and what they are worth. */
static enum status price(struct pg *pg, const struct refundable *payment,
                         struct order_returned *returned, struct refund *refund,
                         struct error *error) {
    enum status status = refund_store_read_lines(pg, &refund->order_id, &returned->lines, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < returned->items.count; i++)
        order_lines_take_most(&returned->lines, returned->items.rows[i].line,
                              returned->items.rows[i].quantity);
    int64_t worth = order_lines_worth_minor(&returned->lines, payment->currency);
    refund->amount_minor = worth < left_minor(payment) ? worth : left_minor(payment);
    return STATUS_OK;
}

static struct slice write_items(const struct line_wishes *items, struct arena *arena) {
    struct buf text = {0};
    struct json_writer w = json_writer(&text);
    line_wishes_write(items, &w);
    struct slice kept = arena_slice(arena, buf_slice(&text));
    buf_fini(&text);
    return kept;
}

static void announce_nothing(struct batch *batch, const struct refundable *payment,
                             const struct refund *refund) {
    struct buf data = {0};
    const struct due_refund made = {
        .refund = *refund, .currency = payment->currency, .refund_id = "none"};
    const struct settled_refund settled = {.captured_minor = payment->captured_minor,
                                           .refunded_minor = payment->refunded_minor};
    refund_announce(batch->outbox, &made, &settled, &data);
    buf_fini(&data);
}

/* Its id is what a repetition finds; one of nothing is kept by nobody, and so by its event. */
static enum status give_back(struct batch *batch, const struct refundable *payment,
                             struct order_returned *returned, struct refund *refund,
                             struct error *error) {
    struct refund stored;
    enum status status = refund_store_find(batch->pg, &refund->id, batch->arena, &stored, error);
    if (status != STATUS_NOT_FOUND)
        return status;
    status = price(batch->pg, payment, returned, refund, error);
    if (status == STATUS_OK && refund->amount_minor == 0)
        announce_nothing(batch, payment, refund);
    else if (status == STATUS_OK)
        status = refund_store_add(batch->pg, refund, &returned->lines, error);
    return status;
}

static enum status take_return(struct batch *batch, struct delivery *delivery,
                               struct error *error) {
    struct order_returned returned;
    struct refundable payment;
    struct error invalid;
    if (order_returned_parse(delivery->event.data, batch->arena, &returned, &invalid) !=
        STATUS_OK) {
        delivery_reject(delivery, STATUS_INVALID, "%s", invalid.text);
        return STATUS_OK;
    }
    struct refund refund = {.id = returned.return_id,
                            .order_id = delivery->event.order_id,
                            .reason = SLICE_LITERAL("returned"),
                            .items = write_items(&returned.items, batch->arena),
                            .is_return = true};
    enum status status =
        refund_store_lock(batch->pg, &refund.order_id, batch->arena, &payment, error);
    if (status == STATUS_NOT_FOUND) {
        delivery_early(delivery, "its payment is not here yet");
        return STATUS_OK;
    }
    return status == STATUS_OK ? give_back(batch, &payment, &returned, &refund, error) : status;
}

/* All payments are locked first, in the order of their ids. */
static enum status returned_apply(struct batch *batch, struct error *error) {
    struct payment_rows locked = {0};
    enum status status = payment_store_load(batch, &locked, error);
    for (size_t i = 0; i < batch->count && status == STATUS_OK; i++)
        status = take_return(batch, batch->items[i], error);
    return status;
}

const struct handler returned_handler = {.apply = returned_apply};

/* --- cancelled --- */

struct cut {
    struct lines_cancelled lines;
    struct order_snapshot left;
};

static bool parse_cut(struct delivery *delivery, struct arena *arena, struct cut *cut) {
    struct error error = {0};
    enum status status = lines_cancelled_parse(delivery->event.data, arena, &cut->lines, &error);
    if (status == STATUS_OK)
        status = order_snapshot_parse(delivery->event.data, arena, &cut->left, &error);
    if (status == STATUS_OK && cut->left.total_minor < 0)
        status = error_set(&error, STATUS_INVALID, "totalMinor: missing");
    if (status != STATUS_OK)
        delivery_reject(delivery, STATUS_INVALID, "%s", error.text);
    return status == STATUS_OK;
}

static int64_t lesser(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* No more than was taken for more than what is left of the order. */
static int64_t due_minor(const struct refundable *payment, const struct cut *cut) {
    int64_t minor = lesser(cut->lines.amount_minor, left_minor(payment));
    minor = lesser(minor, payment->captured_minor - cut->left.total_minor);
    return minor / currency_step_minor(payment->currency) * currency_step_minor(payment->currency);
}

/* A refund of an amount: cancelled pieces are none of those that may come back. Its id is the
   cancellation's, which is what a repetition finds. */
static enum status take_cut(struct batch *batch, struct delivery *delivery, struct error *error) {
    struct cut cut;
    struct refundable payment;
    struct refund stored;
    if (!parse_cut(delivery, batch->arena, &cut))
        return STATUS_OK;
    struct refund refund = {.id = cut.lines.id,
                            .order_id = delivery->event.order_id,
                            .reason = SLICE_LITERAL("cancelled")};
    enum status status =
        refund_store_lock(batch->pg, &refund.order_id, batch->arena, &payment, error);
    if (status == STATUS_NOT_FOUND) {
        delivery_early(delivery, "its payment is not here yet");
        return STATUS_OK;
    }
    if (status == STATUS_OK)
        status = refund_store_find(batch->pg, &refund.id, batch->arena, &stored, error);
    if (status != STATUS_NOT_FOUND)
        return status;
    refund.amount_minor = due_minor(&payment, &cut);
    return refund.amount_minor > 0
               ? refund_store_add(batch->pg, &refund, &(struct order_lines){0}, error)
               : STATUS_OK;
}

static enum status cut_apply(struct batch *batch, struct error *error) {
    struct payment_rows locked = {0};
    enum status status = payment_store_load(batch, &locked, error);
    for (size_t i = 0; i < batch->count && status == STATUS_OK; i++)
        status = take_cut(batch, batch->items[i], error);
    failpoint("payment.mid_cut");
    return status;
}

const struct handler cut_handler = {.apply = cut_apply};
