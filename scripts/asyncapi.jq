# docs/asyncapi.yaml from what the programs and schemas say. $events is `omctl events --format json`,
# $services holds each service's `--describe`, $schemas the files of nats/schemas. Run with jq -nr.

def event_name: ltrimstr("io.ordermesh.");
def event_of($type): $events[] | select(.type == $type);
def schema_of($id): $schemas[] | select(.["$id"] == $id);

# Schemas live under components here, under their names.
def local_ref:
    if test("#/\\$defs/") then "#/components/schemas/" + (split("#/$defs/")[1])
    else "#/components/schemas/" + (ltrimstr("urn:ordermesh:schema:") | split(":")[0]) end;
def localize:
    walk(if type == "object" then
            del(.["$schema"], .["$id"])
            | if has("$ref") then .["$ref"] |= local_ref else . end
         else . end);

def schemas:
    ((schema_of("urn:ordermesh:schema:shared:1") | .["$defs"])
     + ([$schemas[] | select(.title != null and (has("$defs") | not))
         | {(.["$id"] | ltrimstr("urn:ordermesh:schema:") | split(":")[0]): .}] | add))
    | localize;

def event_channel:
    (.type | event_name) as $name
    | {(.subject): {address: .subject, description: "In the stream \(.stream).",
        messages: {($name): {"$ref": "#/components/messages/\($name)"}}}};
def channels:
    ([$events[] | event_channel] | add)
    + {failures: {address: "failures.{stream}.{consumer}.{eventId}",
        description: "In the stream FAILURES, which keeps the last report of each message. With an attempt behind it, and just the id of a process: that attempt at a second chance was begun by it.",
        parameters: {stream: {description: "The message's stream."},
            consumer: {description: "Who could not process it."},
            eventId: {description: "The event's id, or seq-<sequence>."}},
        messages: {failure_report: {"$ref": "#/components/messages/failure_report"}}},
       updates: {address: "updates.{orderId}",
        description: "Plain NATS, kept nowhere: what became of an order, for live views.",
        parameters: {orderId: {description: "The order's id."}},
        messages: {order_update: {"$ref": "#/components/messages/order_update"}}}}
    + ([$services[].endpoints[]
        | {(.): {address: ., description: "Request and reply over plain NATS, in queue group q.",
            messages: {request: {"$ref": "#/components/messages/request"}}}}] | add)
    + {replies: {address: null, description: "The inbox that a request names.",
        messages: {reply: {"$ref": "#/components/messages/reply"}}}};

def operation($action; $event):
    ($event.type | event_name) as $name
    | {action: $action, channel: {"$ref": "#/channels/\($event.subject)"},
       messages: [{"$ref": "#/channels/\($event.subject)/messages/\($name)"}]};
def sends:
    . as $event | {"\(.source).sends.\(.type | event_name)": operation("send"; $event)};
def receives:
    .name as $service | .consumers[] | . as $consumer | .types[] | event_of(.) as $event
    | {"\($service).receives.\($event.type | event_name)":
        (operation("receive"; $event)
         + {description: "Durable consumer \($consumer.durable) of \($consumer.stream)."})};
def reports:
    {"\(.name).sends.failure_report": {action: "send", channel: {"$ref": "#/channels/failures"}}};
def answers:
    .name as $service | .endpoints[]
    | {"\($service).answers.\(.)": {action: "receive", channel: {"$ref": "#/channels/\(.)"},
        reply: {address: {location: "$message.header#/reply-to"},
            channel: {"$ref": "#/channels/replies"}}}};
def operations:
    [($events[] | sends), ($services[] | receives), ($services[] | reports), ($services[] | answers),
     {"order.sends.order_update": {action: "send", channel: {"$ref": "#/channels/updates"}}}]
    | add;

def event_message:
    (.type | event_name) as $name | schema_of(.dataschema) as $schema
    | {($name): {name: .type, title: $name, summary: $schema.description,
        contentType: "application/cloudevents+json",
        headers: {"$ref": "#/components/schemas/headers"},
        payload: {"$ref": "#/components/schemas/\($name)"}}};
def messages:
    ([$events[] | event_message] | add)
    + {failure_report: {title: "failure report", contentType: "application/json",
        payload: {"$ref": "#/components/schemas/failure_report"}},
       order_update: {title: "order update", contentType: "application/json",
        summary: "What one change made of an order, and the entries it added to its timeline.",
        payload: {type: "object", required: ["status", "version", "sequence", "timeline"],
            properties: {status: {type: "string"}, was: {type: "string"}, reason: {type: "string"},
                version: {type: "integer", minimum: 1}, sequence: {type: "integer", minimum: 1},
                timeline: {type: "array", items: {type: "object"}}}}},
       request: {title: "request", contentType: "application/json", payload: {type: "object"}},
       reply: {title: "reply", contentType: "application/json",
        summary: "An error is in the headers Nats-Service-Error and Nats-Service-Error-Code.",
        payload: {type: "object"}}};

def document:
    {asyncapi: "3.0.0",
     info: {title: "OrderMesh", version: $version,
        description: "The events between the services of OrderMesh, and what they answer.",
        license: {name: "MIT"}},
     defaultContentType: "application/cloudevents+json",
     servers: {nats: {host: "{host}:{port}", protocol: "nats",
        description: "NATS with JetStream.",
        variables: {host: {default: "localhost"}, port: {default: "4222"}},
        security: [{"$ref": "#/components/securitySchemes/user"}]}},
     channels: channels, operations: operations,
     components: {securitySchemes: {user: {type: "userPassword"}}, messages: messages,
        schemas: schemas}};

# --- YAML ---

def is_plain:
    test("^[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$")
    and (ascii_downcase | IN("true", "false", "null", "yes", "no", "on", "off", "y", "n") | not);
def scalar: if type == "string" and is_plain then . else tojson end;
def is_nested: (type == "object" or type == "array") and length > 0;
def yaml($indent):
    if type == "object" then
        to_entries[] | "\($indent)\(.key | scalar):" as $head
        | if .value | is_nested then $head, (.value | yaml($indent + "  "))
          else "\($head) \(.value | scalar)" end
    else
        .[] | if is_nested then [yaml($indent + "  ")]
                | "\($indent)- \(.[0] | ltrimstr($indent + "  "))", .[1:][]
              else "\($indent)- \(scalar)" end
    end;

"# The events of OrderMesh as AsyncAPI 3. Written by scripts/check --update.",
(document | yaml(""))
