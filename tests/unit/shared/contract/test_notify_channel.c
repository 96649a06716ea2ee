#include "shared/contract/notify_channel.h"

#include "tests/support/base/test.h"

static void every_channel_is_parsed_from_its_name(void **state) {
    (void)state;
    for (int i = 0; i < NOTIFY_CHANNEL_COUNT; i++) {
        enum notify_channel channel;
        assert_true(
            notify_channel_parse(slice_of(notify_channel_name((enum notify_channel)i)), &channel));
        assert_int_equal(channel, i);
    }
}

static void other_words_are_refused(void **state) {
    (void)state;
    enum notify_channel channel;
    assert_false(notify_channel_parse(SLICE_LITERAL("LOG"), &channel));
    assert_false(notify_channel_parse(SLICE_LITERAL(""), &channel));
    assert_false(notify_channel_parse((struct slice){0}, &channel));
}

static void a_list_names_channels_and_nothing_else(void **state) {
    (void)state;
    static const char *const refused[] = {"", "log,", ",log", "log, smtp", "fax"};
    struct error error = {0};
    unsigned channels = 0;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_int_equal(notify_channels_parse(refused[i], &channels, &error), STATUS_INVALID);
    assert_int_equal(channels, 0);
    assert_int_equal(notify_channels_parse("sms,log", &channels, &error), STATUS_OK);
    assert_int_equal(channels, NOTIFY_BIT(NOTIFY_SMS) | NOTIFY_BIT(NOTIFY_LOG));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_channel_is_parsed_from_its_name),
        cmocka_unit_test(other_words_are_refused),
        cmocka_unit_test(a_list_names_channels_and_nothing_else),
    };
    return cmocka_run_group_tests_name("notify_channel", tests, NULL, NULL);
}
