/*
 * Why an order does not go on: each cause with what is said of it and what to do, as one table.
 *
 * In these texts {consumer}, {stream}, {name}, {service}, {event}, {waiting}, {inHand}, {until},
 * {since}, {words}, {entry}, {why}, {schema} and {order} stand for what was found. Pure; thread
 * safe.
 */
#ifndef OM_SHARED_DIAGNOSIS_CAUSE_H
#define OM_SHARED_DIAGNOSIS_CAUSE_H

#include "shared/base/buf.h"
#include "shared/base/slice.h"

/* id, name, what is said, what to do. Those of a consumer are in the order in which they count. */
#define CAUSE_TABLE(X)                                                                             \
    X(ENDED, "ended", "It has ended, and waits for nothing.", "Nothing.")                          \
    X(DEAD_LETTER, "dead_letter", "{consumer} gave {event} up, which is a dead letter now: {why}", \
      "Look at it with `omctl dlq show {entry}` and remove what its reason names. Then "           \
      "`omctl dlq replay {entry}` sends it again; `omctl dlq discard {entry} --reason TEXT` "      \
      "gives it up.")                                                                              \
    X(DISCARDED, "discarded",                                                                      \
      "The dead letter of {event} was discarded for {consumer}, so it will not be handled: {why}", \
      "Cancel the order, or leave it to the watchdog, which ends it when its time is up. What an " \
      "ended order is owed has to be given by hand.")                                              \
    X(ANSWER_AWAITED, "answer_awaited",                                                            \
      "{service} has {event} in hand and waits for an answer since {since} UTC: {words}",          \
      "Bring back who is asked: `nats service ls` shows who answers, `scripts/status` what runs. " \
      "It goes on by itself within half a minute of the answer, and nothing is lost.")             \
    X(BROKER_SILENT, "broker_silent", "JetStream does not say how {consumer} is.",                 \
      "Look at the server: `nats server check jetstream`, and `/health` of the gateway.")          \
    X(STREAM_MISSING, "stream_missing", "The stream {stream} is missing.",                         \
      "`omctl provision` makes it again. What it held is published again by the services.")        \
    X(CONSUMER_MISSING, "consumer_missing",                                                        \
      "The consumer {consumer} is missing, so nobody is given {event}.",                           \
      "`omctl provision` makes it again, and it is given everything that it missed.")              \
    X(CONSUMER_FILTERED, "consumer_filtered",                                                      \
      "The filter of {consumer} leaves out {event}, so nobody is given it.",                       \
      "`omctl provision` makes the consumer anew, and it is given everything that it missed.")     \
    X(CONSUMER_PAUSED, "consumer_paused",                                                          \
      "{consumer} is paused until {until} UTC; {waiting} of its events wait.",                     \
      "`nats consumer resume {stream} {name}`, or `omctl provision`, ends the pause.")             \
    X(SERVICE_AWAY, "service_away",                                                                \
      "No instance of {service} answers; {waiting} of the events of {consumer} wait for it, and "  \
      "{inHand} are in its hands.",                                                                \
      "Find out whether it is gone or hangs, and why: `scripts/status` and `scripts/logs "         \
      "{service}`, or `kubectl -n ordermesh get pods`. `scripts/up` starts what is missing; what " \
      "runs and does not answer has to be killed (docs/operations.md, A stuck consumer), and is "  \
      "started again.")                                                                            \
    X(OUTBOX_WAITS, "outbox_waits",                                                                \
      "{service} cannot publish what it did with the events of {consumer}: {words}",               \
      "`omctl provision --check` shows what is not as declared, `omctl provision` mends it, and "  \
      "docs/operations.md (OrdersRefused) says what to do for each of these words. What waits is " \
      "published by itself then.")                                                                 \
    X(HELD, "held", "{service} holds the events of {consumer}: {words}",                           \
      "Bring back what it waits for: docs/operations.md (A held consumer) says how. It goes on "   \
      "by itself, and nothing is lost.")                                                           \
    X(CONSUMER_BEHIND, "consumer_behind",                                                          \
      "{consumer} is behind: {waiting} of its events wait, and {service} has {inHand} in hand.",   \
      "It comes to each in turn. If the number does not fall, run more instances of {service}.")   \
    X(AT_WORK, "at_work", "{service} has {inHand} of the events of {consumer} in hand.",           \
      "Ask again in a moment. If it stays so, `scripts/status` shows a process that hangs, and "   \
      "`scripts/logs {service}` what fails.")                                                      \
    X(REPLAYING, "replaying",                                                                      \
      "{consumer} had given {event} up; it was sent again, and {service} has not answered yet.",   \
      "Ask again in a moment: if it fails once more, it is dead again.")                           \
    X(ORDER_SILENT, "order_silent", "The order service does not say how the order stands.",        \
      "Ask again in a moment. `nats service ls` shows who answers, `scripts/logs order` why not.") \
    X(DLQ_SILENT, "dlq_silent",                                                                    \
      "Nothing else is known to hold it, and the dead-letter service does not say whether "        \
      "{event} is a dead letter.",                                                                 \
      "Bring the dead-letter service back (`scripts/status`, `scripts/logs dlq`), and ask again.") \
    X(UNDER_WAY, "under_way", "Nothing is known to hold it: {event} is under way to {service}.",   \
      "Ask again in a moment. If it stays so for minutes, `omctl audit {order}` shows its last "   \
      "event, and `omctl outbox redrive --schema {schema} --since 1h` sends all of that time "     \
      "again, which does no harm.")                                                                \
    X(ACCEPTED, "accepted",                                                                        \
      "It was accepted, and the order service does not have it: it is on its way, or the broker "  \
      "has lost it.",                                                                              \
      "Ask again in a moment. What was lost the gateway publishes again by itself, after "         \
      "`OM_COMMAND_GRACE_S` and half of it again, while the order service and the dead-letter "    \
      "service answer; then CommandsLost fires.")

enum cause {
#define CAUSE_ENUM(id, name, said, to_do) CAUSE_##id,
    CAUSE_TABLE(CAUSE_ENUM)
#undef CAUSE_ENUM
        CAUSE_COUNT
};

/* What stands for the words in braces. */
struct cause_words {
    const char *stream, *name;
    struct slice event, service, until, since, words, entry, why, schema, order;
    long long waiting, in_hand;
};

const char *cause_name(enum cause cause);
/* Each appends its text. */
void cause_say(enum cause cause, const struct cause_words *words, struct buf *out);
void cause_say_what_to_do(enum cause cause, const struct cause_words *words, struct buf *out);

#endif
