// One order's timeline, drawn as it happens.

import { isFinal, sleep } from './api.js';
import { bar } from './charts.js';
import { announce, failure, h, patch } from './dom.js';
import { duration, isEnded, when, words } from './format.js';
import { live } from './live.js';
import { beginning, follow } from './stream.js';

const TICK_MS = 500;
const UNDOING_MS = 3000;
const UNDOING_LOOKS = 4;
const REFUND_MS = 15000;
const BAD = /Failed|Rejected|Declined/;
const CODE = /^[a-z]+(_[a-z]+)*$/;
const UNDONE = /Released|Refunded|Voided|Cancelled|Returned/;

const wholeSeconds = (ms) => duration(ms < 1000 ? ms - (ms % 100) : ms - (ms % 1000));

const kindOf = (event) =>
  BAD.test(event) ? 'failed' : UNDONE.test(event) ? 'undone' : 'completed';

const detailOf = (detail) =>
  CODE.test(detail) ? h('small', null, ` ${words(detail)}`) : h('code', null, detail);

// `total` is what a whole bar stands for. Times may go back by a little: a bar then has no length.
function rows(entries, start, total) {
  return entries.map((entry, index) => {
    const before = index ? Date.parse(entries[index - 1].at) - start : 0;
    const at = Math.max(Date.parse(entry.at) - start, before);
    return h(
      'li',
      { class: kindOf(entry.event) },
      h('span', { class: 'bar-label' }, words(entry.event), entry.detail && detailOf(entry.detail)),
      h('span', { class: 'bar-text' }, index ? `+${duration(at - before)}` : when(entry.at)),
      bar([{ from: before / total, to: at / total, kind: kindOf(entry.event) }]),
    );
  });
}

// The step that it waits for, who has it, and how long that takes already.
function awaited({ waitsFor, since, consumer, consumers }, start, total) {
  const from = Math.max(Date.parse(since) - start, 0);
  const state = consumers.find(
    (one) => one.stream === consumer?.stream && one.name === consumer?.name,
  )?.state;
  return h(
    'li',
    { class: 'awaited' },
    h(
      'span',
      { class: 'bar-label' },
      `Waits for ${waitsFor}`,
      consumer && h('small', null, ` ${consumer.stream} / ${consumer.name}: ${words(state)}`),
    ),
    h('span', { class: 'bar-text' }, wholeSeconds(Date.now() - start - from)),
    bar([{ from: from / total, to: 1, kind: 'awaited' }]),
  );
}

// The order's timeline until `signal` is aborted, with the next step of `finding` (diagnosis.js). onStatus({ status, reason? }) is called with each
// change. The server ends the stream with the order; what its end sets off, such as giving stock
// back, is found by asking again a few times, and as long as a refund is due. An order that is new may not be known everywhere yet.
export function timeline(orderId, { finding, signal, isNew = false, onStatus = () => {} }) {
  const list = h('ol', { class: 'bars timeline', 'aria-label': 'Timeline' });
  const foot = h('p', { class: 'timeline-foot' }, 'Waiting for the first event…');
  const root = h('div', { 'data-order': orderId }, list, foot);
  const entries = {}; // by their place, which is that of GET
  const hasEnded = () => isEnded(root.dataset.status);
  const has = (event) => Object.values(entries).some((entry) => entry.event === event);
  const isUndone = () => hasEnded() && root.dataset.status !== 'COMPLETED';
  const isRefundDue = () => isUndone() && has('PaymentSucceeded') && !has('PaymentRefunded');

  function footOf(taken, elapsed) {
    if (!hasEnded() && live.state === 'silent') return 'The gateway does not answer: it may have gone on';
    if (!hasEnded()) return `${wholeSeconds(elapsed)} so far, going on…`;
    return isRefundDue()
      ? 'Refund outstanding: it was paid for, and not paid back yet'
      : `Took ${duration(taken)}`;
  }

  // While the order is under way time goes on behind its last event, by this machine's clock.
  function draw() {
    const placed = Object.values(entries);
    if (!placed.length) return;
    const times = placed.map((entry) => Date.parse(entry.at));
    const start = Math.min(...times);
    const taken = Math.max(...times) - start;
    const next = finding.found?.since && finding.found.waitsFor ? finding.found : null;
    const elapsed = hasEnded() && !next ? taken : Math.max(taken, Date.now() - start);
    const total = Math.max(elapsed, 1);
    const fresh = [...rows(placed, start, total), ...(next ? [awaited(next, start, total)] : [])];
    patch(list, h('ol', { class: 'bars timeline', 'aria-label': 'Timeline' }, fresh));
    if (hasEnded() || root.dataset.state !== 'lost') foot.textContent = footOf(taken, elapsed);
  }

  function onEvent(type, data) {
    if (type !== 'status') {
      entries[data.sequence - 1] = data;
      finding.found = null; // it was for this
      finding.lookSoon();
    } else {
      root.dataset.status = data.status;
      onStatus(data);
      if (hasEnded())
        announce(`Order ${words(data.status)}${data.reason ? `: ${words(data.reason)}` : ''}`);
    }
    draw();
  }

  const place = beginning();
  let looks = UNDOING_LOOKS;

  function onState(state, error) {
    root.dataset.state = state;
    if (state === 'refused')
      root.replaceChildren(
        failure(error.status === 404 ? { title: 'No order with this ID' } : error),
      );
    if (state === 'lost' && root.dataset.status && !hasEnded())
      foot.textContent = 'The connection was lost; it is taken up again…';
    if (state !== 'ended' || !isUndone()) return;
    if (looks-- > 0) sleep(UNDOING_MS, signal).then(watch);
    else if (isRefundDue()) sleep(REFUND_MS, signal).then(watch);
  }

  const isRefusal = (error) => isFinal(error) && !(isNew && error.status === 404);
  const watch = () =>
    follow(`/api/v1/orders/${orderId}/events`, { signal, place, onEvent, onState, isRefusal });
  const ticking = setInterval(() => (hasEnded() && !finding.found) || draw(), TICK_MS);
  finding.addEventListener('found', draw, { signal });
  signal.addEventListener('abort', () => clearInterval(ticking));
  watch();
  return root;
}
