#include "omctl/customer.h"

#include "omctl/dlq/actor.h"
#include "shared/base/clock.h"
#include "shared/contract/contact.h"
#include "shared/json/json.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

#include <stdio.h>

#define ANSWER_MS 5000

/* What is asked for; texts are borrowed. */
struct wish {
    struct slice tenant, customer, by;
    struct slice at; /* RFC 3339; empty: now */
};

/* --- erasing ---------------------------------------------------------------------------------- */

static const struct pg_statement erase = {
    .name = "customer_erase_at",
    .sql = "SELECT keys FROM notifications.erase_customer($1::text, $2::text, $3::text,"
           " coalesce(nullif($4::text, '')::timestamptz, now()))",
    .param_count = 4,
};

static enum status erase_one(struct pg *pg, const struct wish *wish, int64_t *keys,
                             struct error *error) {
    const struct pg_param params[] = {pg_text(wish->tenant), pg_text(wish->customer),
                                      pg_text(wish->by), pg_text(wish->at)};
    struct pg_result *result = NULL;
    if (!customer_id_is_valid(wish->customer))
        return error_set(error, STATUS_INVALID, "%.*s is nobody's id", SLICE_ARG(wish->customer));
    enum status status = pg_query(pg, &erase, params, &result, error);
    if (status == STATUS_OK)
        *keys += pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return status;
}

static enum status erase_line(struct pg *pg, struct slice line, int64_t *keys,
                              struct error *error) {
    struct json_object *root = NULL;
    struct wish wish;
    enum status status = json_parse(line, &root, error);
    if (status == STATUS_OK)
        status = json_get_string(root, "tenant", &wish.tenant, error);
    if (status == STATUS_OK)
        status = json_get_string(root, "customerId", &wish.customer, error);
    if (status == STATUS_OK)
        status = json_get_string(root, "erasedBy", &wish.by, error);
    if (status == STATUS_OK)
        status = json_get_string(root, "erasedAt", &wish.at, error);
    if (status == STATUS_OK)
        status = erase_one(pg, &wish, keys, error);
    json_object_put(root);
    return status;
}

/* Each line for itself: what was erased stays so when a later one is at fault. */
static enum status erase_file(struct pg *pg, const char *path, int64_t *customers, int64_t *keys,
                              struct error *error) {
    struct buf content = {0};
    enum status status = command_read_file(path, &content, error);
    struct slice rest = buf_slice(&content);
    while (status == STATUS_OK && rest.len > 0) {
        struct slice line = slice_take_line(&rest);
        if (line.len == 0)
            continue;
        status = erase_line(pg, line, keys, error);
        *customers += status == STATUS_OK;
    }
    buf_fini(&content);
    return status;
}

static enum status read_wish(int argc, char **argv, struct wish *wish, const char **file,
                             struct error *error) {
    const char *id = NULL, *tenant = "default";
    const struct command_option options[] = {
        {.value = &id}, {.name = "--tenant", .value = &tenant}, {.name = "--from", .value = file}};
    enum status status = command_parse(options, 3, argc, argv, error);
    if (status == STATUS_OK && (id == NULL) == (*file == NULL))
        status = error_set(error, STATUS_INVALID, "either a customer or a file is needed");
    wish->tenant = slice_of(tenant);
    wish->customer = slice_of(id);
    return status;
}

int customer_erase_command(const struct omctl_config *config, int argc, char **argv) {
    struct wish wish = {.at = slice_of(NULL)};
    struct error error;
    struct pg *pg = NULL;
    struct buf by = {0};
    const char *file = NULL;
    int64_t customers = 1, keys = 0;
    if (read_wish(argc, argv, &wish, &file, &error) != STATUS_OK) {
        (void)command_failed("customer erase", &error);
        return COMMAND_USAGE;
    }
    actor_name(&by);
    wish.by = buf_slice(&by);
    enum status status = command_open_database(config, &pg, &error);
    if (status == STATUS_OK && file != NULL) {
        customers = 0;
        status = erase_file(pg, file, &customers, &keys, &error);
    } else if (status == STATUS_OK) {
        status = erase_one(pg, &wish, &keys, &error);
    }
    pg_destroy(&pg);
    buf_fini(&by);
    if (status != STATUS_OK)
        return command_failed("customer erase", &error);
    printf("%lld customers are erased, %lld keys were destroyed\n", (long long)customers,
           (long long)keys);
    return COMMAND_DONE;
}

/* --- exporting -------------------------------------------------------------------------------- */

static enum status ask(struct nats_client *nats, const char *subject, const struct buf *body,
                       struct buf *answer, struct error *error) {
    natsMsg *message = NULL;
    const char *refusal = NULL;
    enum status status = STATUS_OK;
    natsStatus s = natsConnection_Request(&message, nats_client_fast(nats), subject, body->ptr,
                                          (int)body->len, ANSWER_MS);
    buf_clear(answer);
    if (s != NATS_OK)
        status = error_set(error, STATUS_UNAVAILABLE, "%s: %s", subject, natsStatus_GetText(s));
    else if (natsMsgHeader_Get(message, "Nats-Service-Error", &refusal) == NATS_OK)
        status = error_set(error, STATUS_UNAVAILABLE, "%s: %s", subject, refusal);
    else
        buf_append(answer, natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message));
    natsMsg_Destroy(message);
    return status;
}

