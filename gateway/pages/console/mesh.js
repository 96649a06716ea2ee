// What the mesh is made of, and how far behind its consumers are: a picture, and the tables that explain it.

import { wasLeft } from './api.js';
import { bar } from './charts.js';
import { card, fail, h, loading, patchChildren, repeat, stateLine, table } from './dom.js';
import { ago, bytes, count, duration, rateOf, when } from './format.js';
import { meshPicture } from './mesh-picture.js';
import { countDead, heldBy, lagOf, lookAtMesh, serviceOf, stuckAt, system } from './system.js';

const REFRESH_MS = 3000;

const rateText = (perSecond) => (perSecond === undefined ? '–' : rateOf(perSecond));

const sum = (list, key) => list.reduce((total, one) => total + one[key], 0);

// Of a service that is away nobody reads; one that is busy may have no reader waiting, and be well.
const isUnread = (consumer) => system.away.some(({ name }) => name === serviceOf(consumer));

const LONG = 10; // seconds until it has caught up

function stateOf(consumer) {
  const at = stuckAt(consumer);
  if (consumer.pausedUntil) return h('small', { class: 'away' }, ' paused until ', when(consumer.pausedUntil));
  if (at) return h('small', { class: 'away' }, ' none done, noticed ', ago(at));
  const left = lagOf(consumer) / consumer.perSecond;
  return left > LONG && Number.isFinite(left) && h('small', null, ` about ${duration(left * 1000)} to go`);
}

// The longest first; where all have caught up, by name.
function lagTable(consumers) {
  const most = Math.max(...consumers.map(lagOf), 1);
  return table(
    'Consumers',
    [
      { name: 'Consumer', cell: ({ stream, name }) => `${stream} / ${name}` },
      { name: 'Subjects', cell: ({ filter }) => (filter ? h('code', null, filter) : 'all') },
      {
        name: 'Behind',
        numeric: true,
        cell: (one) => [
          h(lagOf(one) ? 'strong' : 'span', null, count(lagOf(one))),
          lagOf(one) > 0 && bar([{ to: lagOf(one) / most, kind: 'lag' }]),
          stateOf(one),
        ],
      },
      { name: 'Not delivered', numeric: true, cell: ({ pending }) => count(pending) },
      {
        name: 'At work',
        numeric: true,
        cell: ({ ackPending, maxAckPending }) =>
          h(
            'span',
            { title: maxAckPending && `at most ${count(maxAckPending)}` },
            count(ackPending),
          ),
      },
      { name: 'Done a second', numeric: true, cell: ({ perSecond }) => rateText(perSecond) },
      { name: 'Redelivered', numeric: true, cell: ({ redelivered }) => count(redelivered) },
      {
        name: 'Readers waiting',
        numeric: true,
        cell: (one) => h('span', { class: isUnread(one) && 'pill failed' }, count(one.waiting)),
      },
      { name: 'Last active', cell: ({ lastActiveAt }) => ago(lastActiveAt) },
    ],
    [...consumers].sort((a, b) => lagOf(b) - lagOf(a)),
  );
}

// One row a service; its processes share the work. First those that are away.
function servicesTable(processes, away) {
  const held = new Map(heldBy(processes));
  const names = [...new Set(processes.map(({ name }) => name))];
  const here = names.map((name) => {
    const own = processes.filter((one) => one.name === name);
    const endpoints = own.flatMap((one) => one.endpoints);
    const requests = sum(endpoints, 'requests');
    const spentMs = endpoints.reduce((total, one) => total + one.requests * one.averageMs, 0);
    return {
      name,
      own,
      requests,
      errors: sum(endpoints, 'errors'),
      averageMs: requests ? spentMs / requests : undefined,
    };
  });
  return table(
    'Services',
    [
      {
        name: 'Service',
        cell: ({ name, own, isAway, seenAt }) => [
          h('strong', null, name),
          isAway
            ? h('small', { class: 'clip away' }, 'Not answering, last seen ', when(seenAt))
            : h('small', { class: 'clip' }, own[0].description),
          held.has(name) && h('small', { class: 'clip away' }, `Not ready: ${held.get(name)}`),
        ],
      },
      {
        name: 'Processes',
        numeric: true,
        cell: ({ own, isAway }) => h('span', { class: isAway && 'pill failed' }, count(own.length)),
      },
      {
        name: 'Version',
        cell: ({ own }) => [...new Set(own.map(({ version }) => version))].join(', ') || '–',
      },
      { name: 'Running since', cell: ({ own }) => when(own[0]?.started) },
      { name: 'Requests', numeric: true, cell: ({ requests = 0 }) => count(requests) },
      {
        name: 'Errors',
        numeric: true,
        cell: ({ errors = 0 }) => h(errors ? 'strong' : 'span', null, count(errors)),
      },
      {
        name: 'Average',
        numeric: true,
        cell: ({ averageMs }) => (averageMs === undefined ? '–' : duration(averageMs)),
      },
    ],
    [...away.map((one) => ({ ...one, own: [], isAway: true })), ...here],
  );
}

