// Orders by filter, and one of them.

import { get, queryOf, send, wasLeft } from './api.js';
import {
  announce,
  card,
  fail,
  failure,
  field,
  h,
  loading,
  patchChildren,
  stateLine,
  table,
} from './dom.js';
import { money, pill, shortId, when, words } from './format.js';
import { timeline } from './timeline.js';

const PAGE = 50;
const PAGES_MOST = 10;
const STATUSES = ['PENDING', 'CONFIRMED', 'COMPLETED', 'FAILED', 'CANCELLED'];
const REASONS = [
  'out_of_stock',
  'unknown_sku',
  'price_changed',
  'idempotency_conflict',
  'payment_declined',
  'payment_timeout',
  'shipping_failed',
  'saga_timeout',
  'cancelled_by_customer',
];

const options = (names) => [['', 'Any'], ...names.map((name) => [name, words(name)])];

// What is in the address bar are the fields' values; times are local there and UTC in the API.
const toUtc = (local) =>
  local && !Number.isNaN(Date.parse(local)) ? new Date(local).toISOString() : '';
export const filterOf = (query, names) =>
  Object.fromEntries(
    names.map((name) => [
      name,
      name === 'from' || name === 'to' ? toUtc(query.get(name)) : (query.get(name) ?? ''),
    ]),
  );

// A form whose values make the view's address.
export function filterForm(view, query, fields) {
  const form = h(
    'form',
    {
      class: 'fields filter',
      'aria-label': 'Filter',
      onsubmit(event) {
        event.preventDefault();
        location.hash = `#/${view}${queryOf(Object.fromEntries(new FormData(form)))}`;
      },
    },
    fields,
    h(
      'div',
      { class: 'actions' },
      h('button', { type: 'submit', class: 'primary' }, 'Show'),
      h('a', { class: 'button', href: `#/${view}` }, 'Clear'),
    ),
  );
  for (const input of form.elements)
    if (input.name && query.has(input.name)) input.value = query.get(input.name);
  return form;
}

const ordersTable = (orders) =>
  table(
    'Orders',
    [
      {
        name: 'Order',
        cell: ({ orderId }) =>
          h('a', { href: `#/orders/${orderId}`, title: orderId }, shortId(orderId)),
      },
      {
        name: 'Status',
        cell: ({ status, reason }) => [
          pill(status),
          reason && h('small', null, ` ${words(reason)}`),
        ],
      },
      { name: 'Customer', cell: ({ customerId }) => customerId },
      {
        name: 'Total',
        numeric: true,
        cell: ({ totalMinor, currency }) => money(totalMinor, currency),
      },
      { name: 'Created', cell: ({ createdAt }) => when(createdAt) },
      { name: 'Changed', cell: ({ updatedAt }) => when(updatedAt) },
    ],
    orders,
  );

export function orders(main, { query, signal }) {
  const filter = filterOf(query, ['customerId', 'status', 'reason', 'from', 'to', 'sort']);
  const list = h('div', { class: 'list' }, loading('orders'));
  const more = h(
    'button',
    { type: 'button', hidden: true, onclick: () => load(next) },
    'Show more',
  );
  let shown = [],
    next;

  // The gateway looks at so many orders a page, whether they are like the filter or not: a page may
  // be short, or empty, before the last.
  async function* pagesFrom(cursor) {
    for (let pages = 0; pages < PAGES_MOST; pages++) {
      const page = await get(
        `/api/v1/orders${queryOf({ ...filter, limit: PAGE, cursor })}`,
        signal,
      );
      yield page;
      cursor = page.nextCursor;
      if (!cursor) return;
    }
  }

  function show() {
    const none = next ? 'None among the orders looked at so far.' : 'No order is like that.';
    patchChildren(list, [shown.length ? ordersTable(shown) : stateLine(none)]);
    announce(`${shown.length} orders shown`);
    more.hidden = !next;
  }

  async function load(cursor) {
    more.disabled = true;
    try {
      let found = [];
      for await (const page of pagesFrom(cursor)) {
        found = [...found, ...page.orders];
        next = page.nextCursor;
        if (found.length >= PAGE / 2) break;
      }
      shown = cursor ? [...shown, ...found] : found;
      show();
    } catch (error) {
      if (!wasLeft(error)) fail(list, error, () => load(cursor));
    }
    more.disabled = false;
  }

  main.append(
    h(
      'div',
      { class: 'view-head' },
      h('h1', { tabindex: '-1' }, 'Orders'),
      h('button', { type: 'button', onclick: () => load() }, 'Refresh'),
    ),
    h(
      'section',
      { class: 'card' },
      filterForm('orders', query, [
        field('Customer', 'customerId', { maxlength: 64, autocomplete: 'off' }),
        field('Status', 'status', {}, options(STATUSES)),
        field('Reason', 'reason', {}, options(REASONS)),
        field('Created from', 'from', { type: 'datetime-local' }),
        field('Created before', 'to', { type: 'datetime-local' }),
        field('Order', 'sort', {}, [
          ['', 'Newest first'],
          ['createdAt', 'Oldest first'],
        ]),
      ]),
      list,
      h('div', { class: 'actions' }, more),
    ),
  );
  load();
}

