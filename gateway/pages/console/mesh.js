// What the mesh is made of, and how far behind its consumers are.

import { wasLeft } from './api.js';
import { bar } from './charts.js';
import { card, fail, h, loading, patchChildren, repeat, stateLine, table } from './dom.js';
import { bytes, count, duration, when } from './format.js';
import { lookAtMesh, serviceOf, system } from './system.js';

const REFRESH_MS = 3000;

const sum = (list, key) => list.reduce((total, one) => total + one[key], 0);

const lagOf = ({ pending, ackPending }) => pending + ackPending;

// Of a service that is away nobody reads; one that is busy may have no reader waiting, and be well.
const isUnread = (consumer) => system.away.some(({ name }) => name === serviceOf(consumer));

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
      { name: 'Redelivered', numeric: true, cell: ({ redelivered }) => count(redelivered) },
      {
        name: 'Readers waiting',
        numeric: true,
        cell: (one) => h('span', { class: isUnread(one) && 'pill failed' }, count(one.waiting)),
      },
      { name: 'Last active', cell: ({ lastActiveAt }) => when(lastActiveAt) },
    ],
    [...consumers].sort((a, b) => lagOf(b) - lagOf(a)),
  );
}

// One row a service; its processes share the work. First those that are away.
function servicesTable(processes) {
  const names = [...new Set(processes.map(({ name }) => name))];
  const away = system.away.map((one) => ({ ...one, own: [], isAway: true }));
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
    [...away, ...here],
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
      { name: 'Last message', cell: ({ lastAt }) => when(lastAt) },
    ],
    streams,
  );

export function mesh(main, { signal }) {
  const summary = h('p', { class: 'summary' });
  const trouble = h('div', null);
  let isFilled = false;
  const boxes = Object.fromEntries(
    ['consumers', 'services', 'endpoints', 'streams'].map((name) => [
      name,
      h('div', null, loading(name)),
    ]),
  );

  function show(it) {
    const behind = it.consumers.reduce((total, one) => total + lagOf(one), 0);
    patchChildren(summary, [
      h('span', null, `${count(it.services.length)} processes answer.`),
      h(
        'strong',
        { class: 'away' },
        system.away.map(({ name }) => ` ${name} does not answer.`),
      ),
      h(
        'span',
        null,
        behind
          ? ` Consumers are ${count(behind)} messages behind.`
          : ' All consumers have caught up.',
      ),
    ]);
    trouble.replaceChildren();
    patchChildren(boxes.services, [servicesTable(it.services)]);
    patchChildren(boxes.consumers, [lagTable(it.consumers)]);
    patchChildren(boxes.endpoints, [endpointsTable(it.services)]);
    patchChildren(boxes.streams, [streamsTable(it.streams)]);
    isFilled = true;
  }

  // What was shown stays, and is old.
  async function refresh() {
    try {
      show(await lookAtMesh(signal));
    } catch (error) {
      if (wasLeft(error)) return;
      summary.textContent = '';
      fail(trouble, error, refresh);
      if (isFilled) return;
      for (const box of Object.values(boxes)) box.replaceChildren(stateLine('–'));
    }
  }

  main.append(
    h('div', { class: 'view-head' }, h('h1', { tabindex: '-1' }, 'Mesh'), summary),
    trouble,
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
}
