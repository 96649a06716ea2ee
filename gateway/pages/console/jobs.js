// Replaying or discarding many dead letters: the question before it, and the jobs that do it.

import { get, post, wasLeft } from './api.js';
import { announce, ask, card, fail, failure, field, h, loading, repeat, stateLine } from './dom.js';
import { count, percent, pill, when } from './format.js';

const REFRESH_MS = 1000;
const IDLE_TURNS = 5;
const SHOWN_MOST = 10;
const OUTCOME_MS = 30000; // how long replays are waited for that neither succeed nor fail

const NOUNS = { replay: 'Replay', discard: 'Discarding' };

/* --- jobs --- */

const isRunning = ({ state }) => state === 'running';
const isOpen = (job) =>
  isRunning(job) ||
  (job.replayed > job.resolved + job.deadAgain &&
    Date.now() - Date.parse(job.endedAt) < OUTCOME_MS);

const filterText = (filter) =>
  filter.status === 'chosen'
    ? 'those chosen'
    : Object.entries(filter)
        .map(([key, value]) => `${key} ${value}`)
        .join(', ') || 'all dead letters';

// That something was sent says nothing of what became of it.
const outcomeOf = (job) =>
  [
    job.action === 'discard'
      ? `${count(job.discarded)} of ${count(job.total)} discarded`
      : `${count(job.replayed)} of ${count(job.total)} sent, ${count(job.resolved)} resolved`,
    job.deadAgain && h('strong', { class: 'away' }, `${count(job.deadAgain)} dead again`),
    job.skipped && `${count(job.skipped)} skipped`,
    job.failed && `${count(job.failed)} could not be sent`,
  ]
    .filter(Boolean)
    .flatMap((part, index) => (index ? [', ', part] : [part]));

// Whether all of what is done was in vain, some of it, or nothing.
function barKind({ deadAgain, failed }, done) {
  const lost = deadAgain + failed;
  if (!lost) return null;
  return lost >= done ? 'failed' : 'undone';
}

