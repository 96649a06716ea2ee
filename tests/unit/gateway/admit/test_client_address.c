/* The address that counts when proxies are in between. */
#include "gateway/admit/client_address.h"
#include "tests/support/base/test.h"

#include <arpa/inet.h>

static struct trusted_proxies trust(const char *text) {
    struct trusted_proxies proxies;
    struct error error;
    if (trusted_proxies_parse(text, &proxies, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return proxies;
}

static void assert_client(const char *trusted, const char *peer, const char *forwarded,
                          const char *expected) {
    struct trusted_proxies proxies = trust(trusted);
    struct in6_addr from;
    char text[INET6_ADDRSTRLEN];
    assert_true(address_parse(slice_of(peer), &from));
    struct in6_addr client = client_address(&proxies, from, slice_of(forwarded));
    address_format_for_quota(&client, text);
    if (strcmp(text, expected) != 0)
        fail_msg("%s from %s: %s, not %s", forwarded, peer, text, expected);
}

static void nobody_is_believed_without_trust(void **state) {
    (void)state;
    assert_client("", "192.0.2.1", "203.0.113.9", "192.0.2.1");
    assert_client("10.0.0.0/8", "192.0.2.1", "203.0.113.9", "192.0.2.1");
}

static void a_trusted_proxy_says_who_it_is(void **state) {
    (void)state;
    assert_client("10.0.0.0/8", "10.1.2.3", "203.0.113.9", "203.0.113.9");
    assert_client("10.0.0.0/8", "10.1.2.3", "", "10.1.2.3");
    assert_client("10.1.2.3", "10.1.2.3", "203.0.113.9", "203.0.113.9");
    assert_client("10.1.2.4", "10.1.2.3", "203.0.113.9", "10.1.2.3");
    assert_client("fd00::/8,10.0.0.0/8", "fd00::1", "203.0.113.9, 10.0.0.7", "203.0.113.9");
}

/* The client's own entries stand in front of those that the proxies added. */
static void what_the_client_wrote_itself_is_not_believed(void **state) {
    (void)state;
    assert_client("10.0.0.0/8", "10.1.2.3", "1.1.1.1, 203.0.113.9", "203.0.113.9");
    assert_client("10.0.0.0/8", "10.1.2.3", "10.9.9.9, 203.0.113.9,10.0.0.2", "203.0.113.9");
}

static void a_proxy_may_write_the_port_too(void **state) {
    (void)state;
    assert_client("10.0.0.0/8", "10.1.2.3", "203.0.113.9:4711", "203.0.113.9");
    assert_client("10.0.0.0/8", "10.1.2.3", "203.0.113.9:1, 10.0.0.2:2", "203.0.113.9");
    assert_client("10.0.0.0/8", "10.1.2.3", "[2001:db8::1]:4711", "2001:db8::");
    assert_client("10.0.0.0/8", "10.1.2.3", "[2001:db8::1]", "2001:db8::");
    assert_client("10.0.0.0/8", "10.1.2.3", "2001:db8::1", "2001:db8::");
    assert_client("10.0.0.0/8", "10.1.2.3", "[2001:db8::1", "10.1.2.3");
}

static void what_is_no_address_ends_the_belief(void **state) {
    (void)state;
    assert_client("10.0.0.0/8", "10.1.2.3", "unknown", "10.1.2.3");
    assert_client("10.0.0.0/8", "10.1.2.3", "203.0.113.9, , 10.0.0.2", "10.0.0.2");
    assert_client("10.0.0.0/8", "10.1.2.3", ",,,", "10.1.2.3");
}

static void networks_match_to_the_bit(void **state) {
    (void)state;
    assert_client("192.0.2.128/25", "192.0.2.128", "203.0.113.9", "203.0.113.9");
    assert_client("192.0.2.128/25", "192.0.2.127", "203.0.113.9", "192.0.2.127");
    assert_client("0.0.0.0/0", "192.0.2.1", "203.0.113.9", "203.0.113.9");
    assert_client("0.0.0.0/0", "2001:db8::1", "203.0.113.9", "2001:db8::");
    assert_client("::/0", "2001:db8::1", "203.0.113.9", "203.0.113.9");
}

static void an_ipv6_network_of_64_bits_counts_as_one(void **state) {
    (void)state;
    assert_client("", "2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::");
    assert_client("", "2001:db8:1:2:ffff::1", "", "2001:db8:1:2::");
    assert_client("", "::ffff:192.0.2.1", "", "192.0.2.1");
}

static void what_is_no_network_is_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"10.0.0.0/33",        "10.0.0.0/",    "10.0.0.0/-1",
                                        "10.0.0/8",           "::/129",       "proxy",
                                        "10.0.0.1,,10.0.0.2", "10.0.0.1/8 9", ","};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct trusted_proxies proxies;
        struct error error;
        if (trusted_proxies_parse(wrong[i], &proxies, &error) != STATUS_INVALID)
            fail_msg("%s was taken", wrong[i]);
    }
}

static void a_peers_address_is_read_from_its_socket(void **state) {
    (void)state;
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    char text[INET6_ADDRSTRLEN];
    inet_pton(AF_INET, "192.0.2.7", &v4.sin_addr);
    inet_pton(AF_INET6, "2001:db8::7", &v6.sin6_addr);
    struct in6_addr address = address_of_peer((const struct sockaddr *)&v4);
    address_format_for_quota(&address, text);
    assert_string_equal(text, "192.0.2.7");
    address = address_of_peer((const struct sockaddr *)&v6);
    address_format_for_quota(&address, text);
    assert_string_equal(text, "2001:db8::");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_believed_without_trust),
        cmocka_unit_test(a_trusted_proxy_says_who_it_is),
        cmocka_unit_test(what_the_client_wrote_itself_is_not_believed),
        cmocka_unit_test(a_proxy_may_write_the_port_too),
        cmocka_unit_test(what_is_no_address_ends_the_belief),
        cmocka_unit_test(networks_match_to_the_bit),
        cmocka_unit_test(an_ipv6_network_of_64_bits_counts_as_one),
        cmocka_unit_test(what_is_no_network_is_refused),
        cmocka_unit_test(a_peers_address_is_read_from_its_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
