#include "omctl/archive/archive_file.h"
#include "tests/support/base/test.h"

#include <stdlib.h>
#include <unistd.h>

static const char lines[] = "{\"orderId\":\"a\",\"rows\":{}}\n{\"orderId\":\"b\",\"rows\":{}}\n";

static char dir[] = "/tmp/om-test-archive-XXXXXX";
static struct error error;

static int start(void **state) {
    (void)state;
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static void path_of(const char *name, char *path) {
    snprintf(path, 200, "%s/%s", dir, name);
}

static int stop(void **state) {
    (void)state;
    static const char *const names[] = {"orders-000000007.ndjson", "orders-000000008.pending"};
    char path[200];
    for (size_t i = 0; i < 2; i++) {
        path_of(names[i], path);
        (void)unlink(path);
    }
    return rmdir(dir);
}

static void write_number(int64_t number) {
    struct archive_header header = {.number = number, .orders = 2, .before_us = 3000000};
    archive_seal(&header, SLICE_LITERAL(lines));
    require_ok(archive_write(dir, &header, SLICE_LITERAL(lines), &error), &error);
}

static void a_file_is_read_as_it_was_written(void **state) {
    (void)state;
    struct archive_header header;
    struct buf content = {0};
    struct slice body;
    write_number(7);
    assert_int_equal(archive_read(dir, 7, false, &content, &header, &body, &error),
                     STATUS_NOT_FOUND);
    require_ok(archive_settle(dir, 7, &error), &error);
    require_ok(archive_read(dir, 7, false, &content, &header, &body, &error), &error);
    assert_int_equal(header.number, 7);
    assert_int_equal(header.orders, 2);
    assert_int_equal(header.before_us, 3000000);
    assert_true(slice_is(body, lines));
    buf_fini(&content);
}

/* A database from a backup counts from an older number on. */
static void a_file_is_never_replaced(void **state) {
    (void)state;
    struct archive_header header = {.number = 7, .orders = 2};
    archive_seal(&header, SLICE_LITERAL(lines));
    assert_int_equal(archive_write(dir, &header, SLICE_LITERAL(lines), &error), STATUS_CONFLICT);
    assert_contains(error.text, "orders-000000007.ndjson is there");
}

static void pending_ones_are_told_from_those_that_are_done(void **state) {
    (void)state;
    struct archive_list list;
    write_number(8);
    require_ok(archive_list_read(dir, false, &list, &error), &error);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.numbers[0], 7);
    archive_list_fini(&list);
    require_ok(archive_list_read(dir, true, &list, &error), &error);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.numbers[0], 8);
    archive_list_fini(&list);
    require_ok(archive_drop(dir, 8, &error), &error);
    require_ok(archive_list_read(dir, true, &list, &error), &error);
    assert_int_equal(list.count, 0);
    archive_list_fini(&list);
}

/* --- damage ----------------------------------------------------------------------------------- */

static void write_content(const char *content, size_t len) {
    char path[200];
    path_of("orders-000000007.ndjson", path);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void assert_refused(const char *content, size_t len, const char *words) {
    struct archive_header header;
    struct buf read = {0};
    struct slice body;
    write_content(content, len);
    assert_int_equal(archive_read(dir, 7, false, &read, &header, &body, &error), STATUS_INVALID);
    assert_contains(error.text, words);
    buf_fini(&read);
}

static void each_damage_is_told(void **state) {
    (void)state;
    char path[200];
    path_of("orders-000000007.ndjson", path);
    struct buf whole = read_file(path);
    assert_refused(whole.ptr, whole.len - 5, "checksum");
    assert_refused("", 0, "JSON");
    whole.ptr[whole.len - 4] ^= 1;
    assert_refused(whole.ptr, whole.len, "checksum");
    whole.ptr[whole.len - 4] ^= 1;
    char *version = strstr(whole.ptr, "\"version\":1");
    version[strlen("\"version\":")] = '2';
    assert_refused(whole.ptr, whole.len, "version");
    version[strlen("\"version\":")] = '1';
    strstr(whole.ptr, "\"number\":7")[strlen("\"number\":")] = '6';
    assert_refused(whole.ptr, whole.len, "number 6");
    buf_fini(&whole);
}

static void two_are_not_at_work_in_one_directory(void **state) {
    (void)state;
    int first = -1, second = -1;
    require_ok(archive_hold(dir, &first, &error), &error);
    assert_int_equal(archive_hold(dir, &second, &error), STATUS_CONFLICT);
    assert_contains(error.text, dir);
    close(first);
    require_ok(archive_hold(dir, &second, &error), &error);
    close(second);
}

static void lines_are_an_array_for_the_database(void **state) {
    (void)state;
    struct buf array = {0};
    archive_array(SLICE_LITERAL("{}\n{\"a\":1}\n"), &array);
    assert_string_equal(array.ptr, "[{},{\"a\":1}]");
    buf_clear(&array);
    archive_array(slice_of(NULL), &array);
    assert_string_equal(array.ptr, "[]");
    buf_fini(&array);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_as_it_was_written),
        cmocka_unit_test(a_file_is_never_replaced),
        cmocka_unit_test(pending_ones_are_told_from_those_that_are_done),
        cmocka_unit_test(each_damage_is_told),
        cmocka_unit_test(two_are_not_at_work_in_one_directory),
        cmocka_unit_test(lines_are_an_array_for_the_database),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
