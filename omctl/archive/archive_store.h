/*
 * The databases of an archive: a connection for each schema that has rows of orders, all with a
 * transaction of their own, and the rows of one batch.
 *
 * A batch is read with its rows locked in all databases, so that nothing is opened on them until
 * it is removed or left. The orders' own transaction ends first, with a row in orders.archives:
 * from then on the orders are gone for everybody, and what is left of them elsewhere belongs to
 * nobody.
 *
 * Blocks. One thread.
 */
#ifndef OM_OMCTL_ARCHIVE_ARCHIVE_STORE_H
#define OM_OMCTL_ARCHIVE_ARCHIVE_STORE_H

#include "omctl/archive/archive_file.h"
#include "omctl/archive/archive_tables.h"
#include "omctl/command/command.h"
#include "shared/crypto/uuid.h"
#include "shared/pg/pg_param.h"

struct archive_store;

/* `databases` is a directory of files <schema>, each with the URL of that schema's database; a
   schema without a file, or all where it is NULL, is in OM_DATABASE_URL's. INVALID: a schema is not
   in the database that it should be in. */
enum status archive_store_open(const struct omctl_config *config, const char *databases,
                               struct archive_store **store, struct error *error) MUST_CHECK;
void archive_store_close(struct archive_store **store);
/* The connection of archive_parts[part]. */
struct pg *archive_store_pg(struct archive_store *store, size_t part);
/* That of the schema. */
struct pg *archive_store_of(struct archive_store *store, const char *schema);

/* --- pages --- */

struct archive_item {
    struct uuid id;
    int64_t changed_us; /* the last time */
    int left;           /* enum archive_left; -1: to be archived */
    bool ended_badly;   /* FAILED or CANCELLED */
};

/* Orders in the order in which they were taken in. Begins with zeros; the next page is behind the
   last one. */
struct archive_page {
    struct archive_item *items; /* by id */
    size_t count;
    int64_t taken_us; /* of the last one */
    struct uuid last;
};

/* How many orders were taken in before then. */
enum status archive_store_count(struct archive_store *store, int64_t before_us, int64_t *count,
                                struct error *error) MUST_CHECK;
/* Up to `most` orders that were taken in before then; what their own rows say is in `left`. */
enum status archive_store_page(struct archive_store *store, int64_t before_us, int64_t most,
                               struct archive_page *page, struct error *error) MUST_CHECK;
void archive_page_fini(struct archive_page *page);

/* Asks every schema, without locking anything. */
enum status archive_store_ask(struct archive_store *store, int64_t before_us,
                              struct archive_page *page, struct error *error) MUST_CHECK;

/* --- batches --- */

enum status archive_store_begin(struct archive_store *store, struct error *error) MUST_CHECK;
void archive_store_rollback(struct archive_store *store);
/* Locks and reads the rows of the page's orders, leaves what is open, and appends a line for each
   of the others, by id. */
enum status archive_store_read(struct archive_store *store, int64_t before_us,
                               struct archive_page *page, struct buf *body,
                               struct error *error) MUST_CHECK;
/* The next number of orders.archives, and no other omctl can take it until the transaction ends. */
enum status archive_store_number(struct archive_store *store, int64_t *number,
                                 struct error *error) MUST_CHECK;
/* Whether the batch's transaction of the orders is committed. */
enum status archive_store_has(struct archive_store *store, const struct archive_header *header,
                              bool *has, struct error *error) MUST_CHECK;
/* Removes what the lines have, and says so in orders.archives. */
enum status archive_store_remove(struct archive_store *store, const struct archive_header *header,
                                 struct slice body, struct error *error) MUST_CHECK;
enum status archive_store_commit(struct archive_store *store, struct error *error) MUST_CHECK;
/* What a killed omctl has left of a batch whose orders are gone. INVALID: a row is not as in the
   file. */
enum status archive_store_finish(struct archive_store *store, struct slice body,
                                 struct error *error) MUST_CHECK;

/* The orders of a file's lines. */
enum status archive_ids(struct slice body, struct pg_array *ids, struct error *error) MUST_CHECK;

#endif
