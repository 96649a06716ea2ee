// The page's frame: which view is shown, the connection's state, and the token.

import { session } from './api.js';
import { deadLetter } from './dead-letter.js';
import { deadLetters } from './dead-letters.js';
import { announce, byId, failure, h, repeat } from './dom.js';
import { count, isUtc, keepAges, useUtc, when, zone, zonePlace } from './format.js';
import { connect, live } from './live.js';
import { mesh } from './mesh.js';
import { order, orders } from './orders.js';
import { overview } from './overview.js';
import { demo } from './place.js';
import { countDead, lookAtGateway, lookAtMesh, system } from './system.js';

const HEALTH_MS = 10000;
const LOOK_AGAIN_MS = 2000;
const AGE_MS = 1000;

// Address, view, and the entry of the navigation it belongs to. The first group is `id`.
const VIEWS = [
  [/^\/?$/, overview, 'overview', 'Overview'],
  [/^\/orders$/, orders, 'orders', 'Orders'],
  [/^\/orders\/([^/]+)$/, order, 'orders', 'Order'],
  [/^\/dead-letters$/, deadLetters, 'dead-letters', 'Dead letters'],
  [/^\/dead-letters\/([^/]+)$/, deadLetter, 'dead-letters', 'Dead letter'],
  [/^\/mesh$/, mesh, 'mesh', 'Mesh'],
  [/^\/demo$/, demo, 'orders', 'Demo order'],
];

/* --- views --- */

let leaving = new AbortController();
let current = {}; // its id, how it is rendered, and what takes another query

function notThere(main) {
  main.append(
    h('h1', { tabindex: '-1' }, 'Nothing here'),
    failure({ title: 'There is no such page', detail: location.hash }),
  );
}

const queryIn = (text) => new URLSearchParams((text ?? '').replaceAll('+', '%2B'));

