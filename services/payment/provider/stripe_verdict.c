#include "services/payment/provider/stripe_verdict.h"

#include "shared/json/json.h"

#include <string.h>

struct row {
    int first, last;
    unsigned asked; /* 0: any */
    const char *member, *value;
    struct stripe_verdict verdict;
};

static const struct row rows[] = {
#define ROW(first, last, asked, member, value, answer, again, meaning)                             \
    {first, last, STRIPE_##asked, member, value, {PROVIDER_##answer, again}},
    STRIPE_VERDICT_TABLE(ROW)
#undef ROW
};

static bool has_member(struct json_object *error, const char *member, const char *value) {
    struct slice text;
    if (member[0] == '-')
        return true;
    if (member[0] == '\0')
        return error != NULL;
    return error != NULL && json_get_string(error, member, &text, NULL) == STATUS_OK &&
           slice_is(text, value);
}

struct stripe_verdict stripe_judge(int status, unsigned asked, struct json_object *error) {
    const struct row *row = rows;
    while (status < row->first || status > row->last ||
           (row->asked != STRIPE_ANY && (row->asked & asked) == 0) ||
           !has_member(error, row->member, row->value))
        row++; /* the last one fits all */
    return row->verdict;
}
