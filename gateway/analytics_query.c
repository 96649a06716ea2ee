#include "gateway/analytics_query.h"

#include <string.h>

/* Longer than any right one. */
#define VALUE_SIZE 64

enum parameter { PARAMETER_FROM, PARAMETER_TO, PARAMETER_GRANULARITY, PARAMETERS };
static const char *const names[PARAMETERS] = {"from", "to", "granularity"};

struct values {
    char text[PARAMETERS][VALUE_SIZE];
    size_t len[PARAMETERS]; /* 0: not given */
};

static struct slice take_until(struct slice *rest, char separator) {
    const char *end = rest->len == 0 ? NULL : memchr(rest->ptr, separator, rest->len);
    struct slice taken = *rest;
    if (end == NULL) {
        *rest = (struct slice){"", 0};
        return taken;
    }
    taken.len = (size_t)(end - rest->ptr);
    *rest = (struct slice){end + 1, rest->len - taken.len - 1};
    return taken;
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Into VALUE_SIZE bytes; false when it is malformed, too long or holds a NUL. */
static bool decode(struct slice text, char *out, size_t *len) {
    size_t used = 0;
    for (size_t i = 0; i < text.len; i++) {
        int c = (unsigned char)text.ptr[i];
        if (c == '%') {
            if (text.len - i < 3 || hex_value(text.ptr[i + 1]) < 0 ||
                hex_value(text.ptr[i + 2]) < 0)
                return false;
            c = hex_value(text.ptr[i + 1]) * 16 + hex_value(text.ptr[i + 2]);
            i += 2;
        }
        if (c == 0 || used == VALUE_SIZE)
            return false;
        out[used++] = (char)c;
    }
    *len = used;
    return used > 0;
}

static enum status take_parameter(struct slice pair, struct values *values, struct error *error) {
    struct slice value = pair;
    struct slice name = take_until(&value, '=');
    for (int i = 0; i < PARAMETERS; i++) {
        if (!slice_is(name, names[i]))
            continue;
        if (values->len[i] > 0)
            return error_set(error, STATUS_INVALID, "%s: given twice", names[i]);
        if (!decode(value, values->text[i], &values->len[i]))
            return error_set(error, STATUS_INVALID, "%s: malformed", names[i]);
        return STATUS_OK;
    }
    return error_set(error, STATUS_INVALID, "only from, to and granularity are known here");
}

enum status analytics_query_parse(struct slice query, int64_t now_us, struct period *period,
                                  struct error *error) {
    struct values values = {0};
    enum status status = STATUS_OK;
    while (query.len > 0 && status == STATUS_OK)
        status = take_parameter(take_until(&query, '&'), &values, error);
    if (status != STATUS_OK)
        return status;
    const struct period_request request = {
        .from = {values.text[PARAMETER_FROM], values.len[PARAMETER_FROM]},
        .to = {values.text[PARAMETER_TO], values.len[PARAMETER_TO]},
        .granularity = {values.text[PARAMETER_GRANULARITY], values.len[PARAMETER_GRANULARITY]},
    };
    return period_parse(&request, now_us, period, error);
}
