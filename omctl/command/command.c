#include "omctl/command/command.h"

#include "omctl/command/suggest.h"
#include "shared/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { AWAIT_POLL_MS = 1000, NUMBER_MOST = 999999999 };

static const struct command_option *find_option(const struct command_option *options, size_t count,
                                                struct slice name) {
    for (size_t i = 0; i < count; i++) {
        if (options[i].name != NULL && slice_is(name, options[i].name))
            return &options[i];
    }
    return NULL;
}

/* Takes the one word that may be there. */
static bool take_word(const struct command_option *options, size_t count, const char *argument) {
    if (strncmp(argument, "--", 2) == 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (options[i].name == NULL && *options[i].value == NULL) {
            *options[i].value = argument;
            return true;
        }
    }
    return false;
}

static enum status refuse_argument(const struct command_option *options, size_t count,
                                   const char *argument, struct error *error) {
    for (size_t i = 0; i < count; i++)
        if (options[i].name != NULL &&
            suggest_is_near(options[i].name, suggest_distance(options[i].name, argument)))
            return error_set(error, STATUS_INVALID, "unknown argument %s; did you mean %s?",
                             argument, options[i].name);
    return error_set(error, STATUS_INVALID, "unknown argument %s", argument);
}

/* `value` is NULL of a flag. */
static enum status take_option(const struct command_option *option, const char *value,
                               struct error *error) {
    struct command_values *values = option->values;
    if (value == NULL) {
        *option->flag = true;
    } else if (values == NULL) {
        *option->value = value;
    } else {
        if (values->count == sizeof(values->items) / sizeof(values->items[0]))
            return error_set(error, STATUS_INVALID, "too many %s", option->name);
        values->items[values->count++] = value;
    }
    return STATUS_OK;
}

