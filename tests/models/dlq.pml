/*
 * The dead letters of one event at one consumer.
 *
 * The event is poison, until somebody mends its consumer, or healthy. Its message, its second chance
 * and the replays of its dead letters are messages 1 to MESSAGES of one stream. Each ends as done, as
 * failed with a word, or out of deliveries without one. Notices of what failed come late, again and to
 * two collectors at once, which die between any two steps. An operator replays, twice, and
 * dies; the index may be lost.
 *
 * Whether a failure is a new dead letter is asked of the product itself (code.h).
 *
 * Runs: -DREPEATS -DCALM,ltl=settled
 */

#define MESSAGES 3
#define GENERATIONS 4

c_decl {
\#include "tests/models/code.h"
}

hidden byte one_for_each_failure, none_for_a_healthy_event, each_failure_is_entered,
    a_generation_is_replayed_once;

#define MUST(name, condition) name = (condition); assert(name); name = false

/* --- the stream and its consumer --------------------------------------------------------------- */

mtype = {NOTHING, SENT, DONE, REPORTED, SILENT};
mtype became[5] = NOTHING; /* what became of each message */
byte replay_of[5];      /* the generation that it repeats */
bool is_chance[5], is_noticed[5];
byte last;
bool is_poison, was_accident;

#define HAS_FAILED(m) (became[m] == REPORTED || became[m] == SILENT)

active proctype consumer() {
    byte m;
    atomic {
        last = 1;
        became[1] = SENT;
        if
        :: is_poison = true
        :: skip
        fi
    }
end:
    do
    :: atomic {
        if
        :: became[1] == SENT -> m = 1
        :: became[2] == SENT -> m = 2
        :: became[3] == SENT -> m = 3
        :: became[4] == SENT -> m = 4
        fi;
        if
        :: is_poison -> became[m] = REPORTED
        :: is_poison -> became[m] = SILENT /* it ends its process each time */
        :: !is_poison && !is_chance[m] && replay_of[m] == 0 && !was_accident ->
            was_accident = true;
            became[m] = SILENT /* its process was killed each time */
        :: !is_poison -> became[m] = DONE
        fi;
        m = 0 }
    :: atomic { is_poison && last > 1 -> is_poison = false } /* somebody mends it */
    od
}

/* --- the DLQ stream, and its index in the database --------------------------------------------- */

byte entry[GENERATIONS + 1]; /* the message of each generation */
byte entries;                /* the sequence of the last entry; a generation each */
byte chances;                /* of this event: dlq.chances */

#define DEAD 0
#define REPLAYING 1
#define REPLAYED 2
#define RESOLVED 3
byte row_sequence, row_generation, row_status, row_entry;
#ifdef CALM
bool was_lost = true;
#else
bool was_lost;
#endif

inline send_again(generation, chance) {
    last++;
    became[last] = SENT;
    replay_of[last] = generation;
    is_chance[last] = chance
}

#define IS_DONE(g) ((replay_of[2] == g && became[2] == DONE) || (replay_of[3] == g && became[3] == DONE) || \
    (replay_of[4] == g && became[4] == DONE))
#define IS_REPLAYED(g) (replay_of[2] == g || replay_of[3] == g || replay_of[4] == g)

/* sweep.c: a replay that was done resolves its entry */
active proctype upkeep() {
end:
    do
    :: atomic { row_status == REPLAYED && row_generation > 0 && IS_DONE(row_generation) ->
        row_status = RESOLVED }
    :: atomic { !was_lost && row_generation > 0 -> /* rebuilt from the stream, which knows no replay */
        was_lost = true;
        row_status = DEAD }
    od
}

/* --- a collector: examiner.c ----------------------------------------------------- */

#ifdef CALM
#define COLLECTORS 1
#define IS_TO_BE_NOTICED(m) (HAS_FAILED(m) && !is_noticed[m])
#else
#define COLLECTORS 2
#define IS_TO_BE_NOTICED(m) HAS_FAILED(m)
#endif

#ifdef WITHOUT_SECOND_CHANCES
#define NEEDS_A_CHANCE(m) false
#else
#define NEEDS_A_CHANCE(m) (became[m] == SILENT && !is_chance[m] && replay_of[m] == 0)
#endif

inline forget() {
    m = 0;
    sequence = 0;
    generation = 0;
    status = 0;
    expected = 0;
    next = 0
}

inline decide() {
    c_code {
        struct model_row row = {Pcollector->sequence, Pcollector->generation,
                                Pcollector->status == 0 /* DEAD */};
        Pcollector->next = model_verdict(&row, Pcollector->m, now.replay_of[Pcollector->m]);
#ifdef WITHOUT_VERDICT
        Pcollector->next = row.generation + 1;
#endif
    }
}

/* examiner_index_write(): an older entry does not go over a newer one */
inline index_write() {
    if
    :: entries > row_entry ->
        row_sequence = entry[entries];
        row_generation = entries;
        row_entry = entries;
        row_status = DEAD
    :: else
    fi
}

