#include "tests/support/world/drive.h"

#include "shared/base/memory.h"
#include "shared/consume/inbox.h"

#include <stdlib.h>

struct drive {
    const struct consumer_spec *spec;
    void *context;
    char *inbox_name;
    struct pg *pg;
    struct arena *arena, *events;
    struct outbox *outbox;
};

/* One batch in hand. All arrays are `count` long. */
struct run {
    struct drive *drive;
    struct drive_message *messages;
    struct delivery *deliveries;
    size_t *rows; /* of the spec; row_count: not for the handlers */
    size_t count;
    struct delivery **group;
};

struct drive *drive_create(const char *database_url, const struct consumer_spec *spec,
                           void *context) {
    struct drive *drive = mem_alloc(sizeof(*drive));
    struct buf name = {0};
    buf_printf(&name, "%s/%s", spec->stream, spec->durable);
    drive->inbox_name = name.ptr;
    drive->spec = spec;
    drive->context = context;
    drive->pg = pg_create(database_url, "drive");
    drive->arena = arena_create((size_t)256 * 1024);
    drive->events = arena_create((size_t)256 * 1024);
    drive->outbox = outbox_create();
    return drive;
}

void drive_destroy(struct drive **drive) {
    struct drive *d = *drive;
    if (d == NULL)
        return;
    pg_destroy(&d->pg);
    arena_destroy(&d->arena);
    arena_destroy(&d->events);
    outbox_destroy(&d->outbox);
    free(d->inbox_name);
    free(d);
    *drive = NULL;
}

static void decode(struct run *run, size_t i) {
    const struct consumer_spec *spec = run->drive->spec;
    struct drive_message *message = &run->messages[i];
    struct delivery *delivery = &run->deliveries[i];
    struct error error = {0};
    run->rows[i] = spec->row_count;
    delivery->payload = message->payload;
    delivery->sequence = message->sequence;
    delivery->has_waited = message->has_waited;
    delivery->attempt = message->attempt > 0 ? message->attempt : 1;
    enum status status =
        event_decode(message->payload, run->drive->events, &delivery->event, &error);
    if (status != STATUS_OK) {
        delivery_reject(delivery, status, "%s", error.text);
        return;
    }
    delivery->stored_us = delivery->event.time_us;
    for (size_t row = 0; row < spec->row_count; row++) {
        const struct handler *handler = spec->rows[row].handler;
        if (spec->rows[row].type == delivery->event.type &&
            (handler->wants == NULL || handler->wants(&delivery->event)))
            run->rows[i] = row;
    }
    message->is_ignored = run->rows[i] == spec->row_count;
}

static void begin_run(struct run *run, struct drive *drive, struct drive_message *messages,
                      size_t count) {
    *run = (struct run){.drive = drive, .messages = messages, .count = count};
    run->deliveries = mem_alloc((count + 1) * sizeof(*run->deliveries));
    run->rows = mem_alloc((count + 1) * sizeof(*run->rows));
    run->group = mem_alloc((count + 1) * sizeof(struct delivery *));
    arena_reset(drive->arena);
    arena_reset(drive->events);
    outbox_clear(drive->outbox);
    for (size_t i = 0; i < count; i++) {
        messages[i].is_ignored = false;
        decode(run, i);
    }
}

static void end_run(struct run *run) {
    for (size_t i = 0; i < run->count; i++) {
        run->messages[i].outcome = run->deliveries[i].outcome;
        run->messages[i].is_duplicate = run->deliveries[i].is_duplicate;
        run->messages[i].error = run->deliveries[i].error;
    }
    free(run->deliveries);
    free(run->rows);
    free(run->group);
}

static struct batch make_batch(struct run *run, size_t row, size_t end) {
    struct batch batch = {
        .items = run->group, .arena = run->drive->arena, .context = run->drive->context};
    for (size_t i = 0; i < run->count; i++) {
        if (run->rows[i] >= row && run->rows[i] < end && !run->deliveries[i].is_duplicate &&
            run->deliveries[i].outcome == OUTCOME_DONE)
            run->group[batch.count++] = &run->deliveries[i];
    }
    return batch;
}

