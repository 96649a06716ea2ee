#include "services/notification/channels/template.h"

#include "shared/base/clock.h"
#include "shared/base/config.h"
#include "shared/base/memory.h"
#include "shared/base/utf8.h"
#include "shared/json/json.h"

#include <stdlib.h>
#include <string.h>

#define FIELD_TABLE(X)                                                                             \
    X(ORDER_ID, "order_id")                                                                        \
    X(KIND, "kind")                                                                                \
    X(TIME, "time")                                                                                \
    X(CUSTOMER_ID, "customer_id")                                                                  \
    X(EMAIL, "email")                                                                              \
    X(PHONE, "phone")                                                                              \
    X(REASON, "reason")                                                                            \
    X(CARRIER, "carrier")                                                                          \
    X(TRACKING_NUMBER, "tracking_number")

enum field {
#define FIELD_ENUM(id, name) FIELD_##id,
    FIELD_TABLE(FIELD_ENUM)
#undef FIELD_ENUM
        FIELD_COUNT
};

static const char *const field_names[] = {
#define FIELD_NAME(id, name) [FIELD_##id] = (name),
    FIELD_TABLE(FIELD_NAME)
#undef FIELD_NAME
};

/* Text, and the field that stands behind it; FIELD_COUNT for none. */
struct part {
    struct slice text;
    enum field field;
};

struct template {
    char *path;
    char *text; /* the parts borrow from it */
    struct part *parts;
    size_t part_count;
};

struct template_set {
    enum template_escape escape;
    struct template kinds[NOTICE_KIND_COUNT];
};

/* --- reading --- */

static bool parse_field(struct slice name, enum field *field) {
    int found = slice_index(name, field_names, FIELD_COUNT);
    if (found >= 0)
        *field = (enum field)found;
    return found >= 0;
}

static enum status parse(struct template *template, struct error *error) {
    const char *at = template->text;
    size_t most = 1;
    for (const char *open = strstr(at, "{{"); open != NULL; open = strstr(open + 2, "{{"))
        most++;
    template->parts = mem_alloc(most * sizeof(*template->parts));
    for (const char *open; (open = strstr(at, "{{")) != NULL;) {
        const char *close = strstr(open, "}}");
        struct part *part = &template->parts[template->part_count++];
        if (close == NULL)
            return error_set(error, STATUS_INVALID, "%s: {{ without }}", template->path);
        struct slice name = {open + 2, (size_t)(close - open) - 2};
        part->text = (struct slice){at, (size_t)(open - at)};
        if (!parse_field(name, &part->field))
            return error_set(error, STATUS_INVALID, "%s: {{%.*s}} is no value there is",
                             template->path, name.len < 40 ? (int)name.len : 40, name.ptr);
        at = close + 2;
    }
    template->parts[template->part_count++] = (struct part){slice_of(at), FIELD_COUNT};
    return STATUS_OK;
}

static enum status load(const char *directory, enum notify_channel channel, enum notice_kind kind,
                        struct template *template, struct error *error) {
    struct buf path = {0};
    size_t len;
    buf_printf(&path, "%s/%s.%s.txt", directory, notice_kind_name(kind),
               notify_channel_name(channel));
    template->path = path.ptr;
    enum status status = config_read_file(template->path, &template->text, &len, error);
    if (status != STATUS_OK)
        return status;
    struct slice text = {template->text, len};
    if (len == 0 || memchr(text.ptr, 0, len) != NULL || !utf8_is_valid(text))
        return error_set(error, STATUS_INVALID, "%s is not text in UTF-8", template->path);
    return parse(template, error);
}

enum status template_set_load(const char *directory, enum notify_channel channel,
                              enum template_escape escape, struct template_set **set,
                              struct error *error) {
    struct template_set *made = mem_alloc(sizeof(*made));
    enum status status = STATUS_OK;
    made->escape = escape;
    for (int kind = 0; kind < NOTICE_KIND_COUNT && status == STATUS_OK; kind++)
        status = load(directory, channel, (enum notice_kind)kind, &made->kinds[kind], error);
    if (status == STATUS_OK)
        *set = made;
    else
        template_set_destroy(&made);
    return status;
}

void template_set_destroy(struct template_set **set) {
    if (*set == NULL)
        return;
    for (int kind = 0; kind < NOTICE_KIND_COUNT; kind++) {
        free((*set)->kinds[kind].path);
        free((*set)->kinds[kind].text);
        free((*set)->kinds[kind].parts);
    }
    free(*set);
    *set = NULL;
}

/* --- writing --- */

static void append_text(struct buf *out, struct slice value) {
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        buf_append_char(out, c < ' ' || c == 0x7f ? ' ' : value.ptr[i]);
    }
}

/* The string without its quotes. */
static void append_json(struct buf *out, struct slice value) {
    struct buf quoted = {0};
    struct json_writer w = json_writer(&quoted);
    json_string(&w, value);
    buf_append(out, quoted.ptr + 1, quoted.len - 2);
    buf_fini(&quoted);
}

/* `scratch` has room for a time or an id. */
static struct slice value_of(const struct notice *notice, enum field field,
                             char scratch[UUID_TEXT_SIZE]) {
    switch (field) {
    case FIELD_ORDER_ID:
        uuid_format(&notice->order_id, scratch);
        return slice_of(scratch);
    case FIELD_KIND:
        return slice_of(notice_kind_name(notice->kind));
    case FIELD_TIME:
        clock_format(notice->time_us, scratch);
        return slice_of(scratch);
    case FIELD_CUSTOMER_ID:
        return notice->customer_id;
    case FIELD_EMAIL:
        return notice->email;
    case FIELD_PHONE:
        return notice->phone;
    case FIELD_REASON:
        return notice->reason;
    case FIELD_CARRIER:
        return notice->carrier;
    case FIELD_TRACKING_NUMBER:
        return notice->tracking_number;
    case FIELD_COUNT:
        break;
    }
    return (struct slice){0};
}

void template_render(const struct template_set *set, const struct notice *notice, struct buf *out) {
    _Static_assert(UUID_TEXT_SIZE >= RFC3339_SIZE, "the scratch holds either");
    const struct template *template = &set->kinds[notice->kind];
    char scratch[UUID_TEXT_SIZE];
    for (size_t i = 0; i < template->part_count; i++) {
        const struct part *part = &template->parts[i];
        buf_append_slice(out, part->text);
        struct slice value = value_of(notice, part->field, scratch);
        if (set->escape == ESCAPE_JSON && value.len > 0)
            append_json(out, value);
        else
            append_text(out, value);
    }
}

enum status template_set_check(const struct template_set *set, template_check_fn check,
                               struct error *error) {
    struct notice example = {.reason = SLICE_LITERAL("a reason"),
                             .carrier = SLICE_LITERAL("a carrier"),
                             .tracking_number = SLICE_LITERAL("a number"),
                             .customer_id = SLICE_LITERAL("a customer")};
    enum status status = STATUS_OK;
    struct buf text = {0};
    for (int kind = 0; kind < NOTICE_KIND_COUNT && status == STATUS_OK; kind++) {
        struct error why = {0};
        example.kind = (enum notice_kind)kind;
        buf_clear(&text);
        template_render(set, &example, &text);
        status = check(buf_slice(&text), &why);
        if (status != STATUS_OK)
            status =
                error_set(error, STATUS_INVALID, "%.120s: %.100s", set->kinds[kind].path, why.text);
    }
    buf_fini(&text);
    return status;
}
