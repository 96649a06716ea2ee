// All orders as they happen: one stream for the whole page, so that views come and go without
// losing what was seen.

import { get, wasLeft } from './api.js';
import { isEnded } from './format.js';
import { follow } from './stream.js';

export const SECONDS = 120;
const SECOND_MS = 1000;
const LATEST = 14;
const KNOWN_MOST = 200;
const QUIET_MS = 1500;
const READS_MOST = 5; // at once
export const SERIES = [
  { key: 'accepted', name: 'Accepted' },
  { key: 'completed', name: 'Completed' },
  { key: 'failed', name: 'Failed' },
  { key: 'cancelled', name: 'Cancelled' },
];

// Tells "second", "orders" and "state".
export const live = new EventTarget();
live.state = 'connecting';
live.second = null; // the last one's counts
// null is a second of which nothing is known
live.series = Object.fromEntries(SERIES.map(({ key }) => [key, new Array(SECONDS).fill(null)]));

const known = new Map(); // orders by id, the one heard of last at the end
live.latest = () => [...known.values()].slice(-LATEST).reverse();
live.find = (orderId) => known.get(orderId);

let connection;
const tell = (name) => live.dispatchEvent(new Event(name));

function onSecond(second) {
  for (const { key } of SERIES) {
    live.series[key].shift();
    live.series[key].push(second?.[key] ?? null);
  }
  live.second = second;
  tell('second');
}

// What is older than what is known says nothing.
function note({ orderId, status, reason, version, timeline }, before) {
  if (before && version < before.version) return before;
  const last = timeline?.at(-1);
  return {
    orderId,
    status,
    version,
    reason: reason ?? before?.reason,
    event: last?.event ?? before?.event,
    at: last?.at ?? before?.at,
    heardAt: Date.now(),
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
    known.set(orderId, { ...known.get(orderId), heardAt: Date.now(), reads: reads + 1 });
  }
}

// Of all updates only a sample comes, and some may be lost: of these orders, those that seem to be
// under way and have not been heard of for a while are read. The longer they stay, the more seldom.
export function catchUp(orders, signal) {
  const due = orders
    .map(({ orderId }) => known.get(orderId))
    .filter((it) => it && !isEnded(it.status))
    .filter(({ heardAt, reads }) => Date.now() - heardAt > QUIET_MS * 2 ** Math.min(reads, 5))
    .sort((a, b) => a.heardAt - b.heardAt);
  return Promise.all(due.slice(0, READS_MOST).map((one) => readOrder(one, signal)));
}

// Anew: with another token, or after it was refused.
export function connect() {
  connection?.abort();
  connection = new AbortController();
  follow('/api/v1/admin/events', {
    signal: connection.signal,
    onEvent: (type, data) => (type === 'second' ? onSecond(data) : onOrder(data)),
    onState(state, error) {
      live.state = state;
      live.error = error;
      tell('state');
    },
  });
}

setInterval(() => live.state !== 'open' && onSecond(null), SECOND_MS);
