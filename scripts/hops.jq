# Where an idle order's time goes in one configuration ($config), as a picture: scripts/performance runs it.

720 as $width | 20 as $row | 24 as $top | 300 as $left | 60 as $right | 40 as $bottom
| def median: sort | .[length / 2 | floor];
  [.results[] | select(.kind == "hop" and .config == $config)] | group_by([.service, .name])
| map({ service: .[0].service, name: .[0].name, begins: (map(.begins_ms) | median), takes: (map(.takes_ms) | median) })
| sort_by(.begins) as $hops
| ([$hops[] | .begins + .takes] | max) as $most
| ($top + ($hops | length) * $row + $bottom) as $height
| def x: $left + . / $most * ($width - $left - $right) | . * 10 | round / 10;
  def figure: . * 100 | round / 100;
  def text($x; $y; $anchor; $text): "<text x=\"\($x)\" y=\"\($y)\" text-anchor=\"\($anchor)\">\($text)</text>";
"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \($width) \($height)\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#333\">",
"<rect width=\"\($width)\" height=\"\($height)\" fill=\"#fff\"/>",
(range(0; $most; ([$most / 8 | ceil, 1] | max)) | . as $ms
    | "<path d=\"M\($ms | x) \($top)V\($height - $bottom)\" stroke=\"#ddd\"/>",
      text($ms | x; $height - $bottom + 16; "middle"; "\($ms)")),
text(($left + $width - $right) / 2; $height - 8; "middle"; "ms since the POST, \($config)"),
($hops | to_entries[] | .key as $i | .value
    | ($top + $i * $row) as $y
    | text($left - 8; $y + 14; "end"; "\(.service): \(.name)"),
      "<rect x=\"\(.begins | x)\" y=\"\($y + 3)\" width=\"\(((.begins + .takes | x) - (.begins | x)) * 10 | round / 10 | [., 1] | max)\" height=\"\($row - 6)\" fill=\"\(if .name | startswith("send ") then "#e8590c" else "#1971c2" end)\"/>",
      text((.begins + .takes | x) + 4; $y + 14; "start"; "\(.takes | figure)")),
"</svg>"
