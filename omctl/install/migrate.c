#include "omctl/install/migrate.h"

#include "omctl/install/roles.h"
#include "omctl/install/service_part.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/crypto/crypto.h"
#include "shared/pg/pg_lock.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 100
#define CHECKSUM_SIZE 65
#define LOCK_POLL_MS 200
#define LOCK_WAIT_MS 120000
#define CHECK_POLL_MS 1000

enum migration_state { MIGRATION_PENDING, MIGRATION_APPLIED, MIGRATION_CHANGED };

struct migration {
    char name[NAME_MAX_LEN + 1]; /* 0001_messaging.sql; [0-9a-z_.] only */
    char checksum[CHECKSUM_SIZE];
    struct buf sql;
    enum migration_state state;
};

struct migrations {
    struct migration *items;
    size_t count;
    struct schemas schemas;
    char own[SCHEMA_NAME_SIZE]; /* the schema whose database it is; "": all of them */
};

static void migrations_fini(struct migrations *migrations) {
    for (size_t i = 0; i < migrations->count; i++)
        buf_fini(&migrations->items[i].sql);
    free(migrations->items);
}

static bool is_migration_name(const char *name) {
    size_t len = strlen(name);
    return len > 9 && len <= NAME_MAX_LEN && strspn(name, "0123456789") == 4 && name[4] == '_' &&
           strspn(name, "0123456789abcdefghijklmnopqrstuvwxyz_.") == len &&
           strcmp(name + len - 4, ".sql") == 0;
}

static int only_migrations(const struct dirent *entry) {
    return is_migration_name(entry->d_name);
}

static enum status read_migration(const char *directory, const char *name,
                                  struct migration *migration, struct error *error) {
    struct buf path = {0};
    buf_printf(&path, "%s/%s", directory, name);
    enum status status = command_read_file(path.ptr, &migration->sql, error);
    buf_fini(&path);
    if (status != STATUS_OK)
        return status;
    uint8_t hash[32];
    sha256(migration->sql.ptr, migration->sql.len, hash);
    hex_encode(hash, sizeof(hash), migration->checksum);
    memcpy(migration->name, name, strlen(name) + 1);
    return STATUS_OK;
}

/* Reads the files in the order of their numbers. Two files of one number have no order: CONFLICT.
 */
static enum status read_directory(const char *directory, struct migrations *migrations,
                                  struct error *error) {
    struct dirent **entries;
    int count = scandir(directory, &entries, only_migrations, alphasort);
    if (count < 0)
        return error_set(error, STATUS_NOT_FOUND, "%s: %s", directory, strerror(errno));
    enum status status = STATUS_OK;
    if (count == 0)
        status = error_set(error, STATUS_NOT_FOUND, "%s has no numbered .sql files", directory);
    migrations->items = mem_alloc(((size_t)count + 1) * sizeof(migrations->items[0]));
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (status == STATUS_OK && i > 0 && strncmp(name, entries[i - 1]->d_name, 4) == 0)
            status = error_set(error, STATUS_CONFLICT, "%s and %s have the same number",
                               entries[i - 1]->d_name, name);
        if (status == STATUS_OK)
            status =
                read_migration(directory, name, &migrations->items[migrations->count++], error);
        if (status == STATUS_OK)
            schemas_find(buf_slice(&migrations->items[i].sql), &migrations->schemas);
    }
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    return status;
}

static struct migration *find_migration(struct migrations *migrations, struct slice name) {
    for (size_t i = 0; i < migrations->count; i++) {
        if (slice_is(name, migrations->items[i].name))
            return &migrations->items[i];
    }
    return NULL;
}

static enum status has_table(struct pg *pg, const char *name, bool *exists, struct error *error) {
    static const struct pg_statement find_table = {
        .name = "migrate_find_table",
        .sql = "SELECT to_regclass($1::text) IS NOT NULL",
        .param_count = 1,
    };
    const struct pg_param params[] = {pg_text(slice_of(name))};
    struct pg_result *result;
    enum status status = pg_query(pg, &find_table, params, &result, error);
    if (status != STATUS_OK)
        return status;
    *exists = pg_get_bool(result, 0, 0);
    pg_result_free(&result);
    return STATUS_OK;
}

