# The latencies by rate of one configuration ($config) as a picture: scripts/performance runs it.

720 as $width | 360 as $height | 64 as $left | 24 as $top | 96 as $right | 48 as $bottom
| ["p50", "p90", "p99", "p999"] as $names
| { p50: "#2b8a3e", p90: "#1971c2", p99: "#e8590c", p999: "#c92a2a" } as $colors
| def median: sort | .[length / 2 | floor];
  [.results[] | select(.kind == "latency" and .config == $config)] | group_by(.part)
| map(. as $point | { rate: (map(.rate) | median) }
    + ([$names[] as $n | { key: $n, value: ($point | map(.["\($n)_ms"]) | median) }] | from_entries))
| sort_by(.rate) as $points
| ($points | map(.rate) | max) as $most_rate
| ([$points[] | .[$names[]]] | map(select(. > 0) | log10) | [(min | floor), (max | ceil)]) as [$low, $high]
| def x: $left + . / $most_rate * ($width - $left - $right) | . * 10 | round / 10;
  def y: $top + ($high - ([., 0.001] | max | log10)) / ([$high - $low, 1] | max) * ($height - $top - $bottom) | . * 10 | round / 10;
  def text($x; $y; $anchor; $text): "<text x=\"\($x)\" y=\"\($y)\" text-anchor=\"\($anchor)\">\($text)</text>";
"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \($width) \($height)\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#333\">",
"<rect width=\"\($width)\" height=\"\($height)\" fill=\"#fff\"/>",
(range($low; $high + 1) | pow(10; .) | . as $ms
    | "<path d=\"M\($left) \($ms | y)H\($width - $right)\" stroke=\"#ddd\"/>",
      text($left - 6; ($ms | y) + 4; "end"; "\($ms) ms")),
($points[] | text(.rate | x; $height - $bottom + 18; "middle"; .rate | round)),
text(($left + $width - $right) / 2; $height - 10; "middle"; "orders/s, \($config)"),
($names[] as $n
    | "<path fill=\"none\" stroke=\"\($colors[$n])\" stroke-width=\"2\" d=\"M\([$points[] | "\(.rate | x) \(.[$n] | y)"] | join("L"))\"/>",
      ($points[] | "<circle cx=\"\(.rate | x)\" cy=\"\(.[$n] | y)\" r=\"3\" fill=\"\($colors[$n])\"/>")),
# From the top, so that names do not cover each other.
(reduce ($names | reverse)[] as $n ({ last: -100, out: [] };
    ([($points[-1][$n] | y) + 4, .last + 14] | max) as $at
    | { last: $at, out: (.out + [{ n: $n, at: $at }]) }) | .out[]
    | "<g fill=\"\($colors[.n])\">\(text($width - $right + 8; .at; "start"; if .n == "p999" then "p99.9" else .n end))</g>"),
"</svg>"
