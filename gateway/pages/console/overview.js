// How the system does: what needs somebody, throughput, live orders, the funnel and latencies.

import { get, queryOf, wasLeft } from './api.js';
import { bars, columnChart } from './charts.js';
import {
  card,
  fail,
  failure,
  h,
  loading,
  patch,
  patchChildren,
  repeat,
  stateLine,
  table,
} from './dom.js';
import {
  count,
  dayOf,
  duration,
  hourOf,
  money,
  percent,
  pill,
  shortId,
  when,
  words,
} from './format.js';
import { attention } from './attention.js';
import { catchUp, live } from './live.js';

const REFRESH_MS = 5000;
const MOVING_MS = 2000; // while orders move
const LIVE_MS = 250;
const CATCH_UP_MS = 1000;
const REST_MS = 2000; // after which a pointer is no longer taken to be about to click
const PERIODS = {
  hour: { name: 'Last hour', count: 60, stepMs: 60e3, granularity: 'minute', each: 'a minute', label: hourOf },
  day: { name: 'Last 24 hours', count: 24, stepMs: 3600e3, granularity: 'hour', each: 'an hour', label: hourOf },
  week: { name: 'Last 7 days', count: 7, stepMs: 24 * 3600e3, granularity: 'day', each: 'a day', label: dayOf },
};
// What became of an order, in the order of a column's parts from below.
const SERIES = [
  { key: 'completed', name: 'Completed' },
  { key: 'failed', name: 'Failed' },
  { key: 'cancelled', name: 'Cancelled' },
  { key: 'open', name: 'Under way' },
];
const RATES = ['accepted', 'completed', 'failed', 'cancelled'];
const STEPS = ['created', 'reserved', 'paid', 'confirmed', 'shipped', 'completed'];

/* --- figures of the period --- */

const tile = (name, value, note) =>
  h(
    'div',
    { class: 'tile' },
    h('dt', null, name),
    h('dd', null, value, note && h('small', null, note)),
  );

function tiles({ orders, revenue, latencies }) {
  const { COMPLETED, FAILED, CANCELLED } = orders.byStatus;
  const ended = COMPLETED + FAILED + CANCELLED;
  return [
    tile('Orders', count(orders.total), `${count(orders.total - ended)} under way`),
    tile('Completed', count(COMPLETED), ended ? `${percent(COMPLETED, ended)} of ended` : null),
    tile('Failed', count(FAILED), ended ? percent(FAILED, ended) : null),
    tile('Cancelled', count(CANCELLED), ended ? percent(CANCELLED, ended) : null),
    tile(
      'Revenue',
      revenue.length ? revenue.map((one) => money(one.revenueMinor, one.currency)).join(', ') : '–',
      revenue.some((one) => one.refundedMinor)
        ? `${revenue
            .filter((one) => one.refundedMinor)
            .map((one) => money(one.refundedMinor, one.currency))
            .join(', ')} refunded`
        : null,
    ),
    tile(
      'An order takes',
      latencies.order ? duration(latencies.order.p50Ms) : '–',
      latencies.order ? `median; p99 ${duration(latencies.order.p99Ms)}` : null,
    ),
  ];
}

function funnel(report) {
  const most = Math.max(...STEPS.map((step) => report.funnel[step]), 1);
  return bars(
    'Orders that came this far',
    STEPS.map((step) => ({
      label: words(step),
      text: `${count(report.funnel[step])} · ${percent(report.funnel[step], most)}`,
      parts: [{ to: report.funnel[step] / most, kind: 'completed' }],
    })),
  );
}

// Ten times as long is the same step everywhere, so that one slow stage does not hide the others.
function latencyBars({ latencies }) {
  const stages = Object.entries(latencies);
  if (!stages.length) return stateLine('No order has gone through in this time.');
  const most = Math.max(...stages.map(([, stage]) => stage.p99Ms), 1);
  const length = (ms) => Math.log1p(ms) / Math.log1p(most);
  return bars(
    'Latency of each stage',
    stages.map(([name, stage]) => ({
      label: name === 'order' ? 'Whole order' : words(name),
      text: `${duration(stage.p50Ms)} · ${duration(stage.p95Ms)} · ${duration(stage.p99Ms)}`,
      parts: [
        { to: length(stage.p99Ms), kind: 'p99' },
        { to: length(stage.p95Ms), kind: 'p95' },
        { to: length(stage.p50Ms), kind: 'p50' },
      ],
    })),
  );
}

