#include "services/payment/simulator/book.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct book {
    int fd;
    void *by_key, *by_id; /* trees of tsearch() */
    struct book_entry **entries;
    size_t count, capacity;
};

/* The members of a line. */
static const struct {
    const char *name;
    size_t offset;
} texts[] = {
    {"id", offsetof(struct book_entry, id)},
    {"key", offsetof(struct book_entry, key)},
    {"fingerprint", offsetof(struct book_entry, fingerprint)},
    {"orderId", offsetof(struct book_entry, order_id)},
    {"chargeId", offsetof(struct book_entry, charge_id)},
    {"currency", offsetof(struct book_entry, currency)},
    {"declineCode", offsetof(struct book_entry, decline_code)},
    {"captureMethod", offsetof(struct book_entry, capture_method)},
    {"paymentMethod", offsetof(struct book_entry, payment_method)},
    {"returnUrl", offsetof(struct book_entry, return_url)},
};
#define TEXTS (sizeof(texts) / sizeof(texts[0]))

static const char *const kinds[] = {
    [BOOK_CHARGE] = "charge", [BOOK_REFUND] = "refund",   [BOOK_CAPTURE] = "capture",
    [BOOK_VOID] = "void",     [BOOK_CONFIRM] = "confirm", [BOOK_DENY] = "deny"};
#define KINDS ((int)(sizeof(kinds) / sizeof(kinds[0])))

/* --- in memory --- */

static int compare_keys(const void *a, const void *b) {
    return strcmp(((const struct book_entry *)a)->key, ((const struct book_entry *)b)->key);
}

static int compare_ids(const void *a, const void *b) {
    return strcmp(((const struct book_entry *)a)->id, ((const struct book_entry *)b)->id);
}

/* A charge knows what became of it. */
static void tell_charge(const struct book *book, const struct book_entry *entry) {
    struct book_entry *charge = book_find_id(book, slice_of(entry->charge_id));
    if (charge == NULL || entry->kind == BOOK_CHARGE)
        return;
    if (entry->kind == BOOK_REFUND) {
        charge->refund = entry;
        charge->refunded_minor += entry->amount_minor;
    } else if (entry->kind == BOOK_CONFIRM || entry->kind == BOOK_DENY) {
        charge->answered = entry;
    } else {
        charge->settled = entry;
    }
}

/* Nothing stands in the way of its money. */
static bool is_confirmed(const struct book_entry *charge) {
    return charge->decline_code[0] == '\0' &&
           (charge->return_url[0] == '\0' ||
            (charge->answered != NULL && charge->answered->kind == BOOK_CONFIRM));
}

bool book_is_held(const struct book_entry *charge) {
    return is_confirmed(charge) && charge->capture_method[0] != '\0' && charge->settled == NULL;
}

bool book_is_open(const struct book_entry *charge) {
    return charge->kind == BOOK_CHARGE && charge->return_url[0] != '\0' && !is_confirmed(charge) &&
           charge->settled == NULL;
}

struct book_entry *book_at(const struct book *book, size_t i) {
    return i < book->count ? book->entries[i] : NULL;
}

int64_t book_left_minor(const struct book_entry *charge) {
    const struct book_entry *taken = charge->capture_method[0] == '\0' ? charge : charge->settled;
    if (!is_confirmed(charge) || taken == NULL || taken->kind == BOOK_VOID)
        return 0;
    return taken->amount_minor - charge->refunded_minor;
}

static struct book_entry *keep(struct book *book, const struct book_entry *entry) {
    struct book_entry *kept = mem_alloc(sizeof(*kept));
    *kept = *entry;
    kept->kept_us = clock_monotonic_us();
    if (book->count == book->capacity) {
        size_t capacity = book->capacity == 0 ? 64 : 2 * book->capacity;
        struct book_entry **entries = mem_alloc(capacity * sizeof(struct book_entry *));
        if (book->count > 0)
            memcpy(entries, book->entries, book->count * sizeof(struct book_entry *));
        free(book->entries);
        book->entries = entries;
        book->capacity = capacity;
    }
    book->entries[book->count++] = kept;
    if (tsearch(kept, &book->by_key, compare_keys) == NULL ||
        tsearch(kept, &book->by_id, compare_ids) == NULL)
        abort(); /* out of memory, as in mem_alloc() */
    tell_charge(book, kept);
    return kept;
}

static struct book_entry *find(void *const *tree, const struct book_entry *like,
                               int (*compare)(const void *, const void *)) {
    struct book_entry *const *found = tfind(like, tree, compare);
    return found != NULL ? *found : NULL;
}