function markEntry(name) {
  for (const link of document.querySelectorAll('nav [data-view]')) {
    if (link.dataset.view === name) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

function showAnew({ isMove }) {
  const [path, query] = location.hash.slice(1).split('?');
  const found = VIEWS.find(([pattern]) => pattern.test(path));
  const [pattern, render, name, title] = found ?? [/^/, notThere, '', 'Nothing here'];
  const id = decodeURIComponent(pattern.exec(path)[1] ?? '');
  const main = byId('main');
  leaving.abort();
  leaving = new AbortController();
  main.replaceChildren();
  document.title = `${title} · OrderMesh console`;
  markEntry(name);
  const takeQuery = render(main, { id, query: queryIn(query), signal: leaving.signal });
  current = { pattern, takeQuery };
  if (!isMove) return;
  main.querySelector('h1')?.focus({ preventScroll: true });
  scrollTo(0, 0);
}

// A view that can take another query, and is shown already, does so and stays as it is.
function move() {
  const [path, query] = location.hash.slice(1).split('?');
  if (current.takeQuery && current.pattern.test(path)) current.takeQuery(queryIn(query));
  else showAnew({ isMove: true });
}

/* --- the frame --- */

const LINK_TEXT = {
  connecting: 'Connecting',
  open: 'Live',
  silent: 'No answer',
  lost: 'Reconnecting',
  refused: 'Not live',
  ended: 'Not live',
};

function showLink() {
  const state = byId('link-state');
  state.textContent = LINK_TEXT[live.state];
  state.dataset.state = live.state;
}

function showZone() {
  const button = byId('zone-button');
  const other = isUtc() ? 'local times' : 'UTC';
  button.replaceChildren(h('span', { class: 'unseen' }, 'Times are in '), zone());
  button.title = `Times are those of ${zonePlace()}; press for ${other}`;
}

async function showGateway() {
  const line = byId('gateway-state');
  try {
    const { status, version, components } = await lookAtGateway();
    const parts = Object.entries(components)
      .map(([name, state]) => `${name} ${state}`)
      .join(', ');
    line.textContent = `Gateway ${version}: ${status} (${parts})`;
  } catch (error) {
    line.textContent = `Gateway: ${error.title ?? error.message}`;
  }
}

function showBadge(badge, number, what) {
  badge.hidden = number === 0;
  badge.replaceChildren(
    ...(number ? [count(number), h('span', { class: 'unseen' }, ` ${what}`)] : []),
  );
}

let awayBefore = '';
function showSystem() {
  const away = system.away.map(({ name }) => name).join(', ');
  showBadge(byId('dead-count'), system.dead, 'dead');
  showBadge(byId('away-count'), system.away.length, 'not answering');
  if (away && away !== awayBefore) announce(`Not answering: ${away}`);
  awayBefore = away;
}

// Whoever may not see a figure sees no badge.
const lookAround = () =>
  Promise.all([
    showGateway(),
    lookAtMesh(forever).catch(() => {}),
    countDead(forever).catch(() => {}),
  ]);

// What is away is looked for at once, so that errors can name it.
let isLooking = false;
session.addEventListener('unavailable', async () => {
  if (isLooking) return;
  isLooking = true;
  await lookAround();
  setTimeout(() => (isLooking = false), LOOK_AGAIN_MS);
});

/* --- the token --- */

const dialog = byId('token-dialog');

// Who the token is for, what it allows and how long.
function showHolder() {
  const claims = session.claims();
  const holder = byId('token-holder');
  const scopes = [claims?.scope ?? []].flat().join(' ');
  holder.replaceChildren(
    ...(claims
      ? [
          `The token now in use is for ${claims.sub ?? 'nobody by name'}, with `,
          scopes ? `the scope ${scopes}` : 'no scope',
          ...(claims.exp
            ? [`, until `, when(new Date(claims.exp * 1000).toISOString().replace('.000', ''))]
            : []),
          '.',
        ]
      : []),
  );
  byId('token-button').textContent = claims?.sub ? `Token: ${claims.sub}` : 'Token';
}

let refusal = ''; // why the gateway wants a token, or another
function askForToken(why) {
  byId('token-why').textContent =
    why || refusal || 'Calls are made with this token; without authentication none is needed.';
  showHolder();
  byId('token-input').value = '';
  byId('token-forget').hidden = !session.token();
  if (!dialog.open) dialog.showModal();
  byId('token-input').focus();
}

byId('token-button').addEventListener('click', () => askForToken());
byId('token-cancel').addEventListener('click', () => dialog.close());
byId('token-forget').addEventListener('click', () => (dialog.close(), session.setToken('')));
byId('token-input').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter') return; // tokens have no lines
  event.preventDefault();
  byId('token-form').requestSubmit();
});
byId('token-form').addEventListener('submit', () => {
  const token = byId('token-input')
    .value.trim()
    .replace(/^Bearer\s+/i, '');
  byId('token-input').value = '';
  if (token) session.setToken(token);
});

// Many calls may be refused at once: one question is enough, and none again once it was closed.
session.addEventListener('refused', ({ detail }) => {
  const hasAsked = refusal;
  refusal = session.token()
    ? `The token was refused: ${detail.detail ?? detail.title}.`
    : 'This gateway requires a token.';
  if (!hasAsked) askForToken();
});
session.addEventListener('wanted', () =>
  askForToken(refusal || 'The token in use does not allow this.'),
);
session.addEventListener('changed', () => {
  refusal = '';
  system.away = [];
  system.dead = 0;
  showHolder();
  showSystem();
  connect();
  lookAround();
  showAnew({ isMove: false });
});

byId('zone-button').addEventListener('click', () => {
  useUtc(!isUtc());
  showZone();
  showHolder();
  showAnew({ isMove: false });
});
byId('skip').addEventListener('click', (event) => (event.preventDefault(), byId('main').focus()));
addEventListener('hashchange', move);
live.addEventListener('state', showLink);
system.addEventListener('changed', showSystem);
const forever = new AbortController().signal;
setInterval(keepAges, AGE_MS);
showZone();
showHolder();
connect();
showAnew({ isMove: false });
repeat(HEALTH_MS, lookAround, forever);
