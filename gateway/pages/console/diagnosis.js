// Why one order does not go on, and its dead letters; out of sight while there is nothing to tell.

import { get, wasLeft } from './api.js';
import { card, fail, h, patchChildren, repeat, table } from './dom.js';
import { count, entryLink, pill, when, words } from './format.js';

const REFRESH_MS = 3000;
const PASSING_MS = 5000;
const PASSING = ['under_way', 'at_work', 'consumer_behind'];

// What stands between backticks is to be typed.
const typed = (text) =>
  text.split('`').map((part, index) => (index % 2 ? h('code', { class: 'break' }, part) : part));

const consumersTable = (consumers) =>
  table(
    'Consumers on the way',
    [
      { name: 'Consumer', cell: ({ stream, name }) => `${stream} / ${name}` },
      { name: 'State', cell: ({ state }) => words(state) },
      {
        name: 'Waiting',
        numeric: true,
        cell: ({ waiting }) => (waiting === undefined ? '–' : count(waiting)),
      },
      {
        name: 'In hand',
        numeric: true,
        cell: ({ inHand }) => (inHand === undefined ? '–' : count(inHand)),
      },
      { name: 'Processes', numeric: true, cell: ({ processes }) => count(processes) },
    ],
    consumers,
  );

const deadTable = (entries) =>
  table(
    'Its dead letters',
    [
      {
        name: 'Failed',
        cell: ({ id, failedAt }) =>
          h('a', { href: entryLink(id) }, when(failedAt), h('span', { class: 'unseen' }, `, ${id}`)),
      },
      { name: 'Consumer', cell: ({ stream, consumer }) => `${stream} / ${consumer}` },
      {
        name: 'Why',
        cell: ({ reason, error }) => [
          words(reason),
          h('small', { class: 'clip', title: error }, error),
        ],
      },
      { name: 'Status', cell: ({ status }) => pill(status) },
    ],
    entries,
  );

const parts = (found) => [
  found.waitsFor &&
    h(
      'p',
      null,
      `It waits for ${found.waitsFor}`,
      found.since && [', since ', when(found.since)],
      '.',
    ),
  found.cause !== 'ended' && h('p', { class: 'why' }, h('strong', null, found.summary)),
  found.cause !== 'ended' && h('p', { class: 'hint' }, typed(found.whatToDo)),
  found.consumers.length && consumersTable(found.consumers),
  found.deadLetters?.length && h('h3', null, 'Dead letters'),
  found.deadLetters?.length && deadTable(found.deadLetters),
];

// Nobody needs to be told of what is done within seconds.
const isPassing = ({ cause, at, since }) =>
  PASSING.includes(cause) && Date.parse(at) - Date.parse(since) < PASSING_MS;

// For operators: to who may not ask, nothing is shown.
export function diagnosis(orderId, signal) {
  const box = h('div', { class: 'finding' });
  const element = card('What holds it', { hidden: true }, box);
  let hasEnded = false;

  async function look() {
    if (hasEnded) return;
    try {
      const found = await get(`/api/v1/admin/orders/${orderId}/diagnosis`, signal);
      hasEnded = found.cause === 'ended';
      element.hidden = (hasEnded || isPassing(found)) && !found.deadLetters?.length;
      patchChildren(box, parts(found).filter(Boolean));
    } catch (error) {
      if (wasLeft(error)) return;
      if (error.status === 503) fail(box, error);
      else element.hidden = true;
    }
  }

  repeat(REFRESH_MS, look, signal);
  return element;
}
