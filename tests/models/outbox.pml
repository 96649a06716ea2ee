/*
 * The relay of one outbox: its cursor with holes, its lock, and a broker that loses what it had
 * acknowledged.
 *
 * Transactions 1 to XIDS begin in order and end in any, or are rolled back; each writes one event,
 * which has the transaction's number. Two relays read them and publish into one stream, into which
 * somebody else publishes as well. A session, and with it the lock, is lost at any moment, and its
 * relay goes on until it asks the database for something. The stream is set back to any earlier
 * length, by a restart of its server.
 *
 * The holes, and what becomes of the mark of the stream, are asked of the product itself (code.h).
 *
 * Runs: -DSESSIONS -DSETBACK -DOPEN,ltl=published -DREPAIR,ltl=published
 */

#ifdef SESSIONS
#define XIDS 3
#else
#define XIDS 2
#endif
#define SEQUENCES 6
#define CHECKPOINTS 3
#define LIMIT 2    /* rows a reading */
#define FOREIGN 15 /* somebody else's message */
#if defined(SETBACK) || defined(REPAIR)
#define LOSSES 1
#else
#define LOSSES 0
#endif
#define BIT(xid) (1 << (xid))
#define HAS(set, xid) (((set) & BIT(xid)) != 0)

c_decl {
\#include "tests/models/code.h"
}

hidden byte nothing_is_lost, nothing_is_made_up;

#define MUST(name, condition) name = (condition); assert(name); name = false

/* --- the database ----------------------------------------------------------------------------- */

byte born, latest; /* the last transaction that began, and the highest that has ended */
byte running, committed;

/* outbox_cursor; the lock's session is its relay's number */
byte saved_next = 1, saved_holes, saved_sequence, saved_event;
byte holder;

/* outbox_checkpoints; the first is of when the stream was new to us: setback.c, begin() */
typedef checkpoint {
    byte sequence, event, next, holes
}
checkpoint checkpoints[CHECKPOINTS];
byte checkpoint_count;

init {
    atomic {
        checkpoints[0].next = 1;
        checkpoint_count = 1;
        run writers();
        run broker();
        run fate();
        run relay(1);
        run relay(2)
    }
}

inline end_transaction(xid) {
    running = running & ~BIT(xid);
    latest = (xid > latest -> xid : latest);
    if
    :: committed = committed | BIT(xid)
    :: skip /* rolled back */
    fi
}

proctype writers() {
end:
    do
    :: atomic { born < XIDS -> born++; running = running | BIT(born) }
#ifndef OPEN
    :: atomic { HAS(running, 1) -> end_transaction(1) } /* else somebody leaves it open */
#endif
    :: atomic { HAS(running, 2) -> end_transaction(2) }
    :: atomic { HAS(running, 3) -> end_transaction(3) }
    od
}

/* --- the broker ------------------------------------------------------------------------------- */

byte message[SEQUENCES + 1], last_sequence;
byte stored; /* our events in it: the stream drops repetitions of what it has */
byte taken;  /* events that consumers have worked on */
byte epoch;  /* of connections to it: one for each restart */
bool has_foreign;

proctype broker() {
end:
    do
    :: atomic { (stored & ~taken) != 0 -> taken = taken | stored }
    :: atomic { LOSSES > 0 && !has_foreign && last_sequence < SEQUENCES ->
        has_foreign = true;
        last_sequence++;
        message[last_sequence] = FOREIGN }
    :: atomic { epoch < LOSSES && last_sequence > 0 ->
        epoch++;
        do
        :: last_sequence > 0 ->
            if
            :: message[last_sequence] != FOREIGN -> stored = stored & ~BIT(message[last_sequence])
            :: else -> has_foreign = false
            fi;
            message[last_sequence] = 0;
            last_sequence--;
            if
            :: skip
            :: break
            fi
        :: else -> break
        od }
    od
}