/* Files go by their numbers, so one that follows all of ours belongs to a later version of us. */
static bool is_later(const struct migrations *migrations, struct slice name) {
    const char *newest = migrations->items[migrations->count - 1].name;
    return name.len > 4 && memcmp(name.ptr, newest, 4) > 0;
}

/* Sets the state of the file that a record is about; false when that conflicts. */
static bool compare_record(struct migrations *migrations, struct slice name, struct slice checksum,
                           FILE *out) {
    struct migration *migration = find_migration(migrations, name);
    const char *finding = "was applied but is gone";
    if (migration != NULL && slice_is(checksum, migration->checksum)) {
        migration->state = MIGRATION_APPLIED;
        return true;
    }
    if (migration == NULL && is_later(migrations, name)) {
        fprintf(out, "%.*s is a later version's\n", SLICE_ARG(name));
        return true;
    }
    if (migration != NULL) {
        migration->state = MIGRATION_CHANGED;
        finding = "was changed after it was applied";
    }
    fprintf(out, "%.*s %s\n", SLICE_ARG(name), finding);
    return false;
}

/* Sets each file's state from the table; *conflicts counts recorded files that changed or went. */
static enum status compare(struct pg *pg, struct migrations *migrations, FILE *out,
                           size_t *conflicts, struct error *error) {
    static const struct pg_statement read_applied = {
        .name = "migrate_read_applied",
        .sql = "SELECT name, checksum FROM public.om_migrations ORDER BY number",
    };
    bool exists;
    enum status status = has_table(pg, "public.om_migrations", &exists, error);
    *conflicts = 0;
    if (status != STATUS_OK || !exists)
        return status;
    struct pg_result *result;
    status = pg_query(pg, &read_applied, NULL, &result, error);
    if (status != STATUS_OK)
        return status;
    for (int row = 0; row < pg_rows(result); row++) {
        if (!compare_record(migrations, pg_get_slice(result, row, 0), pg_get_slice(result, row, 1),
                            out))
            (*conflicts)++;
    }
    pg_result_free(&result);
    return STATUS_OK;
}

/* --- whose database it is --------------------------------------------------------------------- */

enum status migrate_owner(struct pg *pg, char *schema, struct error *error) {
    static const struct pg_statement read_owner = {
        .name = "migrate_read_owner",
        .sql = "SELECT schema FROM public.om_service",
    };
    bool exists;
    enum status status = has_table(pg, "public.om_service", &exists, error);
    schema[0] = '\0';
    if (status != STATUS_OK || !exists)
        return status;
    struct pg_result *result;
    status = pg_query(pg, &read_owner, NULL, &result, error);
    if (status != STATUS_OK)
        return status;
    if (pg_rows(result) == 1)
        snprintf(schema, SCHEMA_NAME_SIZE, "%.*s", SLICE_ARG(pg_get_slice(result, 0, 0)));
    pg_result_free(&result);
    return STATUS_OK;
}

/* Sets migrations->own from what is asked for and what the database is already. */
static enum status find_owner(struct pg *pg, struct migrations *migrations, const char *service,
                              struct error *error) {
    const char *wanted = NULL;
    bool is_migrated = false;
    enum status status = migrate_owner(pg, migrations->own, error);
    if (status != STATUS_OK || service == NULL)
        return status;
    status = schemas_choose(&migrations->schemas, service, &wanted, error);
    if (status == STATUS_OK)
        status = has_table(pg, "public.om_migrations", &is_migrated, error);
    if (status != STATUS_OK)
        return status;
    if (!is_migrated)
        snprintf(migrations->own, sizeof(migrations->own), "%s", wanted);
    if (strcmp(migrations->own, wanted) != 0)
        status =
            error_set(error, STATUS_CONFLICT, "the database is that of %s, and not of %s alone",
                      migrations->own[0] == '\0' ? "all services" : migrations->own, wanted);
    return status;
}

#define LOCK "om.migrate"

