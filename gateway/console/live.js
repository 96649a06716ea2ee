// All orders as they happen: one stream for the whole page, so that views come and go without
// losing what was seen.

import { follow } from './stream.js';

export const SECONDS = 120;
const LATEST = 14;
export const SERIES = [
  { key: 'accepted', name: 'Accepted' },
  { key: 'completed', name: 'Completed' },
  { key: 'failed', name: 'Failed' },
  { key: 'cancelled', name: 'Cancelled' },
];

// Tells "second", "orders" and "state".
export const live = new EventTarget();
live.state = 'connecting';
live.series = Object.fromEntries(SERIES.map(({ key }) => [key, new Array(SECONDS).fill(0)]));
live.orders = []; // newest first: { orderId, status, reason?, event, at }

let connection;
const tell = (name) => live.dispatchEvent(new Event(name));

function onSecond(second) {
  for (const { key } of SERIES) {
    live.series[key].shift();
    live.series[key].push(second[key]);
  }
  tell('second');
}

function onOrder({ orderId, status, reason, timeline }) {
  const last = timeline.at(-1);
  const before = live.orders.find((order) => order.orderId === orderId);
  const order = {
    ...before,
    orderId,
    status,
    reason: reason ?? before?.reason,
    event: last?.event ?? before?.event,
    at: last?.at ?? before?.at,
  };
  live.orders = [order, ...live.orders.filter((other) => other !== before)].slice(0, LATEST);
  tell('orders');
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
