#include "services/order/returns.h"

#include "services/order/life/order_fsm.h"
#include "services/order/lines/line_request.h"
#include "services/order/lines/return_store.h"
#include "services/order/own_step.h"
#include "services/order/watchdog.h"
#include "shared/contract/order_lines.h"
#include "shared/service/transaction.h"

/* One request, and what it comes to. */
struct asked {
    struct endpoint_call *call;
    struct line_request request;
    struct order_return wanted;
    struct updates *updates;
    bool is_replayed;
};

/* --- reading requests ------------------------------------------------------------------------- */

static enum status parse_return(struct asked *asked, struct error *error) {
    enum status status = line_request_parse(asked->call, &asked->request, error);
    if (status == STATUS_OK)
        status = line_request_uuid(&asked->request, "returnId", &asked->wanted.id, error);
    asked->wanted.order_id = asked->request.order.id;
    return status;
}

static enum status parse_reason(struct asked *asked, struct error *error) {
    return line_request_reason(&asked->request, &asked->wanted.reason, error);
}

static enum status parse_items(struct asked *asked, struct slice *text, struct error *error) {
    return line_request_items(&asked->request, asked->call->arena, text, error);
}

/* --- answering -------------------------------------------------------------------------------- */

static enum status read_return(struct asked *asked, struct buf *reply, struct error *error) {
    return return_store_read(asked->call->pg, &asked->request.order, &asked->wanted.id, reply,
                             error);
}

/* Decides, and answers with what has come of it. */
static enum status carry_out(struct asked *asked, transact_fn decide, struct error *error) {
    struct buf read = {0};
    asked->updates = updates_create();
    enum status status = transact(asked->call, decide, asked, error);
    asked->call->has_committed = status == STATUS_OK && !asked->is_replayed;
    if (asked->call->has_committed && asked->call->nats != NULL)
        updates_publish(asked->updates, asked->call->nats);
    updates_destroy(&asked->updates);
    if (status == STATUS_OK)
        status = read_return(asked, &read, error);
    if (status == STATUS_OK)
        buf_printf(asked->call->reply, "{\"return\":%s,\"replayed\":%s}", read.ptr,
                   asked->is_replayed ? "true" : "false");
    buf_fini(&read);
    return status;
}

static enum status step(struct pg *pg, struct arena *arena, const struct asked *asked,
                        enum event_type event, struct slice details, struct error *error) {
    const struct own_step own = {.event = event,
                                 .order_id = asked->request.order.id,
                                 .details = details,
                                 .updates = asked->updates};
    updates_clear(asked->updates);
    return own_step_take(pg, arena, &own, error);
}

/* --- asking for one --------------------------------------------------------------------------- */

static enum status judge_time(struct pg *pg, const struct asked *asked, struct error *error) {
    const struct order_settings *settings = asked->call->context;
    bool is_in_time;
    enum status status = return_store_is_in_time(pg, &asked->request.order.id,
                                                 settings->return_days, &is_in_time, error);
    if (status == STATUS_OK && !is_in_time)
        status = error_set(error, STATUS_CONFLICT, "it was completed more than %lld days ago",
                           (long long)settings->return_days);
    return status;
}

static enum status announce_pieces(struct pg *pg, struct arena *arena, struct asked *asked,
                                   struct error *error) {
    struct order_lines lines;
    enum status status = step(pg, arena, asked, ORDER_RETURN_WANTED, slice_of(NULL), error);
    if (status == STATUS_CONFLICT)
        return error_set(error, STATUS_CONFLICT, "the order is not completed");
    if (status == STATUS_OK)
        status = judge_time(pg, asked, error);
    if (status == STATUS_OK)
        status = line_store_load(pg, &asked->request.order.id, arena, &lines, error);
    if (status == STATUS_OK)
        status = order_lines_take(&lines, &asked->request.wishes, error);
    return status == STATUS_OK ? return_store_add(pg, &asked->wanted, &lines, error) : status;
}

