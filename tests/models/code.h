/*
 * The rules that the models take from the product by calling it, in numbers that a model can keep.
 * Each calls the named function of the tree. Pure; no memory stays.
 */
#ifndef OM_TESTS_MODELS_CODE_H
#define OM_TESTS_MODELS_CODE_H

/* Transactions are small numbers, and sets of them bits `1 << xid`. */

/* relay_snapshot_split() and relay_cursor_add_listed(): the holes of a cursor that stands at `next`
   after a reading whose snapshot has `xmax` and saw `running`. */
int model_holes(int xmax, int running, int next);

/* A stream_mark in numbers: event 0 is none. */
struct model_mark {
    int sequence, event, is_latest;
};
/* stream_mark_take(): of a pass whose new messages were stored as lowest..highest (0: none), and
   whose last was `event`. False: the stream was set back. */
int model_mark_take(struct model_mark *mark, int lowest, int highest, int has_duplicates, int event,
                    int is_seen);
/* stream_mark_judge(): whether a stream that ends at `last_sequence`, and has `message` at the
   mark's sequence (0: none), was set back. */
int model_mark_is_set_back(const struct model_mark *mark, int last_sequence, int message);

/* The index's row of a dead letter in numbers; generation 0: there is none. */
struct model_row {
    int sequence, generation, is_dead;
};
/* item_judge(): the generation that a failed message becomes; 0: it is no new one. `replay_of`: the
   generation that it repeats, 0 for none. */
int model_verdict(const struct model_row *row, int sequence, int replay_of);

#endif
