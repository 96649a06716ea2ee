/*
 * The lines of an order, and pieces of them: which pieces somebody means, whether so many are left,
 * and what they are worth. Money is an integer of minor units (ISO 4217).
 *
 * Pure and thread safe. Texts borrow from the tree that they were parsed from; rows live in the
 * arena given.
 */
#ifndef OM_SHARED_CONTRACT_ORDER_LINES_H
#define OM_SHARED_CONTRACT_ORDER_LINES_H

#include "shared/contract/order_snapshot.h"

/* One line; its number is its place, from 1. */
struct order_line {
    struct slice sku;
    int64_t unit_price_minor;
    int64_t quantity; /* pieces there may be at most */
    int64_t left;     /* of these, what may still be taken */
    int64_t taken;    /* by order_lines_take() */
};

struct order_lines {
    struct order_line *rows;
    size_t count;
};

/* What becomes of pieces that come back. */
enum line_fate { LINE_FATE_NONE, LINE_RESTOCKED, LINE_WRITTEN_OFF };

/* Some pieces, by a line's number or by its SKU. */
struct line_wish {
    int64_t line; /* 0: the SKU says, from the first line that has it */
    struct slice sku;
    int64_t quantity;
    enum line_fate fate;
};

/* A line's pieces may be of two fates. */
#define LINE_WISHES_MAX (2 * ORDER_MAX_ITEMS)

struct line_wishes {
    struct line_wish *rows;
    size_t count;
};

const char *line_fate_name(enum line_fate fate); /* "restock", "write_off" */
bool line_fate_parse(struct slice text, enum line_fate *fate);

/* JSON: [{"sku","quantity","unitPriceMinor","cancelled"?}] in the order of the lines, as a reader
   of the order gets them; what is cancelled is no piece of its line any more. */
enum status order_lines_parse(const struct json_value *array, struct arena *arena,
                              struct order_lines *lines, struct error *error) MUST_CHECK;
/* Such an array, without what is cancelled. */
void order_lines_write(const struct order_lines *lines, struct json_writer *w);

/* JSON: [{"sku" or "line","quantity","disposition"?}], 1 to LINE_WISHES_MAX. INVALID says why, and
 *at, which may be NULL, is the place of the wish at fault: -1 for the list itself. */
enum status line_wishes_parse(const struct json_value *array, struct arena *arena,
                              struct line_wishes *wishes, long *at, struct error *error) MUST_CHECK;
void line_wishes_write(const struct line_wishes *wishes, struct json_writer *w);

/* All wishes or none: moves their pieces from `left` to `taken`. CONFLICT names the first that asks
   for a line that is not there, or for more than is left of it; the lines are as before then. */
enum status order_lines_take(struct order_lines *lines, const struct line_wishes *wishes,
                             struct error *error) MUST_CHECK;
/* Takes as many as are left, where that is fewer. */
void order_lines_take_most(struct order_lines *lines, int64_t line, int64_t quantity);

/* What the pieces taken are worth, in whole steps of what cards are given back in `currency`
   (currency.h): all that is gone from the lines, rounded down, without what was gone before. So
   however they go one by one, together they are worth what the whole is, and never more. */
int64_t order_lines_worth_minor(const struct order_lines *lines, struct slice currency);
bool order_lines_have_left(const struct order_lines *lines);

/* --- what order.returned tells besides its order: pieces that are here again --- */

/* JSON: {"returnId","items":[{"line","quantity","disposition"}],"lines":[…]}; the lines are all of
   the order, and each item is of one of them. */
struct order_returned {
    struct uuid return_id;
    struct line_wishes items;
    struct order_lines lines;
};

void order_returned_write(const struct order_returned *returned, struct json_writer *w);
/* The member "return" of an event's data. */
enum status order_returned_parse(const struct json_value *data, struct arena *arena,
                                 struct order_returned *returned, struct error *error) MUST_CHECK;

#endif