function reasons({ failureReasons }) {
  const all = Object.entries(failureReasons).sort(([, a], [, b]) => b - a);
  if (!all.length) return stateLine('Nothing has failed in this time.');
  return bars(
    'Why orders failed',
    all.map(([reason, number]) => ({
      label: words(reason),
      text: count(number),
      parts: [{ to: number / all[0][1], kind: 'failed' }],
    })),
  );
}

/* --- live --- */

const liveTable = (orders) =>
  table(
    'Orders as they happen',
    [
      {
        name: 'Order',
        cell: ({ orderId }) =>
          h('a', { href: `#/orders/${orderId}`, title: orderId }, shortId(orderId)),
      },
      { name: 'Status', cell: ({ status }) => pill(status) },
      {
        name: 'Last event',
        cell: ({ event, reason, status }) => [
          event ? words(event) : status === 'PENDING' ? 'Accepted' : '–',
          reason && h('small', null, ` ${words(reason)}`),
        ],
      },
      { name: 'At', cell: ({ at }) => when(at) },
    ],
    orders,
  );

// Why there is nothing, or not all; "" while all that happens is shown.
function liveState() {
  if (live.state === 'silent') return 'Not live: the gateway does not answer.';
  if (live.state === 'lost') return 'Not live: the connection is being taken up again…';
  const { updates = 0, shown = 0 } = live.second ?? {};
  if (updates > shown)
    return `A sample: ${count(shown)} of ${count(updates)} updates of this second.`;
  if (live.isSample)
    return 'A sample until a moment ago; what it left out is read when it is calm.';
  return '';
}

// The newest first. Whoever points at the list, or has the focus in it, is about to open an order:
// until then each row stays where it is, and only what it says changes.
function liveOrders(signal) {
  const list = h('div', null);
  const hint = h('p', { class: 'hint' });
  let isPaused = false,
    drawn = 0,
    movedAt = -REST_MS,
    shown = [];

  const isHeld = () =>
    list.contains(document.activeElement) || performance.now() - movedAt < REST_MS;
  const content = () => {
    if (live.state === 'refused') return failure(live.error);
    if (shown.length) return liveTable(shown);
    return live.isPartial
      ? loading('orders')
      : h('p', { class: 'state' }, 'No order yet: ', h('a', { href: '#/demo' }, 'place one'), '.');
  };
  function draw() {
    drawn = 0;
    if (isPaused) return;
    shown =
      isHeld() && shown.length ? shown.map((one) => live.find(one.orderId) ?? one) : live.latest();
    patchChildren(list, [content()]);
    hint.textContent = liveState();
  }

  const pause = h(
    'button',
    {
      type: 'button',
      class: 'quiet',
      'aria-pressed': 'false',
      onclick() {
        isPaused = !isPaused;
        pause.setAttribute('aria-pressed', isPaused);
        pause.textContent = isPaused ? 'Go on' : 'Pause';
        draw();
      },
    },
    'Pause',
  );
  const drawSoon = () => (drawn ||= setTimeout(draw, LIVE_MS));
  for (const news of ['orders', 'second', 'state'])
    live.addEventListener(news, drawSoon, { signal });
  for (const move of ['pointermove', 'pointerdown'])
    list.addEventListener(move, () => (movedAt = performance.now()));
  repeat(CATCH_UP_MS, () => isPaused || catchUp(shown, signal), signal);
  draw();
  const section = card('Live orders', { class: 'live' }, list, hint);
  section.querySelector('h2').after(pause);
  return section;
}

/* --- throughput --- */

// A bucket's orders by what became of them until now.
function partsOf({ orders }) {
  const { COMPLETED, FAILED, CANCELLED } = orders.byStatus;
  const open = orders.total - COMPLETED - FAILED - CANCELLED;
  return { completed: COMPLETED, failed: FAILED, cancelled: CANCELLED, open };
}

// One column a step of the period, with those in which nothing happened, up to now.
function columnsOf(report, { count: length, stepMs }) {
  const buckets = new Map(report.buckets.map((one) => [Date.parse(one.at), one]));
  const last = Math.floor(Date.parse(report.to) / stepMs) * stepMs;
  return Array.from({ length }, (_, index) => {
    const at = last - (length - 1 - index) * stepMs;
    return { at, parts: buckets.has(at) ? partsOf(buckets.get(at)) : {} };
  });
}