function jobRow(job, cancel) {
  const done = job.replayed + job.discarded + job.skipped + job.failed;
  return h(
    'li',
    { 'data-job': job.id, 'data-state': job.state },
    h(
      'div',
      { class: 'job-head' },
      h('span', { class: `pill ${job.deadAgain ? '' : job.state}` }, pill(job.state).textContent),
      h('span', null, `${NOUNS[job.action]} of ${filterText(job.filter)}`),
    ),
    h('progress', {
      class: barKind(job, done),
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
        outcomeOf(job),
        ` · ${count(job.ratePerSecond)}/s · `,
        when(job.startedAt),
        job.actor ? ` · ${job.actor}` : '',
        job.because ? ` · ${job.because}` : '',
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

const plain = (job) =>
  outcomeOf(job)
    .map((part) => part.textContent ?? part)
    .join('');

// Keeps the lists of jobs up while some run: `current` has those that run or were begun here, for the
// top of the page, and `element` the others. onMoved() is called when one has gone on.
export function jobsCard(signal, onMoved) {
  const lists = { current: h('ul', { class: 'jobs' }), past: h('ul', { class: 'jobs' }) };
  const box = h('div', null, loading('jobs'));
  const current = card('Current jobs', { hidden: true, tabindex: '-1' }, lists.current);
  const own = new Set();
  let known = '',
    open = new Set();

  async function cancel({ id }) {
    try {
      await post(`/api/v1/admin/dlq/jobs/${id}/cancel`, undefined, signal);
      announce('The job is cancelled');
      await refresh();
    } catch (error) {
      if (!wasLeft(error)) box.prepend(failure(error));
    }
  }

  function show(jobs) {
    const isCurrent = (job) => isRunning(job) || own.has(job.id);
    const past = jobs.filter((job) => !isCurrent(job)).slice(0, SHOWN_MOST);
    const focused = document.activeElement?.closest?.('[data-job]')?.dataset.job;
    lists.current.replaceChildren(...jobs.filter(isCurrent).map((job) => jobRow(job, cancel)));
    lists.past.replaceChildren(...past.map((job) => jobRow(job, cancel)));
    current.hidden = !lists.current.childElementCount;
    box.replaceChildren(
      past.length ? lists.past : stateLine(current.hidden ? 'None yet.' : 'No others.'),
    );
    if (!focused) return;
    (current.querySelector(`[data-job="${focused}"] button`) ?? current).focus();
  }

  async function refresh() {
    try {
      const { jobs } = await get('/api/v1/admin/dlq/jobs', signal);
      for (const job of jobs)
        if (!isOpen(job) && open.has(job.id))
          announce(`${NOUNS[job.action]} ${job.state}: ${plain(job)}`);
      open = new Set(jobs.filter(isOpen).map(({ id }) => id));
      const now = JSON.stringify([jobs, [...own]]);
      if (now === known) return;
      show(jobs);
      if (known) onMoved();
      known = now;
    } catch (error) {
      if (!wasLeft(error)) fail(box, error);
    }
  }

  async function begun(jobs) {
    for (const { id } of jobs) own.add(id);
    await refresh();
    current.focus();
    current.scrollIntoView({ block: 'nearest' });
  }

  // seldom while none runs
  let turn = 0;
  repeat(REFRESH_MS, () => (open.size || turn++ % IDLE_TURNS === 0) && refresh(), signal);
  return { current, element: card('Jobs', {}, box), begun };
}

/* --- many at once --- */

const KINDS = {
  replay: {
    title: 'Replay',
    verb: 'Replay',
    button: 'primary',
    what: 'Sends the messages again, each to the consumer that failed, for: ',
    rate: 100,
  },
  discard: {
    title: 'Discard',
    verb: 'Discard',
    button: 'danger',
    what: 'Gives the messages up, for good; why is kept in the history of each. For: ',
    rate: 1000,
  },
};
const CHOSEN_MOST = 2000; // by their ids, in one job

const becauseField = () =>
  field('Because', 'because', { required: true, maxlength: 500, autocomplete: 'off' });

// What is to be worked on, as the bodies of requests, each of which becomes a job, and in words.
export const byFilter = (filter) => {
  const { status, ...sent } = Object.fromEntries(
    Object.entries(filter).filter(([, value]) => value),
  );
  return { by: 'by filter', bodies: [sent], text: filterText(sent) };
};
export const byGroups = (filters) => ({
  by: 'what is chosen',
  bodies: filters,
  text:
    filters.length === 1 ? filterText(filters[0]) : `${count(filters.length)} reasons, a job each`,
});
export const byIds = (ids) => ({
  by: 'what is chosen',
  bodies: Array.from({ length: Math.ceil(ids.length / CHOSEN_MOST) }, (_, index) => ({
    ids: ids.slice(index * CHOSEN_MOST, (index + 1) * CHOSEN_MOST),
  })),
  text: ids.length === 1 ? ids[0] : `${count(ids.length)} chosen rows`,
});

// Asks how many it would be, and then for a yes. `name` is a key of KINDS; onBegun(jobs) is told.
export function bulkDialog(name, { by, bodies, text }, onBegun, signal) {
  const kind = KINDS[name];
  const path = `/api/v1/admin/dlq/${name}`;
  const because = name === 'discard' && becauseField();
  const matching = h('p', { role: 'status' }, 'Counting…');
  const rate = field('At most so many a second', 'ratePerSecond', {
    type: 'number',
    min: 1,
    max: 10000,
    value: kind.rate,
    required: true,
  });
  const start = h('button', { type: 'submit', class: kind.button, disabled: true }, kind.verb);
  const trouble = h('div', null);
  const dialog = ask(
    `${kind.title} ${by}`,
    { signal, onsubmit: submit },
    h('p', null, kind.what, h('strong', null, text), '.'),
    matching,
    because,
    rate,
    trouble,
    h(
      'div',
      { class: 'actions' },
      start,
      h('button', { type: 'button', onclick: () => dialog.close() }, 'Close'),
    ),
  );
  const begun = [];

  async function countThem() {
    try {
      const counts = await Promise.all(
        bodies.map((body) => post(path, { ...body, dryRun: true }, signal)),
      );
      const number = counts.reduce((total, one) => total + one.matching, 0);
      matching.textContent = `${count(number)} dead ${number === 1 ? 'letter matches' : 'letters match'}.`;
      start.textContent = `${kind.verb} ${count(number)}`;
      start.disabled = start.hidden = number === 0;
    } catch (error) {
      if (!wasLeft(error)) trouble.replaceChildren(failure(error));
    }
  }

  // Those that were begun before one was refused are not begun again.
  async function submit(event) {
    event.preventDefault();
    start.disabled = true;
    const all = Number(rate.querySelector('input').value);
    const ratePerSecond = Math.max(1, Math.floor(all / bodies.length));
    const given = because ? { because: because.querySelector('input').value } : {};
    try {
      for (const body of bodies.slice(begun.length))
        begun.push(await post(path, { ...body, ratePerSecond, ...given }, signal));
      dialog.close();
      announce(`${NOUNS[name]} has begun`);
      onBegun(begun);
    } catch (error) {
      if (!wasLeft(error)) trouble.replaceChildren(failure(error));
      start.disabled = false;
    }
  }

  countThem();
}
