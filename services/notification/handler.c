#include "services/notification/handler.h"

#include "services/notification/store.h"
#include "shared/metrics.h"
#include "shared/order_snapshot.h"

#include <stdlib.h>

/* What one delivery has to say; delivery->state, NULL when nothing. */
struct task {
    struct delivery *delivery;
    struct notice notice;
    bool is_recorded[NOTIFICATION_CHANNELS_MAX];
    struct notice_record records[NOTIFICATION_CHANNELS_MAX];
    size_t record_count;
};

/* --- prepare: what there is to say, and what has been said --- */

static enum notice_kind kind_of(enum event_type type) {
    switch (type) {
    case EVENT_ORDER_CONFIRMED:
        return NOTICE_KIND_CONFIRMED;
    case EVENT_SHIPPING_SHIPPED:
        return NOTICE_KIND_SHIPPED;
    case EVENT_ORDER_CANCELLED:
        return NOTICE_KIND_CANCELLED;
    default:
        return NOTICE_KIND_FAILED;
    }
}

/* Leaves *email empty where the customer gave none. */
static enum status open_email(const struct key_ring *ring, struct slice sealed, struct arena *arena,
                              struct slice *email, struct error *error) {
    struct buf plain = {0};
    struct json_object *personal = NULL;
    struct slice text;
    enum status status = key_ring_open(ring, sealed, &plain, error);
    if (status == STATUS_OK)
        status = json_parse(buf_slice(&plain), &personal, error);
    if (status == STATUS_OK && json_get_string(personal, "email", &text, NULL) == STATUS_OK)
        *email = arena_slice(arena, text);
    json_object_put(personal);
    buf_fini(&plain);
    return status;
}

/* Texts that an event may carry. */
static struct slice get_optional(struct json_object *data, const char *key) {
    struct slice text = {0};
    if (json_get_string(data, key, &text, NULL) != STATUS_OK)
        return (struct slice){0};
    return text;
}

static struct task *make_task(struct delivery *delivery, const struct key_ring *ring,
                              struct arena *arena) {
    struct order_snapshot order = {0};
    struct error error = {0};
    struct task *task = arena_alloc(arena, sizeof(*task));
    struct notice *notice = &task->notice;
    const struct event *event = &delivery->event;
    enum status status = order_snapshot_parse(event->data, arena, &order, &error);
    if (status == STATUS_OK && ring != NULL && order.sealed.len > 0)
        status = open_email(ring, order.sealed, arena, &notice->email, &error);
    if (status != STATUS_OK) {
        delivery_reject(delivery, status, "%s", error.text);
        return NULL;
    }
    task->delivery = delivery;
    notice->order_id = event->order_id;
    notice->kind = kind_of(event->type);
    notice->reason = get_optional(event->data, "reason");
    notice->tracking_number = get_optional(event->data, "trackingNumber");
    return task;
}

static int compare_notices(const struct notice *a, const struct notice *b) {
    int order = uuid_compare(&a->order_id, &b->order_id);
    return order != 0 ? order : (a->kind > b->kind) - (a->kind < b->kind);
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

static void mark_recorded(const struct task_list *list, const struct notice_record *record,
                          const struct notification *notification) {
    struct task wanted = {.notice = {.order_id = record->order_id, .kind = record->kind}};
    const struct task *key = &wanted;
    struct task **task =
        bsearch(&key, list->items, list->count, sizeof(struct task *), compare_tasks);
    if (task == NULL)
        return;
    for (size_t i = 0; i < notification->channel_count; i++) {
        if (notification->channels[i]->name == record->channel)
            (*task)->is_recorded[i] = true;
    }
}

static enum status notification_prepare(struct batch *batch, struct error *error) {
    const struct notification *notification = batch->context;
    struct notice_records records = {0};
    for (size_t i = 0; i < batch->count; i++)
        batch->items[i]->state = make_task(batch->items[i], notification->ring, batch->arena);
    struct task_list list = list_tasks(batch);
    drop_repeats(&list);
    enum status status = notification_store_load(batch, notification->channels,
                                                 notification->channel_count, &records, error);
    for (size_t i = 0; i < records.count && status == STATUS_OK; i++)
        mark_recorded(&list, &records.rows[i], notification);
    return status;
}

/* --- call: say it --- */

static void take_result(struct task *task, const char *channel, struct arena *arena) {
    const struct notice *notice = &task->notice;
    bool has_failed = notice->result == NOTICE_FAILED;
    if (notice->result == NOTICE_PUT_OFF)
        delivery_retry(task->delivery, STATUS_UNAVAILABLE, "%s: %s", channel,
                       notice->detail[0] ? notice->detail : "put off");
    if (notice->result != NOTICE_SENT && !has_failed)
        return;
    metric_add(METRIC_NOTIFICATIONS,
               metric_slot(METRIC_NOTIFICATIONS, has_failed ? "failed" : "sent"), 1);
    task->records[task->record_count++] = (struct notice_record){
        .order_id = notice->order_id,
        .kind = notice->kind,
        .channel = channel,
        .has_failed = has_failed,
        .detail = arena_slice(arena, slice_of(notice->detail)),
    };
}

static enum status send_by(struct batch *batch, size_t place, struct error *error) {
    const struct notification *notification = batch->context;
    struct channel *channel = notification->channels[place];
    struct task_list list = list_tasks(batch);
    struct notice **notices = arena_alloc(batch->arena, batch->count * sizeof(struct notice *));
    size_t count = 0;
    for (size_t i = 0; i < list.count; i++) {
        if (list.items[i]->is_recorded[place])
            continue;
        list.items[i]->notice.detail[0] = 0;
        list.items[count] = list.items[i];
        notices[count++] = &list.items[i]->notice;
    }
    if (count == 0)
        return STATUS_OK;
    enum status status = channel->send(channel, notices, count, error);
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        take_result(list.items[i], channel->name, batch->arena);
    return status;
}

static enum status notification_call(struct batch *batch, struct error *error) {
    const struct notification *notification = batch->context;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < notification->channel_count && status == STATUS_OK; i++)
        status = send_by(batch, i, error);
    return status;
}

/* --- apply: record it --- */

static enum status notification_apply(struct batch *batch, struct error *error) {
    struct task_list list = list_tasks(batch);
    struct notice_records records = {0};
    records.rows = arena_alloc(batch->arena, (list.count * NOTIFICATION_CHANNELS_MAX + 1) *
                                                 sizeof(*records.rows));
    for (size_t i = 0; i < list.count; i++) {
        for (size_t j = 0; j < list.items[i]->record_count; j++)
            records.rows[records.count++] = list.items[i]->records[j];
    }
    return notification_store_add(batch, &records, error);
}

const struct handler notification_handler = {
    .prepare = notification_prepare,
    .call = notification_call,
    .apply = notification_apply,
};
