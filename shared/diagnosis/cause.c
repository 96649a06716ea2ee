#include "shared/diagnosis/cause.h"

#include <assert.h>

static const struct {
    const char *name, *said, *to_do;
} causes[CAUSE_COUNT] = {
#define CAUSE_ROW(id, name, said, to_do) {name, said, to_do},
    CAUSE_TABLE(CAUSE_ROW)
#undef CAUSE_ROW
};

const char *cause_name(enum cause cause) {
    return causes[cause].name;
}

static void append_text(struct slice word, const struct cause_words *words, struct buf *out) {
    const struct {
        const char *word;
        struct slice text;
    } known[] = {
        {"stream", slice_of(words->stream)},
        {"name", slice_of(words->name)},
        {"event", words->event},
        {"service", words->service},
        {"until", words->until},
        {"since", words->since},
        {"words", words->words},
        {"entry", words->entry},
        {"why", words->why},
        {"schema", words->schema},
        {"order", words->order},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (slice_is(word, known[i].word)) {
            buf_append_slice(out, known[i].text);
            return;
        }
    if (slice_is(word, "consumer"))
        buf_printf(out, "%s/%s", words->stream, words->name);
    else if (slice_is(word, "waiting"))
        buf_append_int(out, words->waiting);
    else if (slice_is(word, "inHand"))
        buf_append_int(out, words->in_hand);
    else
        assert(!"a word that stands for nothing");
}

static void fill_in(const char *text, const struct cause_words *words, struct buf *out) {
    struct slice rest = slice_of(text);
    while (rest.ptr != NULL && rest.len > 0) {
        buf_append_slice(out, slice_take_until(&rest, '{'));
        if (rest.ptr != NULL)
            append_text(slice_take_until(&rest, '}'), words, out);
    }
}

void cause_say(enum cause cause, const struct cause_words *words, struct buf *out) {
    fill_in(causes[cause].said, words, out);
}

void cause_say_what_to_do(enum cause cause, const struct cause_words *words, struct buf *out) {
    fill_in(causes[cause].to_do, words, out);
}