const rates = () =>
  h(
    'p',
    { class: 'hint rates' },
    RATES.map((key) => h('span', null, `${key} `, h('b', null, live.second?.[key] ?? '–'), '/s')),
  );

function throughput(signal) {
  const chart = columnChart('Orders placed, by what became of them', SERIES);
  const now = h('div', null, rates());
  const note = h('small');
  for (const news of ['second', 'state'])
    live.addEventListener(news, () => patchChildren(now, [rates()]), { signal });
  signal.addEventListener('abort', chart.close);
  const section = card('Throughput', { class: 'throughput' }, now, chart.element);
  section.querySelector('h2').append(note);
  return {
    element: section,
    show(report, period) {
      note.textContent = ` orders ${period.each}, by what became of them`;
      chart.draw(columnsOf(report, period), period.label);
    },
  };
}

/* --- the view --- */

const periodOf = (query) => PERIODS[query.get('period')] ?? PERIODS.hour;

function periodChoice() {
  const links = Object.entries(PERIODS).map(([key, { name }]) =>
    h('a', { href: `#/?period=${key}` }, name),
  );
  return {
    element: h('nav', { 'aria-label': 'Period', class: 'choice' }, links),
    show(period) {
      Object.values(PERIODS).forEach((one, index) =>
        one === period
          ? links[index].setAttribute('aria-current', 'true')
          : links[index].removeAttribute('aria-current'),
      );
    },
  };
}

const legend = () =>
  h(
    'p',
    { class: 'hint legend' },
    ['p50', 'p95', 'p99'].map((name) => h('span', null, h('i', { class: `swatch ${name}` }), name)),
    h('span', null, 'on a logarithmic scale'),
  );

// Figures that were shown stay while newer ones cannot be had, and it says so.
export function overview(main, { query, signal }) {
  const figures = h('dl', { class: 'tiles' }, loading('figures'));
  const trouble = h('div', null);
  const charts = Object.fromEntries(
    ['funnel', 'latencies', 'reasons'].map((name) => [name, h('div', null, loading(name))]),
  );
  const choice = periodChoice();
  const flow = throughput(signal);
  let askedAt = 0,
    period,
    shown;

  function show(report) {
    shown = period;
    trouble.replaceChildren();
    figures.classList.remove('old');
    patchChildren(figures, tiles(report));
    flow.show(report, period);
    patchChildren(charts.funnel, [funnel(report)]);
    patchChildren(charts.latencies, [latencyBars(report)]);
    patchChildren(charts.reasons, [reasons(report)]);
  }

  function showFailure(error) {
    const why = error.title ?? error.message;
    fail(trouble, { ...error, title: `No new figures: ${why[0].toLowerCase()}${why.slice(1)}` });
    figures.classList.add('old');
    if (shown === period) return;
    patchChildren(figures, []);
    for (const chart of Object.values(charts)) patch(chart, h('div', null, stateLine('–')));
  }

  async function refresh() {
    const asked = period;
    askedAt = Date.now();
    const from = new Date(Date.now() - (period.count - 1) * period.stepMs).toISOString();
    try {
      const report = await get(
        `/api/v1/analytics/dashboard${queryOf({ from, granularity: period.granularity })}`,
        signal,
      );
      if (asked === period) show(report);
    } catch (error) {
      if (!wasLeft(error) && asked === period) showFailure(error);
    }
  }

  function choose(wanted) {
    period = wanted;
    choice.show(period);
  }

  const refreshIfMoving = () =>
    live.second?.updates && Date.now() - askedAt > MOVING_MS && refresh();

  choose(periodOf(query));
  main.append(
    h('div', { class: 'view-head' }, h('h1', { tabindex: '-1' }, 'Overview'), choice.element),
    trouble,
    figures,
    h(
      'div',
      { class: 'columns' },
      h('div', { class: 'column wide' }, flow.element, liveOrders(signal)),
      h('div', { class: 'column' }, attention(signal)),
    ),
    h(
      'div',
      { class: 'columns three' },
      card('Funnel', {}, charts.funnel),
      card('Stage latencies', {}, legend(), charts.latencies),
      card('Failures', {}, charts.reasons),
    ),
  );
  repeat(REFRESH_MS, refresh, signal);
  live.addEventListener('second', refreshIfMoving, { signal });
  return (wanted) => (choose(periodOf(wanted)), refresh());
}
