// Charts as SVG. Numbers stand beside them as text, so the pictures themselves are for the eye.

import { h, s } from './dom.js';
import { count } from './format.js';

const HEIGHT = 190;
const MARGIN = { top: 10, right: 6, bottom: 22, left: 34 };

// The smallest round number that is not below; its half, which is shown too, is a whole number.
const ROUND = [4, 6, 8, 10, 12, 16, 20, 24, 30];
function ceilingOf(most) {
  for (let unit = 1; ; unit *= 10)
    for (const step of ROUND) if (step * unit >= most) return step * unit;
}

// Stretches of what is known, as [index, value]; null is a gap.
function stretchesOf(values) {
  const stretches = [[]];
  values.forEach((value, index) => {
    if (value !== null) stretches.at(-1).push([index, value]);
    else if (stretches.at(-1).length) stretches.push([]);
  });
  return stretches.filter(({ length }) => length);
}

const line = (stretch, x, y) =>
  stretch
    .map(
      ([index, value], place) =>
        `${place ? 'L' : 'M'}${x(index).toFixed(1)} ${y(value).toFixed(1)}`,
    )
    .join('');

// Lines over the last seconds. `series` are { key, name }; draw() takes { key: [values, oldest first] },
// where null is what is not known.
export function lineChart(label, series, length) {
  const svg = s('svg', { class: 'chart', role: 'img', 'aria-label': label, height: HEIGHT });
  const figures = Object.fromEntries(series.map(({ key }) => [key, h('b', null, '–')]));
  const legend = h(
    'ul',
    { class: 'legend' },
    series.map(({ key, name }) =>
      h(
        'li',
        null,
        s(
          'svg',
          { width: 22, height: 10, 'aria-hidden': 'true' },
          s('path', { class: `line ${key}`, d: 'M0 5H22' }),
        ),
        name,
        ' ',
        figures[key],
        '/s',
      ),
    ),
  );
  let last = {};

  function draw(values = last) {
    last = values;
    const width = Math.max(svg.clientWidth, 200);
    const most = ceilingOf(Math.max(...series.flatMap(({ key }) => values[key] ?? [0])));
    const bottom = HEIGHT - MARGIN.bottom;
    const x = (index) =>
      MARGIN.left + (index / (length - 1)) * (width - MARGIN.left - MARGIN.right);
    const y = (value) => bottom - (value / most) * (bottom - MARGIN.top);
    const grid = [0, most / 2, most].flatMap((value) => [
      s('path', { class: 'grid', d: `M${MARGIN.left} ${y(value)}H${width - MARGIN.right}` }),
      s('text', { x: MARGIN.left - 6, y: y(value) + 4, 'text-anchor': 'end' }, count(value)),
    ]);
    const times = [
      [0, `${length / 60} min ago`, 'start'],
      [length / 2, `${length / 120} min`, 'middle'],
      [length - 1, 'now', 'end'],
    ].map(([index, text, anchor]) =>
      s('text', { x: x(index), y: HEIGHT - 4, 'text-anchor': anchor }, text),
    );
    const paths = series.flatMap(({ key }, index) =>
      stretchesOf(values[key] ?? []).flatMap((stretch) => {
        const d = line(stretch, x, y);
        const [from, to] = [stretch[0][0], stretch.at(-1)[0]];
        const area = `${d}L${x(to).toFixed(1)} ${bottom}L${x(from).toFixed(1)} ${bottom}Z`;
        return [
          index === 0 && s('path', { class: `area ${key}`, d: area }),
          s('path', { class: `line ${key}`, d }),
        ];
      }),
    );
    svg.replaceChildren(...[...grid, ...times, ...paths].filter(Boolean));
    for (const { key } of series) {
      const latest = values[key]?.at(-1) ?? null;
      figures[key].textContent = latest === null ? '–' : count(latest);
    }
  }

  const observer = new ResizeObserver(() => draw());
  observer.observe(svg);
  return { element: h('div', null, legend, svg), draw, close: () => observer.disconnect() };
}

// One bar of 0 to 1 wide parts, each { from?, to, kind }.
export const bar = (parts) =>
  s(
    'svg',
    { class: 'bar', viewBox: '0 0 1000 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    s('rect', { class: 'track', width: 1000, height: 10 }),
    parts.map(({ from = 0, to, kind }) =>
      s('rect', {
        class: kind,
        x: from * 1000,
        width: Math.max((to - from) * 1000, to > from ? 4 : 0),
        height: 10,
      }),
    ),
  );

// Rows are { label, text, parts }: a name, its figure and a bar below them.
export const bars = (label, rows) =>
  h(
    'ul',
    { class: 'bars', 'aria-label': label },
    rows.map((row) =>
      h(
        'li',
        null,
        h('span', { class: 'bar-label' }, row.label),
        h('span', { class: 'bar-text' }, row.text),
        bar(row.parts),
      ),
    ),
  );
