#include "services/shipping/tracking.h"

#include "shared/crypto/crypto.h"

#include <string.h>

#define PREFIX "OM"
#define PREFIX_LEN 2
#define DIGITS 12
#define BITS_A_DIGIT 5

/* https://www.crockford.com/base32.html: no I, L, O or U. */
static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
#define RADIX 32

/* Luhn's algorithm for any even radix: every second value from the right counts twice, its digits
   added up, https://en.wikipedia.org/wiki/Luhn_mod_N_algorithm. */
static int check_value(const int *values) {
    int sum = 0;
    for (int i = 0; i < DIGITS; i++) {
        int weighted = values[i] * ((DIGITS - i) % 2 == 1 ? 2 : 1);
        sum += weighted / RADIX + weighted % RADIX;
    }
    return (RADIX - sum % RADIX) % RADIX;
}

/* Of whatever names the parcel. */
static void format(const uint8_t *name, size_t len, char *text) {
    uint8_t hash[32];
    int values[DIGITS];
    uint64_t bits = 0;
    sha256(name, len, hash);
    for (size_t i = 0; i < sizeof(bits); i++)
        bits = bits << 8 | hash[i];
    memcpy(text, PREFIX, PREFIX_LEN);
    for (int i = 0; i < DIGITS; i++) {
        values[i] = (int)(bits >> 59);
        bits <<= BITS_A_DIGIT;
        text[PREFIX_LEN + i] = alphabet[values[i]];
    }
    text[PREFIX_LEN + DIGITS] = alphabet[check_value(values)];
    text[TRACKING_LEN] = 0;
}

void tracking_format(const struct uuid *order_id, char *text) {
    format(order_id->bytes, sizeof(order_id->bytes), text);
}

void tracking_format_part(const struct uuid *order_id, int part, char *text) {
    uint8_t name[sizeof(order_id->bytes) + 1];
    memcpy(name, order_id->bytes, sizeof(order_id->bytes));
    name[sizeof(order_id->bytes)] = (uint8_t)part;
    format(name, sizeof(name), text);
}

bool tracking_check(struct slice text) {
    int values[DIGITS + 1];
    if (text.len != TRACKING_LEN || memcmp(text.ptr, PREFIX, PREFIX_LEN) != 0)
        return false;
    for (int i = 0; i <= DIGITS; i++) {
        const char *place = memchr(alphabet, text.ptr[PREFIX_LEN + i], RADIX);
        if (place == NULL)
            return false;
        values[i] = (int)(place - alphabet);
    }
    return check_value(values) == values[DIGITS];
}
