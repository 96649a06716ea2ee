# nats/streams and nats/consumers as the custom resources of NACK (jetstream.nats.io/v1beta2).
# Durations are nanoseconds there and Go's text here; names of resources are lower case.

def duration: "\(. / 1000000000 | floor)s";
def name: ascii_downcase | gsub("_"; "-");

def fields(from; pairs): reduce pairs[] as [$theirs, $ours] ({};
    if from | has($theirs) then .[$ours] = from[$theirs] else . end);

# What servers from a version on are asked for besides: the controller asks those of today.
def current: . + ([.since // {} | .[]] | add // {});

def stream: current as $s | {
    apiVersion: "jetstream.nats.io/v1beta2", kind: "Stream", metadata: {name: (.name | name)},
    spec: (fields($s; [["name", "name"], ["description", "description"], ["subjects", "subjects"],
            ["retention", "retention"], ["storage", "storage"], ["discard", "discard"],
            ["max_consumers", "maxConsumers"], ["max_msgs", "maxMsgs"], ["max_bytes", "maxBytes"],
            ["max_msgs_per_subject", "maxMsgsPerSubject"], ["max_msg_size", "maxMsgSize"],
            ["allow_direct", "allowDirect"], ["allow_atomic", "allowAtomicPublish"]])
        + {replicas: 3, maxAge: (.max_age | duration), duplicateWindow: (.duplicate_window | duration),
           preventDelete: true})};

def policy: {all: "all", last: "last", new: "new"}[.];

def consumer: current as $c | {
    apiVersion: "jetstream.nats.io/v1beta2", kind: "Consumer",
    metadata: {name: "\(.stream | name).\(.durable_name | name)"},
    spec: (fields($c; [["durable_name", "durableName"], ["stream", "streamName"],
            ["description", "description"], ["ack_policy", "ackPolicy"],
            ["replay_policy", "replayPolicy"], ["filter_subject", "filterSubject"],
            ["max_deliver", "maxDeliver"], ["max_waiting", "maxWaiting"],
            ["max_ack_pending", "maxAckPending"]])
        + {deliverPolicy: (.deliver_policy | policy), ackWait: (.ack_wait | duration),
           preventDelete: true})};

($streams[] | stream), ($consumers[] | consumer) | "---\n\(.)"
