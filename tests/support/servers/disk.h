/*
 * Disks that lose what was not synced, as a machine's do when its power is cut.
 *
 * A disk is an ext4 in a sparse file on a loop device. Its power is cut by ext4's own shutdown,
 * without flushing the journal: what no sync asked for and the kernel had not yet written by itself
 * is gone, and each access fails from then on. Mounted again, the journal is replayed.
 *
 * The disks are mounted in a mount namespace of this process and its children, and go with the last
 * of these. As root, with e2fsprogs, util-linux and loop devices; where that cannot be had, say why
 * and skip. Blocks. Main thread only.
 */
#ifndef OM_TESTS_SUPPORT_SERVERS_DISK_H
#define OM_TESTS_SUPPORT_SERVERS_DISK_H

#include <stdbool.h>

#define DISK_WHY_SIZE 200

/* Tries it. Before there is another thread; all that is mounted later is ours alone. */
bool disk_can_be_had(char why[DISK_WHY_SIZE]);

/* Makes a disk of the file `image`, and the directory `path` is that. */
void disk_make(const char *image, const char *path);
/* All that is written is on the disk then. */
void disk_sync(const char *path);
void disk_cut_power(const char *path);
/* Once nobody has it open any more. */
void disk_mount_again(const char *image, const char *path);
/* Says so where it cannot. */
void disk_unmount(const char *path);

#endif
