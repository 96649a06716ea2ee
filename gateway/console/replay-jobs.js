// Replaying many dead letters: the question before it, and the jobs that do it.

import { get, post, wasLeft } from './api.js';
import { announce, card, fail, failure, field, h, loading, repeat, stateLine } from './dom.js';
import { count, percent, pill, when } from './format.js';

const REFRESH_MS = 1000;
const IDLE_TURNS = 5;

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
export function jobsCard(signal) {
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
      if (!wasLeft(error)) fail(box, error);
    }
  }

  // seldom while none runs
  let turn = 0;
  repeat(REFRESH_MS, () => (wereRunning.size || turn++ % IDLE_TURNS === 0) && refresh(), signal);
  return { element: card('Replay jobs', {}, box), refresh };
}

/* --- replaying by filter --- */

// Asks how many it would be, and then for a yes.
export function replayDialog(filter, onStarted, signal) {
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
