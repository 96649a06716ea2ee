/*
 * `omctl archive`: moves orders that are over from the databases to files (archive_file.h), a batch
 * at a time.
 *
 *     lock and read the rows in all databases
 *     write orders-N.tmp, sync it, call it orders-N.pending
 *     delete; commit the orders' transaction, with the row N of orders.archives; commit the others
 *     call it orders-N.ndjson
 *
 * A kill before the orders' commit leaves a file that says nothing, which the next run removes; one
 * behind it leaves rows that belong to nobody, which the next run deletes. Blocks.
 */
#ifndef OM_OMCTL_ARCHIVE_ARCHIVE_H
#define OM_OMCTL_ARCHIVE_ARCHIVE_H

#include "omctl/command/command.h"

int archive_command(const struct omctl_config *config, int argc, char **argv);

#endif
