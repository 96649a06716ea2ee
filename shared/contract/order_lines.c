#include "shared/contract/order_lines.h"

#include "shared/contract/currency.h"

#include <stdio.h>

static const char *const fate_names[] = {
    [LINE_FATE_NONE] = "",
    [LINE_RESTOCKED] = "restock",
    [LINE_WRITTEN_OFF] = "write_off",
};

const char *line_fate_name(enum line_fate fate) {
    return fate_names[fate];
}

bool line_fate_parse(struct slice text, enum line_fate *fate) {
    int found = slice_index(text, fate_names, sizeof(fate_names) / sizeof(fate_names[0]));
    if (found > LINE_FATE_NONE)
        *fate = (enum line_fate)found;
    return found > LINE_FATE_NONE;
}

/* --- reading ---------------------------------------------------------------------------------- */

static enum status parse_line(const struct json_value *item, struct order_line *line,
                              struct error *error) {
    int64_t cancelled = 0;
    if (item->kind != JSON_KIND_OBJECT ||
        json_tree_get_string(item, "sku", &line->sku, NULL) != STATUS_OK ||
        json_tree_get_int64(item, "quantity", &line->quantity, NULL) != STATUS_OK ||
        json_tree_get_int64(item, "unitPriceMinor", &line->unit_price_minor, NULL) != STATUS_OK)
        return error_set(error, STATUS_INVALID, "not a line of an order");
    if (json_tree_get_int64(item, "cancelled", &cancelled, NULL) == STATUS_INVALID ||
        cancelled < 0 || cancelled > line->quantity || line->quantity > ORDER_MAX_QUANTITY ||
        line->unit_price_minor < 0)
        return error_set(error, STATUS_INVALID, "a line of an order that cannot be");
    line->quantity -= cancelled;
    line->left = line->quantity;
    return STATUS_OK;
}

enum status order_lines_parse(const struct json_value *array, struct arena *arena,
                              struct order_lines *lines, struct error *error) {
    struct order_line *rows = arena_alloc(arena, (array->count + 1) * sizeof(*rows));
    const struct json_value *item = array->first;
    for (size_t i = 0; i < array->count; i++, item = item->next) {
        enum status status = parse_line(item, &rows[i], error);
        if (status != STATUS_OK)
            return status;
    }
    *lines = (struct order_lines){rows, array->count};
    return STATUS_OK;
}

void order_lines_write(const struct order_lines *lines, struct json_writer *w) {
    json_begin_array(w);
    for (size_t i = 0; i < lines->count; i++) {
        json_begin_object(w);
        json_put_string(w, "sku", lines->rows[i].sku);
        json_put_int(w, "quantity", lines->rows[i].quantity);
        json_put_int(w, "unitPriceMinor", lines->rows[i].unit_price_minor);
        json_end_object(w);
    }
    json_end_array(w);
}

static bool is_member_of_wish(struct slice key) {
    return slice_is(key, "sku") || slice_is(key, "line") || slice_is(key, "quantity") ||
           slice_is(key, "disposition");
}

static enum status parse_which(const struct json_value *item, struct line_wish *wish,
                               struct error *error) {
    enum status sku = json_tree_get_string(item, "sku", &wish->sku, NULL);
    enum status line = json_tree_get_int64(item, "line", &wish->line, NULL);
    if ((sku == STATUS_NOT_FOUND) == (line == STATUS_NOT_FOUND))
        return error_set(error, STATUS_INVALID, "must have either sku or line");
    if (sku != STATUS_NOT_FOUND && (sku != STATUS_OK || wish->sku.len == 0))
        return error_set(error, STATUS_INVALID, "sku must be a text");
    if (line != STATUS_NOT_FOUND &&
        (line != STATUS_OK || wish->line < 1 || wish->line > ORDER_MAX_ITEMS))
        return error_set(error, STATUS_INVALID, "line must be a line's number, from 1");
    return STATUS_OK;
}