/* Polls, since a blocking lock would run into the connection's statement timeout. */
static enum status wait_for_lock(struct pg *pg, FILE *out, struct error *error) {
    for (int64_t waited_ms = 0;; waited_ms += LOCK_POLL_MS) {
        bool locked;
        int64_t session;
        enum status status = pg_lock_try(pg, LOCK, &locked, &session, error);
        if (status != STATUS_OK || locked)
            return status;
        if (waited_ms == 0)
            fprintf(out, "waiting for another migration to end\n");
        if (waited_ms >= LOCK_WAIT_MS)
            return error_set(error, STATUS_TIMEOUT, "another migration has not ended");
        clock_sleep_ms(LOCK_POLL_MS);
    }
}

static void unlock(struct pg *pg) {
    static const struct pg_statement release = {
        .name = "migrate_unlock",
        .sql = "SELECT pg_advisory_unlock(hashtextextended('" LOCK "', 0))",
    };
    struct pg_result *result;
    if (pg_query(pg, &release, NULL, &result, NULL) == STATUS_OK)
        pg_result_free(&result);
}

/* One string is one implicit transaction: the file's statements and the record of it. The name and
   the checksum need no quoting: is_migration_name() and hex_encode() see to it. */
static enum status apply_one(struct pg *pg, const struct migrations *migrations,
                             const struct migration *migration, struct error *error) {
    struct buf script = {0};
    enum status status = STATUS_OK;
    if (migrations->own[0] == '\0')
        buf_append_slice(&script, buf_slice(&migration->sql));
    else
        status = service_part(buf_slice(&migration->sql), &migrations->schemas, migrations->own,
                              &script, error);
    buf_printf(&script,
               "\n;INSERT INTO public.om_migrations (number, name, checksum)"
               " VALUES (%.4s::int, '%s', '%s');",
               migration->name, migration->name, migration->checksum);
    if (status == STATUS_OK)
        status = pg_script(pg, script.ptr, error);
    buf_fini(&script);
    return status;
}

/* A schema's name needs no quoting: schemas_find() sees to it. */
static enum status prepare(struct pg *pg, const struct migrations *migrations,
                           struct error *error) {
    struct buf script = {0};
    buf_append_text(&script, "SET client_min_messages = warning;"
                             "SET statement_timeout = 0;"
                             "CREATE TABLE IF NOT EXISTS public.om_migrations ("
                             " number int PRIMARY KEY,"
                             " name text NOT NULL,"
                             " checksum text NOT NULL,"
                             " applied_at timestamptz NOT NULL DEFAULT now());"
                             "GRANT SELECT ON public.om_migrations TO PUBLIC;");
    if (migrations->own[0] != '\0')
        buf_printf(&script,
                   "CREATE TABLE IF NOT EXISTS public.om_service ("
                   " one boolean PRIMARY KEY DEFAULT true CHECK (one),"
                   " schema text NOT NULL);"
                   "INSERT INTO public.om_service (schema) VALUES ('%s') ON CONFLICT DO NOTHING;"
                   "GRANT SELECT ON public.om_service TO PUBLIC",
                   migrations->own);
    enum status status = pg_script(pg, script.ptr, error);
    buf_fini(&script);
    return status;
}

static enum status apply_pending(struct pg *pg, struct migrations *migrations, FILE *out,
                                 struct error *error) {
    size_t conflicts = 0;
    enum status status = prepare(pg, migrations, error);
    if (status == STATUS_OK)
        status = compare(pg, migrations, out, &conflicts, error);
    if (status == STATUS_OK && conflicts > 0)
        status = error_set(error, STATUS_CONFLICT, "%zu applied file(s) changed; add a new one",
                           conflicts);
    for (size_t i = 0; i < migrations->count && status == STATUS_OK; i++) {
        const struct migration *migration = &migrations->items[i];
        if (migration->state == MIGRATION_APPLIED)
            continue;
        struct error cause;
        status = apply_one(pg, migrations, migration, &cause);
        if (status == STATUS_OK)
            fprintf(out, "%s applied\n", migration->name);
        else
            (void)error_set(error, status, "%s: %.140s", migration->name, cause.text);
    }
    return status;
}

