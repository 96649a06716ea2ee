#include "services/webhooks/url_policy.h"

#include "tests/support/base/test.h"

static enum status judge(enum address_reach reach, bool takes_http, const char *url) {
    const struct url_policy policy = {reach, takes_http};
    struct error error = {0};
    enum status status = url_policy_judge(&policy, slice_of(url), &error);
    if (status != STATUS_OK)
        assert_int_equal(strncmp(error.text, "url: ", 5), 0);
    return status;
}

static void all_are(enum status wanted, enum address_reach reach, bool takes_http,
                    const char *const *urls) {
    for (; *urls != NULL; urls++)
        if (judge(reach, takes_http, *urls) != wanted)
            fail_msg("%s is %s", *urls, wanted == STATUS_OK ? "refused" : "taken");
}

static void https_to_the_public_internet_is_taken(void **state) {
    (void)state;
    static const char *const urls[] = {"https://shop.example/hooks",
                                       "https://shop.example:8443/a?token=b",
                                       "https://1.1.1.1/",
                                       "https://[2606:4700::1]/x",
                                       "https://localhost.example/",
                                       "https://notlocalhost/",
                                       NULL};
    all_are(STATUS_OK, REACH_PUBLIC, false, urls);
}

static void all_else_is_refused(void **state) {
    (void)state;
    static const char *const urls[] = {"",
                                       "shop.example",
                                       "/hooks",
                                       "http://shop.example/",
                                       "ftp://shop.example/",
                                       "file:///etc/passwd",
                                       "https://",
                                       "https://user@shop.example/",
                                       "https://user:word@shop.example/",
                                       "https://shop.example/ x",
                                       "https://shop.example/\r\nHost: x",
                                       "https://localhost/",
                                       "https://LOCALHOST./",
                                       "https://a.localhost:1/",
                                       "https://127.0.0.1/",
                                       "https://127.1/",
                                       "https://0x7f000001/",
                                       "https://2130706433/",
                                       "https://10.1.2.3/",
                                       "https://192.168.1.1/",
                                       "https://172.20.0.1/",
                                       "https://169.254.169.254/latest/meta-data/",
                                       "https://0.0.0.0/",
                                       "https://[::1]/",
                                       "https://[::ffff:10.0.0.1]/",
                                       "https://[fd00::1]/",
                                       "https://[fe80::1]/",
                                       NULL};
    all_are(STATUS_INVALID, REACH_PUBLIC, false, urls);
    char longest[WEBHOOK_URL_MAX + 2] = "https://a.example/";
    memset(longest + strlen(longest), 'a', sizeof(longest) - 1 - strlen(longest));
    longest[WEBHOOK_URL_MAX + 1] = '\0';
    assert_int_equal(judge(REACH_PUBLIC, false, longest), STATUS_INVALID);
    longest[WEBHOOK_URL_MAX] = '\0';
    assert_int_equal(judge(REACH_PUBLIC, false, longest), STATUS_OK);
}

static void settings_permit_more(void **state) {
    (void)state;
    static const char *const local[] = {"http://127.0.0.1:1/", "http://localhost:2/", NULL};
    static const char *const private[] = {"https://10.0.0.1/", "https://[fd00::1]/", NULL};
    all_are(STATUS_OK, REACH_LOOPBACK, true, local);
    all_are(STATUS_INVALID, REACH_LOOPBACK, true, private);
    all_are(STATUS_OK, REACH_PRIVATE, false, private);
    enum address_reach reach;
    assert_true(url_policy_parse_reach("loopback", &reach) && reach == REACH_LOOPBACK);
    assert_false(url_policy_parse_reach("some", &reach));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(https_to_the_public_internet_is_taken),
        cmocka_unit_test(all_else_is_refused),
        cmocka_unit_test(settings_permit_more),
    };
    return cmocka_run_group_tests_name("url_policy", tests, NULL, NULL);
}
