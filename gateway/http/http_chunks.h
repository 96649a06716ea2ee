/*
 * The chunked transfer coding (RFC 9112 section 7.1), read strictly: sizes in hexadecimal digits
 * only, every line ended by CR LF. Extensions whose quoted strings end, and well-formed trailers,
 * are skipped. Pure.
 */
#ifndef OM_GATEWAY_HTTP_HTTP_CHUNKS_H
#define OM_GATEWAY_HTTP_HTTP_CHUNKS_H

#include "gateway/http/http_head.h"

enum http_chunks_state {
    CHUNKS_SIZE,
    CHUNKS_EXTENSION,
    CHUNKS_EXTENSION_QUOTED,  /* within a quoted string */
    CHUNKS_EXTENSION_ESCAPED, /* behind a backslash of one */
    CHUNKS_SIZE_LF,
    CHUNKS_DATA,
    CHUNKS_DATA_CR,
    CHUNKS_DATA_LF,
    CHUNKS_TRAILER_START, /* of a line */
    CHUNKS_TRAILER_NAME,
    CHUNKS_TRAILER_VALUE,
    CHUNKS_TRAILER_LF,
    CHUNKS_LAST_LF,
};

struct http_chunks {
    enum http_chunks_state state; /* what comes next */
    size_t left;                  /* of the chunk; while its size is read, the least it can be */
    size_t skipped;               /* of extensions and trailers */
    unsigned digits;
};

/* Decodes `*len` new bytes in place. Leaves in `*len` how many of them are data, at the front, and
   in `*rest` how many behind those belong to what comes next (only when complete). A zeroed struct
   starts a body. */
enum http_progress http_chunks_decode(struct http_chunks *chunks, char *bytes, size_t *len,
                                      size_t *rest);

#endif