static enum status decide_ask(struct pg *pg, struct arena *arena, void *state,
                              struct error *error) {
    struct asked *asked = state;
    struct order_return stored;
    enum status status = line_store_lock_order(pg, &asked->request.order, error);
    if (status != STATUS_OK)
        return status;
    status = return_store_find(pg, &asked->wanted.id, arena, &stored, error);
    if (status == STATUS_NOT_FOUND)
        return announce_pieces(pg, arena, asked, error);
    if (status != STATUS_OK)
        return status;
    if (uuid_compare(&stored.order_id, &asked->request.order.id) != 0 ||
        !slice_equal(stored.reason, asked->wanted.reason) ||
        !slice_equal(stored.items, asked->wanted.items))
        return error_set(error, STATUS_INVALID, "the id stands for another return");
    asked->is_replayed = true;
    return STATUS_OK;
}

enum status return_endpoint_ask(struct endpoint_call *call, struct error *error) {
    struct asked asked = {.call = call};
    enum status status = parse_return(&asked, error);
    if (status == STATUS_OK)
        status = parse_reason(&asked, error);
    if (status == STATUS_OK)
        status = parse_items(&asked, &asked.wanted.items, error);
    return status == STATUS_OK ? carry_out(&asked, decide_ask, error) : status;
}

/* --- receiving one ---------------------------------------------------------------------------- */

/* Those of one fate, as wishes of their own. */
static struct line_wishes of_fate(const struct line_wishes *wishes, enum line_fate fate,
                                  struct arena *arena) {
    struct line_wishes some = {arena_alloc(arena, wishes->count * sizeof(*some.rows)), 0};
    for (size_t i = 0; i < wishes->count; i++) {
        if (wishes->rows[i].fate == fate)
            some.rows[some.count++] = wishes->rows[i];
    }
    return some;
}

static enum status take_receipts(struct order_lines *lines, const struct line_wishes *wishes,
                                 struct arena *arena, struct line_receipt *receipts,
                                 struct error *error) {
    const struct line_wishes restocked = of_fate(wishes, LINE_RESTOCKED, arena);
    const struct line_wishes written_off = of_fate(wishes, LINE_WRITTEN_OFF, arena);
    if (restocked.count + written_off.count < wishes->count)
        return error_set(error, STATUS_INVALID, "items: each needs a disposition");
    enum status status = order_lines_take(lines, &restocked, error);
    for (size_t i = 0; i < lines->count; i++)
        receipts[i].restocked = lines->rows[i].taken;
    if (status == STATUS_OK)
        status = order_lines_take(lines, &written_off, error);
    for (size_t i = 0; i < lines->count; i++)
        receipts[i].written_off = lines->rows[i].taken - receipts[i].restocked;
    return status;
}

static void add_wish(struct line_wishes *wishes, size_t line, int64_t quantity,
                     enum line_fate fate) {
    if (quantity > 0)
        wishes->rows[wishes->count++] =
            (struct line_wish){.line = (int64_t)line + 1, .quantity = quantity, .fate = fate};
}

/* What order.returned tells besides. */
static struct slice write_details(const struct asked *asked, const struct order_lines *lines,
                                  const struct line_receipt *receipts, struct arena *arena) {
    struct order_returned returned = {.return_id = asked->wanted.id, .lines = *lines};
    struct buf text = {0};
    struct json_writer w = json_writer(&text);
    returned.items.rows = arena_alloc(arena, 2 * (lines->count + 1) * sizeof(struct line_wish));
    for (size_t i = 0; i < lines->count; i++) {
        add_wish(&returned.items, i, receipts[i].restocked, LINE_RESTOCKED);
        add_wish(&returned.items, i, receipts[i].written_off, LINE_WRITTEN_OFF);
    }
    order_returned_write(&returned, &w);
    struct slice kept = arena_slice(arena, buf_slice(&text));
    buf_fini(&text);
    return kept;
}

