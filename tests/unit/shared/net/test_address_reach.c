#include "shared/net/address_reach.h"

#include "tests/support/base/test.h"

static enum address_reach reach_of(const char *host) {
    enum address_reach reach = REACH_PUBLIC;
    if (!address_reach_of_literal(host, &reach))
        fail_msg("%s is a name", host);
    return reach;
}

static void all_have(enum address_reach wanted, const char *const *hosts) {
    for (; *hosts != NULL; hosts++)
        if (reach_of(*hosts) != wanted)
            fail_msg("%s has reach %d", *hosts, (int)reach_of(*hosts));
}

static void addresses_of_the_internet_are_public(void **state) {
    (void)state;
    static const char *const hosts[] = {"1.1.1.1",         "9.255.255.255",   "11.0.0.0",
                                        "100.63.255.255",  "100.128.0.0",     "169.253.255.255",
                                        "172.15.255.255",  "172.32.0.0",      "192.167.255.255",
                                        "192.169.0.0",     "223.255.255.255", "2606:4700::1111",
                                        "[2606:4700::1]",  "::ffff:1.1.1.1",  "64:ff9b::1.1.1.1",
                                        "2002:0101:101::", "2001:4860::8888", NULL};
    all_have(REACH_PUBLIC, hosts);
}

static void this_machine_is_loopback_in_every_spelling(void **state) {
    (void)state;
    static const char *const hosts[] = {"127.0.0.1",
                                        "127.255.255.254",
                                        "127.1",
                                        "2130706433",
                                        "0x7f.1",
                                        "0x7f000001",
                                        "0177.0.0.1",
                                        "::1",
                                        "[::1]",
                                        "::ffff:127.0.0.1",
                                        "::ffff:7f00:1",
                                        "0:0:0:0:0:0:0:1",
                                        "[::ffff:127.0.0.1]",
                                        "64:ff9b::7f00:1",
                                        "2002:7f00:1::",
                                        NULL};
    all_have(REACH_LOOPBACK, hosts);
}

static void other_addresses_are_private(void **state) {
    (void)state;
    static const char *const hosts[] = {"0.0.0.0",
                                        "10.0.0.1",
                                        "10.255.255.255",
                                        "100.64.0.1",
                                        "100.127.255.255",
                                        "169.254.0.1",
                                        "169.254.169.254",
                                        "172.16.0.1",
                                        "172.31.255.255",
                                        "192.0.0.8",
                                        "192.0.2.1",
                                        "192.168.0.1",
                                        "192.168.255.255",
                                        "198.18.0.1",
                                        "198.19.255.255",
                                        "198.51.100.1",
                                        "203.0.113.1",
                                        "224.0.0.1",
                                        "240.0.0.1",
                                        "255.255.255.255",
                                        "::",
                                        "fc00::1",
                                        "fd12:3456::1",
                                        "fe80::1",
                                        "fec0::1",
                                        "ff02::1",
                                        "2001:db8::1",
                                        "2001::1",
                                        "::ffff:10.0.0.1",
                                        "::10.0.0.1",
                                        "::ffff:169.254.169.254",
                                        "64:ff9b::a9fe:a9fe",
                                        "64:ff9b:1::1",
                                        "2002:a9fe:a9fe::",
                                        "2002:c0a8:1::",
                                        "3fff::1",
                                        "5f00::1",
                                        "100::1",
                                        "3232235521",
                                        "0xa9fea9fe",
                                        NULL};
    all_have(REACH_PRIVATE, hosts);
}

static void a_name_is_no_address(void **state) {
    (void)state;
    static const char *const hosts[] = {"localhost", "shop.example",     "1.2.3.4.5", "256.1.1.1",
                                        "",          "127.0.0.1.nip.io", "[shop]"};
    enum address_reach reach;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        if (address_reach_of_literal(hosts[i], &reach))
            fail_msg("%s has reach %d", hosts[i], (int)reach);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_the_internet_are_public),
        cmocka_unit_test(this_machine_is_loopback_in_every_spelling),
        cmocka_unit_test(other_addresses_are_private),
        cmocka_unit_test(a_name_is_no_address),
    };
    return cmocka_run_group_tests_name("address_reach", tests, NULL, NULL);
}
