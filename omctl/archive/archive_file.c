#include "omctl/archive/archive_file.h"

#include "omctl/command/command.h"
#include "shared/base/clock.h"
#include "shared/base/failpoint.h"
#include "shared/base/hex.h"
#include "shared/base/memory.h"
#include "shared/crypto/crypto.h"
#include "shared/json/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT "ordermesh.archive"
#define VERSION 1
#define PREFIX "orders-"
#define PENDING ".pending"
#define DONE ".ndjson"
#define TEMPORARY ".tmp"

static struct buf path_of(const char *dir, int64_t number, const char *suffix) {
    struct buf path = {0};
    buf_printf(&path, "%s/" PREFIX "%09" PRId64 "%s", dir, number, suffix);
    return path;
}

static enum status failed(struct error *error, const char *path) {
    return error_set(error, STATUS_UNAVAILABLE, "%s: %s", path, strerror(errno));
}

/* --- headers ---------------------------------------------------------------------------------- */

static void format_sha256(struct slice body, char text[ARCHIVE_SHA256_SIZE]) {
    uint8_t hash[32];
    sha256(body.ptr, body.len, hash);
    hex_encode(hash, sizeof(hash), text);
}

void archive_seal(struct archive_header *header, struct slice body) {
    format_sha256(body, header->sha256);
}

static void put_time(struct json_writer *w, const char *key, int64_t at_us) {
    char text[RFC3339_SIZE];
    clock_format(at_us, text);
    json_put_text(w, key, text);
}

static void write_header(const struct archive_header *header, struct buf *line) {
    struct json_writer w = json_writer(line);
    json_begin_object(&w);
    json_put_text(&w, "format", FORMAT);
    json_put_int(&w, "version", VERSION);
    json_put_int(&w, "number", header->number);
    put_time(&w, "before", header->before_us);
    put_time(&w, "firstEndedAt", header->first_us);
    put_time(&w, "lastEndedAt", header->last_us);
    json_put_int(&w, "orders", header->orders);
    json_put_text(&w, "sha256", header->sha256);
    json_end_object(&w);
    buf_append_char(line, '\n');
}

static enum status get_time(struct json_object *root, const char *key, int64_t *at_us,
                            struct error *error) {
    struct slice text;
    enum status status = json_get_string(root, key, &text, error);
    if (status == STATUS_OK && !clock_parse(text, at_us))
        status = error_set(error, STATUS_INVALID, "%s is no time", key);
    return status;
}

static enum status take_header(struct json_object *root, struct archive_header *header,
                               struct error *error) {
    struct slice format = {0}, hash = {0};
    int64_t version = 0;
    enum status status = json_get_string(root, "format", &format, error);
    if (status == STATUS_OK)
        status = json_get_int64(root, "version", &version, error);
    if (status == STATUS_OK && (!slice_is(format, FORMAT) || version != VERSION))
        status = error_set(error, STATUS_INVALID, "it is of another format, or version");
    if (status == STATUS_OK)
        status = json_get_int64(root, "number", &header->number, error);
    if (status == STATUS_OK)
        status = json_get_int64(root, "orders", &header->orders, error);
    if (status == STATUS_OK)
        status = get_time(root, "before", &header->before_us, error);
    if (status == STATUS_OK)
        status = get_time(root, "firstEndedAt", &header->first_us, error);
    if (status == STATUS_OK)
        status = get_time(root, "lastEndedAt", &header->last_us, error);
    if (status == STATUS_OK)
        status = json_get_string(root, "sha256", &hash, error);
    if (status == STATUS_OK && hash.len != ARCHIVE_SHA256_SIZE - 1)
        status = error_set(error, STATUS_INVALID, "sha256 is none");
    if (status == STATUS_OK)
        snprintf(header->sha256, sizeof(header->sha256), "%.*s", SLICE_ARG(hash));
    return status;
}

/* --- writing ---------------------------------------------------------------------------------- */

static enum status write_all(int fd, struct slice bytes, const char *path, struct error *error) {
    while (bytes.len > 0) {
        ssize_t written = write(fd, bytes.ptr, bytes.len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return failed(error, path);
        bytes.ptr += written;
        bytes.len -= (size_t)written;
    }
    return STATUS_OK;
}

static enum status write_file(const char *path, struct slice head, struct slice body,
                              struct error *error) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(error, path);
    enum status status = write_all(fd, head, path, error);
    if (status == STATUS_OK)
        status = write_all(fd, body, path, error);
    if (status == STATUS_OK && fsync(fd) != 0)
        status = failed(error, path);
    if (close(fd) != 0 && status == STATUS_OK)
        status = failed(error, path);
    return status;
}

/* So that a name that was given or taken is as durable as the file. */
static enum status sync_directory(const char *dir, struct error *error) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed(error, dir);
    enum status status = fsync(fd) == 0 ? STATUS_OK : failed(error, dir);
    close(fd);
    return status;
}

static enum status rename_file(const char *dir, int64_t number, const char *from, const char *to,
                               struct error *error) {
    struct buf old = path_of(dir, number, from), new = path_of(dir, number, to);
    enum status status = rename(old.ptr, new.ptr) == 0 ? STATUS_OK : failed(error, old.ptr);
    buf_fini(&old);
    buf_fini(&new);
    return status == STATUS_OK ? sync_directory(dir, error) : status;
}

/* The database is older than the files, such as one from a backup. */
static enum status refuse_known(const char *dir, int64_t number, struct error *error) {
    struct buf path = path_of(dir, number, DONE);
    enum status status = STATUS_OK;
    if (access(path.ptr, F_OK) == 0)
        status =
            error_set(error, STATUS_CONFLICT,
                      "%s is there, and the database does not know it: move it away", path.ptr);
    buf_fini(&path);
    return status;
}

