// One order's timeline, drawn as it happens.

import { bar } from './charts.js';
import { announce, failure, h, patch } from './dom.js';
import { duration, when, words } from './format.js';
import { follow, isFinal } from './stream.js';

const FINAL = new Set(['COMPLETED', 'FAILED', 'CANCELLED']);
const BAD = /Failed|Rejected|Declined/;
const UNDONE = /Released|Refunded|Cancelled/;

const kindOf = (event) =>
  BAD.test(event) ? 'failed' : UNDONE.test(event) ? 'undone' : 'completed';

function rows(entries) {
  const start = Date.parse(entries[0].at);
  const total = Math.max(Date.parse(entries.at(-1).at) - start, 1);
  return entries.map((entry, index) => {
    const at = Date.parse(entry.at) - start;
    const before = index ? Date.parse(entries[index - 1].at) - start : 0;
    return h(
      'li',
      { class: kindOf(entry.event) },
      h(
        'span',
        { class: 'bar-label' },
        words(entry.event),
        entry.detail && h('code', null, entry.detail),
      ),
      h('span', { class: 'bar-text' }, index ? `+${duration(at - before)}` : when(entry.at)),
      bar([{ from: before / total, to: at / total, kind: kindOf(entry.event) }]),
    );
  });
}

// The order's timeline until `signal` is aborted. onStatus({ status, reason? }) is called with each
// change. The server ends the stream with the order; what its end sets off, such as giving stock
// back, is found by asking again until there is nothing more. An order that is new may not be known
// everywhere yet.
export function timeline(orderId, { signal, isNew = false, onStatus = () => {} }) {
  const list = h('ol', { class: 'bars timeline', 'aria-label': 'Timeline' });
  const foot = h('p', { class: 'timeline-foot' }, 'Waiting for the first event…');
  const root = h('div', { 'data-order': orderId }, list, foot);
  const entries = {}; // by their place; what happened at once may come in another order

  function draw() {
    const sorted = Object.values(entries).sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
    const last = sorted.at(-1);
    if (!last) return;
    patch(list, h('ol', { class: 'bars timeline', 'aria-label': 'Timeline' }, rows(sorted)));
    const taken = duration(Date.parse(last.at) - Date.parse(sorted[0].at));
    foot.textContent = FINAL.has(root.dataset.status)
      ? `Took ${taken}`
      : `${taken} so far, going on…`;
  }

  function onEvent(type, data) {
    if (type !== 'status') {
      entries[data.sequence - 1] = data;
    } else {
      root.dataset.status = data.status;
      onStatus(data);
      if (FINAL.has(data.status))
        announce(`Order ${words(data.status)}${data.reason ? `: ${words(data.reason)}` : ''}`);
    }
    draw();
  }

  function onState(state, error) {
    if (state === 'refused') root.replaceChildren(failure(error));
    if (state === 'lost' && root.dataset.status && !FINAL.has(root.dataset.status))
      foot.textContent = 'The connection was lost; it is taken up again…';
  }

  const isRefusal = (error) => isFinal(error) && !(isNew && error.status === 404);
  follow(`/api/v1/orders/${orderId}/events`, { signal, onEvent, onState, isRefusal });
  return root;
}