/* Sessions end: a relay is killed, or stopped for longer than its session may be idle. */
#ifdef REPAIR
#define KILLS 0
#else
#define KILLS 1
#endif
proctype fate() {
    byte kills;
end:
    do
    :: atomic { holder != 0 && kills < KILLS -> holder = 0; kills++ }
    od
}

/* --- the relay -------------------------------------------------------------------------------- */

/* relay.c: cursor_reload() */
inline load() {
    next = saved_next;
    known_next = saved_next;
    holes = saved_holes;
    sequence = saved_sequence;
    event = saved_event;
    is_latest = false;
#ifndef WITHOUT_FORGETTING_AHEAD
    ahead = 0;
#endif
    forget_pass()
}

inline forget() {
    next = 0;
    known_next = 0;
    holes = 0;
    sequence = 0;
    event = 0;
    is_latest = false;
    seen_epoch = 0;
#ifndef WITHOUT_FORGETTING_AHEAD
    ahead = 0;
#endif
    forget_pass()
}

inline forget_pass() {
    rows = 0;
    after_next = 0;
    after_holes = 0;
    lowest = 0;
    highest = 0;
    top = 0;
    last = 0;
    has_duplicates = false;
    is_read = false;
    is_back = false;
    at = 0
}

#ifdef WITHOUT_LOCK
#define IS_LEADER true
#else
#define IS_LEADER (holder == me)
#endif
#ifdef WITHOUT_SAVE_GUARD
#define MAY_SAVE true
#else
#define MAY_SAVE (IS_LEADER && saved_next == known_next)
#endif

/* setback.c: find_survivor(); checkpoint.c: checkpoint_rewind() */
#ifdef WITHOUT_SURVIVOR
#define SURVIVES(i) (checkpoints[i].sequence <= last_sequence)
#else
#define SURVIVES(i) (checkpoints[i].sequence <= last_sequence && \
    (checkpoints[i].event == 0 || message[checkpoints[i].sequence] == checkpoints[i].event))
#endif

inline rewind() {
    at = checkpoint_count;
    do
    :: at > 0 && !SURVIVES(at - 1) -> at--
    :: else -> break
    od;
    if
    :: !MAY_SAVE
    :: MAY_SAVE && at > 0 ->
        at--;
        saved_next = checkpoints[at].next;
        saved_holes = checkpoints[at].holes;
        saved_sequence = checkpoints[at].sequence;
        saved_event = checkpoints[at].event;
        keep_checkpoints(at + 1)
    :: MAY_SAVE && at == 0 -> /* the oldest, and all numbers have got another meaning */
        saved_next = checkpoints[0].next;
        saved_holes = checkpoints[0].holes;
        saved_sequence = last_sequence;
        saved_event = 0;
        checkpoints[0].sequence = last_sequence;
        checkpoints[0].event = 0;
        keep_checkpoints(1)
    fi
}

inline keep_checkpoints(count) {
    do
    :: checkpoint_count > count ->
        checkpoint_count--;
        checkpoints[checkpoint_count].sequence = 0;
        checkpoints[checkpoint_count].event = 0;
        checkpoints[checkpoint_count].next = 0;
        checkpoints[checkpoint_count].holes = 0
    :: else -> break
    od
}

/* setback_checkpoint(): at most one a minute */
inline write_checkpoint() {
    if
    :: LOSSES > 0 && is_latest && checkpoint_count < CHECKPOINTS ->
        checkpoints[checkpoint_count].sequence = sequence;
        checkpoints[checkpoint_count].event = event;
        checkpoints[checkpoint_count].next = next;
        checkpoints[checkpoint_count].holes = holes;
        checkpoint_count++
    :: skip
    fi
}

/* Rows of transactions that were holes and have ended, and of those from `next` on, LIMIT of them
   or a few more, in the order of transactions. relay_pass.c: relay_read_sql, set_after() */
