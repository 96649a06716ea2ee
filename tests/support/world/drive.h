/*
 * Drives a service's handlers as shared/consume/consumer.c does, but with batches that the test
 * composes, and without NATS: prepare and commit, call, then inbox, apply and outbox in one
 * transaction. So a test decides what comes when, twice, or in one batch, against a real database.
 *
 * A struct drive belongs to one thread. Calls block on the database and on what the handlers call.
 */
#ifndef OM_TESTS_SUPPORT_WORLD_DRIVE_H
#define OM_TESTS_SUPPORT_WORLD_DRIVE_H

#include "shared/base/slice.h"
#include "shared/consume/batch.h"

struct drive;

/* `spec` and `context` are borrowed. */
struct drive *drive_create(const char *database_url, const struct consumer_spec *spec,
                           void *context);
void drive_destroy(struct drive **drive);

struct drive_message {
    struct slice payload; /* an event's envelope */
    int attempt;          /* 0 counts as 1 */
    bool has_waited;      /* it was EARLY before */
    uint64_t sequence;    /* in its stream; it is stored at its event's time */
    /* answered when the batch succeeds: */
    bool is_ignored;   /* not listed in the spec */
    bool is_duplicate; /* dropped by the inbox */
    enum outcome outcome;
    struct error error; /* of RETRY and REJECT */
};

/* Runs one batch, and rolls back when it does not return OK. A payload that is no event is
   rejected. */
enum status drive_batch(struct drive *drive, struct drive_message *messages, size_t count,
                        struct error *error) MUST_CHECK;
/* Only prepare and call, as if the process had died before the transaction. */
enum status drive_until_apply(struct drive *drive, struct drive_message *messages, size_t count,
                              struct error *error) MUST_CHECK;

#endif
