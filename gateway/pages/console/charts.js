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

const sumOf = (parts) => Object.values(parts).reduce((total, one) => total + one, 0);

const legendOf = (series) =>
  h(
    'ul',
    { class: 'legend' },
    series.map(({ key, name }) => h('li', null, h('i', { class: `swatch ${key}` }), name)),
  );

// Columns over time, in parts. `series` are { key, name }, the lowest part first; draw() takes
// columns, { at, parts: { key: number } }, oldest first, and how their times are written.
export function columnChart(label, series) {
  const svg = s('svg', { class: 'chart', role: 'img', 'aria-label': label, height: HEIGHT });
  const bottom = HEIGHT - MARGIN.bottom;
  let columns = [],
    labelOf;

  const textOf = ({ at, parts }) =>
    [
      `${labelOf(at)}: ${count(sumOf(parts))}`,
      ...series
        .filter(({ key }) => parts[key])
        .map(({ key, name }) => `${name.toLowerCase()} ${count(parts[key])}`),
    ].join(', ');

  function columnOf(column, x, width, y) {
    let below = 0;
    const rects = series.map(({ key }) => {
      const value = column.parts[key] ?? 0;
      const top = y(below + value);
      const height = y(below) - top;
      below += value;
      return value > 0 && s('rect', { class: key, x, width, y: top, height });
    });
    const ground = s('rect', { class: 'ground', x, width, y: MARGIN.top, height: bottom - MARGIN.top });
    return s('g', null, s('title', null, textOf(column)), ground, ...rects);
  }

  function draw(fresh = columns, write = labelOf) {
    [columns, labelOf] = [fresh, write];
    if (!columns.length) return;
    const width = Math.max(svg.clientWidth, 200) - MARGIN.left - MARGIN.right;
    const most = ceilingOf(Math.max(...columns.map(({ parts }) => sumOf(parts))));
    const step = width / columns.length;
    const y = (value) => bottom - (value / most) * (bottom - MARGIN.top);
    const grid = [0, most / 2, most].flatMap((value) => [
      s('path', { class: 'grid', d: `M${MARGIN.left} ${y(value)}h${width}` }),
      s('text', { x: MARGIN.left - 6, y: y(value) + 4, 'text-anchor': 'end' }, count(value)),
    ]);
    const times = [
      [0, 'start', MARGIN.left],
      [Math.floor(columns.length / 2), 'middle', MARGIN.left + width / 2],
      [columns.length - 1, 'end', MARGIN.left + width],
    ].map(([index, anchor, x]) =>
      s('text', { x, y: HEIGHT - 4, 'text-anchor': anchor }, labelOf(columns[index].at)),
    );
    const bodies = columns.map((column, index) =>
      columnOf(column, MARGIN.left + index * step + step * 0.1, step * 0.8, y),
    );
    svg.replaceChildren(...grid, ...times, ...bodies);
    const all = columns.reduce((total, { parts }) => total + sumOf(parts), 0);
    svg.setAttribute('aria-label', `${label}: ${count(all)} in all; last ${textOf(columns.at(-1))}`);
  }

  const observer = new ResizeObserver(() => draw());
  observer.observe(svg);
  return {
    element: h('div', null, legendOf(series), svg),
    draw,
    close: () => observer.disconnect(),
  };
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
