// What could not be processed, by filter.

import { get, queryOf, wasLeft } from './api.js';
import { card, fail, field, h, loading, patchChildren, repeat, stateLine, table } from './dom.js';
import { count, pill, when, words } from './format.js';
import { filterForm, filterOf } from './orders.js';
import { jobsCard, replayDialog } from './replay-jobs.js';

const PAGE = 50;
const REFRESH_MS = 4000;
const STREAMS = ['ORDERS', 'INVENTORY', 'PAYMENTS', 'SHIPPING', 'NOTIFICATIONS'];
const REASONS = ['rejected', 'max_deliveries', 'no_report'];
const STATUSES = ['dead', 'replaying', 'replayed', 'resolved', 'discarded', 'any'];
const FILTER = ['stream', 'consumer', 'reason', 'code', 'type', 'status', 'from', 'to'];

const options = (first, names) => [['', first], ...names.map((name) => [name, words(name)])];

export const entryLink = (id) => `#/dead-letters/${encodeURIComponent(id)}`;

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
      ...['dead', 'replayed', 'resolved', 'discarded'].map((key) => ({
        name: words(key),
        numeric: true,
        cell: (row) => h(row[key] && key === 'dead' ? 'strong' : 'span', null, count(row[key])),
      })),
    ],
    streams,
  );

/* --- the view --- */

const entriesTable = (entries) =>
  table(
    'Dead letters',
    [
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
          generation > 1 && h('small', null, ` generation ${generation}`),
        ],
      },
      { name: 'Tries', numeric: true, cell: ({ deliveries }) => count(deliveries) },
    ],
    entries,
  );

export function deadLetters(main, { query, signal }) {
  const filter = filterOf(query, FILTER);
  const list = h('div', { class: 'list' }, loading('dead letters'));
  const totals = h('div', null, loading('counts'));
  const more = h(
    'button',
    { type: 'button', hidden: true, onclick: () => load(next) },
    'Show more',
  );
  const jobs = jobsCard(signal);
  let shown = [],
    next,
    pages = 1;

  async function load(cursor) {
    try {
      const page = await get(
        `/api/v1/admin/dlq${queryOf({ ...filter, limit: PAGE, cursor })}`,
        signal,
      );
      if (cursor) pages++;
      shown = cursor ? [...shown, ...page.entries] : page.entries;
      next = page.nextCursor;
      patchChildren(list, [
        shown.length
          ? entriesTable(shown)
          : stateLine(
              FILTER.some((name) => filter[name])
                ? 'No dead letter is like that.'
                : 'No dead letters: everything has been processed.',
              'good',
            ),
      ]);
      more.hidden = !next;
    } catch (error) {
      if (!wasLeft(error)) fail(list, error, () => load(cursor));
    }
  }

  // Whoever has gone on to a second page reads, and is not disturbed.
  async function refresh() {
    if (pages === 1) await load();
    try {
      const { streams } = await get('/api/v1/admin/dlq/counts', signal);
      patchChildren(totals, [
        streams.length ? countsTable(streams) : stateLine('Nothing was ever given up.', 'good'),
      ]);
    } catch (error) {
      if (!wasLeft(error)) fail(totals, error);
    }
  }

  main.append(
    h(
      'div',
      { class: 'view-head' },
      h('h1', { tabindex: '-1' }, 'Dead letters'),
      h(
        'button',
        {
          type: 'button',
          class: 'primary',
          onclick: () => replayDialog(filter, jobs.refresh, signal),
        },
        'Replay by this filter…',
      ),
    ),
    h(
      'p',
      { class: 'hint' },
      'Messages that a consumer has given up. Replaying sends one again, to that consumer only.',
    ),
    h(
      'section',
      { class: 'card' },
      filterForm('dead-letters', query, [
        field('Stream', 'stream', {}, [['', 'Any'], ...STREAMS.map((name) => [name, name])]),
        field('Consumer', 'consumer', { autocomplete: 'off', maxlength: 64 }),
        field('Reason', 'reason', {}, options('Any', REASONS)),
        field('Error code', 'code', { autocomplete: 'off', maxlength: 64, placeholder: 'INVALID' }),
        field('Event type', 'type', {
          autocomplete: 'off',
          maxlength: 128,
          placeholder: 'io.ordermesh.order.created',
        }),
        field('Status', 'status', {}, [
          ['', 'Dead'],
          ...STATUSES.slice(1).map((name) => [name, words(name)]),
        ]),
        field('Failed from', 'from', { type: 'datetime-local' }),
        field('Failed before', 'to', { type: 'datetime-local' }),
      ]),
      list,
      h('div', { class: 'actions' }, more),
    ),
    h(
      'div',
      { class: 'columns even' },
      h('div', { class: 'column' }, card('By consumer', {}, totals)),
      h('div', { class: 'column' }, jobs.element),
    ),
  );
  repeat(REFRESH_MS, refresh, signal);
}
