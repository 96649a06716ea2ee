#include "services/notification/handler.h"

#include "services/notification/announce.h"
#include "services/notification/customer_keys.h"
#include "services/notification/notice.h"
#include "services/notification/queue.h"

#include <stdlib.h>

/* The notice of one delivery; delivery->state, NULL when there is none. */
struct task {
    struct delivery *delivery;
    struct notice notice;
    unsigned channels; /* NOTIFY_BIT()s still to be told by */
};

/* --- prepare: read the notices, open them, and find which were sent --- */

static struct task *make_task(struct delivery *delivery, struct arena *arena) {
    struct error error = {0};
    struct task *task = arena_alloc(arena, sizeof(*task));
    enum status status = notice_read(&delivery->event, arena, &task->notice, &error);
    if (status != STATUS_OK) {
        delivery_reject(delivery, status, "%s", error.text);
        return NULL;
    }
    task->delivery = delivery;
    return task;
}

static int compare_notices(const struct notice *a, const struct notice *b) {
    int order = uuid_compare(&a->order_id, &b->order_id);
    return order != 0 ? order : (int)a->kind - (int)b->kind;
}

static int compare_tasks(const void *a, const void *b) {
    const struct task *left = *(struct task *const *)a;
    const struct task *right = *(struct task *const *)b;
    return compare_notices(&left->notice, &right->notice);
}

struct task_list {
    struct task **items;
    size_t count;
};

static struct task_list list_tasks(const struct batch *batch) {
    struct task_list list = {0};
    list.items = arena_alloc(batch->arena, batch->count * sizeof(struct task *));
    for (size_t i = 0; i < batch->count; i++) {
        struct delivery *delivery = batch->items[i];
        if (delivery->state != NULL && delivery->outcome == OUTCOME_DONE)
            list.items[list.count++] = delivery->state;
    }
    return list;
}

