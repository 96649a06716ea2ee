// All orders as they happen: one stream for the whole page, so that views come and go without
// losing what was seen.

import { get, queryOf, wasLeft } from './api.js';
import { isEnded } from './format.js';
import { follow } from './stream.js';

const SECOND_MS = 1000;
const SILENCE_MS = 2500; // since there is news each second
const LATEST = 14;
const KNOWN_MOST = 200;
const QUIET_MS = 1500;
const CALM_MS = 2000;
const NEWEST = 100; // orders, in one page
const READS_MOST = 5; // at once

// Tells "second", "orders" and "state".
export const live = new EventTarget();
live.state = 'connecting';
live.second = null; // the last one's counts; null while nothing is known
live.isPartial = true; // at first, and since a sample, until what is missing has been read
live.isSample = false;

const known = new Map(); // orders by id, the one heard of last at the end
live.latest = () => [...known.values()].slice(-LATEST).reverse();
live.find = (orderId) => known.get(orderId);

let connection,
  sampledAt = 0;
const tell = (name) => live.dispatchEvent(new Event(name));

function onSecond(second) {
  live.second = second;
  if (second && second.updates > second.shown) {
    live.isPartial = live.isSample = true;
    sampledAt = Date.now();
  }
  tell('second');
}

// What is older than what is known says nothing.
function note({ orderId, status, reason, version, timeline, updatedAt }, before) {
  if (before && version < before.version) return before;
  const last = timeline?.at(-1);
  return {
    orderId,
    status,
    version,
    reason: reason ?? before?.reason,
    event: last?.event ?? before?.event,
    at: last?.at ?? before?.at ?? updatedAt,
    heardAt: Date.now(),
    askedAt: 0,
    reads: 0,
  };
}

function onOrder(update) {
  const order = note(update, known.get(update.orderId));
  known.delete(order.orderId);
  known.set(order.orderId, order);
  if (known.size > KNOWN_MOST) known.delete(known.keys().next().value);
  tell('orders');
}

async function readOrder({ orderId, reads }, signal) {
  try {
    const order = note(await get(`/api/v1/orders/${orderId}`, signal), known.get(orderId));
    known.set(orderId, { ...order, heardAt: Date.now(), reads: reads + 1 });
    tell('orders');
  } catch (error) {
    if (wasLeft(error)) return;
    known.set(orderId, { ...known.get(orderId), askedAt: Date.now(), reads: reads + 1 });
  }
}

const isCalm = () => Date.now() - sampledAt > CALM_MS;

// Of the newest orders, those that were there before the page, or that a sample left out. Their last events are not in a list, and are
// read with the rows that are shown.
async function topUp(signal) {
  try {
    const { orders } = await get(`/api/v1/orders${queryOf({ limit: NEWEST })}`, signal);
    const isNews = ({ orderId, version }) => !(known.get(orderId)?.version >= version);
    for (const it of orders.filter(isNews)) known.set(it.orderId, { ...note(it), heardAt: 0 });
    const sorted = [...known].sort(([, a], [, b]) => Date.parse(a.at) - Date.parse(b.at));
    known.clear();
    for (const [orderId, it] of sorted.slice(-KNOWN_MOST)) known.set(orderId, it);
    live.isPartial = !isCalm();
    live.isSample &&= live.isPartial;
    tell('orders');
  } catch (error) {
    if (!wasLeft(error)) sampledAt = Date.now(); // once more when that is over
  }
}

// Of all updates only a sample comes, and some may be lost: of these orders, those that seem to be
// under way and have not been heard of for a while are read, and so are those of which a sample may
// have hidden the last update, once it is calm. The longer they stay, the more seldom.
export async function catchUp(orders, signal) {
  if (live.isPartial && isCalm()) await topUp(signal);
  const isDoubtful = ({ status, event, heardAt }) =>
    !event || !isEnded(status) || (isCalm() && heardAt < sampledAt);
  const isTime = ({ heardAt, askedAt, reads }) =>
    Date.now() - Math.max(heardAt, askedAt) > QUIET_MS * 2 ** Math.min(reads, 5);
  const due = orders
    .map(({ orderId }) => known.get(orderId))
    .filter((it) => it && isDoubtful(it) && isTime(it))
    .sort((a, b) => Math.max(a.heardAt, a.askedAt) - Math.max(b.heardAt, b.askedAt));
  return Promise.all(due.slice(0, READS_MOST).map((one) => readOrder(one, signal)));
}

// Anew: with another token, or after it was refused.
export function connect() {
  connection?.abort();
  connection = new AbortController();
  follow('/api/v1/admin/events', {
    signal: connection.signal,
    silenceMs: SILENCE_MS,
    onEvent: (type, data) => (type === 'second' ? onSecond(data) : onOrder(data)),
    onState(state, error) {
      live.state = state;
      live.error = error;
      tell('state');
    },
  });
}

setInterval(() => live.state !== 'open' && onSecond(null), SECOND_MS);
