// A client generated from docs/openapi.yaml at work: sells something for 2,500,000,000 rupiah.
// scripts/test-client generates what is in `client/`, and runs this.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  CatalogApi,
  Configuration,
  Currency,
  type Order,
  OrderStatus,
  OrdersApi,
  ResponseError,
} from './client';

const SKU = 'TYPESCRIPT-RUPIAH';
const PRICE = 2_500_000_000;

async function awaitEnd(orders: OrdersApi, orderId: string): Promise<Order> {
  const ends: OrderStatus[] = [OrderStatus.Completed, OrderStatus.Failed, OrderStatus.Cancelled];
  for (let i = 0; i < 600; i++) {
    const order = await orders.getOrder({ orderId });
    if (ends.includes(order.status)) return order;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return assert.fail(`order ${orderId} has not ended after a minute`);
}

async function main(basePath: string): Promise<void> {
  const mesh = new Configuration({ basePath });
  const catalog = new CatalogApi(mesh);
  const orders = new OrdersApi(mesh);
  const productRequest = { name: "Of TypeScript's client", priceMinor: PRICE, currency: Currency.Idr };
  assert.equal((await catalog.putProduct({ sku: SKU, productRequest })).priceMinor, PRICE);
  const adjustmentRequest = { adjustmentId: randomUUID(), delta: 3_000_000_000, reason: 'a story' };
  const stock = await catalog.adjustStock({ sku: SKU, adjustmentRequest });
  assert.equal(stock.available, 3_000_000_000);

  const orderRequest = {
    customerId: 'C100',
    currency: Currency.Idr,
    items: [{ sku: SKU, quantity: 1, unitPrice: PRICE }],
    paymentMethod: 'pm_card_visa',
  };
  const accepted = await orders.placeOrder({ orderRequest, idempotencyKey: `"${randomUUID()}"` });
  const order = await awaitEnd(orders, accepted.orderId);
  assert.equal(order.status, OrderStatus.Completed);
  assert.equal(order.totalMinor, PRICE);
  assert.equal(order.items?.[0]?.unitPriceMinor, PRICE);

  const nothing = { ...orderRequest, items: [{ sku: SKU, quantity: 0 }] };
  await assert.rejects(
    orders.placeOrder({ orderRequest: nothing }),
    (error) => error instanceof ResponseError && error.response.status === 422,
  );
  console.log('TypeScript: an order of 2,500,000,000 IDR is completed, and one of nothing refused');
}

void main(process.argv[2]!);
