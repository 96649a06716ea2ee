/* Forms as HTTP carries them: application/x-www-form-urlencoded. Pure and thread safe. */
#ifndef OM_SERVICES_PAYMENT_SIMULATOR_FORM_H
#define OM_SERVICES_PAYMENT_SIMULATOR_FORM_H

#include "shared/base/arena.h"

#include <stdint.h>

#define FORM_FIELDS_MOST 32

struct form {
    struct {
        struct slice name, value;
    } fields[FORM_FIELDS_MOST];
    size_t count;
};

/* Decodes into the arena. False when it is malformed or has too many fields. */
bool form_parse(struct slice text, struct arena *arena, struct form *form);
/* The first field of that name, or an empty value. */
struct slice form_get(const struct form *form, const char *name);
/* Digits only; false otherwise, and above 15 of them. */
bool form_get_int(const struct form *form, const char *name, int64_t *value);

#endif
