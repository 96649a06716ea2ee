// What could not be processed: by reason, by consumer, and one by one.

import { get, queryOf, wasLeft } from './api.js';
import { choice, choiceColumn } from './choice.js';
import { filterOfGroup, groupsTable, keyOfGroup } from './dead-groups.js';
import { card, fail, field, h, loading, patchChildren, repeat, stateLine, table } from './dom.js';
import { count, entryLink, pill, when, words, zone } from './format.js';
import { bulkDialog, byFilter, byGroups, byIds, jobsCard } from './jobs.js';
import { filterBox, filterForm, filterOf, orderField, valuesOf } from './orders.js';
import { countDead } from './system.js';

const PAGE = 50;
const PAGE_MORE = 200;
const REFRESH_MS = 4000;
const STREAMS = ['COMMANDS', 'ORDERS', 'INVENTORY', 'PAYMENTS', 'SHIPPING', 'NOTIFICATIONS'];
const REASONS = ['rejected', 'max_deliveries', 'no_report'];
const STATUSES = ['dead', 'replaying', 'replayed', 'resolved', 'discarded', 'any'];
const COUNTED = ['dead', 'replayed', 'resolved', 'discarded']; // the second with those replaying
const FILTER = ['stream', 'consumer', 'reason', 'code', 'error', 'type', 'orderId', 'status', 'from', 'to'];

const options = (first, names) => [['', first], ...names.map((name) => [name, words(name)])];

const times = (number) => (number === 2 ? 'twice' : `${count(number)} times`);

// The list that an entry was opened from.
let address = '#/dead-letters';
export const listAddress = () => address;

/* --- counts --- */

const countsTable = (streams) =>
  table(
    'Dead letters by consumer',
    [
      {
        name: 'Consumer',
        cell: ({ stream, consumer }) =>
          h(
            'a',
            { href: `#/dead-letters${queryOf({ stream, consumer, status: 'any' })}` },
            `${stream} / ${consumer}`,
          ),
      },
      ...COUNTED.map((key) => ({
        name: words(key),
        numeric: true,
        cell: (row) => h(row[key] && key === 'dead' ? 'strong' : 'span', null, count(row[key])),
      })),
    ],
    streams,
  );

// How many there are like `filter`, where the counts tell that; undefined elsewhere.
function totalOf(streams, { stream, consumer, status, ...others }) {
  const keys = status === 'any' ? COUNTED : COUNTED.filter((key) => key === (status || 'dead'));
  if (!keys.length || status === 'replayed' || Object.values(others).some(Boolean))
    return undefined;
  return streams
    .filter((one) => (!stream || one.stream === stream) && (!consumer || one.consumer === consumer))
    .reduce((total, one) => keys.reduce((sum, key) => sum + one[key], total), 0);
}

/* --- the view --- */

const entriesTable = (entries) =>
  table(
    'Dead letters',
    [
      choiceColumn(
        ({ id, status }) => (status === 'dead' ? id : ''),
        ({ id }) => id,
      ),
      {
        name: 'Failed',
        cell: ({ id, failedAt }) =>
          h(
            'a',
            { href: entryLink(id) },
            when(failedAt),
            h('span', { class: 'unseen' }, `, ${id}`),
          ),
      },
      { name: 'Consumer', cell: ({ stream, consumer }) => `${stream} / ${consumer}` },
      { name: 'Subject', cell: ({ subject }) => h('code', null, subject) },
      {
        name: 'Why',
        cell: ({ reason, errorCode, error }) => [
          words(reason),
          errorCode && ` · ${errorCode}`,
          h('small', { class: 'clip', title: error }, error),
        ],
      },
      {
        name: 'Status',
        cell: ({ status, generation }) => [
          pill(status),
          generation > 1 && h('small', null, ` failed ${times(generation)}`),
        ],
      },
      { name: 'Deliveries', numeric: true, cell: ({ deliveries }) => count(deliveries) },
    ],
    entries,
  );

