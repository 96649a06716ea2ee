#include "omctl/audit_command.h"

#include "omctl/archive/archive_check.h"
#include "omctl/archive/archive_order.h"
#include "omctl/streams/audit.h"

struct arguments {
    struct uuid order_id;
    const char *archive, *databases;
    int64_t since_us;
    bool is_json, has_order;
};

static enum status parse_arguments(int argc, char **argv, struct arguments *arguments,
                                   struct error *error) {
    const char *id = NULL, *since = NULL;
    const struct command_option options[] = {
        {.value = &id},
        {.name = "--since", .value = &since},
        {.name = "--archive", .value = &arguments->archive},
        {.name = "--databases", .value = &arguments->databases},
        {.name = "--json", .flag = &arguments->is_json},
    };
    enum status status =
        command_parse(options, sizeof(options) / sizeof(options[0]), argc, argv, error);
    arguments->has_order = id != NULL || arguments->archive == NULL;
    if (status == STATUS_OK && arguments->has_order)
        status = command_order_id(id, &arguments->order_id, error);
    if (status == STATUS_OK && since != NULL)
        status = since_parse(since, &arguments->since_us, error);
    return status;
}

/* --- one order -------------------------------------------------------------------------------- */

static enum status read_order(const struct omctl_config *config, const struct arguments *arguments,
                              struct audit *audit, struct buf *line, struct error *error) {
    struct nats_client *nats = NULL;
    struct error silent;
    enum status status = command_open_nats(config, &nats, error);
    if (status == STATUS_OK)
        status = audit_read(nats, &arguments->order_id, arguments->since_us, stderr, audit, error);
    if (status == STATUS_OK &&
        audit_read_dead(nats, &arguments->order_id, audit, &silent) != STATUS_OK)
        fprintf(stderr, "its dead letters are not known: %s\n", silent.text);
    nats_client_destroy(&nats);
    if (status == STATUS_OK && arguments->archive != NULL)
        status = archive_order_find(arguments->archive, &arguments->order_id, line, error);
    audit->archived = buf_slice(line);
    return status;
}

static bool is_known(const struct audit *audit) {
    return audit->count > 0 || audit->archived.len > 0 ||
           (audit->dead_letters != NULL && json_object_array_length(audit->dead_letters) > 0);
}

static enum status print_order(const struct arguments *arguments, const struct audit *audit,
                               struct error *error) {
    if (!is_known(audit))
        return error_set(error, STATUS_NOT_FOUND, "no stream has an event of this order%s",
                         arguments->archive != NULL ? ", and no file the order" : "");
    if (arguments->is_json) {
        audit_print_json(audit, &arguments->order_id, stdout);
        return STATUS_OK;
    }
    audit_print(audit, stdout);
    return audit->archived.len > 0 ? archive_order_print(audit->archived, stdout, error)
                                   : STATUS_OK;
}

static enum status audit_order(const struct omctl_config *config, const struct arguments *arguments,
                               struct error *error) {
    struct audit audit = {0};
    struct buf line = {0};
    enum status status = read_order(config, arguments, &audit, &line, error);
    if (status == STATUS_OK)
        status = print_order(arguments, &audit, error);
    audit_fini(&audit);
    buf_fini(&line);
    return status;
}

/* --- a whole archive -------------------------------------------------------------------------- */

static enum status audit_archive(const struct omctl_config *config,
                                 const struct arguments *arguments, struct error *error) {
    struct archive_store *store = NULL;
    struct archive_verdict verdict;
    enum status status = archive_store_open(config, arguments->databases, &store, error);
    if (status == STATUS_OK)
        status = archive_check(store, arguments->archive, stdout, &verdict, error);
    archive_store_close(&store);
    if (status != STATUS_OK)
        return status;
    printf("%lld orders in %lld files\n", (long long)verdict.orders, (long long)verdict.files);
    return verdict.faults == 0 ? STATUS_OK
                               : error_set(error, STATUS_CONFLICT, "%lld promises are not kept",
                                           (long long)verdict.faults);
}

int audit_command(const struct omctl_config *config, int argc, char **argv) {
    struct arguments arguments = {0};
    struct error error;
    if (parse_arguments(argc, argv, &arguments, &error) != STATUS_OK) {
        (void)command_failed("audit", &error);
        return COMMAND_USAGE;
    }
    enum status status = arguments.has_order ? audit_order(config, &arguments, &error)
                                             : audit_archive(config, &arguments, &error);
    return status == STATUS_OK ? COMMAND_DONE : command_failed("audit", &error);
}
