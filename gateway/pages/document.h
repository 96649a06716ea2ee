/*
 * Files that are part of the program: built into it, and served with an ETag, so that a browser
 * asks again each time and gets them only after they have changed. The build packs them, too: who
 * prefers gzip gets that, with a tag of its own.
 *
 * document_send() runs on the request's loop thread and does not block; the bytes are constant.
 */
#ifndef OM_GATEWAY_PAGES_DOCUMENT_H
#define OM_GATEWAY_PAGES_DOCUMENT_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

struct document {
    const char *content_type;
    const char *security_policy; /* Content-Security-Policy; NULL: nothing in it is ever run */
    const char *begin, *end;
    const char *packed_begin, *packed_end; /* in gzip; NULL: there is none */
};

#define DOCUMENT_EMBED_BYTES(name, file)                                                           \
    extern const char name##_begin[], name##_end[];                                                \
    __asm__(".pushsection .rodata\n"                                                               \
            ".global " #name "_begin, " #name "_end\n"                                             \
            ".hidden " #name "_begin, " #name "_end\n" #name "_begin:\n"                           \
            ".incbin \"" file "\"\n" #name "_end:\n"                                               \
            ".byte 0\n"                                                                            \
            ".popsection\n");

/* Builds `file`, a path from the source folder, in as <name>_begin to <name>_end, and in gzip as
   <name>_packed_begin to <name>_packed_end. CMakeLists.txt must know the file as one that the
   object depends on. Not indented: it stands outside of functions, one for each file. */
#define DOCUMENT_EMBED(name, file)                                                                 \
    DOCUMENT_EMBED_BYTES(name, file)                                                               \
    DOCUMENT_EMBED_BYTES(name##_packed, file ".gz")

#define DOCUMENT(type, policy, name)                                                               \
    { type, policy, name##_begin, name##_end, name##_packed_begin, name##_packed_end }

#define DOCUMENT_HTML "text/html; charset=utf-8"
#define DOCUMENT_CSS "text/css; charset=utf-8"
#define DOCUMENT_SCRIPT "text/javascript; charset=utf-8"
#define DOCUMENT_SVG "image/svg+xml"

/* 200, or 304 to a client that has it already. */
void document_send(h2o_req_t *req, const struct document *document);

/* One of several, by its name. */
struct document_file {
    const char *name;
    struct document document;
};
/* As above, or 404. */
void document_send_file(h2o_req_t *req, const struct document_file *files, size_t count,
                        struct slice name);

#endif
