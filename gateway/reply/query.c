#include "gateway/reply/query.h"

#include "shared/base/percent.h"

struct slice query_of(const h2o_req_t *req) {
    size_t at = req->query_at == SIZE_MAX ? req->path.len : req->query_at + 1;
    return (struct slice){req->path.base + at, req->path.len - at};
}

static enum status refuse(const struct query_parameter *parameters, size_t count,
                          struct error *error) {
    struct buf names = {0};
    for (size_t i = 0; i < count; i++)
        buf_printf(&names, "%s%s", i == 0 ? "" : ", ", parameters[i].name);
    enum status status = error_set(error, STATUS_INVALID, "only %s are known here", names.ptr);
    buf_fini(&names);
    return status;
}

static enum status take_parameter(struct slice pair, struct query_parameter *parameters,
                                  size_t count, struct arena *arena, struct error *error) {
    struct slice text = pair;
    struct slice name = slice_take_until(&text, '=');
    for (size_t i = 0; i < count; i++) {
        struct query_parameter *parameter = &parameters[i];
        if (!slice_is(name, parameter->name))
            continue;
        if (parameter->value.len > 0)
            return error_set(error, STATUS_INVALID, "%s: given twice", parameter->name);
        char *value = arena_alloc(arena, text.len + 1);
        size_t len;
        if (!percent_decode(text, value, &len) || len == 0)
            return error_set(error, STATUS_INVALID, "%s: malformed", parameter->name);
        if (len > parameter->most)
            return error_set(error, STATUS_INVALID, "%s: too long", parameter->name);
        parameter->value = (struct slice){value, len};
        return STATUS_OK;
    }
    return refuse(parameters, count, error);
}

enum status query_parse(struct slice query, struct query_parameter *parameters, size_t count,
                        struct arena *arena, struct error *error) {
    enum status status = STATUS_OK;
    while (query.len > 0 && status == STATUS_OK)
        status = take_parameter(slice_take_until(&query, '&'), parameters, count, arena, error);
    return status;
}

bool query_limit(struct slice text, int64_t most, int64_t *limit) {
    uint64_t number;
    if (!slice_parse_uint(text, (uint64_t)most, &number) || text.ptr[0] == '0')
        return false;
    *limit = (int64_t)number;
    return true;
}

void query_append(struct buf *out, const char *name, struct slice value) {
    if (out->len > 0 && out->ptr[out->len - 1] != '?')
        buf_append_char(out, '&');
    buf_append_text(out, name);
    buf_append_char(out, '=');
    percent_encode(value, out);
}
