#include "gateway/reply/request.h"

unsigned request_header(const h2o_req_t *req, struct slice name, struct slice *value) {
    unsigned found = 0;
    for (size_t i = 0; i < req->headers.size && found < 2; i++) {
        const h2o_header_t *header = &req->headers.entries[i];
        if (!h2o_memis(header->name->base, header->name->len, name.ptr, name.len))
            continue;
        if (found++ == 0)
            *value = (struct slice){header->value.base, header->value.len};
    }
    return found;
}

static struct slice take_part(struct slice *rest, char separator) {
    return slice_trim(slice_take_until(rest, separator));
}

bool media_type_is_json(struct slice content_type) {
    struct slice rest = content_type;
    if (!slice_is_word(take_part(&rest, ';'), "application/json"))
        return false;
    while (rest.len > 0) {
        struct slice value = take_part(&rest, ';');
        if (!slice_is_word(take_part(&value, '='), "charset"))
            continue;
        value = slice_trim(value);
        if (!slice_is_word(value, "utf-8") && !slice_is_word(value, "\"utf-8\""))
            return false;
    }
    return true;
}

struct slice request_body(const h2o_req_t *req) {
    return (struct slice){req->entity.base == NULL ? "" : req->entity.base, req->entity.len};
}

bool body_headers_are_json(unsigned types, struct slice type, unsigned codings) {
    return types == 1 && media_type_is_json(type) && codings == 0;
}

bool request_body_is_json(const h2o_req_t *req) {
    struct slice type = {"", 0}, coding;
    unsigned types = request_header(req, SLICE_LITERAL("content-type"), &type);
    return body_headers_are_json(types, type,
                                 request_header(req, SLICE_LITERAL("content-encoding"), &coding));
}
