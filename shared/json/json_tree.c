#include "shared/json/json_tree.h"

#include "shared/json/json_check.h"

#include <string.h>

static const char *const kind_names[] = {
    [JSON_KIND_NULL] = "null",     [JSON_KIND_BOOLEAN] = "boolean", [JSON_KIND_DOUBLE] = "double",
    [JSON_KIND_INT] = "int",       [JSON_KIND_OBJECT] = "object",   [JSON_KIND_ARRAY] = "array",
    [JSON_KIND_STRING] = "string",
};

enum status json_tree_parse(struct slice text, struct arena *arena, const struct json_value **root,
                            struct error *error) {
    struct json_value *parsed = arena_alloc(arena, sizeof(*parsed));
    enum status status = json_check_keeping(arena_slice(arena, text), arena, parsed, error);
    if (status != STATUS_OK)
        return status;
    if (parsed->kind != JSON_KIND_OBJECT)
        return error_set(error, STATUS_INVALID, "JSON: must be an object");
    *root = parsed;
    return STATUS_OK;
}

const struct json_value *json_tree_member(const struct json_value *object, const char *key) {
    const struct json_value *member = object->first;
    const struct slice name = slice_of(key);
    while (member != NULL && !slice_equal(member->key, name))
        member = member->next;
    return member;
}

static enum status get_member(const struct json_value *object, const char *key, enum json_kind kind,
                              const struct json_value **value, struct error *error) {
    if (object->kind != JSON_KIND_OBJECT)
        return error_set(error, STATUS_INVALID, "%s: its parent is not an object", key);
    const struct json_value *member = json_tree_member(object, key);
    if (member == NULL)
        return error_set(error, STATUS_NOT_FOUND, "%s: missing", key);
    if (member->kind != kind)
        return error_set(error, STATUS_INVALID, "%s: must be %s, is %s", key, kind_names[kind],
                         kind_names[member->kind]);
    *value = member;
    return STATUS_OK;
}

/* PostgreSQL's text cannot hold U+0000, and it would cut what is read as a C string. */
enum status json_tree_get_string(const struct json_value *object, const char *key,
                                 struct slice *value, struct error *error) {
    const struct json_value *member;
    enum status status = get_member(object, key, JSON_KIND_STRING, &member, error);
    if (status != STATUS_OK)
        return status;
    if (memchr(member->text.ptr, '\0', member->text.len) != NULL)
        return error_set(error, STATUS_INVALID, "%s: contains U+0000", key);
    *value = member->text;
    return STATUS_OK;
}

enum status json_tree_get_int64(const struct json_value *object, const char *key, int64_t *value,
                                struct error *error) {
    const struct json_value *member;
    uint64_t number;
    enum status status = get_member(object, key, JSON_KIND_INT, &member, error);
    if (status != STATUS_OK)
        return status;
    struct slice digits = member->text;
    bool is_negative = slice_take_prefix(&digits, "-");
    if (!slice_parse_uint(digits, INT64_MAX, &number))
        return error_set(error, STATUS_INVALID, "%s: out of range", key);
    *value = is_negative ? -(int64_t)number : (int64_t)number;
    return STATUS_OK;
}

enum status json_tree_get_bool(const struct json_value *object, const char *key, bool *value,
                               struct error *error) {
    const struct json_value *member;
    enum status status = get_member(object, key, JSON_KIND_BOOLEAN, &member, error);
    if (status == STATUS_OK)
        *value = member->is_true;
    return status;
}

enum status json_tree_get_object(const struct json_value *object, const char *key,
                                 const struct json_value **value, struct error *error) {
    return get_member(object, key, JSON_KIND_OBJECT, value, error);
}

enum status json_tree_get_array(const struct json_value *object, const char *key,
                                const struct json_value **value, struct error *error) {
    return get_member(object, key, JSON_KIND_ARRAY, value, error);
}