static enum status parse_wish(const struct json_value *item, struct line_wish *wish,
                              struct error *error) {
    struct slice fate;
    if (item->kind != JSON_KIND_OBJECT)
        return error_set(error, STATUS_INVALID, "must be an object");
    for (const struct json_value *member = item->first; member != NULL; member = member->next) {
        if (!is_member_of_wish(member->key))
            return error_set(error, STATUS_INVALID,
                             "has a member that is none of sku, line, quantity and disposition");
    }
    if (json_tree_get_int64(item, "quantity", &wish->quantity, NULL) != STATUS_OK ||
        wish->quantity < 1 || wish->quantity > ORDER_MAX_QUANTITY)
        return error_set(error, STATUS_INVALID, "quantity must be an integer from 1 to %d",
                         ORDER_MAX_QUANTITY);
    enum status status = json_tree_get_string(item, "disposition", &fate, NULL);
    if (status != STATUS_NOT_FOUND && (status != STATUS_OK || !line_fate_parse(fate, &wish->fate)))
        return error_set(error, STATUS_INVALID, "disposition must be restock or write_off");
    return parse_which(item, wish, error);
}

enum status line_wishes_parse(const struct json_value *array, struct arena *arena,
                              struct line_wishes *wishes, long *at, struct error *error) {
    long ignored, *place = at != NULL ? at : &ignored;
    *place = -1;
    if (array->count < 1 || array->count > LINE_WISHES_MAX)
        return error_set(error, STATUS_INVALID, "must be 1 to %d", LINE_WISHES_MAX);
    struct line_wish *rows = arena_alloc(arena, array->count * sizeof(*rows));
    const struct json_value *item = array->first;
    for (size_t i = 0; i < array->count; i++, item = item->next) {
        *place = (long)i;
        enum status status = parse_wish(item, &rows[i], error);
        if (status != STATUS_OK)
            return status;
    }
    *wishes = (struct line_wishes){rows, array->count};
    return STATUS_OK;
}

void line_wishes_write(const struct line_wishes *wishes, struct json_writer *w) {
    json_begin_array(w);
    for (size_t i = 0; i < wishes->count; i++) {
        const struct line_wish *wish = &wishes->rows[i];
        json_begin_object(w);
        if (wish->line > 0)
            json_put_int(w, "line", wish->line);
        else
            json_put_string(w, "sku", wish->sku);
        json_put_int(w, "quantity", wish->quantity);
        if (wish->fate != LINE_FATE_NONE)
            json_put_text(w, "disposition", line_fate_name(wish->fate));
        json_end_object(w);
    }
    json_end_array(w);
}

/* --- taking ----------------------------------------------------------------------------------- */

static bool is_meant(const struct line_wish *wish, const struct order_line *line, size_t place) {
    return wish->line > 0 ? wish->line == (int64_t)place + 1 : slice_equal(wish->sku, line->sku);
}

static void move(struct order_line *line, int64_t quantity) {
    line->left -= quantity;
    line->taken += quantity;
}