enum status command_parse(const struct command_option *options, size_t count, int argc, char **argv,
                          struct error *error) {
    for (int i = 0; i < argc; i++) {
        const char *equals = strncmp(argv[i], "--", 2) == 0 ? strchr(argv[i], '=') : NULL;
        struct slice name = slice_of(argv[i]);
        if (equals != NULL)
            name.len = (size_t)(equals - argv[i]);
        const struct command_option *option = find_option(options, count, name);
        if (option == NULL && take_word(options, count, argv[i]))
            continue;
        if (option == NULL)
            return refuse_argument(options, count, argv[i], error);
        bool takes_value = option->value != NULL || option->values != NULL;
        const char *value = equals != NULL ? equals + 1 : NULL;
        if (!takes_value && equals != NULL)
            return error_set(error, STATUS_INVALID, "%s takes no value", option->name);
        if (takes_value && equals == NULL && ++i < argc)
            value = argv[i];
        if (takes_value && value == NULL)
            return error_set(error, STATUS_INVALID, "%s needs a value", option->name);
        enum status status = take_option(option, value, error);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

enum status command_order_id(const char *word, struct uuid *id, struct error *error) {
    if (word == NULL)
        return error_set(error, STATUS_INVALID, "an order id is needed");
    if (!uuid_parse(slice_of(word), id))
        return error_set(error, STATUS_INVALID,
                         "%s is no order's id, such as ef0168a2-25ac-85ab-b2e6-7f3075139440", word);
    return STATUS_OK;
}

int command_failed(const char *doing, const struct error *error) {
    fflush(stdout);
    fprintf(stderr, "omctl: %s: %s\n", doing, error->text);
    return COMMAND_FAILED;
}

int command_end(int code) {
    bool has_failed = ferror(stdout) != 0; /* at a line before, whose errno is gone */
    errno = 0;
    if (fflush(stdout) == 0 && !has_failed)
        return code;
    fprintf(stderr, "omctl: standard output: %s\n",
            errno != 0 ? strerror(errno) : "not all of it could be written");
    return code == COMMAND_DONE ? COMMAND_FAILED : code;
}

enum status command_open_database(const struct omctl_config *config, struct pg **pg,
                                  struct error *error) {
    if (config->database_url[0] == '\0')
        return error_set(error, STATUS_INVALID,
                         "OM_DATABASE_URL is not set; where scripts/up ran, `. .run/env` sets it");
    struct pg *opened = pg_create(config->database_url, "omctl");
    enum status status = pg_connect(opened, error);
    if (status != STATUS_OK) {
        pg_destroy(&opened);
        return status;
    }
    *pg = opened;
    return STATUS_OK;
}

enum status command_open_nats(const struct omctl_config *config, struct nats_client **nats,
                              struct error *error) {
    if (config->nats_url[0] == '\0')
        return error_set(error, STATUS_INVALID,
                         "OM_NATS_URL is not set; where scripts/up ran, `. .run/env` sets it");
    const struct nats_client_options options = {
        .url = config->nats_url,
        .user = config->nats_user,
        .password_file = config->nats_password_file,
        .name = "omctl",
        .tls_ca_file = config->nats_tls_ca_file,
        .tls_cert_file = config->nats_tls_cert_file,
        .tls_key_file = config->nats_tls_key_file,
    };
    return nats_client_create(&options, nats, error);
}

/* After a failed attempt: whether there is to be another one, which is due when this returns. */
static bool may_try_again(enum status status, int64_t until_us, const struct error *error) {
    if (status == STATUS_INVALID || clock_monotonic_us() >= until_us)
        return false;
    fprintf(stderr, "omctl: not yet: %s\n", error->text);
    clock_sleep_ms(AWAIT_POLL_MS);
    return true;
}

enum status command_await_database(const struct omctl_config *config, int64_t wait_us,
                                   struct pg **pg, struct error *error) {
    const int64_t until_us = clock_monotonic_us() + wait_us;
    enum status status;
    do
        status = command_open_database(config, pg, error);
    while (status != STATUS_OK && may_try_again(status, until_us, error));
    return status;
}

enum status command_await_nats(const struct omctl_config *config, int64_t wait_us,
                               struct nats_client **nats, struct error *error) {
    const int64_t until_us = clock_monotonic_us() + wait_us;
    enum status status;
    do
        status = command_open_nats(config, nats, error);
    while (status != STATUS_OK && may_try_again(status, until_us, error));
    return status;
}

enum status command_read_file(const char *path, struct buf *content, struct error *error) {
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return error_set(error, STATUS_NOT_FOUND, "%s: %s", path, strerror(errno));
    char chunk[4096];
    size_t read;
    while ((read = fread(chunk, 1, sizeof(chunk), file)) > 0)
        buf_append(content, chunk, read);
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed)
        return error_set(error, STATUS_NOT_FOUND, "%s cannot be read", path);
    return STATUS_OK;
}

enum status duration_parse(const char *text, int64_t *duration_us, struct error *error) {
    static const struct {
        const char *unit;
        int64_t us;
    } units[] = {
        {"ms", 1000},
        {"s", 1000000},
        {"m", INT64_C(60) * 1000000},
        {"h", INT64_C(3600) * 1000000},
        {"d", INT64_C(86400) * 1000000},
    };
    struct slice unit = slice_of(text), digits = slice_take_digits(&unit);
    uint64_t number;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        int64_t product;
        if (!slice_is(unit, units[i].unit) || !slice_parse_uint(digits, NUMBER_MOST, &number) ||
            number == 0 || __builtin_mul_overflow((int64_t)number, units[i].us, &product))
            continue;
        *duration_us = product;
        return STATUS_OK;
    }
    return error_set(error, STATUS_INVALID, "%s is not a duration such as 250ms, 2s, 15m, 1h or 7d",
                     text);
}

enum status since_parse(const char *text, int64_t *since_us, struct error *error) {
    int64_t ago_us;
    if (clock_parse(slice_of(text), since_us))
        return STATUS_OK;
    if (duration_parse(text, &ago_us, NULL) != STATUS_OK)
        return error_set(error, STATUS_INVALID, "--since %s: neither a time nor a duration", text);
    *since_us = clock_now_us() - ago_us;
    return STATUS_OK;
}
