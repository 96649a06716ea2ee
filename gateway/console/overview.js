// How the system does: live orders and throughput, the funnel, latencies, and a demo order.

import { get, queryOf, wasLeft } from './api.js';
import { bars, lineChart } from './charts.js';
import {
  card,
  failure,
  h,
  loading,
  patch,
  patchChildren,
  repeat,
  stateLine,
  table,
} from './dom.js';
import { count, duration, money, percent, pill, shortId, when, words } from './format.js';
import { live, SECONDS, SERIES } from './live.js';
import { placeOrder } from './place.js';

const REFRESH_MS = 5000;
const LIVE_MS = 250;
const PERIODS = {
  hour: { name: 'Last hour', ms: 3600e3, granularity: 'minute' },
  day: { name: 'Last 24 hours', ms: 24 * 3600e3, granularity: 'hour' },
  week: { name: 'Last 7 days', ms: 7 * 24 * 3600e3, granularity: 'day' },
};
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
      latencies.order ? `p99 ${duration(latencies.order.p99Ms)}` : null,
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

function latencyBars({ latencies }) {
  const stages = Object.entries(latencies);
  if (!stages.length) return stateLine('No order has gone through in this time.');
  const most = Math.max(...stages.map(([, stage]) => stage.p99Ms));
  return bars(
    'Latency of each stage',
    stages.map(([name, stage]) => ({
      label: name === 'order' ? 'Whole order' : words(name),
      text: `${duration(stage.p50Ms)} · ${duration(stage.p95Ms)} · ${duration(stage.p99Ms)}`,
      parts: [
        { to: stage.p99Ms / most, kind: 'p99' },
        { to: stage.p95Ms / most, kind: 'p95' },
        { to: stage.p50Ms / most, kind: 'p50' },
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
        cell: ({ event, reason }) => [
          words(event ?? 'accepted'),
          reason && h('small', null, ` ${words(reason)}`),
        ],
      },
      { name: 'At', cell: ({ at }) => when(at) },
    ],
    orders,
  );

function liveOrders(signal) {
  const list = h('div', null, stateLine('No order has moved since this page was opened.'));
  let isPaused = false,
    drawn = 0;
  const draw = () => {
    drawn = 0;
    if (!isPaused && live.orders.length) patchChildren(list, [liveTable(live.orders)]);
  };
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
  live.addEventListener('orders', () => (drawn ||= setTimeout(draw, LIVE_MS)), { signal });
  draw();
  const section = card('Live orders', { class: 'live' }, list);
  section.querySelector('h2').after(pause);
  return section;
}

function throughput(signal) {
  const chart = lineChart(`Orders a second over the last ${SECONDS / 60} minutes`, SERIES, SECONDS);
  live.addEventListener('second', () => chart.draw(live.series), { signal });
  signal.addEventListener('abort', chart.close);
  chart.draw(live.series);
  return card('Throughput', { class: 'throughput' }, chart.element);
}

/* --- the view --- */

export function overview(main, { query, signal }) {
  const period = PERIODS[query.get('period')] ?? PERIODS.day;
  const figures = h('dl', { class: 'tiles' }, loading('figures'));
  const charts = Object.fromEntries(
    ['funnel', 'latencies', 'reasons'].map((name) => [name, h('div', null, loading(name))]),
  );

  async function refresh() {
    const from = new Date(Date.now() - period.ms).toISOString();
    try {
      const report = await get(
        `/api/v1/analytics/dashboard${queryOf({ from, granularity: period.granularity })}`,
        signal,
      );
      patchChildren(figures, tiles(report));
      patchChildren(charts.funnel, [funnel(report)]);
      patchChildren(charts.latencies, [latencyBars(report)]);
      patchChildren(charts.reasons, [reasons(report)]);
    } catch (error) {
      if (wasLeft(error)) return;
      patchChildren(figures, [
        h('div', { class: 'tile wide' }, h('dt', null, 'Figures'), h('dd', null, failure(error))),
      ]);
      for (const chart of Object.values(charts)) patch(chart, h('div', null, stateLine('–')));
    }
  }

  main.append(
    h(
      'div',
      { class: 'view-head' },
      h('h1', { tabindex: '-1' }, 'Overview'),
      h(
        'nav',
        { 'aria-label': 'Period', class: 'choice' },
        Object.entries(PERIODS).map(([key, { name }]) =>
          h(
            'a',
            { href: `#/?period=${key}`, 'aria-current': PERIODS[key] === period && 'true' },
            name,
          ),
        ),
      ),
    ),
    figures,
    h(
      'div',
      { class: 'columns' },
      h('div', { class: 'column wide' }, throughput(signal), liveOrders(signal)),
      h('div', { class: 'column' }, placeOrder(signal)),
    ),
    h(
      'div',
      { class: 'columns three' },
      card('Funnel', {}, charts.funnel),
      card(
        'Stage latencies',
        {},
        h(
          'p',
          { class: 'hint legend' },
          ['p50', 'p95', 'p99'].map((name) =>
            h('span', null, h('i', { class: `swatch ${name}` }), name),
          ),
        ),
        charts.latencies,
      ),
      card('Failures', {}, charts.reasons),
    ),
  );
  repeat(REFRESH_MS, refresh, signal);
}
