// The mesh as a picture: who publishes into which stream, who reads it, what flows, and where it backs
// up. Each box is a link that chooses it; the tables below it say the same in figures.

import { queryOf } from './api.js';
import { h, patchChildren, s } from './dom.js';
import { count, rateOf } from './format.js';
import { BEHIND, heldBy, lagOf, serviceOf, stuckAt, system } from './system.js';

const ROW = 60;
const BOX = 44;
const NARROW = 560; // below it publishers are named in the streams' boxes
const SPREAD = 9; // between the ends of two links at a box

const sum = (list, key) => list.reduce((total, one) => total + (one[key] ?? 0), 0);

/* --- what there is --- */

// Dead letters are shown where they died, and not as streams.
const isShown = ({ name }, consumers) =>
  !name.endsWith('_DLQ') && consumers.some(({ stream }) => stream === name);

// All of a stream that one service reads, by however many consumers.
function readingOf(stream, service, { consumers, held }) {
  const own = consumers.filter((one) => one.stream === stream && serviceOf(one) === service);
  const lag = own.reduce((total, one) => total + lagOf(one), 0);
  const perSecond = sum(own, 'perSecond');
  const isBad =
    own.some((one) => one.pausedUntil || stuckAt(one)) ||
    (lag > 0 && (held.has(service) || system.away.some(({ name }) => name === service)));
  return {
    stream,
    service,
    lag,
    perSecond,
    kind: isBad ? 'bad' : lag >= BEHIND ? 'wait' : perSecond > 0 ? 'flow' : 'idle',
  };
}

// The mean place of what a box is linked with, so that few links cross.
const byPlace = (placesOf) => (a, b) => placesOf(a) - placesOf(b) || a.localeCompare(b);
const mean = (places) => places.reduce((total, one) => total + one, 0) / Math.max(places.length, 1);

function graphOf({ services, streams, consumers }) {
  const held = new Map(heldBy(services));
  const shown = streams.filter((one) => isShown(one, consumers));
  const readers = (name) =>
    new Set(consumers.filter(({ stream }) => stream === name).map(serviceOf));
  // Those that many read come first, and those of no service last.
  const weightOf = ({ name, from }) => (from.length ? readers(name).size : 0);
  const names = shown
    .toSorted((a, b) => weightOf(b) - weightOf(a) || a.name.localeCompare(b.name))
    .map(({ name }) => name);
  const place = (name) => names.indexOf(name);
  const readings = names.flatMap((stream) =>
    [...readers(stream)].map((service) => readingOf(stream, service, { consumers, held })),
  );
  const sourcesOf = (name) => shown.find((one) => one.name === name).from;
  return {
    streams: names.map((name) => shown.find((one) => one.name === name)),
    readings,
    services: [...new Set(readings.map(({ service }) => service))].sort(
      byPlace((name) =>
        mean(readings.filter((one) => one.service === name).map(({ stream }) => place(stream))),
      ),
    ),
    publishers: [...new Set(names.flatMap(sourcesOf))].sort(
      byPlace((name) => mean(names.filter((one) => sourcesOf(one).includes(name)).map(place))),
    ),
    processes: (name) => services.filter((one) => one.name === name).length,
    held,
  };
}

/* --- boxes --- */

const lines = (...texts) => texts.filter(Boolean).join(' · ');

function serviceBox(graph, name) {
  const lag = sum(
    graph.readings.filter(({ service }) => service === name),
    'lag',
  );
  const processes = graph.processes(name);
  const dead = sum(
    system.counts.filter(({ consumer }) => serviceOf({ name: consumer }) === name),
    'dead',
  );
  const isAway = system.away.some((one) => one.name === name);
  const isHeld = graph.held.has(name);
  const text = isAway
    ? 'not answering'
    : isHeld
      ? 'not ready'
      : `${count(processes)} ${processes === 1 ? 'process' : 'processes'}`;
  return {
    choice: { service: name },
    name,
    text: lines(text, lag > 0 && `${count(lag)} wait`),
    mark: dead > 0 ? `${count(dead)} dead` : '',
    kind: isAway || isHeld ? 'bad' : '',
  };
}

const streamBox = ({ name, messages, perSecond, from }, isNarrow) => ({
  choice: { stream: name },
  name,
  text: isNarrow
    ? lines(perSecond === undefined ? '' : `${rateOf(perSecond)}/s`, from.join(', '))
    : lines(`${count(messages)} kept`, perSecond === undefined ? '' : `${rateOf(perSecond)}/s`),
  kind: 'stream',
});

const publisherBox = (graph, name) => {
  const processes = graph.processes(name);
  return {
    choice: { service: name },
    name,
    text: `${count(processes)} ${processes === 1 ? 'process' : 'processes'}`,
    kind: processes ? '' : 'bad',
  };
};

const isChosen = (box, chosen) =>
  Object.entries(box.choice).every(([key, value]) => chosen[key] === value);

function drawBox(box, { x, y, width }, { chosen, isDim }) {
  const isOwn = isChosen(box, chosen);
  const href = isOwn ? '#/mesh' : `#/mesh${queryOf(box.choice)}`;
  return s(
    'a',
    {
      href,
      class: `box ${box.kind} ${isDim ? 'dim' : ''}`,
      'aria-current': isOwn && 'true',
    },
    s('rect', { x, y: y - BOX / 2, width, height: BOX, rx: 8 }),
    s('text', { x: x + 10, y: y - 3, class: 'name' }, box.name),
    ' ', // which is heard, not seen
    s('text', { x: x + 10, y: y + 13 }, box.text),
    ' ',
    box.mark && s('text', { x: x + width - 8, y: y - 3, class: 'mark', 'text-anchor': 'end' }, box.mark),
  );
}

