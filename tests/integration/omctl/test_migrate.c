/* Migrations against a real PostgreSQL, each test with a database of its own.

   Covers: omctl/install/migrate.c omctl/install/roles.c sql/ */
#include "omctl/install/migrate.h"
#include "omctl/install/roles.h"
#include "shared/base/memory.h"
#include "shared/pg/pg_result.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers_fixture.h"

#include <pthread.h>
#include <unistd.h>

#define FROM(path) (&(struct migrate_source){.directory = (path)})

struct fixture {
    struct pg *pg;
    char url[512];
    char directory[64];
    FILE *out;
};

/* The server's URL with another database's name. */
static void url_of(const char *database, char *url, size_t size) {
    const char *base = servers_postgres_url(servers);
    const char *slash = strrchr(base, '/');
    const char *query = strchr(slash, '?');
    snprintf(url, size, "%.*s%s%s", (int)(slash + 1 - base), base, database,
             query != NULL ? query : "");
}

static int create_database(void **state) {
    static int number;
    struct fixture *f = mem_alloc(sizeof(*f));
    struct buf create = {0};
    char name[32];
    snprintf(name, sizeof(name), "migrate_%d", ++number);
    buf_printf(&create, "CREATE DATABASE %s", name);
    struct pg *admin = pg_create(servers_postgres_url(servers), "test");
    struct error error;
    assert_int_equal(pg_script(admin, create.ptr, &error), STATUS_OK);
    pg_destroy(&admin);
    buf_fini(&create);
    url_of(name, f->url, sizeof(f->url));
    f->pg = pg_create(f->url, "test");
    f->out = tmpfile();
    snprintf(f->directory, sizeof(f->directory), "/tmp/om-migrate-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    *state = f;
    return 0;
}

static void file_path(const struct fixture *f, const char *name, char *path, size_t size) {
    snprintf(path, size, "%s/%s", f->directory, name);
}

static void write_file(const struct fixture *f, const char *name, const char *sql) {
    char path[256];
    file_path(f, name, path, sizeof(path));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(sql, file);
    fclose(file);
}

static int drop_fixture(void **state) {
    struct fixture *f = *state;
    const char *const argv[] = {"rm", "-r", f->directory, NULL};
    const struct process_options options = {.argv = argv};
    assert_int_equal(process_run(&options, 10000), 0);
    pg_destroy(&f->pg);
    fclose(f->out);
    free(f);
    return 0;
}

static int64_t query_int(struct pg *pg, const struct pg_statement *statement) {
    struct pg_result *result;
    struct error error;
    assert_int_equal(pg_query(pg, statement, NULL, &result, &error), STATUS_OK);
    int64_t value = pg_get_int64(result, 0, 0);
    pg_result_free(&result);
    return value;
}

static const struct pg_statement count_migrations = {
    .name = "count", .sql = "SELECT count(*) FROM public.om_migrations"};
static const struct pg_statement count_tables = {
    .name = "tables", .sql = "SELECT count(*) FROM pg_tables WHERE tablename IN ('a', 'b')"};

static bool is_clean(struct fixture *f) {
    bool clean = false;
    struct error error;
    assert_int_equal(migrate_check(f->pg, FROM(f->directory), f->out, &clean, &error), STATUS_OK);
    return clean;
}

static void this_projects_schema_is_applied_once(void **state) {
    struct fixture *f = *state;
    struct error error;
    bool clean = true;
    assert_int_equal(migrate_check(f->pg, FROM(OM_SOURCE_DIR "/sql"), f->out, &clean, &error),
                     STATUS_OK);
    assert_false(clean);
    assert_int_equal(migrate_apply(f->pg, FROM(OM_SOURCE_DIR "/sql"), f->out, &error), STATUS_OK);
    int64_t applied = query_int(f->pg, &count_migrations);
    assert_true(applied >= 6);
    assert_int_equal(migrate_apply(f->pg, FROM(OM_SOURCE_DIR "/sql"), f->out, &error), STATUS_OK);
    assert_int_equal(query_int(f->pg, &count_migrations), applied);
    assert_int_equal(migrate_check(f->pg, FROM(OM_SOURCE_DIR "/sql"), f->out, &clean, &error),
                     STATUS_OK);
    assert_true(clean);
}

/* Every role has its file but `missing` (NULL: none is missing). */
static void write_passwords(const struct fixture *f, const char *missing) {
    static const struct pg_statement list = {
        .name = "list", .sql = "SELECT rolname::text FROM pg_roles WHERE rolname ^@ 'om_'"};
    struct pg_result *roles;
    struct error error;
    assert_int_equal(pg_query(f->pg, &list, NULL, &roles, &error), STATUS_OK);
    assert_true(pg_rows(roles) > 0);
    for (int row = 0; row < pg_rows(roles); row++) {
        char *role = mem_copy(pg_get_slice(roles, row, 0));
        if (missing == NULL || strcmp(role, missing) != 0)
            write_file(f, role, "it's-secret\n");
        free(role);
    }
    pg_result_free(&roles);
}

static void each_service_logs_in_with_the_password_of_its_file(void **state) {
    struct fixture *f = *state;
    struct error error;
    assert_int_equal(migrate_apply(f->pg, FROM(OM_SOURCE_DIR "/sql"), f->out, &error), STATUS_OK);
    write_passwords(f, "om_orders");
    assert_int_equal(roles_set_passwords(f->pg, f->directory, "", &error), STATUS_NOT_FOUND);
    assert_contains(error.text, "om_orders");
    write_passwords(f, NULL);
    assert_int_equal(roles_set_passwords(f->pg, f->directory, "", &error), STATUS_OK);

    const char *at = strchr(f->url, '@');
    struct buf url = {0};
    buf_printf(&url, "postgresql://om_orders:it's-secret%s", at);
    struct pg *orders = pg_create(url.ptr, "test");
    bool clean = false;
    assert_int_equal(migrate_check(orders, FROM(OM_SOURCE_DIR "/sql"), f->out, &clean, &error),
                     STATUS_OK);
    assert_true(clean);
    pg_destroy(&orders);
    buf_fini(&url);
}

static void a_file_that_fails_leaves_nothing_of_itself(void **state) {
    struct fixture *f = *state;
    struct error error;
    write_file(f, "0001_a.sql", "CREATE TABLE a (i int);");
    write_file(f, "0002_b.sql", "CREATE TABLE b (i int); INSERT INTO nowhere VALUES (1);");
    assert_int_not_equal(migrate_apply(f->pg, FROM(f->directory), f->out, &error), STATUS_OK);
    assert_contains(error.text, "0002_b.sql");
    assert_int_equal(query_int(f->pg, &count_tables), 1);
    assert_int_equal(query_int(f->pg, &count_migrations), 1);

    write_file(f, "0002_b.sql", "CREATE TABLE b (i int);");
    assert_int_equal(migrate_apply(f->pg, FROM(f->directory), f->out, &error), STATUS_OK);
    assert_int_equal(query_int(f->pg, &count_tables), 2);
}

static void an_applied_file_that_changed_stops_everything(void **state) {
    struct fixture *f = *state;
    struct error error;
    write_file(f, "0001_a.sql", "CREATE TABLE a (i int);");
    assert_int_equal(migrate_apply(f->pg, FROM(f->directory), f->out, &error), STATUS_OK);
    write_file(f, "0001_a.sql", "CREATE TABLE a (i int);\n");
    write_file(f, "0002_b.sql", "CREATE TABLE b (i int);");
    assert_false(is_clean(f));
    assert_int_equal(migrate_apply(f->pg, FROM(f->directory), f->out, &error), STATUS_CONFLICT);
    assert_int_equal(query_int(f->pg, &count_tables), 1);
}

static void drop_file(const struct fixture *f, const char *name) {
    char path[256];
    file_path(f, name, path, sizeof(path));
    assert_int_equal(unlink(path), 0);
}

/* While versions change, and after going back, pods of the old one start beside a newer schema. */
static void a_later_versions_schema_is_no_conflict_but_a_gap_is(void **state) {
    struct fixture *f = *state;
    struct error error;
    write_file(f, "0001_a.sql", "CREATE TABLE a (i int);");
    write_file(f, "0002_b.sql", "CREATE TABLE b (i int);");
    assert_int_equal(migrate_apply(f->pg, FROM(f->directory), f->out, &error), STATUS_OK);
    drop_file(f, "0002_b.sql");
    assert_true(is_clean(f));
    assert_int_equal(migrate_apply(f->pg, FROM(f->directory), f->out, &error), STATUS_OK);

    write_file(f, "0002_b.sql", "CREATE TABLE b (i int);");
    drop_file(f, "0001_a.sql");
    assert_false(is_clean(f));
    assert_int_equal(migrate_apply(f->pg, FROM(f->directory), f->out, &error), STATUS_CONFLICT);
}

static void two_files_of_one_number_are_refused(void **state) {
    struct fixture *f = *state;
    struct error error;
    write_file(f, "0002_b.sql", "SELECT 1;");
    write_file(f, "0002_c.sql", "SELECT 1;");
    assert_int_equal(migrate_apply(f->pg, FROM(f->directory), f->out, &error), STATUS_CONFLICT);
}

/* --- a database for each service ---------------------------------------------------------------
 */

static enum status migrate_for(struct pg *pg, const char *service, FILE *out, struct error *error) {
    return migrate_apply(
        pg, &(struct migrate_source){.directory = OM_SOURCE_DIR "/sql", .service = service}, out,
        error);
}

/* All that pg_dump has to say of the schema and of om, but for its own lines, and for who else may
   use om. */
static struct buf dump_of(const struct fixture *f, const char *url, const char *schema) {
    char path[256], line[4096];
    static const char others[] = "GRANT USAGE ON SCHEMA om TO";
    struct buf text = {0};
    file_path(f, "dump", path, sizeof(path));
    (void)unlink(path);
    const char *const argv[] = {
        "pg_dump", "--schema-only", "--schema", schema, "--schema", "om", url, NULL};
    assert_int_equal(process_run(&(struct process_options){.argv = argv, .log_path = path}, 60000),
                     0);
    FILE *dump = fopen(path, "r");
    assert_non_null(dump);
    while (fgets(line, sizeof(line), dump) != NULL) {
        if (line[0] != '\\' && strncmp(line, others, sizeof(others) - 1) != 0)
            buf_append_text(&text, line);
    }
    fclose(dump);
    return text;
}

static const struct pg_statement list_schemas = {
    .name = "schemas", .sql = "SELECT schemaname::text FROM pg_tables WHERE tablename = 'inbox'"};

static void assert_has_only(struct pg *pg, const char *schema) {
    struct pg_result *rows = NULL;
    struct error error;
    require_ok(pg_query(pg, &list_schemas, NULL, &rows, &error), &error);
    assert_int_equal(pg_rows(rows), 1);
    assert_slice_equal(pg_get_slice(rows, 0, 0), schema);
    pg_result_free(&rows);
}

static void assert_same_as_in_one_database(const struct fixture *whole, struct slice schema_name) {
    void *state = NULL;
    struct error error;
    char *schema = mem_copy(schema_name);
    create_database(&state);
    struct fixture *f = state;
    require_ok(migrate_for(f->pg, schema, f->out, &error), &error);
    assert_has_only(f->pg, schema);
    struct buf apart = dump_of(f, f->url, schema), together = dump_of(f, whole->url, schema);
    assert_true(apart.len > 1000);
    assert_string_equal(apart.ptr, together.ptr);
    buf_fini(&apart);
    buf_fini(&together);
    drop_fixture(&state);
    free(schema);
}

static void a_service_alone_has_the_schema_that_it_has_among_all(void **state) {
    struct fixture *f = *state;
    struct error error;
    struct pg_result *rows = NULL;
    require_ok(migrate_for(f->pg, NULL, f->out, &error), &error);
    require_ok(pg_query(f->pg, &list_schemas, NULL, &rows, &error), &error);
    assert_true(pg_rows(rows) >= 8);
    for (int row = 0; row < pg_rows(rows); row++)
        assert_same_as_in_one_database(f, pg_get_slice(rows, row, 0));
    pg_result_free(&rows);
}

static void a_database_remembers_whose_it_is(void **state) {
    struct fixture *f = *state;
    struct error error;
    char schema[64];
    bool clean = false;
    require_ok(migrate_for(f->pg, "payment", f->out, &error), &error);
    require_ok(migrate_owner(f->pg, schema, &error), &error);
    assert_string_equal(schema, "payments");
    require_ok(migrate_for(f->pg, NULL, f->out, &error), &error);
    require_ok(migrate_for(f->pg, "payments", f->out, &error), &error);
    assert_has_only(f->pg, "payments");
    require_ok(migrate_check(f->pg, FROM(OM_SOURCE_DIR "/sql"), f->out, &clean, &error), &error);
    assert_true(clean);
    assert_int_equal(migrate_for(f->pg, "order", f->out, &error), STATUS_CONFLICT);
    assert_contains(error.text, "that of payments");
}

static void a_database_of_all_services_becomes_nobodys_alone(void **state) {
    struct fixture *f = *state;
    struct error error;
    char schema[64];
    require_ok(migrate_for(f->pg, NULL, f->out, &error), &error);
    assert_int_equal(migrate_for(f->pg, "order", f->out, &error), STATUS_CONFLICT);
    assert_contains(error.text, "all services");
    require_ok(migrate_owner(f->pg, schema, &error), &error);
    assert_string_equal(schema, "");
    assert_int_equal(migrate_for(f->pg, "nobody", f->out, &error), STATUS_INVALID);
    assert_contains(error.text, "inventory");
}

static void a_service_alone_sets_only_its_own_password(void **state) {
    struct fixture *f = *state;
    struct error error;
    require_ok(migrate_for(f->pg, "order", f->out, &error), &error);
    write_file(f, "om_orders", "secret\n");
    require_ok(roles_set_passwords(f->pg, f->directory, "orders", &error), &error);
}

struct runner {
    const struct fixture *fixture;
    enum status status;
};

static void *run_migration(void *closure) {
    struct runner *runner = closure;
    struct pg *pg = pg_create(runner->fixture->url, "test");
    runner->status =
        migrate_apply(pg, FROM(runner->fixture->directory), runner->fixture->out, NULL);
    pg_destroy(&pg);
    return NULL;
}

static void of_runners_at_the_same_time_one_applies(void **state) {
    struct fixture *f = *state;
    enum { RUNNERS = 4 };
    pthread_t threads[RUNNERS];
    struct runner runners[RUNNERS];
    write_file(f, "0001_a.sql", "SELECT pg_sleep(0.3); CREATE TABLE a (i int);");
    write_file(f, "0002_b.sql", "CREATE TABLE b (i int);");
    for (int i = 0; i < RUNNERS; i++) {
        runners[i] = (struct runner){.fixture = f, .status = STATUS_INTERNAL};
        assert_int_equal(pthread_create(&threads[i], NULL, run_migration, &runners[i]), 0);
    }
    for (int i = 0; i < RUNNERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(runners[i].status, STATUS_OK);
    }
    assert_int_equal(query_int(f->pg, &count_migrations), 2);
}

#define DATABASE_TEST(name) cmocka_unit_test_setup_teardown(name, create_database, drop_fixture)

int main(void) {
    const struct CMUnitTest tests[] = {
        DATABASE_TEST(this_projects_schema_is_applied_once),
        DATABASE_TEST(each_service_logs_in_with_the_password_of_its_file),
        DATABASE_TEST(a_file_that_fails_leaves_nothing_of_itself),
        DATABASE_TEST(an_applied_file_that_changed_stops_everything),
        DATABASE_TEST(a_later_versions_schema_is_no_conflict_but_a_gap_is),
        DATABASE_TEST(two_files_of_one_number_are_refused),
        DATABASE_TEST(of_runners_at_the_same_time_one_applies),
        DATABASE_TEST(a_service_alone_has_the_schema_that_it_has_among_all),
        DATABASE_TEST(a_database_remembers_whose_it_is),
        DATABASE_TEST(a_database_of_all_services_becomes_nobodys_alone),
        DATABASE_TEST(a_service_alone_sets_only_its_own_password),
    };
    return cmocka_run_group_tests(tests, postgres_setup, servers_teardown);
}
