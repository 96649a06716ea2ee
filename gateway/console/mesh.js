// What the mesh is made of, and how far behind its consumers are.

import { get, wasLeft } from './api.js';
import { bar } from './charts.js';
import { card, fail, h, loading, patchChildren, repeat, stateLine, table } from './dom.js';
import { bytes, count, duration, when } from './format.js';

const REFRESH_MS = 3000;

const sum = (list, key) => list.reduce((total, one) => total + one[key], 0);

const lagOf = ({ pending, ackPending }) => pending + ackPending;

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
      { name: 'Readers waiting', numeric: true, cell: ({ waiting }) => count(waiting) },
      { name: 'Last active', cell: ({ lastActiveAt }) => when(lastActiveAt) },
    ],
    [...consumers].sort((a, b) => lagOf(b) - lagOf(a)),
  );
}

// One row a service; its processes share the work.
function servicesTable(processes) {
  const names = [...new Set(processes.map(({ name }) => name))];
  const rows = names.map((name) => {
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
        cell: ({ name, own }) => [
          h('strong', null, name),
          h('small', { class: 'clip' }, own[0].description),
        ],
      },
      { name: 'Processes', numeric: true, cell: ({ own }) => count(own.length) },
      {
        name: 'Version',
        cell: ({ own }) => [...new Set(own.map(({ version }) => version))].join(', '),
      },
      { name: 'Running since', cell: ({ own }) => when(own[0].started) },
      { name: 'Requests', numeric: true, cell: ({ requests }) => count(requests) },
      {
        name: 'Errors',
        numeric: true,
        cell: ({ errors }) => h(errors ? 'strong' : 'span', null, count(errors)),
      },
      {
        name: 'Average',
        numeric: true,
        cell: ({ averageMs }) => (averageMs === undefined ? '–' : duration(averageMs)),
      },
    ],
    rows,
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
  const boxes = Object.fromEntries(
    ['consumers', 'services', 'endpoints', 'streams'].map((name) => [
      name,
      h('div', null, loading(name)),
    ]),
  );

  async function refresh() {
    try {
      const it = await get('/api/v1/admin/mesh', signal);
      const behind = it.consumers.reduce((total, one) => total + lagOf(one), 0);
      summary.textContent = `${count(it.services.length)} processes answer. ${behind ? `Consumers are ${count(behind)} messages behind.` : 'All consumers have caught up.'}`;
      patchChildren(boxes.consumers, [lagTable(it.consumers)]);
      patchChildren(boxes.services, [
        it.services.length ? servicesTable(it.services) : stateLine('No service answers.', 'error'),
      ]);
      patchChildren(boxes.endpoints, [endpointsTable(it.services)]);
      patchChildren(boxes.streams, [streamsTable(it.streams)]);
    } catch (error) {
      if (wasLeft(error)) return;
      summary.textContent = '';
      fail(boxes.services, error, refresh);
      for (const name of ['consumers', 'endpoints', 'streams'])
        boxes[name].replaceChildren(stateLine('–'));
    }
  }

  main.append(
    h('div', { class: 'view-head' }, h('h1', { tabindex: '-1' }, 'Mesh'), summary),
    card('Services', {}, boxes.services),
    card('Consumer lag', {}, boxes.consumers),
    h(
      'div',
      { class: 'columns even' },
      h('div', { class: 'column' }, card('Streams', {}, boxes.streams)),
      h('div', { class: 'column' }, card('Endpoints asked so far', {}, boxes.endpoints)),
    ),
  );
  repeat(REFRESH_MS, refresh, signal);
}