static enum status receive_pieces(struct pg *pg, struct arena *arena, struct asked *asked,
                                  struct error *error) {
    struct order_lines lines;
    struct line_receipt receipts[ORDER_MAX_ITEMS] = {{0, 0}};
    enum status status = line_store_load(pg, &asked->request.order.id, arena, &lines, error);
    if (status == STATUS_OK)
        status = return_store_load_announced(pg, &asked->wanted.id, &lines, error);
    if (status == STATUS_OK)
        status = take_receipts(&lines, &asked->request.wishes, arena, receipts, error);
    if (status == STATUS_OK)
        status = return_store_receive(pg, &asked->wanted, receipts, lines.count, error);
    if (status != STATUS_OK)
        return status;
    struct slice details = write_details(asked, &lines, receipts, arena);
    return step(pg, arena, asked, ORDER_RETURN_RECEIVED, details, error);
}

/* Another order's is none. */
static enum status find_in_order(struct pg *pg, struct arena *arena, const struct asked *asked,
                                 struct order_return *stored, struct error *error) {
    enum status status = line_store_lock_order(pg, &asked->request.order, error);
    if (status == STATUS_OK)
        status = return_store_find(pg, &asked->wanted.id, arena, stored, error);
    if (status == STATUS_OK && uuid_compare(&stored->order_id, &asked->request.order.id) != 0)
        status = error_set(error, STATUS_NOT_FOUND, "no such return");
    return status;
}

static enum status decide_receive(struct pg *pg, struct arena *arena, void *state,
                                  struct error *error) {
    struct asked *asked = state;
    struct order_return stored;
    enum status status = find_in_order(pg, arena, asked, &stored, error);
    if (status != STATUS_OK)
        return status;
    if (stored.status == RETURN_REQUESTED)
        return receive_pieces(pg, arena, asked, error);
    if (!slice_equal(stored.received, asked->wanted.received))
        return error_set(error, STATUS_CONFLICT,
                         stored.status == RETURN_REFUSED ? "the return was refused"
                                                         : "it was received otherwise already");
    asked->is_replayed = true;
    return STATUS_OK;
}

enum status return_endpoint_receive(struct endpoint_call *call, struct error *error) {
    struct asked asked = {.call = call};
    enum status status = parse_return(&asked, error);
    if (status == STATUS_OK)
        status = parse_items(&asked, &asked.wanted.received, error);
    return status == STATUS_OK ? carry_out(&asked, decide_receive, error) : status;
}

/* --- refusing one ----------------------------------------------------------------------------- */

static enum status decide_refuse(struct pg *pg, struct arena *arena, void *state,
                                 struct error *error) {
    struct asked *asked = state;
    struct order_return stored;
    enum status status = find_in_order(pg, arena, asked, &stored, error);
    if (status != STATUS_OK)
        return status;
    asked->is_replayed = stored.status == RETURN_REFUSED;
    if (asked->is_replayed)
        return STATUS_OK;
    if (stored.status != RETURN_REQUESTED)
        return error_set(error, STATUS_CONFLICT, "it was received already");
    status = return_store_refuse(pg, &stored, asked->wanted.reason, error);
    return status == STATUS_OK ? step(pg, arena, asked, ORDER_RETURN_REFUSED, slice_of(NULL), error)
                               : status;
}

enum status return_endpoint_refuse(struct endpoint_call *call, struct error *error) {
    struct asked asked = {.call = call};
    enum status status = parse_return(&asked, error);
    if (status == STATUS_OK)
        status = parse_reason(&asked, error);
    return status == STATUS_OK ? carry_out(&asked, decide_refuse, error) : status;
}

/* --- reading them ----------------------------------------------------------------------------- */

enum status return_endpoint_list(struct endpoint_call *call, struct error *error) {
    struct asked asked = {.call = call};
    enum status status = line_request_parse(call, &asked.request, error);
    return status == STATUS_OK
               ? return_store_read(call->pg, &asked.request.order, NULL, call->reply, error)
               : status;
}

enum status return_endpoint_get(struct endpoint_call *call, struct error *error) {
    struct asked asked = {.call = call};
    enum status status = parse_return(&asked, error);
    return status == STATUS_OK ? read_return(&asked, call->reply, error) : status;
}