// Consumers are not known before they are counted, but for the one that is asked for.
function consumerField(query) {
  const element = field('Consumer', 'consumer', {}, [['', 'Any']]);
  const select = element.querySelector('select');
  const known = new Set();
  const offer = (names) => {
    for (const name of [...new Set(names)].filter((one) => one && !known.has(one)).sort()) {
      known.add(name);
      select.append(h('option', { value: name }, name));
    }
  };
  offer([query.get('consumer')]);
  return { element, offer };
}

const filterFields = (consumer) => [
  field('Stream', 'stream', {}, [['', 'Any'], ...STREAMS.map((name) => [name, name])]),
  consumer,
  field('Reason', 'reason', {}, options('Any', REASONS)),
  field('Error code', 'code', { autocomplete: 'off', maxlength: 64, placeholder: 'INVALID' }),
  field('Error like', 'error', { autocomplete: 'off', maxlength: 200 }),
  field('Event type', 'type', {
    autocomplete: 'off',
    maxlength: 128,
    placeholder: 'io.ordermesh.order.created',
  }),
  orderField(),
  field('Status', 'status', {}, [
    ['', 'Dead'],
    ...STATUSES.slice(1).map((name) => [name, words(name)]),
  ]),
  field(`Failed from\u00a0(${zone()})`, 'from', { type: 'datetime-local' }),
  field(`Failed before\u00a0(${zone()})`, 'to', { type: 'datetime-local' }),
];

// What is done with all that is chosen, at the page's lower end while there is something.
function choiceBar(act, clear) {
  const text = h('strong', { role: 'status' });
  const buttons = [
    h('button', { type: 'button', class: 'primary', onclick: () => act('replay') }, 'Replay…'),
    h('button', { type: 'button', onclick: () => act('discard') }, 'Discard…'),
    h('button', { type: 'button', onclick: clear }, 'Choose none'),
  ];
  const element = h(
    'section',
    { class: 'choice-bar', hidden: true, 'aria-label': 'What is chosen' },
    text,
    h('div', { class: 'actions' }, buttons),
  );
  return {
    element,
    show(what) {
      text.textContent = what;
      element.hidden = !what;
    },
  };
}