enum status archive_write(const char *dir, const struct archive_header *header, struct slice body,
                          struct error *error) {
    struct buf head = {0}, path = path_of(dir, header->number, TEMPORARY);
    write_header(header, &head);
    enum status status = refuse_known(dir, header->number, error);
    if (status == STATUS_OK)
        status = write_file(path.ptr, buf_slice(&head), body, error);
    failpoint("archive.after_write");
    if (status == STATUS_OK)
        status = rename_file(dir, header->number, TEMPORARY, PENDING, error);
    if (status != STATUS_OK)
        (void)unlink(path.ptr);
    buf_fini(&head);
    buf_fini(&path);
    return status;
}

enum status archive_settle(const char *dir, int64_t number, struct error *error) {
    return rename_file(dir, number, PENDING, DONE, error);
}

enum status archive_drop(const char *dir, int64_t number, struct error *error) {
    struct buf path = path_of(dir, number, PENDING);
    enum status status = unlink(path.ptr) == 0 ? STATUS_OK : failed(error, path.ptr);
    buf_fini(&path);
    return status == STATUS_OK ? sync_directory(dir, error) : status;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int64_t lines_in(struct slice body) {
    int64_t lines = 0;
    for (size_t i = 0; i < body.len; i++)
        lines += body.ptr[i] == '\n';
    return lines;
}

static enum status check(const struct archive_header *header, int64_t number, struct slice body,
                         struct error *error) {
    char hash[ARCHIVE_SHA256_SIZE];
    format_sha256(body, hash);
    if (strcmp(hash, header->sha256) != 0)
        return error_set(error, STATUS_INVALID, "its content is not what its checksum says");
    if (header->number != number)
        return error_set(error, STATUS_INVALID, "it is number %lld by its own words",
                         (long long)header->number);
    if (lines_in(body) != header->orders)
        return error_set(error, STATUS_INVALID, "it has %lld orders instead of %lld",
                         (long long)lines_in(body), (long long)header->orders);
    return STATUS_OK;
}

static enum status parse(const struct buf *content, int64_t number, struct archive_header *header,
                         struct slice *body, struct error *error) {
    struct json_object *root = NULL;
    struct slice rest = buf_slice(content), line = slice_take_line(&rest);
    enum status status = json_parse(line, &root, error);
    if (status == STATUS_OK)
        status = take_header(root, header, error);
    json_object_put(root);
    *body = rest.ptr != NULL ? rest : slice_of(NULL);
    return status == STATUS_OK ? check(header, number, *body, error) : STATUS_INVALID;
}

enum status archive_read(const char *dir, int64_t number, bool is_pending, struct buf *content,
                         struct archive_header *header, struct slice *body, struct error *error) {
    struct error why;
    struct buf path = path_of(dir, number, is_pending ? PENDING : DONE);
    buf_clear(content);
    enum status status = command_read_file(path.ptr, content, error);
    if (status == STATUS_OK) {
        status = parse(content, number, header, body, &why);
        if (status != STATUS_OK)
            (void)error_set(error, status, "%s: %s", path.ptr, why.text);
    }
    buf_fini(&path);
    return status;
}

void archive_array(struct slice body, struct buf *array) {
    char before = '[';
    while (body.len > 0) {
        buf_append_char(array, before);
        buf_append_slice(array, slice_take_line(&body));
        before = ',';
    }
    buf_append_text(array, before == '[' ? "[]" : "]");
}

/* --- directories ------------------------------------------------------------------------------ */

static bool number_of(const char *name, const char *suffix, int64_t *number) {
    struct slice rest = slice_of(name);
    uint64_t value;
    if (!slice_take_prefix(&rest, PREFIX))
        return false;
    struct slice digits = slice_take_digits(&rest);
    if (!slice_is(rest, suffix) || !slice_parse_uint(digits, INT64_MAX, &value))
        return false;
    *number = (int64_t)value;
    return true;
}

static int compare_numbers(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

enum status archive_list_read(const char *dir, bool is_pending, struct archive_list *list,
                              struct error *error) {
    struct buf numbers = {0};
    struct dirent *entry;
    int64_t number;
    DIR *folder = opendir(dir);
    if (folder == NULL)
        return error_set(error, STATUS_NOT_FOUND, "%s: %s", dir, strerror(errno));
    while ((entry = readdir(folder)) != NULL)
        if (number_of(entry->d_name, is_pending ? PENDING : DONE, &number))
            buf_append(&numbers, &number, sizeof(number));
    closedir(folder);
    *list = (struct archive_list){.count = numbers.len / sizeof(number)};
    list->numbers = mem_alloc(numbers.len + 1);
    if (numbers.len > 0)
        memcpy(list->numbers, numbers.ptr, numbers.len);
    qsort(list->numbers, list->count, sizeof(number), compare_numbers);
    buf_fini(&numbers);
    return STATUS_OK;
}

void archive_list_fini(struct archive_list *list) {
    free(list->numbers);
    *list = (struct archive_list){0};
}

enum status archive_hold(const char *dir, int *fd, struct error *error) {
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return failed(error, dir);
    int opened = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0)
        return failed(error, dir);
    if (flock(opened, LOCK_EX | LOCK_NB) != 0) {
        close(opened);
        return error_set(error, STATUS_CONFLICT, "another omctl is at work in %s", dir);
    }
    *fd = opened;
    return STATUS_OK;
}