/* --- links --- */

const widthOf = (perSecond = 0) => 1.5 + Math.min(5, 1.6 * Math.log10(1 + perSecond));

function drawLink({ from, to, kind, perSecond, lag, text }, isDim) {
  const middle = (from.x + to.x) / 2;
  const d = `M${from.x} ${from.y}C${middle} ${from.y} ${middle} ${to.y} ${to.x} ${to.y}`;
  return s(
    'g',
    { class: `link ${kind} ${isDim ? 'dim' : ''}`, 'aria-hidden': 'true' },
    s('title', null, text),
    s('path', { d, 'stroke-width': widthOf(perSecond) }),
    lag > 0 && s('text', { x: to.x - 6, y: to.y + 3.5, 'text-anchor': 'end' }, count(lag)),
  );
}

/* --- the whole --- */

function columnsOf(width) {
  const isNarrow = width < NARROW;
  const box = isNarrow ? Math.min(150, width * 0.41) : Math.min(210, width * 0.24);
  return {
    isNarrow,
    box,
    publishers: 0,
    streams: isNarrow ? 0 : (width - box) / 2,
    services: width - box,
  };
}

function draw(svg, mesh, chosen) {
  const graph = graphOf(mesh);
  const width = Math.max(svg.clientWidth, 280);
  const at = columnsOf(width);
  const rows = Math.max(graph.streams.length, graph.services.length, graph.publishers.length);
  const height = rows * ROW;
  const yOf = (list, item) => ((list.indexOf(item) + 0.5) * height) / list.length;
  const names = graph.streams.map(({ name }) => name);

  const hasChoice = Boolean(chosen.service || chosen.stream);
  const isWanted = ({ service, stream }) => chosen.service === service || chosen.stream === stream;
  const written = at.isNarrow
    ? []
    : graph.streams.flatMap(({ name, from, perSecond }) =>
        from.map((service) => ({ service, stream: name, perSecond: perSecond / from.length })),
      );
  const wanted = [...written, ...graph.readings].filter(isWanted);
  const isDim = (key, name) =>
    hasChoice && chosen[key] !== name && !wanted.some((one) => one[key] === name);

  const writeLinks = written.map((one) => ({
    ...one,
    kind: one.perSecond > 0 ? 'flow' : 'idle',
    text: `${one.service} publishes into ${one.stream}`,
    from: { x: at.publishers + at.box, y: yOf(graph.publishers, one.service) },
    to: { x: at.streams, y: yOf(names, one.stream) },
  }));
  const readLinks = graph.readings.map((one) => {
    const own = graph.readings.filter(({ service }) => service === one.service);
    const offset = (own.indexOf(one) - (own.length - 1) / 2) * SPREAD;
    return {
      ...one,
      text: `${one.service} reads ${one.stream}: ${rateOf(one.perSecond)} a second, ${count(one.lag)} wait`,
      from: { x: at.streams + at.box, y: yOf(names, one.stream) },
      to: { x: at.services, y: yOf(graph.services, one.service) + offset },
    };
  });
  const boxes = [
    ...(at.isNarrow ? [] : graph.publishers).map((name) =>
      drawBox(
        publisherBox(graph, name),
        { x: at.publishers, y: yOf(graph.publishers, name), width: at.box },
        { chosen, isDim: isDim('service', name) },
      ),
    ),
    ...graph.streams.map((one) =>
      drawBox(
        streamBox(one, at.isNarrow),
        { x: at.streams, y: yOf(names, one.name), width: at.box },
        { chosen, isDim: isDim('stream', one.name) },
      ),
    ),
    ...graph.services.map((name) =>
      drawBox(
        serviceBox(graph, name),
        { x: at.services, y: yOf(graph.services, name), width: at.box },
        { chosen, isDim: isDim('service', name) },
      ),
    ),
  ];
  svg.setAttribute('height', height);
  patchChildren(svg, [
    ...[...writeLinks, ...readLinks].map((one) => drawLink(one, hasChoice && !isWanted(one))),
    ...boxes,
  ]);
}

const legend = () =>
  h(
    'p',
    { class: 'hint legend' },
    [
      ['flow', 'flows, the more the wider'],
      ['wait', 'behind'],
      ['bad', 'stands still'],
    ].map(([kind, text]) =>
      h(
        'span',
        null,
        s(
          'svg',
          { width: 26, height: 8, class: `link ${kind}`, 'aria-hidden': 'true' },
          s('path', { d: 'M0 4H26', 'stroke-width': 3 }),
        ),
        text,
      ),
    ),
    h('span', null, 'Figures at the lines: messages that wait. Press a box to look at it alone.'),
  );

// show(mesh, chosen): `chosen` has a `service` or a `stream`, or neither.
export function meshPicture(signal) {
  const svg = s('svg', { class: 'picture', role: 'group', 'aria-label': 'The mesh' });
  let last;
  const observer = new ResizeObserver(() => last && draw(svg, ...last));
  observer.observe(svg);
  signal.addEventListener('abort', () => observer.disconnect());
  return {
    element: h('div', null, legend(), svg),
    show(mesh, chosen) {
      last = [mesh, chosen];
      draw(svg, mesh, chosen);
    },
  };
}
