// What could not be processed: the list, and replaying many.

import { get, post, queryOf, wasLeft } from './api.js';
import {
  announce,
  card,
  failure,
  field,
  h,
  loading,
  patchChildren,
  repeat,
  stateLine,
  table,
} from './dom.js';
import { count, percent, pill, when, words } from './format.js';
import { filterForm, filterOf } from './orders.js';

const PAGE = 50;
const REFRESH_MS = 4000;
const JOBS_MS = 1000;
const IDLE_TURNS = 5;
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

/* --- jobs --- */

const isRunning = ({ state }) => state === 'running';
const filterText = (filter) =>
  Object.entries(filter)
    .map(([key, value]) => `${key} ${value}`)
    .join(', ') || 'all dead letters';

function jobRow(job, cancel) {
  const done = job.replayed + job.skipped + job.failed;
  return h(
    'li',
    { 'data-job': job.id, 'data-state': job.state },
    h(
      'div',
      { class: 'job-head' },
      pill(job.state),
      h('span', null, `Replay of ${filterText(job.filter)}`),
    ),
    h('progress', {
      max: Math.max(job.total, 1),
      value: job.total ? done : 1,
      'aria-label': `Progress: ${percent(done, job.total || 1)}`,
    }),
    h(
      'div',
      { class: 'job-foot' },
      h(
        'span',
        null,
        `${count(job.replayed)} of ${count(job.total)} replayed`,
        job.skipped ? `, ${count(job.skipped)} skipped` : '',
        job.failed ? `, ${count(job.failed)} failed` : '',
        ` · ${count(job.ratePerSecond)}/s · `,
        when(job.startedAt),
        job.actor ? ` · ${job.actor}` : '',
      ),
      isRunning(job) &&
        h(
          'button',
          { type: 'button', 'aria-label': 'Cancel this job', onclick: () => cancel(job) },
          'Cancel',
        ),
    ),
  );
}

// Keeps the list of jobs up while some run.
function jobsCard(signal) {
  const list = h('ul', { class: 'jobs' });
  const box = h('div', null, loading('jobs'));
  let known = '',
    wereRunning = new Set();

  async function cancel({ id }) {
    try {
      await post(`/api/v1/admin/dlq/jobs/${id}/cancel`, undefined, signal);
      announce('The job is cancelled');
      await refresh();
    } catch (error) {
      if (!wasLeft(error)) box.prepend(failure(error));
    }
  }

  async function refresh() {
    try {
      const { jobs } = await get('/api/v1/admin/dlq/jobs', signal);
      for (const job of jobs)
        if (!isRunning(job) && wereRunning.has(job.id))
          announce(`Replay ${job.state}: ${job.replayed} of ${job.total}`);
      wereRunning = new Set(jobs.filter(isRunning).map(({ id }) => id));
      const now = JSON.stringify(jobs);
      if (now === known) return;
      known = now;
      const focused = document.activeElement?.closest?.('[data-job]')?.dataset.job;
      list.replaceChildren(...jobs.slice(0, 10).map((job) => jobRow(job, cancel)));
      list.querySelector(`[data-job="${focused}"] button`)?.focus();
      box.replaceChildren(jobs.length ? list : stateLine('No replay by filter has been made.'));
    } catch (error) {
      if (!wasLeft(error)) box.replaceChildren(failure(error));
    }
  }

  // seldom while none runs
  let turn = 0;
  repeat(JOBS_MS, () => (wereRunning.size || turn++ % IDLE_TURNS === 0) && refresh(), signal);
  return { element: card('Replay jobs', {}, box), refresh };
}

/* --- replaying by filter --- */

// Asks how many it would be, and then for a yes.
function replayDialog(filter, onStarted, signal) {
  const { status, ...sent } = Object.fromEntries(
    Object.entries(filter).filter(([, value]) => value),
  );
  const matching = h('p', { role: 'status' }, 'Counting…');
  const rate = field('At most so many a second', 'ratePerSecond', {
    type: 'number',
    min: 1,
    max: 10000,
    value: 100,
    required: true,
  });
  const start = h('button', { type: 'submit', class: 'primary', disabled: true }, 'Replay');
  const trouble = h('div', null);
  const dialog = h(
    'dialog',
    { 'aria-labelledby': 'replay-title', onclose: () => dialog.remove() },
    h(
      'form',
      { onsubmit: submit },
      h('h2', { id: 'replay-title' }, 'Replay by filter'),
      h(
        'p',
        null,
        'Sends the messages again, each to the consumer that failed, for: ',
        h('strong', null, filterText(sent)),
        '.',
      ),
      matching,
      rate,
      trouble,
      h(
        'div',
        { class: 'actions' },
        start,
        h('button', { type: 'button', onclick: () => dialog.close() }, 'Close'),
      ),
    ),
  );

  async function countThem() {
    try {
      const answer = await post('/api/v1/admin/dlq/replay', { ...sent, dryRun: true }, signal);
      matching.textContent = `${count(answer.matching)} dead ${answer.matching === 1 ? 'letter matches' : 'letters match'}.`;
      start.textContent = `Replay ${count(answer.matching)}`;
      start.disabled = answer.matching === 0;
    } catch (error) {
      if (!wasLeft(error)) trouble.replaceChildren(failure(error));
    }
  }

  async function submit(event) {
    event.preventDefault();
    start.disabled = true;
    try {
      await post(
        '/api/v1/admin/dlq/replay',
        { ...sent, ratePerSecond: Number(rate.querySelector('input').value) },
        signal,
      );
      dialog.close();
      announce('The replay has begun');
      onStarted();
    } catch (error) {
      if (!wasLeft(error)) trouble.replaceChildren(failure(error));
      start.disabled = false;
    }
  }

  signal.addEventListener('abort', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  countThem();
}

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
      if (!wasLeft(error)) list.replaceChildren(failure(error, () => load(cursor)));
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
      if (!wasLeft(error)) totals.replaceChildren(failure(error));
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
