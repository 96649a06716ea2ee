// Orders by filter, and one of them.

import { aftermath, aftermathParts, customersTurn } from './aftermath.js';
import { get, insist, queryOf, send, wasLeft } from './api.js';
import {
  announce,
  ask,
  card,
  fail,
  failure,
  field,
  h,
  loading,
  patchChildren,
  stateLine,
  table,
  whileBusy,
} from './dom.js';
import { count, money, pill, toApiTime, when, words, zone } from './format.js';
import { diagnose } from './diagnosis.js';
import { timeline } from './timeline.js';

const PAGE = 50;
const PAGES_MOST = 10;
const STATUSES = ['PENDING', 'CONFIRMED', 'COMPLETED', 'FAILED', 'CANCELLED'];
const REASONS = [
  'out_of_stock',
  'unknown_sku',
  'price_changed',
  'currency_mismatch',
  'idempotency_conflict',
  'payment_declined',
  'payment_timeout',
  'shipping_failed',
  'saga_timeout',
  'cancelled_by_customer',
];

const ORDER_ID = '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}';

const IS_ORDER_ID = new RegExp(`^${ORDER_ID}$`);

// What is written like the beginning of an ID is found at once; within IDs all orders are looked at.
const byPrefix = ({ search, ...filter }) =>
  /^[0-9a-f]{8}-[0-9a-f-]{0,27}$/i.test(search)
    ? { ...filter, idPrefix: search }
    : { ...filter, search };

const options = (names) => [['', 'Any'], ...names.map((name) => [name, words(name)])];

// What is in the address bar are the fields' values, and times as they are typed.
export const filterOf = (query, names) =>
  Object.fromEntries(
    names.map((name) => [
      name,
      name === 'from' || name === 'to' ? toApiTime(query.get(name)) : (query.get(name) ?? '').trim(),
    ]),
  );

// A range that ends before it begins would find nothing, and not say why.
function checkRange({ from, to }) {
  if (!from || !to) return;
  const isReversed = from.value && to.value && from.value >= to.value;
  to.setCustomValidity(isReversed ? 'It must be later than the beginning' : '');
}

export const valuesOf = (form) => new URLSearchParams(new FormData(form));

// On a narrow screen a filter is folded up, and says what it is; on a wide one it is always there.
export function filterBox(form, query, signal) {
  const isWide = matchMedia('(min-width: 52.01rem)');
  const given = [...query].filter(([, value]) => value).map(([name, value]) => `${name} ${value}`);
  const box = h(
    'details',
    { class: 'filter-box', open: isWide.matches },
    h('summary', null, given.length ? `Filter: ${given.join(', ')}` : 'Filter'),
    form,
  );
  isWide.addEventListener('change', () => isWide.matches && (box.open = true), { signal });
  return box;
}