static void write_question(const struct wish *wish, struct slice after, struct buf *question) {
    struct json_writer w = json_writer(question);
    json_begin_object(&w);
    json_put_string(&w, "tenant", wish->tenant);
    json_put_string(&w, "customerId", wish->customer);
    if (after.len > 0)
        json_put_string(&w, "after", after);
    json_end_object(&w);
}

/* Leaves in `after` where the next page begins; empty behind the last one. */
static enum status export_page(struct nats_client *nats, const struct wish *wish, struct buf *after,
                               struct error *error) {
    struct buf question = {0}, sealed = {0}, opened = {0};
    struct json_object *root = NULL;
    struct slice next;
    write_question(wish, buf_slice(after), &question);
    buf_clear(after);
    enum status status = ask(nats, "mesh.order.personal", &question, &sealed, error);
    if (status == STATUS_OK)
        status = ask(nats, "mesh.notification.open", &sealed, &opened, error);
    if (status == STATUS_OK)
        status = json_parse(buf_slice(&opened), &root, error);
    if (status == STATUS_OK)
        puts(opened.ptr);
    if (status == STATUS_OK && json_get_string(root, "next", &next, NULL) == STATUS_OK)
        buf_append_slice(after, next);
    json_object_put(root);
    buf_fini(&question);
    buf_fini(&sealed);
    buf_fini(&opened);
    return status;
}

int customer_export_command(const struct omctl_config *config, int argc, char **argv) {
    const char *id = NULL, *tenant = "default";
    const struct command_option options[] = {{.value = &id},
                                             {.name = "--tenant", .value = &tenant}};
    struct nats_client *nats = NULL;
    struct buf after = {0};
    struct error error;
    enum status status = command_parse(options, 2, argc, argv, &error);
    if (status == STATUS_OK && !customer_id_is_valid(slice_of(id)))
        status = error_set(&error, STATUS_INVALID, "a customer's id is needed");
    if (status != STATUS_OK) {
        (void)command_failed("customer export", &error);
        return COMMAND_USAGE;
    }
    const struct wish wish = {.tenant = slice_of(tenant), .customer = slice_of(id)};
    status = command_open_nats(config, &nats, &error);
    do {
        if (status == STATUS_OK)
            status = export_page(nats, &wish, &after, &error);
    } while (status == STATUS_OK && after.len > 0);
    nats_client_destroy(&nats);
    buf_fini(&after);
    return status == STATUS_OK ? COMMAND_DONE : command_failed("customer export", &error);
}

/* --- whose was -------------------------------------------------------------------------------- */

static const struct pg_statement list = {
    .name = "customer_erasures",
    .sql = "SELECT tenant, customer_id, erased_by, first_erased_at, erased_at, times"
           " FROM notifications.customer_erasures WHERE erased_at >= $1::text::timestamptz"
           " ORDER BY erased_at, tenant, customer_id",
    .param_count = 1,
};

static void put_time(struct json_writer *w, const char *key, const struct pg_result *result,
                     int row, int column) {
    char text[RFC3339_SIZE];
    clock_format(pg_get_time_us(result, row, column), text);
    json_put_text(w, key, text);
}

static void print_erasures(const struct pg_result *result) {
    struct buf line = {0};
    for (int row = 0; row < pg_rows(result); row++) {
        buf_clear(&line);
        struct json_writer w = json_writer(&line);
        json_begin_object(&w);
        json_put_string(&w, "tenant", pg_get_slice(result, row, 0));
        json_put_string(&w, "customerId", pg_get_slice(result, row, 1));
        json_put_string(&w, "erasedBy", pg_get_slice(result, row, 2));
        put_time(&w, "firstErasedAt", result, row, 3);
        put_time(&w, "erasedAt", result, row, 4);
        json_put_int(&w, "times", pg_get_int64(result, row, 5));
        json_end_object(&w);
        puts(line.ptr);
    }
    buf_fini(&line);
}

int customer_erasures_command(const struct omctl_config *config, int argc, char **argv) {
    const char *since = NULL;
    char since_text[RFC3339_SIZE];
    const struct command_option options[] = {{.name = "--since", .value = &since}};
    struct error error;
    struct pg *pg = NULL;
    struct pg_result *result = NULL;
    int64_t since_us = 0;
    enum status status = command_parse(options, 1, argc, argv, &error);
    if (status == STATUS_OK && since != NULL)
        status = since_parse(since, &since_us, &error);
    if (status != STATUS_OK) {
        (void)command_failed("customer erasures", &error);
        return COMMAND_USAGE;
    }
    clock_format(since_us, since_text);
    const struct pg_param params[] = {pg_text(slice_of(since_text))};
    status = command_open_database(config, &pg, &error);
    if (status == STATUS_OK)
        status = pg_query(pg, &list, params, &result, &error);
    if (status == STATUS_OK)
        print_erasures(result);
    pg_result_free(&result);
    pg_destroy(&pg);
    return status == STATUS_OK ? COMMAND_DONE : command_failed("customer erasures", &error);
}
