#include "tests/support/servers/disk.h"

#include "tests/support/base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* EXT4_IOC_SHUTDOWN and EXT4_GOING_FLAGS_NOLOGFLUSH, which no header of the C library has. */
#define SHUT_DOWN _IOR('X', 125, uint32_t)
#define WITHOUT_LOG_FLUSH UINT32_C(2)

#define DISK_BYTES (INT64_C(2) << 30)
#define TOOL_TIMEOUT_MS 20000
#define UNMOUNT_MS 10000

/* mkfs.ext4 is in none of the folders that users' programs are in. */
static bool run_tool(const char *const *argv) {
    struct environment environment = {0};
    environment_set(&environment, "PATH", "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin");
    int exit_code = process_run(&(struct process_options){.argv = argv,
                                                          .environment = &environment,
                                                          .log_path = "/dev/null"},
                                TOOL_TIMEOUT_MS);
    environment_fini(&environment);
    return exit_code == 0;
}

static bool format(const char *image) {
    int fd = open(image, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    bool is_made = fd >= 0 && ftruncate(fd, DISK_BYTES) == 0;
    if (fd >= 0)
        (void)close(fd);
    return is_made &&
           run_tool((const char *const[]){"mkfs.ext4", "-q", "-F", "-E",
                                          "lazy_itable_init=0,lazy_journal_init=0", image, NULL});
}

static bool mount_image(const char *image, const char *path) {
    return run_tool((const char *const[]){"mount", "-n", "-o", "loop", image, path, NULL});
}

/* Calls the kernel with the file system at `path`. */
static bool with_disk(const char *path, bool (*fn)(int fd)) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_done = fd >= 0 && fn(fd);
    if (fd >= 0)
        (void)close(fd);
    return is_done;
}

static bool shut_down(int fd) {
    uint32_t flags = WITHOUT_LOG_FLUSH;
    return ioctl(fd, SHUT_DOWN, &flags) == 0;
}

static bool sync_all(int fd) {
    return syncfs(fd) == 0;
}

static bool is_unmounted(void *path) {
    return umount2(path, 0) == 0;
}

static bool unmount(const char *path) {
    char copy[256];
    (void)snprintf(copy, sizeof(copy), "%s", path);
    return wait_until(is_unmounted, copy, UNMOUNT_MS);
}

/* --- whether it can be had -------------------------------------------------------------------- */

static const char *try_disk(const char *image, const char *path) {
    if (!format(image))
        return "mkfs.ext4 (e2fsprogs) cannot make a file system in a file";
    if (!mount_image(image, path))
        return "a file cannot be mounted: there is no loop device, or no ext4";
    bool is_cut = with_disk(path, shut_down);
    if (!unmount(path))
        return "what was mounted cannot be unmounted";
    return is_cut ? NULL : "the kernel does not shut an ext4 down";
}

bool disk_can_be_had(char why[DISK_WHY_SIZE]) {
    char path[] = "/tmp/om-test-disk-XXXXXX", image[64];
    const char *reason = NULL;
    if (geteuid() != 0)
        reason = "only root may mount";
    else if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        reason = "a process may not have mounts of its own here";
    else if (mkdtemp(path) == NULL)
        reason = "/tmp cannot be written";
    if (reason == NULL) {
        (void)snprintf(image, sizeof(image), "%s.image", path);
        reason = try_disk(image, path);
        (void)unlink(image);
        (void)rmdir(path);
    }
    if (reason != NULL)
        (void)snprintf(why, DISK_WHY_SIZE, "%s", reason);
    return reason == NULL;
}

/* --- disks ------------------------------------------------------------------------------------ */

void disk_make(const char *image, const char *path) {
    if (!format(image) || !mount_image(image, path))
        fixture_fail("%s: no disk can be made of it", image);
}

void disk_sync(const char *path) {
    if (!with_disk(path, sync_all))
        fixture_fail("%s: %s", path, strerror(errno));
}

void disk_cut_power(const char *path) {
    if (!with_disk(path, shut_down))
        fixture_fail("%s: %s", path, strerror(errno));
}

void disk_unmount(const char *path) {
    if (!unmount(path))
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
}

void disk_mount_again(const char *image, const char *path) {
    disk_unmount(path);
    if (!mount_image(image, path))
        fixture_fail("%s cannot be mounted again", image);
}