#ifdef WITHOUT_READING_PAST_OPEN
#define IS_VISIBLE(xid) (HAS(committed, xid) && (running & (BIT(xid) - 1)) == 0)
#else
#define IS_VISIBLE(xid) HAS(committed, xid)
#endif
#define IS_WANTED(xid) (IS_VISIBLE(xid) && !HAS(ahead, xid))

inline read() {
    is_read = true;
    after_next = latest + 1; /* the snapshot's xmax */
#ifdef WITHOUT_READING_PAST_OPEN
    do
    :: after_next > 1 && (running & (BIT(after_next) - 1)) != 0 -> after_next--
    :: else -> break
    od;
#endif
    at = 1;
    do
    :: at < next && HAS(holes, at) && IS_WANTED(at) -> rows = rows | BIT(at); at++
    :: at >= next && at <= XIDS && IS_WANTED(at) ->
        rows = rows | BIT(at);
        last++;
        at++;
        if
        :: last == LIMIT -> after_next = at; break
        :: else
        fi
#ifdef SETBACK
    :: at >= next && at <= XIDS && IS_WANTED(at) -> /* handed over: in the pass, and not read */
        rows = rows | BIT(at);
        at++
#endif
    :: at <= XIDS && !(at < next && HAS(holes, at) && IS_WANTED(at)) &&
        !(at >= next && IS_WANTED(at)) -> at++
    :: at > XIDS -> break
    od;
    after_next = (after_next < next -> next : after_next);
#ifdef WITHOUT_HOLES
    after_holes = 0;
#else
    c_code {
        Prelay->after_holes = model_holes(now.latest + 1, now.running, Prelay->after_next);
    };
#endif
    at = 0;
    last = 0
}

/* Publishes one row; the acknowledgement says where it is, or that it is known. */
inline publish(xid) {
    if
    :: HAS(stored, xid) ->
        has_duplicates = true;
        seat = 1;
        do
        :: message[seat] == xid -> break
        :: else -> seat++
        od;
        top = (seat > top -> seat : top);
        seat = 0
    :: else ->
        last_sequence++;
        message[last_sequence] = xid;
        stored = stored | BIT(xid);
        lowest = (lowest == 0 -> last_sequence : lowest);
        highest = last_sequence;
        top = last_sequence
    fi;
    last = xid
}

/* setback.c: take_stream(). With repetitions nobody knows which message is the last: the stream is
   asked what is there. */
#ifdef WITHOUT_ASKING_FOR_THE_LAST
#define IS_TO_BE_ASKED false
#else
#define IS_TO_BE_ASKED (has_duplicates && !is_back && top > sequence && top <= last_sequence)
#endif

/* relay.c, publish_pass(): a pass is published on the connection on which the streams were looked at. */
#ifdef WITHOUT_LOOKING_AGAIN
#define MAY_PUBLISH true
#else
#define MAY_PUBLISH (seen_epoch == epoch)
#endif

/* setback_take(): what was acknowledged on an earlier connection may be gone. */
#ifdef WITHOUT_STARTING_OVER
#define STARTS_OVER false
#else
#define STARTS_OVER (seen_epoch != epoch)
#endif

inline take_acknowledgements() {
    c_code {
        struct model_mark mark = {Prelay->sequence, Prelay->event, Prelay->is_latest};
        Prelay->is_back = !model_mark_take(&mark, Prelay->lowest, Prelay->highest,
                                           Prelay->has_duplicates, Prelay->last,
                                           Prelay->seen_epoch == now.epoch);
        Prelay->sequence = mark.sequence;
        Prelay->event = mark.event;
        Prelay->is_latest = mark.is_latest;
    };
    if
    :: IS_TO_BE_ASKED -> sequence = top; event = message[top]; is_latest = true
    :: else
    fi
}

/* setback.c: look_at() */
inline look() {
    seen_epoch = epoch;
#ifdef WITHOUT_LOOKING
    is_back = false;
#else
    c_code {
        struct model_mark mark = {Prelay->sequence, Prelay->event, Prelay->is_latest};
        int there = mark.sequence <= now.last_sequence ? now.message[mark.sequence] : 0;
#ifdef WITHOUT_MARKED_EVENT
        mark.event = 0;
#endif
        Prelay->is_back = model_mark_is_set_back(&mark, now.last_sequence, there);
    };
#endif
}

