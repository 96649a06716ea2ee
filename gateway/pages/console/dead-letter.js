// One dead letter: what it is, why it failed, what became of it; replaying and discarding it.

import { get, post, wasLeft } from './api.js';
import { listAddress } from './dead-letters.js';
import {
  announce,
  ask,
  card,
  fail,
  failure,
  field,
  h,
  loading,
  patchChildren,
  repeat,
  table,
} from './dom.js';
import { bytes, pill, when, words } from './format.js';
import { facts } from './orders.js';
import { countDead } from './system.js';

const REFRESH_MS = 1000;

/* --- what it holds --- */

const headersTable = (headers) =>
  table(
    'Headers',
    [
      { name: 'Name', cell: ([name]) => h('code', null, name) },
      {
        name: 'Value',
        cell: ([, values]) => values.map((value) => h('code', { class: 'break' }, value)),
      },
    ],
    Object.entries(headers),
  );

// JSON is laid out; what is none is shown as it came.
function pretty({ body, bodyBase64 }) {
  if (body === undefined) return bodyBase64;
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

function message(entry) {
  if (entry.bodyBase64 === undefined)
    return [h('p', { class: 'state' }, 'The stream no longer holds the message.')];
  return [
    h('h3', null, 'Headers'),
    Object.keys(entry.headers ?? {}).length
      ? headersTable(entry.headers)
      : h('p', { class: 'state' }, 'None.'),
    h(
      'h3',
      null,
      'Body ',
      h(
        'small',
        null,
        `${bytes(entry.bodyBytes)}${entry.body === undefined ? ', not text: base64' : ''}`,
      ),
    ),
    h('pre', { tabindex: '0', role: 'region', 'aria-label': 'Body' }, pretty(entry)),
    entry.bodyTruncated && h('p', { class: 'hint' }, 'Only its beginning is shown.'),
    ...original(entry),
  ].filter(Boolean);
}

// What failed first, where an edit has taken its place.
const original = (entry) =>
  entry.original
    ? [
        h('h3', null, 'Before it was edited'),
        h(
          'pre',
          { tabindex: '0', role: 'region', 'aria-label': 'Body before it was edited' },
          pretty(entry.original),
        ),
      ]
    : [];

// Who acts through the gateway without a token, and what the service does by itself.
const NOBODY = { gateway: 'somebody without a token', dlq: 'the dead-letter service' };

const history = (entry) =>
  h(
    'ol',
    { class: 'history' },
    entry.history.map((step) =>
      h(
        'li',
        null,
        h(
          'span',
          { class: 'bar-label' },
          words(step.event),
          step.generation > 1 && ` (failure ${step.generation})`,
        ),
        h('span', { class: 'bar-text' }, when(step.at)),
        h(
          'span',
          { class: 'history-text' },
          [
            step.reason && words(step.reason),
            step.error,
            step.detail,
            step.actor && `by ${NOBODY[step.actor] ?? step.actor}`,
          ]
            .filter(Boolean)
            .join(' · '),
        ),
      ),
    ),
  );

const about = (entry) =>
  facts([
    ['Stream', entry.stream],
    ['Consumer', entry.consumer],
    ['Subject', h('code', null, entry.subject)],
    ['Type', entry.type],
    ['Event', h('code', { class: 'break' }, entry.eventId)],
    [
      'Order',
      entry.orderId && h('a', { class: 'break', href: `#/orders/${entry.orderId}` }, entry.orderId),
    ],
    ['Sequence', String(entry.sequence)],
    ['Deliveries', String(entry.deliveries)],
    ['Failures', String(entry.generation)],
    ['Service', entry.service],
    ['Failed', when(entry.failedAt)],
    ['First failed', when(entry.firstFailedAt)],
    ['Kept in', `${entry.dlqStream}, ${entry.dlqSequence}`],
  ]);

/* --- acting on it --- */

function discardDialog(discard, signal) {
  const trouble = h('div', null);
  const reason = field('Reason', 'reason', {
    required: true,
    maxlength: 500,
    autocomplete: 'off',
    autofocus: true,
  });
  const dialog = ask(
    'Discard this dead letter',
    { signal, onsubmit: submit },
    h('p', null, 'It will not be replayed. The reason is kept in its history.'),
    reason,
    trouble,
    h(
      'div',
      { class: 'actions' },
      h('button', { type: 'submit', class: 'danger' }, 'Discard'),
      h('button', { type: 'button', onclick: () => dialog.close() }, 'Close'),
    ),
  );

  async function submit(event) {
    event.preventDefault();
    try {
      await discard(reason.querySelector('input').value);
      dialog.close();
    } catch (error) {
      if (!wasLeft(error)) trouble.replaceChildren(failure(error));
    }
  }
}

export function deadLetter(main, { id, signal }) {
  const path = `/api/v1/admin/dlq/${encodeURIComponent(id)}`;
  const heading = h('h1', { tabindex: '-1' }, 'Dead letter ', h('code', { class: 'break' }, id));
  const status = h('span', { id: 'entry-status' });
  const why = h('div', { class: 'why' }),
    trouble = h('div', null);
  const parts = {
    about: h('div', null, loading('the dead letter')),
    message: h('div', null),
    history: h('div', null),
  };
  const replay = h(
    'button',
    { type: 'button', class: 'primary', disabled: true, onclick: replayIt },
    'Replay',
  );
  const discard = h(
    'button',
    { type: 'button', disabled: true, onclick: askToDiscard },
    'Discard…',
  );
  let last;

  // A button that is disabled loses the focus: the heading, beside the status, takes it.
  function allow(isAllowed) {
    const hadFocus = [replay, discard].includes(document.activeElement);
    replay.disabled = discard.disabled = !isAllowed;
    if (hadFocus && !isAllowed) heading.focus();
  }

  function show(entry) {
    if (last && last !== entry.status) {
      announce(`Now ${words(entry.status)}`);
      countDead(signal).catch(() => {}); // the badge's next turn will do, too
    }
    last = entry.status;
    patchChildren(status, [pill(entry.status)]);
    allow(entry.status === 'dead');
    patchChildren(why, [
      h('strong', null, words(entry.reason), entry.errorCode && ` · ${entry.errorCode}`),
      h('span', null, entry.error),
    ]);
    patchChildren(parts.about, [about(entry)]);
    patchChildren(parts.message, message(entry));
    patchChildren(parts.history, [history(entry)]);
  }

  async function read() {
    try {
      show(await get(path, signal));
    } catch (error) {
      if (wasLeft(error)) return;
      allow(false);
      fail(parts.about, error, read);
    }
  }

  async function replayIt() {
    allow(false);
    try {
      await post(`${path}/replay`, undefined, signal);
      trouble.replaceChildren();
      announce('Replayed');
    } catch (error) {
      if (!wasLeft(error)) trouble.replaceChildren(failure(error));
    }
    await read();
  }

  function askToDiscard() {
    discardDialog(async (reason) => {
      await post(`${path}/discard`, { reason }, signal);
      await read();
    }, signal);
  }

  main.append(
    h('p', { class: 'back' }, h('a', { href: listAddress() }, '← Dead letters')),
    h(
      'div',
      { class: 'view-head' },
      heading,
      status,
      h('div', { class: 'actions' }, replay, discard),
    ),
    trouble,
    why,
    h(
      'div',
      { class: 'columns' },
      h('div', { class: 'column wide' }, card('Message', {}, parts.message)),
      h(
        'div',
        { class: 'column' },
        card('Details', {}, parts.about),
        card('History', {}, parts.history),
      ),
    ),
  );
  repeat(REFRESH_MS, read, signal);
}
