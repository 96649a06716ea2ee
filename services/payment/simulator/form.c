#include "services/payment/simulator/form.h"

#include "shared/base/hex.h"

#include <string.h>

#define DIGITS_MOST 15

/* What stands before `separator` comes off *rest. */
static struct slice take_until(struct slice *rest, char separator) {
    const char *at = rest->len > 0 ? memchr(rest->ptr, separator, rest->len) : NULL;
    struct slice taken = *rest;
    if (at == NULL) {
        *rest = (struct slice){0};
        return taken;
    }
    taken.len = (size_t)(at - rest->ptr);
    *rest = (struct slice){at + 1, rest->len - taken.len - 1};
    return taken;
}

static bool decode(struct slice text, struct arena *arena, struct slice *decoded) {
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            if (text.len - i < 3 || hex_value(text.ptr[i + 1]) < 0 ||
                hex_value(text.ptr[i + 2]) < 0)
                return false;
            c = (char)(hex_value(text.ptr[i + 1]) * 16 + hex_value(text.ptr[i + 2]));
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        out[len++] = c;
    }
    *decoded = (struct slice){out, len};
    return true;
}

bool form_parse(struct slice text, struct arena *arena, struct form *form) {
    form->count = 0;
    while (text.len > 0) {
        struct slice value = take_until(&text, '&');
        struct slice name = take_until(&value, '=');
        if (name.len == 0)
            continue;
        if (form->count == FORM_FIELDS_MOST ||
            !decode(name, arena, &form->fields[form->count].name) ||
            !decode(value, arena, &form->fields[form->count].value))
            return false;
        form->count++;
    }
    return true;
}

struct slice form_get(const struct form *form, const char *name) {
    for (size_t i = 0; i < form->count; i++) {
        if (slice_is(form->fields[i].name, name))
            return form->fields[i].value;
    }
    return (struct slice){0};
}

bool form_get_int(const struct form *form, const char *name, int64_t *value) {
    struct slice text = form_get(form, name);
    int64_t number = 0;
    if (text.len == 0 || text.len > DIGITS_MOST)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        number = number * 10 + (text.ptr[i] - '0');
    }
    *value = number;
    return true;
}
