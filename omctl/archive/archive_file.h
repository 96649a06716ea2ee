/*
 * The files of an archive: one a batch, newline-delimited JSON, orders-<number>.ndjson. The first
 * line is the header; each further one is an order:
 *
 *     {"format":"ordermesh.archive","version":1,"number":7,"before":...,"firstEndedAt":...,
 *      "lastEndedAt":...,"orders":500,"sha256":"<of all bytes behind this line>"}
 *     {"orderId":"...","rows":{"orders.orders":[{...}],"orders.order_items":[{...},...],...}}
 *
 * A file is orders-<number>.pending from when it is whole and on the disk until its orders are gone
 * from the databases. What is half written is orders-<number>.tmp, and never read. Blocks.
 */
#ifndef OM_OMCTL_ARCHIVE_ARCHIVE_FILE_H
#define OM_OMCTL_ARCHIVE_ARCHIVE_FILE_H

#include "shared/base/buf.h"
#include "shared/base/status.h"

#define ARCHIVE_SHA256_SIZE 65

struct archive_header {
    int64_t number;
    int64_t orders;
    int64_t before_us, first_us, last_us; /* microseconds since 1970 */
    char sha256[ARCHIVE_SHA256_SIZE];     /* lower-case hex */
};

/* Sets header->sha256. */
void archive_seal(struct archive_header *header, struct slice body);

/* Writes a pending file: it and its name are on the disk afterwards. UNAVAILABLE: it cannot be
   written; what there is of it is removed. CONFLICT: there is one of this number that is done. */
enum status archive_write(const char *dir, const struct archive_header *header, struct slice body,
                          struct error *error) MUST_CHECK;
/* A pending file is done. UNAVAILABLE as above. */
enum status archive_settle(const char *dir, int64_t number, struct error *error) MUST_CHECK;
/* A pending file never counted. */
enum status archive_drop(const char *dir, int64_t number, struct error *error) MUST_CHECK;

/* Reads a file and checks it against its header; *body is of *content, which the caller frees in
   any case. NOT_FOUND: there is none; INVALID says what is wrong with it. */
enum status archive_read(const char *dir, int64_t number, bool is_pending, struct buf *content,
                         struct archive_header *header, struct slice *body,
                         struct error *error) MUST_CHECK;

/* The lines as a JSON array, for PostgreSQL. Appends. */
void archive_array(struct slice body, struct buf *array);

/* The numbers of a directory's files of a kind, ascending. */
struct archive_list {
    int64_t *numbers;
    size_t count;
};

/* NOT_FOUND: there is no such directory. */
enum status archive_list_read(const char *dir, bool is_pending, struct archive_list *list,
                              struct error *error) MUST_CHECK;
void archive_list_fini(struct archive_list *list);

/* Makes the directory if there is none, and holds it against another omctl until *fd is closed.
   CONFLICT: another one is at work there. */
enum status archive_hold(const char *dir, int *fd, struct error *error) MUST_CHECK;

#endif