struct book_entry *book_find_key(const struct book *book, struct slice key) {
    struct book_entry like = {0};
    snprintf(like.key, sizeof(like.key), "%.*s", SLICE_ARG(key));
    return find(&book->by_key, &like, compare_keys);
}

struct book_entry *book_find_id(const struct book *book, struct slice id) {
    struct book_entry like = {0};
    snprintf(like.id, sizeof(like.id), "%.*s", SLICE_ARG(id));
    return find(&book->by_id, &like, compare_ids);
}

/* --- lines --- */

static void write_entry(const struct book_entry *entry, struct json_writer *w) {
    json_begin_object(w);
    json_put_text(w, "kind", kinds[entry->kind]);
    for (size_t i = 0; i < TEXTS; i++) {
        const char *text = (const char *)entry + texts[i].offset;
        if (text[0] != '\0')
            json_put_text(w, texts[i].name, text);
    }
    json_put_int(w, "amountMinor", entry->amount_minor);
    json_end_object(w);
}

static bool read_entry(struct slice line, struct book_entry *entry) {
    struct json_object *object = NULL;
    struct slice text = {0};
    *entry = (struct book_entry){0};
    if (json_parse(line, &object, NULL) != STATUS_OK)
        return false;
    bool is_read = json_get_int64(object, "amountMinor", &entry->amount_minor, NULL) == STATUS_OK &&
                   json_get_string(object, "kind", &text, NULL) == STATUS_OK;
    int kind = slice_index(text, kinds, KINDS);
    entry->kind = kind >= 0 ? (enum book_kind)kind : BOOK_CHARGE;
    for (size_t i = 0; i < TEXTS; i++) {
        if (json_get_string(object, texts[i].name, &text, NULL) == STATUS_OK)
            snprintf((char *)entry + texts[i].offset, BOOK_TEXT_SIZE, "%.*s", SLICE_ARG(text));
    }
    json_object_put(object);
    return is_read && entry->key[0] != '\0';
}

/* --- the file --- */

/* A last line without its end was never answered for: it is cut off. */
static enum status read_all(struct book *book, const char *path, struct error *error) {
    FILE *file = fdopen(dup(book->fd), "r");
    char *line = NULL;
    size_t size = 0;
    off_t whole = 0;
    enum status status = STATUS_OK;
    for (ssize_t len; status == STATUS_OK && (len = getline(&line, &size, file)) > 0;) {
        struct book_entry entry;
        if (line[len - 1] != '\n')
            break;
        if (read_entry((struct slice){line, (size_t)len - 1}, &entry))
            keep(book, &entry);
        else
            status =
                error_set(error, STATUS_INVALID, "%s: line %zu is no entry", path, book->count + 1);
        whole += len;
    }
    free(line);
    fclose(file);
    if (status == STATUS_OK && ftruncate(book->fd, whole) != 0)
        status = error_set(error, STATUS_UNAVAILABLE, "%s: %s", path, strerror(errno));
    return status;
}

enum status book_open(const char *path, struct book **book, struct error *error) {
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(error, STATUS_UNAVAILABLE, "%s: %s", path, strerror(errno));
    struct book *made = mem_alloc(sizeof(*made));
    made->fd = fd;
    enum status status = read_all(made, path, error);
    if (status == STATUS_OK)
        *book = made;
    else
        book_close(&made);
    return status;
}

static void leave(void *node) {
    (void)node; /* the entries are freed by their array */
}

void book_close(struct book **book) {
    struct book *b = *book;
    if (b == NULL)
        return;
    tdestroy(b->by_key, leave);
    tdestroy(b->by_id, leave);
    for (size_t i = 0; i < b->count; i++)
        free(b->entries[i]);
    free(b->entries);
    close(b->fd);
    free(b);
    *book = NULL;
}

struct book_entry *book_add(struct book *book, const struct book_entry *entry) {
    struct buf line = {0};
    struct json_writer w = json_writer(&line);
    write_entry(entry, &w);
    buf_append_char(&line, '\n');
    if (write(book->fd, line.ptr, line.len) != (ssize_t)line.len || fdatasync(book->fd) != 0) {
        perror("the ledger cannot be written");
        exit(1);
    }
    buf_fini(&line);
    return keep(book, entry);
}

void book_write_json(const struct book *book, struct buf *out) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_key(&w, "entries");
    json_begin_array(&w);
    for (size_t i = 0; i < book->count; i++)
        write_entry(book->entries[i], &w);
    json_end_array(&w);
    json_end_object(&w);
}
