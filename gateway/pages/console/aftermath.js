// What becomes of an order beside its way forward: its customer's turn, its parcels, and what was given back.

import { get } from './api.js';
import { h, table } from './dom.js';
import { count, money, pill, when } from './format.js';

// Pieces name a line of the order or a SKU.
const pieces = (items, order) =>
  items
    .map(({ sku, line, quantity }) => `${count(quantity)} × ${sku ?? order.items[line - 1].sku}`)
    .join(', ');

const parcels = (order) =>
  table(
    'Parcels',
    [
      { name: 'From', cell: ({ warehouse }) => warehouse },
      { name: 'Holds', cell: ({ items }) => pieces(items, order) },
      { name: 'Status', cell: ({ status }) => pill(status) },
      {
        name: 'Tracking',
        cell: ({ carrier, trackingNumber }) => [carrier, trackingNumber].filter(Boolean).join(' '),
      },
      { name: 'Shipped', cell: ({ shippedAt }) => shippedAt && when(shippedAt) },
    ],
    order.shipments,
  );

const refunds = (order, rows) =>
  table(
    'Refunds',
    [
      { name: 'Asked for', cell: ({ createdAt }) => when(createdAt) },
      {
        name: 'Amount',
        numeric: true,
        cell: ({ amountMinor, currency }) => money(amountMinor, currency),
      },
      { name: 'For', cell: ({ items }) => (items ? pieces(items, order) : 'an amount') },
      { name: 'Status', cell: ({ status }) => pill(status) },
      { name: 'Reason', cell: ({ reason }) => reason },
    ],
    rows,
  );

const fateOf = ({ sku, quantity, restocked, writtenOff }) =>
  [
    `${count(quantity)} × ${sku}`,
    restocked > 0 && `${count(restocked)} restocked`,
    writtenOff > 0 && `${count(writtenOff)} written off`,
  ]
    .filter(Boolean)
    .join(', ');

const returns = (order, rows) =>
  table(
    'Returns',
    [
      { name: 'Asked for', cell: ({ createdAt }) => when(createdAt) },
      { name: 'Pieces', cell: ({ items }) => items.map(fateOf).join('; ') },
      { name: 'Status', cell: ({ status }) => pill(status) },
      {
        name: 'Given back',
        numeric: true,
        cell: ({ refundedMinor }) =>
          refundedMinor === undefined ? '' : money(refundedMinor, order.currency),
      },
      { name: 'Reason', cell: ({ reason, note }) => [reason, note].filter(Boolean).join('; ') },
    ],
    rows,
  );

// Only what is done can come back; the rest is asked for in vain.
export async function aftermath(path, order, signal) {
  if (order.status !== 'COMPLETED') return { refunds: [], returns: [] };
  const id = encodeURIComponent(order.orderId);
  const [given, back] = await Promise.all([
    get(`/api/v1/admin/orders/${id}/refunds`, signal),
    get(`${path}/returns`, signal),
  ]);
  return { refunds: given.refunds, returns: back.returns };
}

export const customersTurn = ({ payment }) =>
  payment?.nextAction && ['the customer confirms the payment until ', when(payment.nextAction.until)];

export const aftermathParts = (order, { refunds: given, returns: back }) =>
  [
    ['Parcels', order.shipments?.length && parcels(order)],
    ['Refunds', given.length && refunds(order, given)],
    ['Returns', back.length && returns(order, back)],
  ].flatMap(([name, part]) => (part ? [h('h3', null, name), part] : []));