/* --- one order --- */

const fact = (name, ...value) => h('div', null, h('dt', null, name), h('dd', null, value));

export const facts = (pairs) =>
  h(
    'dl',
    { class: 'facts' },
    pairs
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]) => fact(name, value)),
  );

const itemsTable = ({ items, currency }) =>
  table(
    'Items',
    [
      { name: 'SKU', cell: ({ sku }) => h('code', null, sku) },
      { name: 'Quantity', numeric: true, cell: ({ quantity }) => String(quantity) },
      {
        name: 'Unit price',
        numeric: true,
        cell: ({ unitPriceMinor }) => money(unitPriceMinor, currency),
      },
    ],
    items,
  );

export function order(main, { id, signal }) {
  const about = h('div', null, loading('the order'));
  const status = h('span', null);
  const cancel = h(
    'button',
    { type: 'button', hidden: true, onclick: askToCancel },
    'Cancel order',
  );
  const trouble = h('div', null);

  async function read() {
    try {
      const it = await get(`/api/v1/orders/${encodeURIComponent(id)}`, signal);
      status.replaceChildren(pill(it.status), it.reason ? ` ${words(it.reason)}` : '');
      cancel.hidden = !['PENDING', 'CONFIRMED'].includes(it.status);
      patchChildren(about, [
        facts([
          ['Customer', it.customerId],
          ['Total', it.totalMinor === undefined ? undefined : money(it.totalMinor, it.currency)],
          ['Flow', it.flow],
          ['Tracking', it.trackingNumber],
          ['Created', it.createdAt && when(it.createdAt)],
          ['Changed', it.updatedAt && when(it.updatedAt)],
          ['Version', it.version],
        ]),
        ...(it.items ? [h('h3', null, 'Items'), itemsTable(it)] : []),
      ]);
    } catch (error) {
      if (!wasLeft(error)) about.replaceChildren(failure(error, read));
    }
  }

  async function askToCancel() {
    cancel.disabled = true;
    try {
      await send(`/api/v1/orders/${encodeURIComponent(id)}/cancel`, { method: 'POST', signal });
      trouble.replaceChildren();
      announce('Cancelling was asked for');
    } catch (error) {
      if (!wasLeft(error)) trouble.replaceChildren(failure(error));
    }
    cancel.disabled = false;
  }

  main.append(
    h('p', { class: 'back' }, h('a', { href: '#/orders' }, '← Orders')),
    h(
      'div',
      { class: 'view-head' },
      h('h1', { tabindex: '-1' }, 'Order ', h('code', null, id)),
      status,
      cancel,
    ),
    trouble,
    h(
      'div',
      { class: 'columns' },
      h(
        'div',
        { class: 'column wide' },
        card('Timeline', {}, timeline(id, { signal, onStatus: read })),
      ),
      h('div', { class: 'column' }, card('Details', {}, about)),
    ),
  );
  read();
}