/* relay.c: settle_read(), cursor_save() */
inline settle() {
    if
    :: is_read ->
        next = after_next;
        holes = after_holes;
        if
        :: last == 0 && (ahead & (BIT(next) - 1)) == 0 && rows == 0 /* nothing to go past */
        :: else ->
            ahead = ahead & ~(BIT(next) - 1);
            if
            :: !MAY_SAVE -> if
                :: IS_LEADER -> load(); goto turn
                :: else -> forget(); goto stand_by
                fi
            :: else ->
                saved_next = next;
                saved_holes = holes;
                saved_sequence = sequence;
                saved_event = event;
                known_next = next;
                write_checkpoint()
            fi
        fi
    :: else
    fi
}

/* What is committed, and that the relay has not dealt with as far as it knows. */
#define UNKNOWN (committed & ~ahead & (holes | ~(BIT(next) - 1)))
#define LOST (committed & ~(stored | taken))

proctype relay(byte me) {
    byte next, holes, known_next, sequence, event, ahead;
    byte rows, after_next, after_holes, lowest, highest, top, seat, last, at, seen_epoch;
    bool is_latest, has_duplicates, is_read, is_back;
stand_by:
end:
#ifdef WITHOUT_LOCK
    atomic { load(); holder = me }
#else
    atomic { holder == 0 -> holder = me; load() }
#endif
turn:
    atomic {
        forget_pass();
        if
        :: !IS_LEADER -> forget(); goto stand_by
        :: else
        fi;
        look();
        if
        :: is_back -> rewind(); load(); goto turn
        :: !is_back && saved_next != known_next -> load(); goto turn
        :: else
        fi;
        if
#ifdef SETBACK
        :: UNKNOWN != 0 -> /* what the process itself has just committed */
            at = 1;
            do
            :: HAS(UNKNOWN, at) -> break
            :: else -> at++
            od;
            rows = BIT(at)
#endif
        :: read();
            MUST(nothing_is_made_up, (rows & ~committed) == 0);
            if
#ifndef WITHOUT_READING_PAST_OPEN
            :: rows == 0 -> MUST(nothing_is_lost, LOST == 0)
#endif
            :: else
            fi
        fi;
        at = 0
    }
#ifdef WITHOUT_AWAITING
    atomic { settle() }
#endif
    do
    :: atomic { rows != 0 && MAY_PUBLISH && last_sequence < SEQUENCES ->
        at = 1;
        do
        :: HAS(rows, at) -> break
        :: else -> at++
        od;
        publish(at);
        rows = rows & ~BIT(at);
        ahead = (is_read -> ahead : ahead | BIT(at));
        at = 0 }
    :: atomic { rows != 0 && (last_sequence == SEQUENCES || seen_epoch != epoch) ->
        /* no answer comes: the relay begins anew from what is saved */
        if
        :: IS_LEADER -> load(); goto turn
        :: else -> forget(); goto stand_by
        fi }
    :: rows == 0 -> break
    od;
    atomic {
        if
        :: last != 0 && STARTS_OVER ->
            if
            :: IS_LEADER -> load(); goto turn
            :: else -> forget(); goto stand_by
            fi
        :: last != 0 && !STARTS_OVER -> take_acknowledgements()
        :: else
        fi;
        if
        :: is_back && IS_LEADER -> rewind(); load(); goto turn
        :: is_back && !IS_LEADER -> forget(); goto stand_by
        :: else
        fi;
#ifndef WITHOUT_AWAITING
        settle();
#endif
        goto turn
    }
}

#define ALL_BUT_OPEN (running == 0 || running == BIT(1))
ltl published { <>[] (born == XIDS && ALL_BUT_OPEN && LOST == 0) }