enum status migrate_apply(struct pg *pg, const struct migrate_source *source, FILE *out,
                          struct error *error) {
    struct migrations migrations = {0};
    enum status status = read_directory(source->directory, &migrations, error);
    if (status == STATUS_OK)
        status = wait_for_lock(pg, out, error);
    if (status == STATUS_OK) {
        status = find_owner(pg, &migrations, source->service, error);
        if (status == STATUS_OK)
            status = apply_pending(pg, &migrations, out, error);
        unlock(pg);
    }
    migrations_fini(&migrations);
    return status;
}

enum status migrate_check(struct pg *pg, const struct migrate_source *source, FILE *out,
                          bool *clean, struct error *error) {
    struct migrations migrations = {0};
    size_t conflicts = 0, pending = 0;
    enum status status = read_directory(source->directory, &migrations, error);
    if (status == STATUS_OK)
        status = find_owner(pg, &migrations, source->service, error);
    if (status == STATUS_OK)
        status = compare(pg, &migrations, out, &conflicts, error);
    for (size_t i = 0; i < migrations.count && status == STATUS_OK; i++) {
        if (migrations.items[i].state == MIGRATION_PENDING) {
            fprintf(out, "%s is pending\n", migrations.items[i].name);
            pending++;
        }
    }
    migrations_fini(&migrations);
    if (status == STATUS_OK)
        *clean = conflicts == 0 && pending == 0;
    return status;
}

static const char up_to_date[] = "the schema is up to date\n";

/* Looks until the schema is as the files say or the time is over: 0 looks once. */
static int check_and_wait(const struct omctl_config *config, const struct migrate_source *source,
                          int64_t wait_us) {
    const int64_t until_us = clock_monotonic_us() + wait_us;
    for (;;) {
        struct pg *pg = NULL;
        struct error error;
        bool clean = false;
        enum status status = command_open_database(config, &pg, &error);
        if (status == STATUS_OK)
            status = migrate_check(pg, source, stdout, &clean, &error);
        pg_destroy(&pg);
        if (clean)
            printf(up_to_date);
        if (clean)
            return COMMAND_DONE;
        if (status != STATUS_OK)
            (void)command_failed("migrate --check", &error);
        if (clock_monotonic_us() >= until_us)
            return COMMAND_FAILED;
        fflush(stdout);
        clock_sleep_ms(CHECK_POLL_MS);
    }
}

static enum status migrate_all(struct pg *pg, const struct migrate_source *source,
                               const char *passwords, struct error *error) {
    char schema[SCHEMA_NAME_SIZE];
    enum status status = migrate_apply(pg, source, stdout, error);
    if (status == STATUS_OK && passwords != NULL)
        status = migrate_owner(pg, schema, error);
    if (status == STATUS_OK && passwords != NULL)
        status = roles_set_passwords(pg, passwords, schema, error);
    return status;
}

int migrate_command(const struct omctl_config *config, int argc, char **argv) {
    struct migrate_source source = {.directory = "sql"};
    const char *passwords = NULL, *wait = NULL;
    int64_t wait_us = 0;
    bool check = false;
    const struct command_option options[] = {
        {.name = "--dir", .value = &source.directory},
        {.name = "--service", .value = &source.service},
        {.name = "--check", .flag = &check},
        {.name = "--passwords", .value = &passwords},
        {.name = "--wait", .value = &wait},
    };
    struct error error;
    struct pg *pg = NULL;
    enum status status = command_parse(options, 5, argc, argv, &error);
    if (status == STATUS_OK && wait != NULL)
        status = duration_parse(wait, &wait_us, &error);
    if (status == STATUS_OK && check && passwords != NULL)
        status = error_set(&error, STATUS_INVALID, "--passwords does not go with --check");
    if (status != STATUS_OK) {
        (void)command_failed("migrate", &error);
        return COMMAND_USAGE;
    }
    if (check)
        return check_and_wait(config, &source, wait_us);
    status = command_await_database(config, wait_us, &pg, &error);
    if (status == STATUS_OK)
        status = migrate_all(pg, &source, passwords, &error);
    pg_destroy(&pg);
    if (status != STATUS_OK)
        return command_failed("migrate", &error);
    printf(up_to_date);
    return COMMAND_DONE;
}
