#include "tests/support/base/test.h"

/* Before main(), since every main() only names its tests. */
__attribute__((constructor)) void test_choose(void) {
    const char *pattern = getenv("OM_TEST");
    if (pattern != NULL && pattern[0] != '\0')
        cmocka_set_test_filter(pattern);
}

void assert_slice_is(struct slice actual, const char *expected, const char *file, int line) {
    if (slice_is(actual, expected))
        return;
    print_error("\"%.*s\" != \"%s\"\n", SLICE_ARG(actual), expected);
    _fail(file, line);
}

void assert_has(const char *text, const char *part, const char *file, int line) {
    if (text != NULL && strstr(text, part) != NULL)
        return;
    print_error("\"%s\" is not in:\n%s\n", part, text != NULL ? text : "(nothing)");
    _fail(file, line);
}

void require_is_ok(enum status status, const struct error *error, const char *file, int line) {
    if (status == STATUS_OK)
        return;
    print_error("%s: %s\n", status_name(status), error->text);
    _fail(file, line);
}

struct buf read_file(const char *path) {
    struct buf content = {0};
    FILE *file = fopen(path, "r");
    buf_append_text(&content, "");
    if (file == NULL)
        return content;
    char part[4096];
    for (size_t got; (got = fread(part, 1, sizeof(part), file)) > 0;)
        buf_append(&content, part, got);
    fclose(file);
    return content;
}

struct stderr_capture stderr_take(void) {
    struct stderr_capture capture = {.saved_fd = dup(STDERR_FILENO), .file = tmpfile()};
    assert_non_null(capture.file);
    fflush(stderr);
    dup2(fileno(capture.file), STDERR_FILENO);
    return capture;
}

struct buf stderr_give_back(struct stderr_capture *capture) {
    struct buf written = {0};
    buf_append_text(&written, "");
    fflush(stderr);
    dup2(capture->saved_fd, STDERR_FILENO);
    close(capture->saved_fd);
    rewind(capture->file);
    char part[4096];
    for (size_t got; (got = fread(part, 1, sizeof(part), capture->file)) > 0;)
        buf_append(&written, part, got);
    fclose(capture->file);
    return written;
}
