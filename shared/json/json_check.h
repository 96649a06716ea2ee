/*
 * A strict scan of JSON (RFC 8259) before anything builds a tree of it. Pure and thread safe; a
 * child forked by any thread can use it, too.
 */
#ifndef OM_SHARED_JSON_JSON_CHECK_H
#define OM_SHARED_JSON_JSON_CHECK_H

#include "shared/base/slice.h"
#include "shared/base/status.h"

#define JSON_MAX_DEPTH 32

/* The grammar of RFC 8259, in valid UTF-8 without BOM, without lone surrogates, with depth up to
   JSON_MAX_DEPTH. INVALID with the byte offset in the text. */
enum status json_check_grammar(struct slice text, struct error *error) MUST_CHECK;
/* The profile that is taken here: json_check_grammar(), and no key twice in an object, as the last
   would win silently, nor with U+0000 in it, where json-c would cut it. */
enum status json_check(struct slice text, struct error *error) MUST_CHECK;

struct arena;
struct json_value;
/* json_check() that keeps the values in `root` (json_tree.h). `text` is written into, and stays
   where it is for as long as they are wanted. */
enum status json_check_keeping(struct slice text, struct arena *arena, struct json_value *root,
                               struct error *error) MUST_CHECK;

#endif
