# What `omctl provision --print` prints, a stream or consumer a line, as the resources of NACK (jetstream.nats.io/v1beta2).
# Durations are nanoseconds there and Go's text here; names of resources are lower case.

def duration: "\(. / 1000000000 | floor)s";
def name: ascii_downcase | gsub("_"; "-");

def fields(from; pairs): reduce pairs[] as [$theirs, $ours] ({};
    if from | has($theirs) then .[$ours] = from[$theirs] else . end);

def stream: . as $s | {
    apiVersion: "jetstream.nats.io/v1beta2", kind: "Stream", metadata: {name: (.name | name)},
    spec: (fields($s; [["name", "name"], ["description", "description"], ["subjects", "subjects"],
            ["retention", "retention"], ["storage", "storage"], ["discard", "discard"],
            ["max_consumers", "maxConsumers"], ["max_msgs", "maxMsgs"], ["max_bytes", "maxBytes"],
            ["max_msgs_per_subject", "maxMsgsPerSubject"], ["max_msg_size", "maxMsgSize"],
            ["allow_direct", "allowDirect"], ["allow_atomic", "allowAtomicPublish"],
            ["num_replicas", "replicas"], ["metadata", "metadata"]])
        + {maxAge: (.max_age | duration), duplicateWindow: (.duplicate_window | duration),
           preventDelete: true})};

def policy: {all: "all", last: "last", new: "new"}[.];

def consumer: . as $c | {
    apiVersion: "jetstream.nats.io/v1beta2", kind: "Consumer",
    metadata: {name: "\(.stream | name).\(.durable_name | name)"},
    spec: (fields($c; [["durable_name", "durableName"], ["stream", "streamName"],
            ["description", "description"], ["ack_policy", "ackPolicy"],
            ["replay_policy", "replayPolicy"], ["filter_subject", "filterSubject"],
            ["max_deliver", "maxDeliver"], ["max_waiting", "maxWaiting"],
            ["max_ack_pending", "maxAckPending"], ["metadata", "metadata"]])
        + {deliverPolicy: (.deliver_policy | policy), ackWait: (.ack_wait | duration),
           preventDelete: true})};

(if has("stream_name") then .config + {stream: .stream_name} | consumer else stream end) | "---\n\(.)"
