/* The list of what grows (docs/operations.md) is that of the tables and streams that there are, and
   those that it says are archived are.

   Covers: omctl/archive/archive_tables.c sql/ docs/operations.md */
#include "omctl/archive/archive_tables.h"
#include "shared/pg/pg_result.h"
#include "tests/support/base/test.h"
#include "tests/support/servers/servers_fixture.h"

#include <glob.h>

#define BEGIN "<!-- growth:begin -->"
#define END "<!-- growth:end -->"
#define ARCHIVED "| `omctl archive` |"

static struct buf page;
static struct slice list; /* of the page */
static struct pg_result *tables;
static struct pg *pg;

static int start(void **state) {
    static const struct pg_statement find = {
        .name = "growth_tables",
        .sql = "SELECT n.nspname::text, c.relname::text FROM pg_class c"
               " JOIN pg_namespace n ON n.oid = c.relnamespace"
               " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition"
               "  AND to_regclass(n.nspname || '.outbox_cursor') IS NOT NULL ORDER BY 1, 2",
    };
    struct error error;
    if (postgres_setup(state) != 0)
        return -1;
    servers_migrate(servers);
    page = read_file(OM_SOURCE_DIR "/docs/operations.md");
    list.ptr = strstr(page.ptr, BEGIN);
    list.len = (size_t)(strstr(list.ptr, END) - list.ptr);
    page.ptr[list.ptr - page.ptr + (ptrdiff_t)list.len] = '\0';
    pg = pg_create(servers_postgres_url(servers), "test");
    return pg_query(pg, &find, NULL, &tables, &error) == STATUS_OK ? 0 : -1;
}

static int stop(void **state) {
    pg_result_free(&tables);
    pg_destroy(&pg);
    buf_fini(&page);
    return servers_teardown(state);
}

static bool is_messaging(struct slice table) {
    static const char *const names[] = {"inbox", "outbox", "outbox_cursor", "outbox_checkpoints",
                                        "discarded"};
    return slice_index(table, names, 5) >= 0;
}

static bool is_listed(const char *name) {
    struct buf quoted = {0};
    buf_printf(&quoted, "`%s`", name);
    bool is_there = strstr(list.ptr, quoted.ptr) != NULL;
    buf_fini(&quoted);
    return is_there;
}

static bool is_table(const char *name) {
    char other[130];
    for (int row = 0; row < pg_rows(tables); row++) {
        snprintf(other, sizeof(other), "%.*s.%.*s", SLICE_ARG(pg_get_slice(tables, row, 0)),
                 SLICE_ARG(pg_get_slice(tables, row, 1)));
        if (strcmp(name, other) == 0)
            return true;
    }
    return false;
}

static bool is_archived(const char *name) {
    for (size_t i = 0; i < ARCHIVE_PARTS; i++)
        for (size_t j = 0; j < archive_parts[i].table_count; j++)
            if (strcmp(archive_parts[i].tables[j].name, name) == 0)
                return true;
    return false;
}

static void every_table_is_listed(void **state) {
    (void)state;
    assert_true(pg_rows(tables) > 40);
    for (int row = 0; row < pg_rows(tables); row++) {
        struct slice table = pg_get_slice(tables, row, 1);
        char name[130];
        snprintf(name, sizeof(name), "%.*s%s%.*s",
                 SLICE_ARG(is_messaging(table) ? slice_of("") : pg_get_slice(tables, row, 0)),
                 is_messaging(table) ? "" : ".", SLICE_ARG(table));
        if (!is_listed(name))
            fail_msg("docs/operations.md, What grows, does not say what bounds %s", name);
    }
}

/* Of each line that begins with a table: its name exists, and it is archived where that is said. */
static void every_listed_table_is_there_and_archived_where_it_is_said(void **state) {
    (void)state;
    struct slice rest = list;
    int archived = 0;
    while (rest.len > 0) {
        struct slice line = slice_take_line(&rest);
        char name[130];
        if (line.len < 3 || memcmp(line.ptr, "| `", 3) != 0)
            continue;
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(line.ptr + 3, "`"), line.ptr + 3);
        if (!is_table(name))
            fail_msg("there is no table %s", name);
        bool is_said = memmem(line.ptr, line.len, ARCHIVED, sizeof(ARCHIVED) - 1) != NULL;
        if (is_said != is_archived(name))
            fail_msg("%s: the list and omctl archive disagree", name);
        archived += is_said;
    }
    size_t all = 0;
    for (size_t i = 0; i < ARCHIVE_PARTS; i++)
        all += archive_parts[i].table_count;
    assert_int_equal(archived, all);
}

static void every_stream_is_listed(void **state) {
    (void)state;
    glob_t files;
    assert_int_equal(glob(OM_SOURCE_DIR "/nats/streams/*.json", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        char name[64];
        snprintf(name, sizeof(name), "%s", strrchr(files.gl_pathv[i], '/') + 1);
        *strchr(name, '.') = '\0';
        if (strstr(list.ptr, name) == NULL)
            fail_msg("docs/operations.md, What grows, does not say what bounds %s", name);
    }
    globfree(&files);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_is_listed),
        cmocka_unit_test(every_listed_table_is_there_and_archived_where_it_is_said),
        cmocka_unit_test(every_stream_is_listed),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
