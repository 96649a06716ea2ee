/* The users of the NATS server as omctl writes them, from the tree's declarations and a directory
   of secrets. What they may do on a server is in test_nats_privilege.c.

   Covers: omctl/install/nats_users.c */
#include "omctl/install/nats_users.h"
#include "tests/support/base/test.h"

#include <ftw.h>
#include <sys/stat.h>

static char secrets[] = "/tmp/om-secrets-XXXXXX";

static int make(void **state) {
    (void)state;
    snprintf(secrets, sizeof(secrets), "/tmp/om-secrets-XXXXXX");
    return mkdtemp(secrets) == NULL ? -1 : 0;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

static int discard(void **state) {
    (void)state;
    return nftw(secrets, remove_entry, 4, FTW_DEPTH | FTW_PHYS);
}

static void put_secret(const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", secrets, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static struct buf written(void) {
    struct buf out = {0};
    struct error error = {0};
    if (nats_users_write(OM_SOURCE_DIR "/nats", secrets, &out, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return out;
}

static void assert_refused(const char *words) {
    struct buf out = {0};
    struct error error = {0};
    assert_int_not_equal(nats_users_write(OM_SOURCE_DIR "/nats", secrets, &out, &error), STATUS_OK);
    assert_contains(error.text, words);
    buf_fini(&out);
}

static void a_service_more_changes_no_other_users_lines(void **state) {
    (void)state;
    put_secret("nats_operator", "a\n");
    put_secret("nats_order", "b\n");
    put_secret("nats_zebra.new", "half a sec");
    struct buf before = written();
    put_secret("nats_zebra", "c\n");
    struct buf after = written();

    size_t kept = before.len - strlen("]\n");
    assert_memory_equal(after.ptr, before.ptr, kept);
    assert_null(strstr(before.ptr, "zebra"));
    const char *added = after.ptr + kept;
    assert_contains(added, "{ user: \"zebra\", password: \"c\", permissions: {");
    assert_contains(added, "\"mesh.zebra.>\"");
    assert_null(strstr(added, "$JS."));
    buf_fini(&before);
    buf_fini(&after);
}

static void only_the_operator_has_no_permissions_to_keep_to(void **state) {
    (void)state;
    put_secret("nats_operator", "a");
    put_secret("nats_shipping", "b");

    struct buf out = written();

    assert_contains(out.ptr, "{ user: \"operator\", password: \"a\" }\n");
    assert_contains(out.ptr, "{ user: \"shipping\", password: \"b\", permissions: {");
    buf_fini(&out);
}

static void what_cannot_be_written_is_refused_by_name(void **state) {
    (void)state;
    assert_refused("nats_operator");
    put_secret("nats_operator", "a");
    put_secret("nats_order", "b\", permissions: {} }");
    assert_refused("nats_order is no password");
    put_secret("nats_order", "");
    assert_refused("nats_order");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, discard)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_service_more_changes_no_other_users_lines),
        TEST(only_the_operator_has_no_permissions_to_keep_to),
        TEST(what_cannot_be_written_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