static int64_t lesser(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* How many of the wish's pieces there were. */
static int64_t take_wish(struct order_lines *lines, const struct line_wish *wish, bool *is_known) {
    int64_t found = 0;
    *is_known = false;
    for (size_t i = 0; i < lines->count; i++) {
        struct order_line *line = &lines->rows[i];
        if (!is_meant(wish, line, i))
            continue;
        int64_t pieces = lesser(line->left, wish->quantity - found);
        move(line, pieces);
        found += pieces;
        *is_known = true;
    }
    return found;
}

static enum status refuse(const struct line_wish *wish, bool is_known, int64_t found,
                          struct error *error) {
    char number[32];
    struct slice name = wish->sku;
    if (wish->line > 0) {
        (void)snprintf(number, sizeof(number), "line %lld", (long long)wish->line);
        name = slice_of(number);
    }
    if (!is_known)
        return error_set(error, STATUS_CONFLICT, "%.*s is not in the order", SLICE_ARG(name));
    return error_set(error, STATUS_CONFLICT, "of %.*s only %lld are left", SLICE_ARG(name),
                     (long long)found);
}

enum status order_lines_take(struct order_lines *lines, const struct line_wishes *wishes,
                             struct error *error) {
    int64_t before[ORDER_MAX_ITEMS];
    bool is_known = true;
    for (size_t i = 0; i < lines->count && i < ORDER_MAX_ITEMS; i++)
        before[i] = lines->rows[i].taken;
    for (size_t i = 0; i < wishes->count; i++) {
        int64_t found = take_wish(lines, &wishes->rows[i], &is_known);
        if (found == wishes->rows[i].quantity)
            continue;
        for (size_t j = 0; j < lines->count && j < ORDER_MAX_ITEMS; j++)
            move(&lines->rows[j], before[j] - lines->rows[j].taken);
        return refuse(&wishes->rows[i], is_known, found, error);
    }
    return STATUS_OK;
}

void order_lines_take_most(struct order_lines *lines, int64_t line, int64_t quantity) {
    if (line < 1 || line > (int64_t)lines->count)
        return;
    struct order_line *row = &lines->rows[line - 1];
    move(row, lesser(row->left, quantity));
}

int64_t order_lines_worth_minor(const struct order_lines *lines, struct slice currency) {
    int64_t gone = 0, taken = 0, step = currency_step_minor(currency);
    for (size_t i = 0; i < lines->count; i++) {
        const struct order_line *line = &lines->rows[i];
        gone += (line->quantity - line->left) * line->unit_price_minor;
        taken += line->taken * line->unit_price_minor;
    }
    return gone / step * step - (gone - taken) / step * step;
}

bool order_lines_have_left(const struct order_lines *lines) {
    for (size_t i = 0; i < lines->count; i++) {
        if (lines->rows[i].left > 0)
            return true;
    }
    return false;
}

/* --- returned --------------------------------------------------------------------------------- */

void order_returned_write(const struct order_returned *returned, struct json_writer *w) {
    char id[UUID_TEXT_SIZE];
    uuid_format(&returned->return_id, id);
    json_begin_object(w);
    json_put_text(w, "returnId", id);
    json_key(w, "items");
    line_wishes_write(&returned->items, w);
    json_key(w, "lines");
    order_lines_write(&returned->lines, w);
    json_end_object(w);
}

static enum status judge_returned(const struct order_returned *returned, struct error *error) {
    for (size_t i = 0; i < returned->items.count; i++) {
        const struct line_wish *item = &returned->items.rows[i];
        if (item->line < 1 || item->line > (int64_t)returned->lines.count ||
            item->fate == LINE_FATE_NONE)
            return error_set(error, STATUS_INVALID, "return.items: not of a line, or of no fate");
    }
    return STATUS_OK;
}

enum status order_returned_parse(const struct json_value *data, struct arena *arena,
                                 struct order_returned *returned, struct error *error) {
    const struct json_value *object, *items, *lines;
    struct order_returned read = {.items.count = 0};
    struct slice id;
    enum status status = json_tree_get_object(data, "return", &object, error);
    if (status == STATUS_OK)
        status = json_tree_get_string(object, "returnId", &id, error);
    if (status == STATUS_OK)
        status = json_tree_get_array(object, "items", &items, error);
    if (status == STATUS_OK)
        status = json_tree_get_array(object, "lines", &lines, error);
    if (status != STATUS_OK || !uuid_parse(id, &read.return_id))
        return error_set(error, STATUS_INVALID, "return: not a return");
    status = line_wishes_parse(items, arena, &read.items, NULL, error);
    if (status == STATUS_OK)
        status = order_lines_parse(lines, arena, &read.lines, error);
    if (status == STATUS_OK)
        status = judge_returned(&read, error);
    if (status == STATUS_OK)
        *returned = read;
    return status;
}
