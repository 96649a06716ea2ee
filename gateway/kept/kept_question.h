/*
 * The questions about kept commands (kept_command.h), and their answers: which have taken effect
 * (mesh.order.missing), which are dead letters (mesh.dlq.fate), and how far the order service's
 * consumer is in the stream. Pure.
 */
#ifndef OM_GATEWAY_KEPT_KEPT_QUESTION_H
#define OM_GATEWAY_KEPT_KEPT_QUESTION_H

#include "gateway/kept/kept_command.h"
#include "shared/base/buf.h"

enum kept_state {
    KEPT_KNOWN,   /* it has taken effect, or never will: it need not be kept */
    KEPT_WAITING, /* it may be on its way */
    KEPT_LOST,    /* only the copy is left */
};

/* A kept command, and what is known of it. */
struct kept_item {
    struct kept_command command;
    enum kept_state state;
    struct event event; /* of those LOST; owned */
};

/* Appends the question for mesh.order.missing. */
void kept_ask_missing(const struct kept_item *items, size_t count, struct buf *out);
/* Makes those missing WAITING, and all others KNOWN. */
enum status kept_take_missing(struct slice answer, struct kept_item *items, size_t count,
                              struct error *error) MUST_CHECK;

/* Appends the question for mesh.dlq.fate, about those that are LOST. */
void kept_ask_fate(const struct kept_item *items, size_t count, struct buf *out);
/* Makes a dead letter KNOWN, and one that may become one WAITING. */
enum status kept_take_fate(struct slice answer, struct kept_item *items, size_t count,
                           struct error *error) MUST_CHECK;

/* The last sequence of ORDERS, by the answer of $JS.API.STREAM.LIST. NOT_FOUND: it is missing. */
enum status kept_take_last(struct slice answer, uint64_t *sequence, struct error *error) MUST_CHECK;

#endif
