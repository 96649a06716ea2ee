#include "services/payment/simulator/form.h"

#include "shared/base/percent.h"

#define NUMBER_MOST INT64_C(999999999999999)

static bool decode(struct slice text, struct arena *arena, struct slice *decoded) {
    char *copy = arena_copy(arena, text);
    for (size_t i = 0; i < text.len; i++)
        if (copy[i] == '+')
            copy[i] = ' ';
    decoded->ptr = copy;
    return percent_decode((struct slice){copy, text.len}, copy, &decoded->len);
}

bool form_parse(struct slice text, struct arena *arena, struct form *form) {
    form->count = 0;
    while (text.len > 0) {
        struct slice value = slice_take_until(&text, '&');
        struct slice name = slice_take_until(&value, '=');
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
    uint64_t number;
    if (!slice_parse_uint(text, NUMBER_MOST, &number))
        return false;
    *value = (int64_t)number;
    return true;
}