// A form whose values make the view's address.
export function filterForm(view, query, fields) {
  const form = h(
    'form',
    {
      class: 'fields filter',
      'aria-label': 'Filter',
      oninput: () => checkRange(form.elements),
      onsubmit(event) {
        event.preventDefault();
        const values = Object.entries(Object.fromEntries(valuesOf(form)));
        const given = Object.fromEntries(values.map(([name, value]) => [name, value.trim()]));
        if (given.orderId) given.orderId = given.orderId.toLowerCase();
        location.hash = IS_ORDER_ID.test(given.search)
          ? `#/orders/${given.search.toLowerCase()}`
          : `#/${view}${queryOf(given)}`;
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
          h('a', { href: `#/orders/${orderId}` }, h('code', { class: 'break' }, orderId)),
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

export const orderField = () =>
  field('Order ID', 'orderId', {
    pattern: ` *${ORDER_ID} *`,
    title: 'A whole order ID',
    autocomplete: 'off',
    spellcheck: 'false',
  });

const fields = () => [
  field('Part of an ID or customer', 'search', {
    type: 'search',
    maxlength: 255,
    autocomplete: 'off',
    spellcheck: 'false',
  }),
  field('Customer, exactly', 'customerId', { maxlength: 255, autocomplete: 'off' }),
  field('Status', 'status', {}, options(STATUSES)),
  field('Reason', 'reason', {}, options(REASONS)),
  field('SKU', 'sku', { maxlength: 64, autocomplete: 'off', spellcheck: 'false' }),
  field('Tracking number', 'trackingNumber', { maxlength: 255, autocomplete: 'off' }),
  field('Payment ID', 'paymentId', { maxlength: 255, autocomplete: 'off' }),
  field(`Created from\u00a0(${zone()})`, 'from', { type: 'datetime-local' }),
  field(`Created before\u00a0(${zone()})`, 'to', { type: 'datetime-local' }),
  field('Sort', 'sort', {}, [
    ['', 'Newest first'],
    ['createdAt', 'Oldest first'],
  ]),
];

// The list that an order was opened from: it is shown as it was when one comes back to it.
let address = '#/orders',
  kept;

export function orders(main, { query, signal }) {
  const filter = byPrefix(
    filterOf(query, [
      'search',
      'customerId',
      'status',
      'reason',
      'sku',
      'trackingNumber',
      'paymentId',
      'from',
      'to',
      'sort',
    ]),
  );
  const list = h('div', { class: 'list' }, loading('orders'));
  const trouble = h('div', null);
  const extent = h('p', { class: 'hint', role: 'status' });
  const more = h(
    'button',
    { type: 'button', hidden: true, onclick: () => load(next) },
    'Show more',
  );
  let shown = [],
    loads = 0,
    next,
    readAt;

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
    const none = next ? 'None among the newest orders that were looked at.' : 'No order is like that.';
    patchChildren(list, [shown.length ? ordersTable(shown) : stateLine(none)]);
    extent.replaceChildren(
      `${count(shown.length)} shown, ${next ? 'more below' : 'all there are'}, as of `,
      when(readAt),
    );
    extent.hidden = !shown.length;
    more.hidden = !next;
  }

  async function read(cursor) {
    let found = [],
      last;
    for await (const page of pagesFrom(cursor)) {
      found = [...found, ...page.orders];
      last = page.nextCursor;
      if (found.length >= PAGE / 2) break;
    }
    return { orders: cursor ? [...shown, ...found] : found, next: last };
  }

  // Only what was asked for last is shown.
  function load(cursor) {
    const turn = ++loads;
    const take = async () => {
      const page = turn === loads && (await read(cursor));
      if (turn !== loads) return;
      shown = page.orders;
      next = page.next;
      readAt = new Date().toISOString();
      trouble.replaceChildren();
      show();
    };
    const onFailure = (error) => {
      if (turn !== loads) return;
      fail(trouble, error, () => load(cursor));
      if (!shown.length) list.replaceChildren();
    };
    return insist(take, onFailure, signal);
  }

  function keep() {
    const [, opened] = /^#\/orders\/(.+)$/.exec(location.hash) ?? [];
    kept = opened && shown.length ? { address: own, shown, next, readAt, opened } : undefined;
  }

  function restore() {
    ({ shown, next, readAt } = kept);
    show();
    const link = list.querySelector(`a[href="#/orders/${kept.opened}"]`);
    requestAnimationFrame(() => link?.focus());
  }

  const own = location.hash;
  address = own;
  signal.addEventListener('abort', keep);
  main.append(
    h(
      'div',
      { class: 'view-head' },
      h('h1', { tabindex: '-1' }, 'Orders'),
      h(
        'div',
        { class: 'actions' },
        h('a', { class: 'button', href: '#/demo' }, 'Place a demo order'),
        h('button', { type: 'button', onclick: () => load() }, 'Refresh'),
      ),
    ),
    h(
      'section',
      { class: 'card' },
      filterBox(filterForm('orders', query, fields()), query, signal),
      trouble,
      extent,
      list,
      h('div', { class: 'actions' }, more),
    ),
  );
  if (kept?.address === own) restore();
  else load();
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

// Asked twice, since nobody can take it back.
function askToCancel(cancel, signal) {
  const trouble = h('div', null);
  const yes = h('button', { type: 'submit', class: 'danger' }, 'Cancel this order');
  const dialog = ask(
    'Cancel this order?',
    { signal, onsubmit: submit },
    h(
      'p',
      null,
      'What was reserved and paid for it is given back. A cancelled order cannot be taken up again.',
    ),
    trouble,
    h(
      'div',
      { class: 'actions' },
      yes,
      h('button', { type: 'button', onclick: () => dialog.close() }, 'Keep it'),
    ),
  );

  async function submit(event) {
    event.preventDefault();
    try {
      await whileBusy(yes, cancel);
      dialog.close();
    } catch (error) {
      if (!wasLeft(error)) trouble.replaceChildren(failure(error));
    }
  }
  return dialog;
}

// How the money stands, and what was given back of it.
const paymentOf = ({ payment, currency }) =>
  payment.refundedMinor > 0
    ? `${words(payment.status)}: ${money(payment.refundedMinor, currency)}`
    : words(payment.status);

const details = (it, after) => [
  facts([
    ['Customer', it.customerId],
    ['Total', it.totalMinor === undefined ? undefined : money(it.totalMinor, it.currency)],
    ['Flow', it.flow],
    ['Payment', it.payment && paymentOf(it)],
    ['Waits until', customersTurn(it)],
    ['Tracking', it.trackingNumber],
    ['Created', it.createdAt && when(it.createdAt)],
    ['Changed', it.updatedAt && when(it.updatedAt)],
    ['Version', it.version],
  ]),
  ...(it.items ? [h('h3', null, 'Items'), itemsTable(it)] : []),
  ...aftermathParts(it, after),
];

export function order(main, { id, signal }) {
  const path = `/api/v1/orders/${encodeURIComponent(id)}`;
  const about = h('div', null, loading('the order'));
  const status = h('span', null);
  const heading = h('h1', { tabindex: '-1' }, 'Order ', h('code', null, id));
  const cancel = h(
    'button',
    { type: 'button', hidden: true, onclick: () => (question = askToCancel(cancelIt, signal)) },
    'Cancel order…',
  );
  let question;

  async function cancelIt() {
    await send(`${path}/cancel`, { method: 'POST', signal });
    announce('Cancelling was asked for');
  }

  async function read() {
    const it = await get(path, signal);
    const after = await aftermath(path, it, signal);
    const hadFocus = document.activeElement === cancel;
    status.replaceChildren(pill(it.status), it.reason ? ` ${words(it.reason)}` : '');
    cancel.hidden = !['PENDING', 'CONFIRMED'].includes(it.status);
    if (cancel.hidden) question?.close(); // it has ended meanwhile, which its status says
    if (cancel.hidden && hadFocus) heading.focus();
    patchChildren(about, details(it, after));
  }

  // That there is no such order is said by the timeline.
  const onFailure = (error) =>
    error.status === 404 ? about.replaceChildren(stateLine('–')) : fail(about, error, readOn);
  const readOn = () => insist(read, onFailure, signal);
  const finding = diagnose(encodeURIComponent(id), signal);

  main.append(
    h('p', { class: 'back' }, h('a', { href: address }, '← Orders')),
    h('div', { class: 'view-head' }, heading, status, cancel),
    h(
      'div',
      { class: 'columns' },
      h(
        'div',
        { class: 'column wide' },
        card('Timeline', {}, timeline(id, { finding, signal, onStatus: readOn })),
        finding.element,
      ),
      h('div', { class: 'column' }, card('Details', {}, about)),
    ),
  );
  readOn();
}
