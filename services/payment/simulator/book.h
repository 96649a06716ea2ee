/*
 * The simulator's ledger: every charge, capture, void and refund it ever made, one JSON line each
 * in a file that is only appended to and synced before anybody hears of the entry. Read back at
 * start, so that idempotency keys outlive the process. One thread; writing blocks on the disk. A
 * file that cannot be written ends the process.
 */
#ifndef OM_SERVICES_PAYMENT_SIMULATOR_BOOK_H
#define OM_SERVICES_PAYMENT_SIMULATOR_BOOK_H

#include "shared/base/buf.h"
#include "shared/base/status.h"

#define BOOK_TEXT_SIZE 128

/* A charge that is held is one whose capture_method is "manual": its money is taken by a capture.
   One that is challenged moves no money before its customer has confirmed it. */
enum book_kind { BOOK_CHARGE, BOOK_REFUND, BOOK_CAPTURE, BOOK_VOID, BOOK_CONFIRM, BOOK_DENY };

struct book_entry {
    enum book_kind kind;
    char id[BOOK_TEXT_SIZE];
    char key[BOOK_TEXT_SIZE];         /* idempotency key */
    char fingerprint[BOOK_TEXT_SIZE]; /* of the request, to know it again */
    char order_id[BOOK_TEXT_SIZE];
    char charge_id[BOOK_TEXT_SIZE]; /* all but a charge: of this charge */
    char currency[BOOK_TEXT_SIZE];
    char decline_code[BOOK_TEXT_SIZE];   /* charge: why it was not captured, or "" */
    char capture_method[BOOK_TEXT_SIZE]; /* charge: "manual", or "" */
    char payment_method[BOOK_TEXT_SIZE]; /* charge that is held, or challenged */
    char return_url[BOOK_TEXT_SIZE];     /* charge that is challenged; else "" */
    int64_t amount_minor;
    /* not in the file: */
    const struct book_entry *refund;  /* charge: its last refund, or NULL */
    const struct book_entry *settled; /* charge: its capture or void, or NULL */
    const struct book_entry
        *answered;          /* charge that is challenged: what its customer did, or NULL */
    int64_t kept_us;        /* monotonic; since this process has it */
    int64_t refunded_minor; /* charge: in all */
    int64_t busy_until_us;  /* monotonic; its first request is still being answered */
};

struct book;

enum status book_open(const char *path, struct book **book, struct error *error) MUST_CHECK;
void book_close(struct book **book);

/* What of a charge was taken and not given back. */
int64_t book_left_minor(const struct book_entry *charge);
bool book_is_held(const struct book_entry *charge); /* and neither captured nor let go */
/* It waits for its customer, or its customer failed, and nobody has cancelled it. */
bool book_is_open(const struct book_entry *charge);
/* The i-th entry, or NULL. */
struct book_entry *book_at(const struct book *book, size_t i);
/* Copies the entry; the key is new. Returns it as kept. */
struct book_entry *book_add(struct book *book, const struct book_entry *entry);
struct book_entry *book_find_key(const struct book *book, struct slice key); /* or NULL */
struct book_entry *book_find_id(const struct book *book, struct slice id);   /* or NULL */
/* Appends {"entries":[...]} in the order they were made. */
void book_write_json(const struct book *book, struct buf *out);

#endif