const endpointsTable = (processes) =>
  table(
    'Endpoints',
    [
      { name: 'Subject', cell: ({ subject }) => h('code', null, subject) },
      { name: 'Requests', numeric: true, cell: ({ requests }) => count(requests) },
      { name: 'Errors', numeric: true, cell: ({ errors }) => count(errors) },
      {
        name: 'Average',
        numeric: true,
        cell: ({ requests, averageMs }) => (requests ? duration(averageMs) : '–'),
      },
      { name: 'Last error', cell: ({ lastError }) => lastError ?? '–' },
    ],
    processes
      .flatMap(({ endpoints }) => endpoints)
      .filter(({ requests }) => requests)
      .sort((a, b) => b.requests - a.requests),
  );

const streamsTable = (streams) =>
  table(
    'Streams',
    [
      { name: 'Stream', cell: ({ name }) => name },
      { name: 'Messages', numeric: true, cell: ({ messages }) => count(messages) },
      { name: 'Size', numeric: true, cell: (stream) => bytes(stream.bytes) },
      { name: 'Last sequence', numeric: true, cell: ({ lastSequence }) => count(lastSequence) },
      { name: 'A second', numeric: true, cell: ({ perSecond }) => rateText(perSecond) },
      { name: 'Last message', cell: ({ lastAt }) => ago(lastAt) },
    ],
    streams,
  );

// What of the mesh is chosen; all of it where nothing is.
function partOf(it, { service, stream }) {
  const consumers = it.consumers.filter(
    (one) => (!service || serviceOf(one) === service) && (!stream || one.stream === stream),
  );
  const isOf = (name) =>
    (!service || name === service) && (!stream || consumers.some((one) => serviceOf(one) === name));
  return {
    consumers,
    services: it.services.filter(({ name }) => isOf(name)),
    away: system.away.filter(({ name }) => isOf(name)),
    streams: it.streams.filter(
      ({ name, from }) =>
        (!stream || name === stream || name === `${stream}_DLQ`) &&
        (!service || from.includes(service) || consumers.some((one) => one.stream === name)),
    ),
  };
}

const choiceOf = (query) => ({ service: query.get('service'), stream: query.get('stream') });

export function mesh(main, { query, signal }) {
  const summary = h('p', { class: 'summary' });
  const trouble = h('div', null);
  const only = h('p', { class: 'hint', role: 'status' });
  const picture = meshPicture(signal);
  let chosen = choiceOf(query),
    last;
  const boxes = Object.fromEntries(
    ['consumers', 'services', 'endpoints', 'streams'].map((name) => [
      name,
      h('div', null, loading(name)),
    ]),
  );

  function showSummary(it) {
    const behind = it.consumers.reduce((total, one) => total + lagOf(one), 0);
    patchChildren(summary, [
      h('span', null, `${count(it.services.length)} processes answer.`),
      h(
        'strong',
        { class: 'away' },
        system.away.map(({ name }) => ` ${name} does not answer.`),
        heldBy(it.services).map(([name]) => ` ${name} is not ready.`),
      ),
      h(
        'span',
        null,
        behind
          ? ` Consumers are ${count(behind)} messages behind.`
          : ' All consumers have caught up.',
      ),
    ]);
  }

  function show() {
    const part = partOf(last, chosen);
    const name = chosen.service ?? chosen.stream;
    picture.show(last, chosen);
    showSummary(last);
    patchChildren(
      only,
      name ? ['The tables show only what has to do with ', h('strong', null, name), '. ', h('a', { href: '#/mesh' }, 'Show all')] : [],
    );
    trouble.replaceChildren();
    patchChildren(boxes.services, [servicesTable(part.services, part.away)]);
    patchChildren(boxes.consumers, [lagTable(part.consumers)]);
    patchChildren(boxes.endpoints, [endpointsTable(part.services)]);
    patchChildren(boxes.streams, [streamsTable(part.streams)]);
  }

  // What was shown stays, and is old.
  async function refresh() {
    try {
      [last] = await Promise.all([lookAtMesh(signal), countDead(signal)]);
      show();
    } catch (error) {
      if (wasLeft(error)) return;
      summary.textContent = '';
      fail(trouble, error, refresh);
      if (last) return;
      for (const box of Object.values(boxes)) box.replaceChildren(stateLine('–'));
    }
  }

  main.append(
    h('div', { class: 'view-head' }, h('h1', { tabindex: '-1' }, 'Mesh'), summary),
    trouble,
    card('What flows', {}, picture.element),
    only,
    card('Services', {}, boxes.services),
    card('Consumer lag', {}, boxes.consumers),
    h(
      'div',
      { class: 'columns even' },
      h('div', { class: 'column' }, card('Streams', {}, boxes.streams)),
      h('div', { class: 'column' }, card('Requests to services', {}, boxes.endpoints)),
    ),
  );
  repeat(REFRESH_MS, refresh, signal);
  return (wanted) => {
    chosen = choiceOf(wanted);
    if (last) show();
  };
}
