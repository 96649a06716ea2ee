#include "services/notification/channels/address.h"

#include <string.h>

#define PHONE_MOST 15
#define ADDRESS_MOST 254 /* RFC 5321 section 4.5.3.1.3, less the brackets */

bool address_is_usable(struct slice address) {
    size_t at = address.len;
    if (address.len < 3 || address.len > ADDRESS_MOST)
        return false;
    for (size_t i = 0; i < address.len; i++) {
        unsigned char c = (unsigned char)address.ptr[i];
        if (c <= ' ' || c >= 0x7f || strchr("<>()[]\\,;:\"", c) != NULL)
            return false;
        if (c == '@' && at != address.len)
            return false;
        if (c == '@')
            at = i;
    }
    return at > 0 && at < address.len - 1;
}

void address_mask(struct slice address, struct buf *out) {
    const char *at = memchr(address.ptr, '@', address.len);
    buf_append_char(out, address.ptr[0]);
    buf_append_text(out, "***");
    buf_append(out, at, address.len - (size_t)(at - address.ptr));
}

bool phone_normalize(struct slice phone, struct buf *out) {
    struct buf number = {0};
    size_t digits = 0;
    bool is_right = true;
    for (size_t i = 0; i < phone.len && is_right; i++) {
        char c = phone.ptr[i];
        bool is_digit = c >= '0' && c <= '9';
        is_right = is_digit || (c == '+' && number.len == 0) || (c != 0 && strchr(" ().-", c));
        digits += is_digit;
        if (is_digit || c == '+')
            buf_append_char(&number, c);
    }
    is_right = is_right && digits >= 3 && digits <= PHONE_MOST;
    if (is_right)
        buf_append_slice(out, buf_slice(&number));
    buf_fini(&number);
    return is_right;
}
