#include "shared/contract/reservation_id.h"

#include "shared/crypto/crypto.h"

#include <string.h>

#define DOMAIN "reservation"

struct uuid reservation_id_of(const struct uuid *order_id) {
    uint8_t name[sizeof(DOMAIN) - 1 + sizeof(order_id->bytes)], hash[32];
    memcpy(name, DOMAIN, sizeof(DOMAIN) - 1);
    memcpy(name + sizeof(DOMAIN) - 1, order_id->bytes, sizeof(order_id->bytes));
    sha256(name, sizeof(name), hash);
    return uuid_v8(hash);
}
