/*
 * Two bodies under one Idempotency-Key, sent to two gateways, with Redis away, slow or empty at any
 * step, and the order service, which takes the commands in, in whatever order they reach it.
 *
 * A client sends each body twice, since it may get no answer: a gateway dies at any step. The stream
 * knows a repetition by the order's id, which follows from key and body. A command is delivered again
 * until it is acknowledged, and once more afterwards.
 *
 * Runs: -DTHREE_REQUESTS
 */

#define BODIES 2
#define COMMANDS 4
#define NOBODY 0

hidden byte one_order_a_key, every_accepted_order_is_taken_in, the_key_is_somebodys,
    who_came_first_has_the_key, replayed_is_stored;

#define MUST(name, condition) name = (condition); assert(name); name = false

/* --- Redis: gateway/orders/idempotency.c ------------------------------------------------------ */

mtype = {NONE, IN_FLIGHT, DONE};
mtype record = NONE;
byte record_of;  /* the body that it is of */
bool missed[2];  /* by a gateway: claim_is_unguarded() */

mtype = {FIRST, REPLAY, MISMATCH, WAIT, TAKEOVER, DEGRADED};

/* SET NX GET: claim_make(), claim_judge(). A lease may have run out, or not. */
inline claim() {
    if
    :: record == NONE -> record = IN_FLIGHT; record_of = body; verdict = FIRST
    :: record != NONE && record_of != body -> verdict = MISMATCH
    :: record == DONE && record_of == body -> verdict = REPLAY
    :: record == IN_FLIGHT && record_of == body -> verdict = WAIT
    :: record == IN_FLIGHT && record_of == body -> verdict = TAKEOVER
    :: verdict = DEGRADED; missed[gateway] = true /* nothing is heard of it */
    :: record == NONE -> record = IN_FLIGHT; record_of = body; verdict = DEGRADED; missed[gateway] = true
    fi
}

active proctype redis() {
end:
    do
    :: atomic { record != NONE -> record = NONE; record_of = NOBODY }
    od
}

/* --- the stream ORDERS ------------------------------------------------------------------------ */

byte command[COMMANDS + 1]; /* the body of each sequence */
bool is_unguarded[COMMANDS + 1], is_acknowledged[COMMANDS + 1];
byte last;
bool is_accepted[BODIES + 1]; /* a client was told so */

/* Without one id for one body, or once the stream has forgotten it. */
#if defined(WITHOUT_KNOWN_REPEATS) || defined(WITHOUT_DERIVED_ID)
#define IS_KNOWN(body) false
#else
#define IS_KNOWN(body) (command[1] == body || command[2] == body || command[3] == body)
#endif

/* --- a request: gateway/orders/post_order.c --------------------------------------------------- */

inline answer() {
    is_accepted[body] = true;
    MUST(replayed_is_stored, command[1] == body || command[2] == body || command[3] == body ||
         command[4] == body)
}

inline finish() {
    if
    :: record = DONE; record_of = body
    :: skip /* not heard */
    fi
}

proctype request(byte body; byte gateway) {
    mtype verdict;
    atomic { claim() }
    if
    :: verdict == MISMATCH || verdict == WAIT -> goto done
    :: atomic { verdict == REPLAY -> answer() } goto done
    :: verdict == FIRST || verdict == TAKEOVER || verdict == DEGRADED
    fi;
#ifdef WITHOUT_STORING_FIRST
    atomic { finish() }
#endif
    if
    :: goto done /* killed, or the broker takes nothing */
    :: atomic {
        if
        :: IS_KNOWN(body)
        :: !IS_KNOWN(body) ->
            last++;
            command[last] = body;
            is_unguarded[last] = missed[gateway]
        fi }
    fi;
#ifndef WITHOUT_STORING_FIRST
    if
    :: goto done /* killed */
    :: atomic { finish() }
    fi;
#endif
    atomic { answer() }
done:
    skip
}

/* --- the order service: submit.c, store_keys.c ------------------------------------------------ */

mtype = {NO_ORDER, HELD, PENDING, CONFIRMED, FAILED};
mtype order[BODIES + 1] = NO_ORDER;
byte place[BODIES + 1]; /* the sequence that an order was taken in with */