active [COLLECTORS] proctype collector() {
    byte m, sequence, generation, status, expected, next;
take:
end:
    atomic {
        if
        :: IS_TO_BE_NOTICED(1) -> m = 1
        :: IS_TO_BE_NOTICED(2) -> m = 2
        :: IS_TO_BE_NOTICED(3) -> m = 3
        :: IS_TO_BE_NOTICED(4) -> m = 4
        fi;
        if
        :: NEEDS_A_CHANCE(m) -> /* once: dlq.chances has one row for it */
            if
            :: chances == 0 && last < MESSAGES -> chances = 1; send_again(0, true)
            :: else
            fi;
            is_noticed[m] = true;
            forget();
            goto take
        :: else
        fi;
        sequence = row_sequence;
        generation = row_generation;
        status = row_status;
        expected = row_entry;
        decide()
#ifdef WITHOUT_ACKNOWLEDGING_LAST
        ; is_noticed[m] = true
#endif
    }
#ifdef WITHOUT_PUBLISHING_FIRST
    atomic {
        if
        :: next != 0 && row_generation < next ->
            row_sequence = m; row_generation = next; row_status = DEAD; row_entry = next
        :: else
        fi
    }
#endif
    if
#if !defined(CALM) || defined(WITHOUT_ACKNOWLEDGING_LAST) || defined(WITHOUT_PUBLISHING_FIRST)
    :: atomic { forget(); goto take } /* killed */
#endif
    :: atomic { next == 0 -> is_noticed[m] = true; forget(); goto take }
    :: atomic {
#ifdef WITHOUT_EXPECTED_SEQUENCE
        next != 0 ->
        next = entries + 1;
#else
        next != 0 && expected == entries ->
#endif
        entries++;
        entry[next] = m;
        MUST(none_for_a_healthy_event, !was_accident || m != 1);
        MUST(one_for_each_failure, entry[1] + entry[2] + entry[3] + entry[4] == 0 ||
             ((entry[1] != entry[2] || entry[2] == 0) && (entry[2] != entry[3] || entry[3] == 0) &&
              (entry[1] != entry[3] || entry[3] == 0))) }
#ifndef WITHOUT_EXPECTED_SEQUENCE
    :: atomic { next != 0 && expected != entries -> /* somebody else was first: take_last() */
#ifdef WITHOUT_LOOKING_BACK
        expected = entries;
        next = entries + 1;
        entries++;
        entry[next] = m;
        MUST(one_for_each_failure, entry[next] != entry[next - 1])
#else
        if
        :: entry[entries] == m
        :: else -> index_write(); forget(); goto take /* decided again */
        fi
#endif
    }
#endif
    fi;
    if
#ifndef CALM
    :: atomic { forget(); goto take } /* killed */
#endif
    :: atomic { index_write(); is_noticed[m] = true; forget(); goto take }
    fi
}

/* --- the operator: replay.c -------------------------------------------------------------------- */

#ifdef CALM
#define OPERATORS 1
#else
#define OPERATORS 2
#endif

active [OPERATORS] proctype operator() {
    byte generation;
end:
    do
    :: atomic { row_generation > 0 && row_status == DEAD ->
        row_status = REPLAYING;
        generation = row_generation }
    /* one that was taken is published again */
    :: atomic { generation == 0 && row_generation > 0 && row_status == REPLAYING ->
        generation = row_generation }
    :: atomic { generation > 0 && last < MESSAGES ->
        if
#ifndef WITHOUT_REPLAY_ID
        :: IS_REPLAYED(generation) /* the stream knows its message id */
#endif
        :: else -> send_again(generation, false)
        fi;
        if
        :: row_generation == generation && row_status == REPLAYING -> row_status = REPLAYED
        :: else
        fi;
        generation = 0;
        MUST(a_generation_is_replayed_once, replay_of[3] == 0 || (replay_of[3] != replay_of[2] &&
             (replay_of[4] == 0 || (replay_of[4] != replay_of[3] && replay_of[4] != replay_of[2])))) }
#ifndef CALM
    :: atomic { generation > 0 -> generation = 0 } /* killed */
#endif
    od
}

/* --- what must hold once all notices are taken ------------------------------------------------- */

/* Its own dead letter, or that of its second chance. */
#define IS_ENTERED(m) (entry[1] == m || entry[2] == m || entry[3] == m || entry[4] == m)
#define IS_SETTLED(m) (became[m] == NOTHING || became[m] == DONE || (HAS_FAILED(m) && is_noticed[m]))
#define IS_QUIET (last > 0 && IS_SETTLED(1) && IS_SETTLED(2) && IS_SETTLED(3) && IS_SETTLED(4))
#define IS_MISSING(m) (HAS_FAILED(m) && !IS_ENTERED(m) && !NEEDS_A_CHANCE(m))

active proctype judge() {
    atomic {
        IS_QUIET ->
        MUST(each_failure_is_entered, !IS_MISSING(1) && !IS_MISSING(2) && !IS_MISSING(3) &&
             !IS_MISSING(4))
    }
}

ltl settled { []<> IS_QUIET }
