// How things are written for people, in their own language, zone and format.

import { h } from './dom.js';

const counted = new Intl.NumberFormat();
const clock = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'medium' });
const timeOnly = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const dayLength = 24 * 3600 * 1000;

export const count = (value) => counted.format(value);

// Amounts are in the currency's smallest unit; how many of them make one is the currency's.
export function money(minor, currency) {
  if (minor === undefined || minor === null) return '–';
  const format = new Intl.NumberFormat(undefined, { style: 'currency', currency });
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}

// Local, with the exact time in UTC as its title.
export function when(iso) {
  if (!iso) return '–';
  const at = new Date(iso);
  const isToday = Math.abs(Date.now() - at) < dayLength && at.getDate() === new Date().getDate();
  return h(
    'time',
    { datetime: iso, title: `${iso.replace('T', ' ').replace(/Z$/, '')} UTC` },
    (isToday ? timeOnly : clock).format(at),
  );
}

export function duration(ms) {
  if (ms < 10) return `${ms.toLocaleString(undefined, { maximumFractionDigits: 1 })} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60000) return `${(ms / 1000).toLocaleString(undefined, { maximumFractionDigits: 2 })} s`;
  if (ms < 3600000) return `${Math.floor(ms / 60000)} min ${Math.floor((ms % 60000) / 1000)} s`;
  if (ms < dayLength)
    return `${Math.floor(ms / 3600000)} h ${Math.floor((ms % 3600000) / 60000)} min`;
  return `${Math.floor(ms / dayLength)} d ${Math.floor((ms % dayLength) / 3600000)} h`;
}

export function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${value.toLocaleString(undefined, { maximumFractionDigits: unit ? 1 : 0 })} ${units[unit]}`;
}

export const percent = (part, whole) =>
  (whole ? part / whole : 0).toLocaleString(undefined, {
    style: 'percent',
    maximumFractionDigits: 1,
  });

// "PaymentSucceeded", "out_of_stock" as words.
export function words(name) {
  const text = name
    .replace(/_/g, ' ')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase();
  return text[0].toUpperCase() + text.slice(1);
}

// Whether nothing more becomes of an order, but for what its end sets off.
export const isEnded = (status) => ['COMPLETED', 'FAILED', 'CANCELLED'].includes(status);

// An id is known by its end, where ids differ.
export const shortId = (id) => `…${id.slice(-8)}`;

// Where a dead letter is shown.
export const entryLink = (id) => `#/dead-letters/${encodeURIComponent(id)}`;

export const pill = (status) => h('span', { class: `pill ${status.toLowerCase()}` }, words(status));
