// How things are written for people, in their own language, zone and format.

import { h } from './dom.js';

const counted = new Intl.NumberFormat();
const dayLength = 24 * 3600 * 1000;

export const count = (value) => counted.format(value);

// Amounts are in the currency's smallest unit; how many of them make one is the currency's.
export function money(minor, currency) {
  if (minor === undefined || minor === null) return '–';
  const format = new Intl.NumberFormat(undefined, { style: 'currency', currency });
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}

/* --- times --- */

const ZONE = 'ordermesh.zone'; // UTC, or as the browser has it

export const isUtc = () => sessionStorage.getItem(ZONE) === 'UTC';
export const useUtc = (is) =>
  is ? sessionStorage.setItem(ZONE, 'UTC') : sessionStorage.removeItem(ZONE);

const formats = new Map(); // making one takes longer than using it
function formatOf(options) {
  const key = JSON.stringify([isUtc(), options]);
  if (!formats.has(key)) {
    const timeZone = isUtc() ? 'UTC' : undefined;
    formats.set(key, new Intl.DateTimeFormat(undefined, { ...options, timeZone }));
  }
  return formats.get(key);
}

// The zone's name where it is, and as times bear it: "Europe/Vienna", "GMT+1".
export const zonePlace = () => formatOf({}).resolvedOptions().timeZone;
export const zone = () =>
  formatOf({ timeZoneName: 'short' })
    .formatToParts()
    .find(({ type }) => type === 'timeZoneName').value;

// What was typed into a field of local time, in the API's.
export function toApiTime(typed) {
  const at = Date.parse(typed && isUtc() ? `${typed}Z` : typed);
  return Number.isNaN(at) ? '' : new Date(at).toISOString();
}

export const hourOf = (at) => formatOf({ timeStyle: 'short' }).format(at);
const utcDay = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', timeZone: 'UTC' });
export const dayOf = (at) => utcDay.format(at); // days are counted in UTC

function clockOf(at) {
  const day = formatOf({ dateStyle: 'short' });
  const isToday = day.format(at) === day.format(Date.now());
  return formatOf({ ...(isToday ? {} : { dateStyle: 'short' }), timeStyle: 'medium' }).format(at);
}

export function ageOf(iso) {
  const ms = Date.now() - Date.parse(iso);
  if (Math.abs(ms) < 1000) return 'now';
  const units = [
    [dayLength, 'd'],
    [3600e3, 'h'],
    [60e3, 'min'],
    [1000, 's'],
  ];
  const [length, unit] = units.find(([one]) => Math.abs(ms) >= one);
  const age = `${Math.floor(Math.abs(ms) / length)} ${unit}`;
  return ms < 0 ? `in ${age}` : `${age} ago`;
}

const titleOf = (iso) => `${iso.replace('T', ' ').replace(/Z$/, '')} UTC`;
const ageMark = (iso) => h('small', { class: 'age' }, ageOf(iso));

// Its time in the zone that is chosen and how long ago that is, with the exact one in UTC as its title.
export const when = (iso) =>
  iso
    ? h('time', { datetime: iso, title: titleOf(iso) }, clockOf(new Date(iso)), ' · ', ageMark(iso))
    : '–';

// Only how long ago, where that is what counts.
export const ago = (iso) =>
  iso
    ? h(
        'time',
        { datetime: iso, title: `${clockOf(new Date(iso))} ${zone()}, ${titleOf(iso)}` },
        ageMark(iso),
      )
    : '–';

// Ages go on by themselves.
export function keepAges() {
  for (const mark of document.querySelectorAll('time > .age')) {
    const age = ageOf(mark.parentElement.dateTime);
    if (mark.textContent !== age) mark.textContent = age;
  }
}

/* --- other figures --- */

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

// Of messages a second.
export const rateOf = (perSecond) =>
  perSecond.toLocaleString(undefined, { maximumFractionDigits: perSecond < 10 ? 1 : 0 });

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
