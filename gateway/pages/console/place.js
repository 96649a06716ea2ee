// A demo order: the form that places it, and what becomes of it.

import { get, insist, send, session, wasLeft } from './api.js';
import { announce, card, fail, failure, field, h, stateLine, whileBusy } from './dom.js';
import { count, duration, money, pill, shortId, words } from './format.js';
import { diagnose } from './diagnosis.js';
import { live } from './live.js';
import { timeline } from './timeline.js';

const METHODS = [
  ['pm_card_visa', 'Visa: succeeds'],
  ['pm_card_chargeDeclined', 'Card that is declined'],
  ['pm_card_chargeDeclinedInsufficientFunds', 'Card without funds: declined'],
  ['pm_sim_delay_2000', 'Slow provider: succeeds after 2 s'],
  ['pm_sim_delay_9000', 'Very slow provider: after 9 s'],
  ['pm_sim_error', 'Shaky provider: fails twice, then succeeds'],
];

function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `console-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

// Whether it arrived is not known: by its key it is one order, however often it is sent.
const notPlaced = {
  title: 'Not placed: the gateway cannot be reached',
  detail: 'Press Place order again; the same key is safe.',
};

// A customer's token places that customer's orders only.
function ownCustomer() {
  const claims = session.claims();
  const scopes = [claims?.scope ?? []].flat().join(' ').split(' ');
  return scopes.includes('admin') ? undefined : claims?.sub;
}

// In the words of the form.
const inWords = (problem) => ({
  ...problem,
  message: problem.message,
  detail: problem.detail?.replace(/^customerId /, 'Customer '),
});

const orderOf = (form, products) => {
  const product = products.get(form.get('sku'));
  return {
    customerId: form.get('customerId'),
    currency: product.currency,
    items: [{ sku: product.sku, quantity: Number(form.get('quantity')) }],
    paymentMethod: form.get('paymentMethod'),
  };
};

function showAccepted(result, accepted, tookMs, isRepeat, signal) {
  const status = h('span', null, pill(accepted.status));
  result.replaceChildren(
    h(
      'p',
      { class: 'placed' },
      status,
      h(
        'a',
        { href: `#/orders/${accepted.orderId}`, title: accepted.orderId },
        shortId(accepted.orderId),
      ),
      h(
        'span',
        { class: 'hint' },
        isRepeat ? 'the same order as before, by its key' : `accepted in ${duration(tookMs)}`,
      ),
    ),
    timeline(accepted.orderId, {
      finding: diagnose(accepted.orderId, signal),
      signal,
      isNew: true,
      onStatus: (change) =>
        status.replaceChildren(
          pill(change.status),
          change.reason ? ` ${words(change.reason)}` : '',
        ),
    }),
  );
}

function placeOrder(signal) {
  const products = new Map();
  const result = h('div', { class: 'placed-order' }, stateLine('Nothing has been placed yet.')),
    trouble = h('div', null);
  const product = field('Product', 'sku', { required: true }, []);
  const key = field('Idempotency-Key', 'key', {
    required: true,
    maxlength: 200,
    value: randomKey(),
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const button = h('button', { type: 'submit', class: 'primary' }, 'Place order');
  let showing = new AbortController(),
    isCutOff = false;

  async function place(form) {
    showing.abort();
    showing = new AbortController();
    isCutOff = false;
    signal.addEventListener('abort', () => showing.abort());
    const started = performance.now();
    try {
      const response = await send('/api/v1/orders', {
        method: 'POST',
        body: orderOf(form, products),
        signal,
        headers: { 'Idempotency-Key': `"${form.get('key').replace(/["\\]/g, '')}"` },
      });
      const isRepeat = response.headers.get('Idempotent-Replayed') === 'true';
      showAccepted(
        result,
        await response.json(),
        performance.now() - started,
        isRepeat,
        showing.signal,
      );
      announce('Order accepted');
      key.querySelector('input').value = randomKey();
    } catch (error) {
      if (wasLeft(error)) return;
      isCutOff = error.status === 0;
      result.replaceChildren(failure(isCutOff ? notPlaced : inWords(error)));
    }
  }

  function onLink() {
    if (!isCutOff || live.state !== 'open') return;
    isCutOff = false;
    result.replaceChildren();
  }

  function submit(event) {
    event.preventDefault();
    whileBusy(button, () => place(new FormData(event.target)));
  }

  async function loadProducts() {
    const { products: list } = await get('/api/v1/products?limit=100', signal);
    for (const one of list.filter(({ active }) => active)) products.set(one.sku, one);
    product
      .querySelector('select')
      .replaceChildren(
        ...[...products.values()].map((one) =>
          h(
            'option',
            { value: one.sku },
            `${one.name} · ${money(one.priceMinor, one.currency)} · ${count(one.available)} left`,
          ),
        ),
      );
    button.disabled = products.size === 0;
    trouble.replaceChildren(
      products.size
        ? ''
        : h('p', { class: 'state' }, 'The catalog is empty: omctl seed demo fills it.'),
    );
  }

  button.disabled = true;
  live.addEventListener('state', onLink, { signal });
  insist(loadProducts, (error) => fail(trouble, error), signal);
  const form = card(
    'Order',
    { class: 'place' },
    h(
      'form',
      { class: 'fields', onsubmit: submit },
      product,
      field('Quantity', 'quantity', {
        type: 'number',
        min: 1,
        max: 1000,
        value: 1,
        required: true,
      }),
      field('Customer', 'customerId', {
        value: ownCustomer() ?? 'C100',
        required: true,
        maxlength: 255,
        autocomplete: 'off',
      }),
      field('Payment', 'paymentMethod', {}, METHODS),
      key,
      h('div', { class: 'actions' }, button),
    ),
    trouble,
  );
  return h(
    'div',
    { class: 'columns even' },
    h('div', { class: 'column' }, form),
    h('div', { class: 'column' }, card('What becomes of it', {}, result)),
  );
}

export function demo(main, { signal }) {
  main.append(
    h('p', { class: 'back' }, h('a', { href: '#/orders' }, '← Orders')),
    h('div', { class: 'view-head' }, h('h1', { tabindex: '-1' }, 'Place a demo order')),
    h(
      'p',
      { class: 'hint' },
      'A real order of this system: it takes stock, and charges what its payment provider is set to.',
    ),
    placeOrder(signal),
  );
}