static enum status run_outside(struct run *run, const struct handler *handler, struct batch *batch,
                               struct error *error) {
    enum status status = STATUS_OK;
    batch->pg = run->drive->pg;
    if (handler->prepare != NULL)
        status = handler->prepare(batch, error);
    batch->pg = NULL;
    if (handler->call != NULL && status == STATUS_OK)
        status = handler->call(batch, error);
    return status;
}

static enum status run_inside(struct run *run, const struct handler *handler, struct batch *batch,
                              struct error *error) {
    batch->pg = run->drive->pg;
    batch->outbox = run->drive->outbox;
    return handler->apply(batch, error);
}

typedef enum status (*part_fn)(struct run *run, const struct handler *handler, struct batch *batch,
                               struct error *error);

static enum status each_group(struct run *run, part_fn part, struct error *error) {
    const struct consumer_spec *spec = run->drive->spec;
    enum status status = STATUS_OK;
    for (size_t row = 0, end; row < spec->row_count && status == STATUS_OK; row = end) {
        for (end = row + 1; end < spec->row_count; end++) {
            if (spec->rows[end].handler != spec->rows[row].handler)
                break;
        }
        struct batch batch = make_batch(run, row, end);
        if (batch.count > 0)
            status = part(run, spec->rows[row].handler, &batch, error);
    }
    return status;
}

/* In run->group. */
static size_t list_deliveries(struct run *run, enum handler_once once) {
    const struct consumer_spec *spec = run->drive->spec;
    size_t count = 0;
    for (size_t i = 0; i < run->count; i++) {
        bool has_handler = run->rows[i] < spec->row_count;
        if (has_handler && spec->rows[run->rows[i]].handler->once == once)
            run->group[count++] = &run->deliveries[i];
    }
    return count;
}

static enum status run_transaction(struct run *run, struct error *error) {
    struct drive *drive = run->drive;
    struct pg_result *answer = NULL;
    size_t asked = list_deliveries(run, ONCE_BY_EFFECT);
    enum status status = pg_begin(drive->pg, error);
    if (status == STATUS_OK)
        status = discarded_ask(drive->pg, drive->inbox_name, run->group, asked, &answer, error);
    if (status == STATUS_OK)
        status = pg_await(drive->pg, error);
    (void)discarded_heed(answer, run->group, asked);
    pg_result_free(&answer);
    if (status == STATUS_OK)
        status = inbox_take(drive->pg, drive->inbox_name, run->group,
                            list_deliveries(run, ONCE_BY_INBOX), error);
    if (status == STATUS_OK)
        status = each_group(run, run_inside, error);
    if (status == STATUS_OK)
        status = inbox_give_back(drive->pg, drive->inbox_name, run->group,
                                 list_deliveries(run, ONCE_BY_INBOX), error);
    if (status == STATUS_OK)
        status = outbox_write(drive->outbox, drive->pg, error);
    return status == STATUS_OK ? pg_commit(drive->pg, error) : status;
}

static enum status run_batch(struct drive *drive, struct drive_message *messages, size_t count,
                             bool stops_before_apply, struct error *error) {
    struct run run;
    begin_run(&run, drive, messages, count);
    enum status status = each_group(&run, run_outside, error);
    if (status == STATUS_OK && !stops_before_apply)
        status = run_transaction(&run, error);
    if (status != STATUS_OK)
        pg_rollback(drive->pg);
    end_run(&run);
    return status;
}

enum status drive_batch(struct drive *drive, struct drive_message *messages, size_t count,
                        struct error *error) {
    return run_batch(drive, messages, count, false, error);
}

enum status drive_until_apply(struct drive *drive, struct drive_message *messages, size_t count,
                              struct error *error) {
    return run_batch(drive, messages, count, true, error);
}