export function deadLetters(main, { query, signal }) {
  const filter = filterOf(query, FILTER);
  const trouble = h('div', null);
  const list = h('div', { class: 'list' }, loading('dead letters'));
  const extent = h('p', { class: 'hint' });
  const kinds = h('div', null, loading('reasons'));
  const totals = h('div', null, loading('counts'));
  const more = h(
    'button',
    { type: 'button', hidden: true, onclick: () => load(next) },
    'Show more',
  );
  const jobs = jobsCard(signal, refresh);
  const consumer = consumerField(query);
  const form = filterForm('dead-letters', query, filterFields(consumer.element));
  const isOfDead = ['', 'dead'].includes(filter.status);
  const rows = choice(list, onChosen);
  const reasons = choice(kinds, onChosen);
  const bar = choiceBar(act, clear);
  let shown = [],
    groups = [],
    counts = [],
    next,
    pages = 1;

  /* --- choosing --- */

  const chosenGroups = () => groups.filter((one) => reasons.keys.has(keyOfGroup(one)));

  function onChosen() {
    const letters = chosenGroups().reduce((total, one) => total + one.count, 0) + rows.keys.size;
    bar.show(letters ? `${count(letters)} dead ${letters === 1 ? 'letter' : 'letters'} chosen` : '');
  }

  function clear() {
    rows.clear();
    reasons.clear();
    refresh();
  }

  // Rows of a group that is chosen, too, are taken by whichever job comes first, once.
  function act(name) {
    const work = [];
    if (reasons.keys.size) work.push(byGroups(chosenGroups().map(filterOfGroup)));
    if (rows.keys.size) work.push(byIds([...rows.keys]));
    const { by } = work[0];
    const bodies = work.flatMap((one) => one.bodies);
    const text = work.map((one) => one.text).join(' and ');
    bulkDialog(name, { by, bodies, text }, (begun) => (clear(), jobs.begun(begun)), signal);
  }

  /* --- what is shown --- */

  // Counted a moment after they were listed: the two may differ.
  function showExtent() {
    const total = next && totalOf(counts, filter);
    const of = total > shown.length ? ` of ${count(total)}` : '';
    const still = rows.isHeld() ? '; they stay as they are while you choose' : '';
    extent.textContent = `${count(shown.length)}${of} shown, ${next ? 'more below' : 'all there are'}${still}`;
    extent.hidden = !shown.length;
  }

  function show() {
    const none = FILTER.some((name) => filter[name])
      ? stateLine('No dead letter is like that.')
      : stateLine('No dead letters: everything has been processed.', 'good');
    patchChildren(list, [shown.length ? entriesTable(shown) : none]);
    rows.show();
    showExtent();
    more.hidden = !next;
    trouble.replaceChildren();
  }

  async function load(cursor) {
    try {
      const limit = cursor ? PAGE_MORE : PAGE;
      const page = await get(`/api/v1/admin/dlq${queryOf({ ...filter, limit, cursor })}`, signal);
      if (!cursor && rows.isHeld()) return;
      if (cursor) pages++;
      shown = cursor ? [...shown, ...page.entries] : page.entries;
      next = page.nextCursor;
      show();
    } catch (error) {
      if (wasLeft(error)) return;
      fail(trouble, error, () => load(cursor));
      if (!shown.length) list.replaceChildren();
    }
  }

  async function loadGroups() {
    try {
      const found = await get(`/api/v1/admin/dlq/groups${queryOf(filter)}`, signal);
      if (reasons.isHeld()) return;
      groups = found.groups;
      const { status, from, to } = Object.fromEntries(query);
      patchChildren(kinds, [
        groups.length
          ? groupsTable(groups, { more: { status, from, to }, isChoosable: isOfDead })
          : stateLine(isOfDead ? 'Nothing is dead.' : 'Nothing is like that.'),
      ]);
      reasons.show();
    } catch (error) {
      if (!wasLeft(error)) fail(kinds, error);
    }
  }

  async function loadCounts() {
    try {
      counts = await countDead(signal);
      consumer.offer(counts.map((one) => one.consumer));
      patchChildren(totals, [
        counts.length ? countsTable(counts) : stateLine('Nothing was ever given up.', 'good'),
      ]);
      showExtent();
    } catch (error) {
      if (!wasLeft(error)) fail(totals, error);
    }
  }

  // Whoever has gone on to a second page reads, and is not disturbed, nor is who chooses.
  async function refresh() {
    if (pages === 1 && !rows.isHeld()) await load();
    if (!reasons.isHeld()) await loadGroups();
    await loadCounts();
  }

  /* --- by filter --- */

  // By the fields as they stand, whether they were shown or not.
  const bulkButton = (name, text, attributes) =>
    h(
      'button',
      {
        type: 'button',
        'aria-describedby': 'only-dead',
        ...attributes,
        onclick: () =>
          bulkDialog(name, byFilter(filterOf(valuesOf(form), FILTER)), jobs.begun, signal),
      },
      text,
    );

  const bulkButtons = [
    bulkButton('replay', 'Replay by this filter…', { class: 'primary' }),
    bulkButton('discard', 'Discard by this filter…'),
  ];
  const onlyDead = h('p', { class: 'hint', id: 'only-dead', role: 'status' });
  function allowBulk() {
    const isAllowed = ['', 'any'].includes(form.elements.status.value);
    for (const button of bulkButtons) button.disabled = !isAllowed;
    onlyDead.textContent = isAllowed ? '' : 'Only dead ones can be replayed or discarded.';
  }

  address = location.hash;
  form.addEventListener('input', allowBulk);
  allowBulk();
  main.append(
    h(
      'div',
      { class: 'view-head' },
      h('h1', { tabindex: '-1' }, 'Dead letters'),
      h('div', { class: 'actions' }, bulkButtons),
    ),
    onlyDead,
    h(
      'p',
      { class: 'hint' },
      'Messages that a consumer has given up. Replaying sends one again, to that consumer only.',
    ),
    jobs.current,
    card('By reason', {}, reasons.element, kinds),
    card('By consumer', {}, totals),
    h(
      'section',
      { class: 'card' },
      filterBox(form, query, signal),
      trouble,
      extent,
      rows.element,
      list,
      h('div', { class: 'actions' }, more),
    ),
    jobs.element,
    bar.element,
  );
  repeat(REFRESH_MS, refresh, signal);
}