/* orders.idempotency_keys */
byte owner, owner_place, ousted;

/* order_store_claim_keys(), order_store_take_claims(), order_store_oust() */
inline take_key(body, at) {
    if
    :: owner == NOBODY -> owner = body; owner_place = at
#ifndef WITHOUT_OUSTING
    :: owner != NOBODY && owner_place > at ->
        ousted = (owner == body -> ousted : owner);
        owner = body;
        owner_place = at
#endif
    :: else
    fi;
    is_conflict = (owner != body);
    if
    :: !is_conflict && ousted != NOBODY ->
        if
#ifndef WITHOUT_KEEPING_CONFIRMED
        :: order[ousted] == CONFIRMED ->
            is_conflict = true;
            owner = ousted;
            owner_place = 0;
            ousted = NOBODY
#endif
        :: order[ousted] == HELD || order[ousted] == PENDING -> order[ousted] = FAILED
        :: else
        fi
    :: else
    fi
}

inline take_in(at) {
    take_key(command[at], at);
#ifdef WITHOUT_KEYS
    is_conflict = false;
#endif
    if
#ifdef WITHOUT_DERIVED_ID
    :: order[command[at]] == CONFIRMED -> MUST(one_order_a_key, false) /* a second one */
#endif
    :: order[command[at]] == NO_ORDER ->
        place[command[at]] = at;
        if
        :: is_conflict -> order[command[at]] = FAILED
#ifndef WITHOUT_HOLDING
        :: !is_conflict && is_unguarded[at] -> order[command[at]] = HELD
#endif
        :: else -> order[command[at]] = PENDING
        fi
    :: else /* the order's primary key */
    fi;
    is_acknowledged[at] = true;
    is_conflict = false
}

/* held_orders: all that was accepted before is taken in */
#define FLOOR(at) ((at < 2 || is_acknowledged[1]) && (at < 3 || is_acknowledged[2]) && \
    (at < 4 || is_acknowledged[3]))

/* Its goods are reserved and its money is taken. */
inline confirm(body) {
    order[body] = CONFIRMED;
    MUST(one_order_a_key, !(order[1] == CONFIRMED && order[2] == CONFIRMED))
}

active proctype order_service() {
    byte at;
    bool is_conflict, has_repeated;
end:
    do
    :: atomic { last > 0 ->
        select(at : 1 .. last);
        if
        :: !is_acknowledged[at] -> take_in(at)
        :: is_acknowledged[at] && !has_repeated -> has_repeated = true; take_in(at)
        :: else
        fi;
        at = 0 }
    :: atomic { order[1] == HELD && FLOOR(place[1]) -> order[1] = PENDING }
    :: atomic { order[2] == HELD && FLOOR(place[2]) -> order[2] = PENDING }
    :: atomic { order[1] == PENDING -> confirm(1) }
    :: atomic { order[2] == PENDING -> confirm(2) }
    od
}

/* --- what must hold once all is taken in ------------------------------------------------------ */

init {
    atomic {
        run request(1, 0);
        run request(1, 1);
        run request(2, 1)
    }
}

#define IS_TAKEN_IN(at) (command[at] == 0 || is_acknowledged[at])
#define HAS_ENDED(body) (order[body] == NO_ORDER || order[body] == CONFIRMED || order[body] == FAILED)
#define OTHER (BODIES + 1 - command[1]) /* than the body that was stored first */

active proctype judge() {
    atomic {
        IS_TAKEN_IN(1) && IS_TAKEN_IN(2) && IS_TAKEN_IN(3) && IS_TAKEN_IN(4) &&
            HAS_ENDED(1) && HAS_ENDED(2) ->
        MUST(every_accepted_order_is_taken_in, (!is_accepted[1] || order[1] != NO_ORDER) &&
             (!is_accepted[2] || order[2] != NO_ORDER));
        MUST(who_came_first_has_the_key, last == 0 || order[OTHER] != CONFIRMED ||
             !is_unguarded[place[OTHER]]);
        MUST(the_key_is_somebodys, last == 0 || order[1] == CONFIRMED || order[2] == CONFIRMED)
    }
}
