// What one order waits for, why it does not go on, and its dead letters.

import { get, wasLeft } from './api.js';
import { card, fail, h, patchChildren, repeat, table } from './dom.js';
import { count, entryLink, pill, when, words } from './format.js';

const REFRESH_MS = 3000;
const SOON_MS = 400; // most steps are taken within it
const PASSING_MS = 5000;
const PASSING = ['under_way', 'at_work', 'consumer_behind', 'dlq_silent'];

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

// `element` is out of sight while there is nothing to tell. Tells "found" with each look, whose document
// is then `found`; null once it has ended, and for who may not ask, since this is for operators.
export function diagnose(orderId, signal) {
  const finding = new EventTarget();
  const box = h('div', { class: 'finding' });
  let hasEnded = false,
    timer;

  const take = (found) => {
    finding.found = found;
    finding.dispatchEvent(new Event('found'));
  };

  async function look() {
    if (hasEnded || signal.aborted) return;
    try {
      const found = await get(`/api/v1/admin/orders/${orderId}/diagnosis`, signal);
      hasEnded = found.cause === 'ended';
      finding.element.hidden = (hasEnded || isPassing(found)) && !found.deadLetters?.length;
      patchChildren(box, parts(found).filter(Boolean));
      take(hasEnded ? null : found);
    } catch (error) {
      if (wasLeft(error)) return;
      if (error.status === 503) fail(box, error);
      else finding.element.hidden = true;
      take(null);
    }
  }

  finding.element = card('What holds it', { hidden: true }, box);
  finding.found = null;
  // After a step, for the next one.
  finding.lookSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(look, SOON_MS);
  };
  repeat(REFRESH_MS, look, signal);
  return finding;
}
