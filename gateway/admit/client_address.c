#include "gateway/admit/client_address.h"

#include <arpa/inet.h>
#include <string.h>

enum { MAPPED_BITS = 96, ADDRESS_BITS = 128, QUOTA_BYTES = 8 };

static struct in6_addr map_v4(struct in_addr v4) {
    struct in6_addr mapped = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(&mapped.s6_addr[12], &v4, sizeof(v4));
    return mapped;
}

static bool parse(struct slice text, struct in6_addr *address, bool *is_v4) {
    char copy[INET6_ADDRSTRLEN];
    struct in_addr v4;
    if (text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *is_v4 = inet_pton(AF_INET, copy, &v4) == 1;
    if (*is_v4)
        *address = map_v4(v4);
    return *is_v4 || inet_pton(AF_INET6, copy, address) == 1;
}

bool address_parse(struct slice text, struct in6_addr *address) {
    bool is_v4;
    return parse(text, address, &is_v4);
}

struct in6_addr address_of_peer(const struct sockaddr *peer) {
    struct sockaddr_in v4;
    struct sockaddr_in6 v6 = {0};
    if (peer->sa_family == AF_INET) {
        memcpy(&v4, peer, sizeof(v4));
        return map_v4(v4.sin_addr);
    }
    if (peer->sa_family == AF_INET6)
        memcpy(&v6, peer, sizeof(v6));
    return v6.sin6_addr;
}

void address_format_for_quota(const struct in6_addr *address, char *text) {
    struct in6_addr network = *address;
    if (IN6_IS_ADDR_V4MAPPED(address)) {
        inet_ntop(AF_INET, &address->s6_addr[12], text, INET6_ADDRSTRLEN);
        return;
    }
    memset(&network.s6_addr[QUOTA_BYTES], 0, sizeof(network) - QUOTA_BYTES);
    inet_ntop(AF_INET6, &network, text, INET6_ADDRSTRLEN);
}

/* --- trusted proxies -------------------------------------------------------------------------- */

static bool parse_range(struct slice text, struct address_range *range) {
    struct slice digits = text;
    bool is_v4;
    if (!parse(slice_take_until(&digits, '/'), &range->address, &is_v4))
        return false;
    uint64_t most = is_v4 ? ADDRESS_BITS - MAPPED_BITS : ADDRESS_BITS, bits = most;
    if (digits.ptr != NULL && !slice_parse_uint(digits, most, &bits))
        return false;
    range->prefix_bits = (unsigned)bits + (is_v4 ? MAPPED_BITS : 0);
    return true;
}

enum status trusted_proxies_parse(const char *text, struct trusted_proxies *proxies,
                                  struct error *error) {
    struct trusted_proxies parsed = {0};
    for (struct slice rest = slice_of(text); slice_trim(rest).len > 0;) {
        struct slice entry = slice_trim(slice_take_until(&rest, ','));
        if (parsed.count == TRUSTED_PROXIES_MOST)
            return error_set(error, STATUS_INVALID, "OM_TRUSTED_PROXIES has more than %d entries",
                             TRUSTED_PROXIES_MOST);
        if (!parse_range(entry, &parsed.ranges[parsed.count++]))
            return error_set(error, STATUS_INVALID,
                             "OM_TRUSTED_PROXIES: \"%.*s\" is no address or network",
                             SLICE_ARG(entry));
    }
    *proxies = parsed;
    return STATUS_OK;
}

static bool range_has(const struct address_range *range, const struct in6_addr *address) {
    unsigned bytes = range->prefix_bits / 8, rest = range->prefix_bits % 8;
    if (memcmp(&range->address, address, bytes) != 0)
        return false;
    unsigned mask = (0xff00U >> rest) & 0xffU;
    return rest == 0 || ((range->address.s6_addr[bytes] ^ address->s6_addr[bytes]) & mask) == 0;
}

static bool is_trusted(const struct trusted_proxies *proxies, const struct in6_addr *address) {
    for (size_t i = 0; i < proxies->count; i++)
        if (range_has(&proxies->ranges[i], address))
            return true;
    return false;
}

/* Some proxies write the port, too: `192.0.2.7:4711`, `[2001:db8::1]:4711`. */
static struct slice without_port(struct slice entry) {
    const char *colon = entry.len == 0 ? NULL : memchr(entry.ptr, ':', entry.len);
    const char *bracket = entry.len == 0 ? NULL : memchr(entry.ptr, ']', entry.len);
    if (entry.len > 0 && entry.ptr[0] == '[' && bracket != NULL)
        return (struct slice){entry.ptr + 1, (size_t)(bracket - entry.ptr) - 1};
    bool is_v4 = colon != NULL && memrchr(entry.ptr, ':', entry.len) == colon;
    return is_v4 ? (struct slice){entry.ptr, (size_t)(colon - entry.ptr)} : entry;
}

struct in6_addr client_address(const struct trusted_proxies *proxies, struct in6_addr peer,
                               struct slice forwarded) {
    struct in6_addr client = peer, before;
    while (forwarded.len > 0 && is_trusted(proxies, &client)) {
        const char *comma = memrchr(forwarded.ptr, ',', forwarded.len);
        size_t start = comma == NULL ? 0 : (size_t)(comma - forwarded.ptr) + 1;
        struct slice entry = {forwarded.ptr + start, forwarded.len - start};
        if (!address_parse(without_port(slice_trim(entry)), &before))
            break;
        client = before;
        forwarded.len = start == 0 ? 0 : start - 1;
    }
    return client;
}
