// The page's frame: which view is shown, the connection's state, and the token.

import { get, session } from './api.js';
import { deadLetter } from './dead-letter.js';
import { deadLetters } from './dead-letters.js';
import { byId, failure, h, repeat } from './dom.js';
import { count } from './format.js';
import { connect, live } from './live.js';
import { mesh } from './mesh.js';
import { order, orders } from './orders.js';
import { overview } from './overview.js';

const HEALTH_MS = 10000;

// Address, view, and the entry of the navigation it belongs to. The first group is `id`.
const VIEWS = [
  [/^\/?$/, overview, 'overview', 'Overview'],
  [/^\/orders$/, orders, 'orders', 'Orders'],
  [/^\/orders\/([^/]+)$/, order, 'orders', 'Order'],
  [/^\/dead-letters$/, deadLetters, 'dead-letters', 'Dead letters'],
  [/^\/dead-letters\/([^/]+)$/, deadLetter, 'dead-letters', 'Dead letter'],
  [/^\/mesh$/, mesh, 'mesh', 'Mesh'],
];

/* --- views --- */

let leaving = new AbortController();

function notThere(main) {
  main.append(
    h('h1', { tabindex: '-1' }, 'Nothing here'),
    failure({ title: 'There is no such page', detail: location.hash }),
  );
}

function show({ isMove }) {
  const [path, query] = location.hash.slice(1).split('?');
  const found = VIEWS.find(([pattern]) => pattern.test(path));
  const [pattern, render, name, title] = found ?? [/^/, notThere, '', 'Nothing here'];
  const main = byId('main');
  leaving.abort();
  leaving = new AbortController();
  main.replaceChildren();
  document.title = `${title} · OrderMesh console`;
  for (const link of document.querySelectorAll('nav [data-view]')) {
    if (link.dataset.view === name) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  const id = decodeURIComponent(pattern.exec(path)[1] ?? '');
  render(main, {
    id,
    query: new URLSearchParams((query ?? '').replaceAll('+', '%2B')),
    signal: leaving.signal,
  });
  if (!isMove) return;
  main.querySelector('h1')?.focus({ preventScroll: true });
  scrollTo(0, 0);
}

/* --- the frame --- */

const LINK_TEXT = {
  connecting: 'Connecting',
  open: 'Live',
  lost: 'Reconnecting',
  refused: 'Not live',
  ended: 'Not live',
};

function showLink() {
  const state = byId('link-state');
  state.textContent = LINK_TEXT[live.state];
  state.dataset.state = live.state;
}

async function showGateway() {
  try {
    const { status, version, components } = await get('/health');
    const parts = Object.entries(components)
      .map(([name, state]) => `${name} ${state}`)
      .join(', ');
    byId('gateway-state').textContent = `Gateway ${version}: ${status} (${parts})`;
  } catch (error) {
    byId('gateway-state').textContent = `Gateway: ${error.title ?? error.message}`;
  }
}

async function showDeadCount() {
  const badge = byId('dead-count');
  try {
    const { streams } = await get('/api/v1/admin/dlq/counts');
    const dead = streams.reduce((total, stream) => total + stream.dead, 0);
    badge.hidden = dead === 0;
    badge.replaceChildren(count(dead), h('span', { class: 'unseen' }, ' dead'));
  } catch {
    badge.hidden = true;
  }
}

/* --- the token --- */

const dialog = byId('token-dialog');

function askForToken(why) {
  byId('token-why').textContent =
    why ?? 'Calls are made with this token; without authentication none is needed.';
  byId('token-input').value = '';
  byId('token-forget').hidden = !session.token();
  if (!dialog.open) dialog.showModal();
  byId('token-input').focus();
}

byId('token-button').addEventListener('click', () => askForToken());
byId('token-cancel').addEventListener('click', () => dialog.close());
byId('token-forget').addEventListener('click', () => (dialog.close(), session.setToken('')));
byId('token-form').addEventListener('submit', () => {
  const token = byId('token-input')
    .value.trim()
    .replace(/^Bearer\s+/i, '');
  byId('token-input').value = '';
  if (token) session.setToken(token);
});

// Many calls may be refused at once: one question is enough, and none again once it was closed.
let hasAsked = false;
session.addEventListener('refused', ({ detail }) => {
  if (!hasAsked)
    askForToken(
      session.token() ? `The token was refused: ${detail.detail ?? detail.title}.` : undefined,
    );
  hasAsked = true;
});
session.addEventListener('changed', () => {
  hasAsked = false;
  connect();
  showDeadCount();
  show({ isMove: false });
});

byId('skip').addEventListener('click', (event) => (event.preventDefault(), byId('main').focus()));
addEventListener('hashchange', () => show({ isMove: true }));
live.addEventListener('state', showLink);
connect();
show({ isMove: false });
const forever = new AbortController().signal;
repeat(HEALTH_MS, () => Promise.all([showGateway(), showDeadCount()]), forever);
