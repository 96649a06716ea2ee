# docs/performance.md from .run/bench.json: scripts/performance runs it. Every figure is of that one file, but what streams hold,
# $sizing.

def median: sort | if length == 0 then null else .[length / 2 | floor] end;
def thousands: tostring | [scan("^[0-9]{1,3}(?=(?:[0-9]{3})*$)|[0-9]{3}(?=(?:[0-9]{3})*$)")] | join(",");
def whole: if . == null then "-" else round | thousands end;
def figure: if . == null then "-" elif . >= 100 then whole else . * 100 | round / 100 | tostring end;
# Bytes, of what is to be bought.
def size:
    if . == null then "-"
    elif . >= 1e12 then "\(. / 1e11 | round / 10) TB"
    elif . >= 1e9 then "\(. / 1e9 | if . >= 10 then round else . * 10 | round / 10 end) GB"
    else "\(. / 1e6 | ceil) MB" end;
def row: "| " + join(" | ") + " |";
def table($head): ($head | row), ($head | map("---") | row), (.[] | row);

. as $run
| ["shipped", "lazy"] as $all
| [$all[] | select(. as $c | any($run.results[]; .config == $c))] as $configs
| def of($kind; $config): $run.results[] | select(.kind == $kind and .config == $config);
  def ratio_of($bench; $config): first(of("ratio"; $config) | select(.bench == $bench)) // null;
  # Microseconds an order by process, the median of the rounds.
  def cpu($config): [of("cpu"; $config) | select(.bench == "e2e")] | group_by(.process)
      | map({ key: .[0].process, value: (map(.us) | median) }) | from_entries;
  def bytes($config): [of("bytes"; $config)] | group_by(.store + .name)
      | map({ store: .[0].store, name: .[0].name, bytes: (map(.bytes) | median) });
  # For how long what a store has is kept, in seconds; null: for good.
  def kept: 86400 as $day
      | if .store == "redis" then $day
        elif .store == "jetstream" then (if .name == "NOTIFICATIONS" then 3 elif (.name | endswith("_DLQ")) then 30 else 7 end) * $day
        elif (.name | test("\\.(inbox|outbox)$")) then 9 * $day
        elif .name == "orders.idempotency_keys" then 25 * 3600
        else null end;
  def kept_text: kept | if . == null then "for good" elif . <= 90000 then "\(. / 3600) hours" else "\(. / 86400) days" end;
  def sum_of(f): map(f) | add // 0;
  def private($config): [of("vitals"; $config) | select(.process | startswith("om-bench") | not)]
      | group_by(.process) | map({ process: .[0].process, bytes: (map(.bytes[1]) | median) });
  # Of what bytes() gives: held for one order a second.
  def redis_bytes: [.[] | select(.store == "redis" and .name == "memory") | .bytes * kept] | add // 0;
  def stream_bytes: [.[] | select(.store == "jetstream") | .bytes * kept] | add // 0;
  def bounded_bytes: [.[] | select(.store == "postgresql" and kept != null) | .bytes * kept] | add // 0;
  # The same, a day.
  def lasting_bytes: 86400 * ([.[] | select(.store == "postgresql" and kept == null) | .bytes] | add // 0);
  # The latency at the lowest measured rate of at least $rate.
  def latency_at($rate; $config): [of("latency"; $config)] | group_by(.part)
      | map({ rate: (map(.rate) | median), p50: (map(.p50_ms) | median), p99: (map(.p99_ms) | median) })
      | map(select(.rate >= $rate)) | sort_by(.rate) | .[0];
  # Half of the cores idle in the mean, so that a peak and a restart have room.
  0.5 as $busy |

"# Performance",
"",
"<!-- Written by scripts/performance from what scripts/bench measured; changes here are lost. -->",
"",
"Measured at \($run.at) on revision \($run.revision) (`scripts/bench \($run.flags)`): \($run.machine.cores) cores (\($run.machine.cpu)),"
+ " \($run.machine.memory_bytes / 1e9 | round) GB, Linux \($run.machine.kernel). They carry servers, services and the load alike."
+ " From run to run absolute figures vary by half on such a machine; a ratio to a limit of the same run varies less."
+ " [bench/README.md](../bench/README.md) defines each bench.",
"",
"Two configurations, by the NATS server beneath. "
+ ([$configs[] | if . == "shipped" then "`shipped`: \($run.nats.shipped), `sync_interval: always`, as Compose and Kubernetes run it; a 202 means on the disk."
    else "`lazy`: \($run.nats.lazy), which syncs once a minute." end] | join(" ")),
"",
"## Orders",
"",
([
    ["orders a second, POST to COMPLETED"] + [$configs[] | ratio_of("e2e"; .) | .ours[0]? | figure],
    ["the same a core"] + [$configs[] | ratio_of("e2e"; .) | .ours[0]? | if . then . / $run.machine.cores else null end | figure],
    ["orders a second that one core's time is enough for"] + [$configs[] | cpu(.).total | if . then 1e6 / . else null end | figure],
    ["CPU an order, all processes, µs"] + [$configs[] | cpu(.).total | figure],
    ["orders accepted a second, POST to 202"] + [$configs[] | ratio_of("accept"; .) | .ours[0]? | figure],
    ["one order on an idle system, p50 and p99, ms"] + [$configs[] | . as $c
        | "\(ratio_of("latency_idle_p50"; $c) | .ours[0]? | figure), \(ratio_of("latency_idle_p99"; $c) | .ours[0]? | figure)"],
    ["bytes an order, all stores"] + [$configs[] | bytes(.) | if length > 0 then sum_of(.bytes) else null end | whole]
] | table([""] + $configs)),
"",
"## Latency",
"",
"From the moment when an order was due, in an open loop, until the event of its end; by the rate.",
"",
($configs[] | select(. as $c | any($run.results[]; .kind == "latency" and .config == $c))
    | "![Latency by rate, \(.)](performance-\(.).svg)"),
"",
([$configs[] as $c | [of("latency"; $c)] | group_by(.part)[]
    | [$c, (map(.rate) | median | whole), (if .[0].part == 0 then "idle" else "\(.[0].part * 100) %" end)]
      + [("p50_ms", "p90_ms", "p99_ms", "p999_ms", "most_ms") as $p | map(.[$p]) | median | figure]]
    | table(["", "orders/s", "of what is sustained", "p50, ms", "p90", "p99", "p99.9", "most"])),
"",
([$configs[] | select(. as $c | any($run.results[]; .kind == "hop" and .config == $c))] as $traced
    | if $traced | length > 0 then
        "### One order on an idle system",
        "",
        "From traces, medians: when each step begins and how long it takes. Blue: a request, or a transaction with what it asks for;"
        + " orange: a message on its way into its stream. What is white between two of them is the way from the stream to the next service.",
        "",
        ($traced[] | "![Steps of an idle order, \(.)](performance-hops-\(.).svg)"),
        ""
      else empty end),
"## Where the processor's time goes",
"",
"Microseconds an order; of PostgreSQL by the role of its sessions.",
"",
([$configs[] | cpu(.)] as $cpus
    | [$cpus[] | keys[]] | unique
    | map(. as $p | { p: $p, us: [$cpus[] | .[$p]] }) | map(select(.us | any(. != null and . >= 1)))
    | sort_by(if .p == "total" then 0 else - (.us | map(. // 0) | max) end)
    | sort_by(.p == "total")
    | map([.p] + (.us | map(figure))) | table(["process"] + $configs)),
"",
"## What an order leaves",
"",
"Bytes an order, indexes included, of tables as they are right after (fill factors leave room for updates).",
"",
([$configs[] | bytes(.)] as $stores
    | [$stores[][] | { store, name }] | unique
    | map(. as $s | [$s.store, $s.name] + [$stores[] | first(.[] | select(.store == $s.store and .name == $s.name) | .bytes) // null | whole]
        + [$s | kept_text])
    | table(["store", "name"] + $configs + ["kept"])),
"",
"What is kept for good are records of the business (orders and their items, reservations, payments, shipments, notices, points,"
+ " facts) and the index of dead letters with its audit: only `omctl archive` removes any ([what grows](operations.md#what-grows)), so until then the disk of PostgreSQL grows with every order."
+ " `analytics.counts` grows with time and not with orders. Streams are bounded by age, and each by its `max_bytes`. Lists, filters"
+ " and reports walk indexes, so that they answer as fast with many orders:",
"",
([$configs[] as $c | [of("page"; $c)] | group_by(.path)[]
    | { c: $c, path: .[0].path, ms: (map(.ms) | median), few: (map(.few_ms) | median) }] | sort_by(-.ms) | .[0:6]
    | map(["`\(.path)`", .c, (.ms | figure), (.few | figure)])
    | table(["the slowest pages", "", "ms, many old orders", "ms, ten thousand"])),
"",
"## Sizing",
"",
([$configs[] as $c | select(cpu($c).total != null and (bytes($c) | length > 0)) | bytes($c) as $b | private($c) as $m
    | (100, 500, 1000, 10000) as $rate
    | [$c, ($rate | whole),
       ($rate * cpu($c).total / 1e6 / $busy | ceil | whole),
       ($m | sum_of(.bytes) | size),
       ($rate * ($b | redis_bytes) | size), ($rate * ($b | stream_bytes) | size),
       ($rate * ($b | bounded_bytes) | size), ($rate * ($b | lasting_bytes) | size)]]
    | table(["", "orders/s", "cores", "memory, processes", "memory, Redis", "disk, JetStream", "disk, PostgreSQL", "and a day for good"])),
"",
"### 500 orders a second",
"",
"All day, which is 43,200,000 orders; by the figures above:",
"",
(500 as $rate
    | [$configs[] | select(cpu(.).total != null and (bytes(.) | length > 0))] as $sized
    | [$sized[] | . as $c | { cpu: cpu($c), bytes: bytes($c), most: ratio_of("e2e"; $c).ours[0]?, copied: ratio_of("replicas"; $c).ours[0]?, latency: latency_at($rate; $c),
        private: (private($c) | sum_of(.bytes)) }]
    | . as $all
    | def share_of($most): if $most then "\($rate / $most * 100 | round) %" else "-" end;
    # Three of each on three NATS servers kept all cores busy.
    def cores_copied: if .copied then $rate / .copied * $run.machine.cores / $busy | ceil | whole else "-" end;
    [
        ["of what \($run.machine.cores) cores sustain: one of each process, three with streams in three copies"]
            + [$all[] | "\(share_of(.most)), \(share_of(.copied))"],
        ["from POST to the end, p50 and p99, ms"] + [$all[] | .latency
            | if . then "\(.p50 | figure), \(.p99 | figure) (at \(.rate | whole)/s)" else "-" end],
        ["cores, half idle: one of each, three with copies"]
            + [$all[] | "\($rate * .cpu.total / 1e6 / $busy | ceil | whole), \(cores_copied)"],
        ["memory of the processes: one of each, three"] + [$all[] | "\(.private | size), \(.private * 3 | size)"],
        ["memory, Redis"] + [$all[] | $rate * (.bytes | redis_bytes) | size],
        ["disk, JetStream, for a week: one copy, three"] + [$all[] | .bytes | "\($rate * stream_bytes | size), \($rate * stream_bytes * 3 | size)"],
        ["disk, PostgreSQL, what is kept for nine days"] + [$all[] | $rate * (.bytes | bounded_bytes) | size],
        ["disk, PostgreSQL, what is kept for good, a day"] + [$all[] | $rate * (.bytes | lasting_bytes) | size]
    ] | table([""] + $sized)),
"",
"One instance of each process carries that; more of each are there for when one dies. No stream is divided to reach it: all"
+ " instances of a service take from one consumer.",
"",
([$sizing[0][] | select(.bytes_an_order) | { stream, minutes: (.mib * 1048576 / .bytes_an_order / 500 / 60 | floor) }]
    | "Streams as shipped (`nats/sizing.json`) have not the room: \(min_by(.minutes) | .stream) is full after \(map(.minutes) | min) minutes, and ORDERS,"
    + " after which orders get a 503, after \(.[] | select(.stream == "ORDERS") | .minutes)."
    + " First give each NATS server a `max_file_store` of \([$configs[] | bytes(.) | 500 * stream_bytes / 0.8] | max // 0 | size),"
    + " and say so in `OM_NATS_STORE` ([operations.md](operations.md#how-much-streams-hold)), or keep events for less than a week (`max_age`)."),
"",
"### What the figures mean",
"",
"For a rate that lasts all day: a day's orders, divided by its seconds, say what disk and memory it takes, and the rate at noon what cores."
+ " *Cores* are those of all machines together, with half of their time idle. The CPU an order above is that of the batches of a sustained load;"
+ " each replica of a stream takes nats-server's part once more.",
"",
"*Memory* of the processes is what they hold alone; PostgreSQL wants a quarter of its machine as `shared_buffers`, and the rest for its files."
+ " Redis has the key of each order for a day; with less memory the soonest to end go first, and the order service answers for them"
+ " ([deploying.md](deploying.md)).",
"",
"*Disk* is that of one replica: events stay in streams for a week (`max_age` in `nats/streams`), rows of inbox and outbox for eight days, so that"
+ " a broker which lost data is filled again. The last column comes every day.",
"",
"What one PostgreSQL of this machine takes of the SQL of such orders, in transactions of 256 and with nothing beside it, is"
+ " \([$configs[] | ratio_of("e2e"; .) | .limit[0]?] | map(select(. != null)) | if length > 0 then max | whole else "-" end) orders/s (`saga.sql`)."
+ " Beyond what one primary takes, services get databases of their own.",
"",
"## All benches of this run",
"",
([of("ratio"; $configs[])] | map([.bench, .config, "\(.ours[0] | figure) (\(.ours[1] | figure) to \(.ours[2] | figure))",
        "\(.limit[0] | figure)", .unit, (.ratio | figure), .target, if .ok then "yes" else "no" end])
    | table(["bench", "", "ours, median and range", "limit", "unit", "ratio", "target", "reached"]))