/* A message that comes twice in one batch is said once. */
static void drop_repeats(struct task_list *list) {
    size_t kept = 0;
    qsort(list->items, list->count, sizeof(struct task *), compare_tasks);
    for (size_t i = 0; i < list->count; i++) {
        if (kept > 0 && compare_tasks(&list->items[kept - 1], &list->items[i]) == 0)
            list->items[i]->delivery->state = NULL;
        else
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
}

static void mark_recorded(const struct task_list *list, const struct notice_record *record) {
    struct task wanted = {.notice = {.order_id = record->order_id, .kind = record->kind}};
    const struct task *key = &wanted;
    struct task **task =
        bsearch(&key, list->items, list->count, sizeof(struct task *), compare_tasks);
    if (task != NULL)
        (*task)->channels &= ~NOTIFY_BIT(record->channel);
}

static void choose_channels(struct task *task, const struct notification *notification) {
    struct delivery *delivery = task->delivery;
    task->channels = task->notice.has_wanted ? task->notice.wanted : notification->defaults;
    if (task->notice.result != NOTICE_FAILED)
        return;
    delivery->state = NULL;
    delivery_reject(delivery, STATUS_INVALID, "%s", task->notice.detail);
}

static enum status open_tasks(struct batch *batch, struct error *error) {
    const struct notification *notification = batch->context;
    struct task_list list = list_tasks(batch);
    struct notice **notices = arena_alloc(batch->arena, (list.count + 1) * sizeof(*notices));
    for (size_t i = 0; i < list.count; i++)
        notices[i] = &list.items[i]->notice;
    enum status status =
        customer_keys_open(batch->pg, notification->ring, notices, list.count, batch->arena, error);
    for (size_t i = 0; i < list.count && status == STATUS_OK; i++)
        choose_channels(list.items[i], notification);
    return status;
}

static enum status notification_prepare(struct batch *batch, struct error *error) {
    struct notice_records records = {0};
    for (size_t i = 0; i < batch->count; i++)
        batch->items[i]->state = make_task(batch->items[i], batch->arena);
    enum status status = open_tasks(batch, error);
    if (status != STATUS_OK)
        return status;
    struct task_list list = list_tasks(batch);
    drop_repeats(&list);
    status = notification_store_load(batch, &records, error);
    for (size_t i = 0; i < records.count && status == STATUS_OK; i++)
        mark_recorded(&list, &records.rows[i]);
    return status;
}

/* --- call: write the log --- */

static enum status notification_call(struct batch *batch, struct error *error) {
    const struct notification *notification = batch->context;
    struct channel *log = notification->channels[NOTIFY_LOG];
    struct task_list list = list_tasks(batch);
    struct notice **notices = arena_alloc(batch->arena, batch->count * sizeof(struct notice *));
    size_t count = 0;
    for (size_t i = 0; i < list.count; i++) {
        if ((list.items[i]->channels & NOTIFY_BIT(NOTIFY_LOG)) != 0 &&
            list.items[i]->notice.result != NOTICE_ERASED)
            notices[count++] = &list.items[i]->notice;
    }
    return count > 0 ? log->send(log, notices, count, error) : STATUS_OK;
}

/* --- apply: record it, and queue what others are to send --- */

/* The rows that a batch writes; both have room for every task and channel. */
struct effects {
    struct notice_records records;
    struct queued_notices queued;
};

static void add_record(struct batch *batch, const struct task *task, enum notify_channel channel,
                       struct effects *effects) {
    const struct notice *notice = &task->notice;
    bool is_log = channel == NOTIFY_LOG, is_erased = notice->result == NOTICE_ERASED;
    struct notice_record *record = &effects->records.rows[effects->records.count++];
    *record = (struct notice_record){
        .order_id = notice->order_id,
        .kind = notice->kind,
        .channel = channel,
        .has_failed = !is_log || is_erased || notice->result == NOTICE_FAILED,
        .is_erased = is_erased,
        .detail = is_log || is_erased ? slice_of(notice->detail)
                                      : SLICE_LITERAL("this channel is not configured"),
        .event = is_log || is_erased ? (struct slice){0} : task->delivery->payload,
    };
    notification_announce(batch->outbox, &task->delivery->event, record);
}

static void queue_notice(const struct task *task, enum notify_channel channel,
                         struct effects *effects) {
    effects->queued.rows[effects->queued.count++] = (struct queued_notice){
        .order_id = task->notice.order_id,
        .kind = task->notice.kind,
        .channel = channel,
        .event = task->delivery->payload,
    };
}

static void take_task(struct batch *batch, const struct task *task, struct effects *effects) {
    const struct notification *notification = batch->context;
    for (int i = 0; i < NOTIFY_CHANNEL_COUNT; i++) {
        if ((task->channels & NOTIFY_BIT(i)) == 0)
            continue;
        if (i == NOTIFY_LOG || notification->channels[i] == NULL ||
            task->notice.result == NOTICE_ERASED)
            add_record(batch, task, (enum notify_channel)i, effects);
        else
            queue_notice(task, (enum notify_channel)i, effects);
    }
}

static enum status notification_apply(struct batch *batch, struct error *error) {
    struct task_list list = list_tasks(batch);
    struct effects effects = {0};
    size_t most = list.count * NOTIFY_CHANNEL_COUNT + 1;
    effects.records.rows = arena_alloc(batch->arena, most * sizeof(*effects.records.rows));
    effects.queued.rows = arena_alloc(batch->arena, most * sizeof(*effects.queued.rows));
    for (size_t i = 0; i < list.count; i++)
        take_task(batch, list.items[i], &effects);
    enum status status = notification_store_add(batch->pg, &effects.records, error);
    if (status == STATUS_OK)
        status = notification_queue_add(batch->pg, &effects.queued, error);
    return status;
}

const struct handler notification_handler = {
    .prepare = notification_prepare,
    .call = notification_call,
    .apply = notification_apply,
    .patience_ms = 500,
};
