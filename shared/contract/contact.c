#include "shared/contract/contact.h"

#include <string.h>

#define PHONE_MOST 15
#define ADDRESS_MOST 254 /* RFC 5321 section 4.5.3.1.3, less the brackets */
#define LOCAL_MOST 64    /* section 4.5.3.1.1 */
#define LABEL_MOST 63    /* RFC 1035 section 2.3.4 */

bool customer_id_is_valid(struct slice id) {
    return id.len > 0 && id.len <= CUSTOMER_ID_MAX && slice_is_printable(id);
}

/* One word of a Dot-string, or one label of a Domain. */
static bool is_part(struct slice part, const char *signs, size_t most) {
    return part.len > 0 && part.len <= most && slice_has_only(part, signs);
}

/* No top-level domain is (RFC 3696 section 2); an address of IP is not written like this. */
static bool is_number(struct slice label) {
    bool is = true;
    for (size_t i = 0; i < label.len; i++)
        is = is && label.ptr[i] >= '0' && label.ptr[i] <= '9';
    return is;
}

static bool is_domain(struct slice domain) {
    struct slice label = {"", 0};
    bool is_right = domain.len > 0 && domain.ptr[domain.len - 1] != '.';
    while (is_right && domain.len > 0) {
        label = slice_take_until(&domain, '.');
        is_right = is_part(label, "-", LABEL_MOST) && label.ptr[0] != '-' &&
                   label.ptr[label.len - 1] != '-';
    }
    return is_right && !is_number(label);
}

bool email_is_usable(struct slice address) {
    bool is_right = address.len > 0 && address.len <= ADDRESS_MOST &&
                    memchr(address.ptr, '@', address.len) != NULL;
    struct slice local = slice_take_until(&address, '@');
    is_right =
        is_right && local.len > 0 && local.len <= LOCAL_MOST && local.ptr[local.len - 1] != '.';
    while (is_right && local.len > 0)
        is_right = is_part(slice_take_until(&local, '.'), "!#$%&'*+/=?^_`{|}~-", LOCAL_MOST);
    return is_right && is_domain(address);
}

void email_mask(struct slice address, struct buf *out) {
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

bool phone_is_usable(struct slice phone) {
    struct buf number = {0};
    bool is_usable = phone_normalize(phone, &number);
    buf_fini(&number);
    return is_usable;
}
