#include "services/notification/channels/channel_log.h"
#include "tests/support/base/test.h"

static struct notice shipped_notice(void) {
    return (struct notice){
        .order_id = uuid_v7(),
        .kind = NOTICE_KIND_SHIPPED,
        .email = SLICE_LITERAL("c100@example.com"),
        .tracking_number = SLICE_LITERAL("OM0000000000000"),
    };
}

static void the_log_takes_a_line_a_notice_without_the_address(void **state) {
    (void)state;
    char path[] = "/tmp/om-notices-XXXXXX";
    struct error error = {0};
    struct channel *channel = NULL;
    struct notice first = shipped_notice(), second = shipped_notice();
    struct notice *notices[] = {&first, &second};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    second.kind = NOTICE_KIND_FAILED;
    second.reason = SLICE_LITERAL("out_of_stock");
    assert_int_equal(channel_log_create(path, &channel, &error), STATUS_OK);
    assert_int_equal(channel->send(channel, notices, 2, &error), STATUS_OK);
    channel_destroy(&channel);
    struct buf written = read_file(path);
    unlink(path);
    assert_int_equal(first.result, NOTICE_SENT);
    assert_null(strstr(written.ptr, "c100"));
    assert_contains(written.ptr, "\"to\":\"c***@example.com\"");
    assert_contains(written.ptr, "\"kind\":\"failed\"");
    assert_contains(written.ptr, "\"reason\":\"out_of_stock\"");
    char *newline = strchr(written.ptr, '\n');
    assert_ptr_equal(strchr(newline + 1, '\n'), written.ptr + written.len - 1);
    buf_fini(&written);
}

static void a_log_that_cannot_be_written_fails_the_notice_and_holds_nobody(void **state) {
    (void)state;
    struct error error = {0};
    struct channel *channel = NULL;
    struct notice notice = shipped_notice();
    struct notice *notices[] = {&notice};
    assert_int_equal(channel_log_create("/dev/full", &channel, &error), STATUS_OK);
    assert_int_equal(channel->send(channel, notices, 1, &error), STATUS_OK);
    assert_int_equal(notice.result, NOTICE_FAILED);
    assert_true(notice.detail[0] != 0);
    channel_destroy(&channel);
    assert_int_equal(channel_log_create("/nowhere/at/all", &channel, &error), STATUS_INVALID);
}

static void every_kind_has_its_word(void **state) {
    (void)state;
    for (int i = 0; i < NOTICE_KIND_COUNT; i++) {
        enum notice_kind kind;
        assert_true(notice_kind_parse(slice_of(notice_kind_name((enum notice_kind)i)), &kind));
        assert_int_equal(kind, i);
    }
    enum notice_kind kind;
    assert_false(notice_kind_parse(SLICE_LITERAL("created"), &kind));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_log_takes_a_line_a_notice_without_the_address),
        cmocka_unit_test(a_log_that_cannot_be_written_fails_the_notice_and_holds_nobody),
        cmocka_unit_test(every_kind_has_its_word),
    };
    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
