/*
 * A JSON text as a tree that is only read, made by the one pass that checks it (json_check()): for
 * events, which each service reads by the thousand. json.h's trees are json-c's; each of their
 * values is allocated for itself, and takes about ten times as long.
 *
 * All of it lives in the arena given, and nothing of the text is borrowed. Thread safe as long as
 * the arena is; nothing blocks.
 */
#ifndef OM_SHARED_JSON_JSON_TREE_H
#define OM_SHARED_JSON_JSON_TREE_H

#include "shared/base/arena.h"
#include "shared/base/status.h"

enum json_kind {
    JSON_KIND_NULL,
    JSON_KIND_BOOLEAN,
    JSON_KIND_DOUBLE,
    JSON_KIND_INT, /* without fraction and exponent, of any size */
    JSON_KIND_OBJECT,
    JSON_KIND_ARRAY,
    JSON_KIND_STRING,
};

struct json_value {
    enum json_kind kind;
    bool is_true;
    struct slice key;  /* where it is a member; terminated */
    struct slice text; /* a string's, terminated and without escapes; a number's as written */
    struct json_value *first; /* of an object or array; the others follow it by next */
    size_t count;
    struct json_value *next;
};

/* INVALID when it is not an object, or json_check() says so. */
enum status json_tree_parse(struct slice text, struct arena *arena, const struct json_value **root,
                            struct error *error) MUST_CHECK;

/* NULL when it has none. */
const struct json_value *json_tree_member(const struct json_value *object, const char *key);

/* As json_get_string() and the others of json.h. */
enum status json_tree_get_string(const struct json_value *object, const char *key,
                                 struct slice *value, struct error *error) MUST_CHECK;
enum status json_tree_get_int64(const struct json_value *object, const char *key, int64_t *value,
                                struct error *error) MUST_CHECK;
enum status json_tree_get_bool(const struct json_value *object, const char *key, bool *value,
                               struct error *error) MUST_CHECK;
enum status json_tree_get_object(const struct json_value *object, const char *key,
                                 const struct json_value **value, struct error *error) MUST_CHECK;
enum status json_tree_get_array(const struct json_value *object, const char *key,
                                const struct json_value **value, struct error *error) MUST_CHECK;

#endif
