// The operator's console as people use it, in Chromium, on a mesh of its own.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  assertAccessible,
  assertNoSidewaysScrolling,
  go,
  keepScreenshot,
  openPage,
  startBrowser,
} from './browser.mjs';
import { publish, sql, startGuardedGateway, startMesh } from './mesh.mjs';

let mesh, browser;
before(async () => {
  [mesh, browser] = await Promise.all([startMesh(), startBrowser()]);
});
after(async () => {
  await browser?.close();
  if (mesh) assert.equal(await mesh.stop(), 0);
});

const open = (hash = '#/', look) => openPage(browser, `${mesh.url}/console/${hash}`, look);

const placed = (page, status) => page.locator(`[data-order][data-status="${status}"]`);

async function place(page, { customer, payment } = {}) {
  if (!page.url().endsWith('#/demo')) await go(page, '#/demo', 'Place a demo order');
  if (customer) await page.getByLabel('Customer').fill(customer);
  if (payment) await page.getByLabel('Payment').selectOption(payment);
  await page.getByRole('button', { name: 'Place order' }).click();
}

// The focus is on something, and so is who uses the keyboard.
const assertFocusKept = async (page) =>
  assert.notEqual(await page.evaluate(() => document.activeElement.tagName), 'BODY');

const topOf = async (locator) => (await locator.boundingBox()).y;
const assertIsAbove = async (page, one, other) =>
  assert.ok((await topOf(one)) < (await topOf(other)));

let orders = 0;
const order = (customerId) =>
  fetch(`${mesh.url}/api/v1/orders`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': `"test-${orders++}"` },
    body: JSON.stringify({
      customerId,
      currency: 'USD',
      items: [{ sku: 'TSHIRT-BLK-M', quantity: 1 }],
      paymentMethod: 'pm_card_visa',
    }),
  }).then((response) => assert.equal(response.status, 202));

async function until(isSo) {
  for (let tries = 0; tries < 200; tries++) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail(`not so after 20 s: ${isSo}`);
}

async function without(part, look) {
  await mesh.kill(part);
  try {
    await look();
  } finally {
    await mesh.launch(part);
  }
}

const steps = (order) => order.locator('.bar-label').allInnerTexts();

// A message that no consumer can read. The subject has one consumer, so it becomes one dead letter.
const POISON_SUBJECT = 'notifications.evt.delivered';
const poison = (number = 0) =>
  publish(mesh, POISON_SUBJECT, JSON.stringify({ poison: true, number }));

async function deadOnes() {
  const response = await fetch(`${mesh.url}/api/v1/admin/dlq/counts`);
  return (await response.json()).streams.reduce((sum, { dead }) => sum + dead, 0);
}

// Publishes bodies, and waits until each is a dead letter.
async function die(...bodies) {
  const before = await deadOnes();
  for (const body of bodies) await publish(mesh, POISON_SUBJECT, body);
  await until(async () => (await deadOnes()) >= before + bodies.length);
}

test('an order placed in the form is seen to complete, live and in the list', async () => {
  const { page, close } = await open();
  await page.getByText('Live', { exact: true }).waitFor();
  await place(page, { customer: 'FORM' });
  await placed(page, 'COMPLETED').waitFor();
  const names = (await steps(placed(page, 'COMPLETED'))).map((text) => text.split('\n')[0].trim());
  assert.equal(names[0], 'Order created');
  assert.match(names.at(-1), /^Order completed/);
  assert.ok(
    names.some((name) => name.startsWith('Payment succeeded')),
    names.join(),
  );
  const id = await placed(page, 'COMPLETED').getAttribute('data-order');
  await page.locator('#announcer', { hasText: 'Order Completed' }).waitFor({ state: 'attached' });
  await go(page, '#/', 'Overview');
  await page.locator(`.live a[title="${id}"]`).waitFor();

  await go(page, '#/orders?customerId=FORM', 'Orders');
  await page
    .getByRole('row', { name: /Completed FORM/ })
    .getByRole('link')
    .click();
  await page.getByRole('heading', { name: `Order ${id}` }).waitFor();
  await page.getByText('Order completed', { exact: true }).waitFor();
  await page.getByText('Tracking').waitFor();
  await close();
});

const ask = (path, body) =>
  fetch(`${mesh.url}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': `"test-${orders++}"` },
    body: JSON.stringify(body),
  });

// The id of an order that is sent.
async function completed() {
  const body = {
    customerId: 'AFTER',
    currency: 'USD',
    items: [{ sku: 'TSHIRT-BLK-M', quantity: 2 }],
    paymentMethod: 'pm_card_visa',
  };
  const { orderId } = await (await ask('/api/v1/orders', body)).json();
  const read = async () => (await fetch(`${mesh.url}/api/v1/orders/${orderId}`)).json();
  await until(async () => (await read()).status === 'COMPLETED');
  return orderId;
}

test('what was given back of an order, and what comes back, is on its page', async () => {
  const { page, close } = await open();
  const id = await completed();
  const refund = { amountMinor: 150, reason: 'late' };
  assert.equal((await ask(`/api/v1/admin/orders/${id}/refunds`, refund)).status, 202);
  const back = { items: [{ sku: 'TSHIRT-BLK-M', quantity: 1 }], reason: 'too small' };
  assert.equal((await ask(`/api/v1/orders/${id}/returns`, back)).status, 201);

  await go(page, `#/orders/${id}`, `Order ${id}`);
  await page.getByRole('table', { name: 'Refunds' }).getByText('late').waitFor();
  const returns = page.getByRole('table', { name: 'Returns' });
  await returns.getByText('1 × TSHIRT-BLK-M').waitFor();
  await returns.getByText('Requested').waitFor();
  await assertAccessible(page);
  await close();
});

// The provider that the mesh has asks no customer.
test('a payment that waits for its customer says so on the page of its order', async () => {
  const { page, close } = await open();
  const id = await completed();
  const nextAction = { type: 'redirect_to_url', url: 'https://bank.example/', until: '2030-01-01T00:00:00Z' };
  await page.route(`**/api/v1/orders/${id}`, async (route) => {
    const response = await route.fetch();
    const it = await response.json();
    await route.fulfill({ response, json: { ...it, payment: { status: 'ACTION_REQUIRED', nextAction } } });
  });
  await go(page, `#/orders/${id}`, `Order ${id}`);
  await page.getByText('the customer confirms the payment until').waitFor();
  await close();
});

test('a declined payment is told with its reason, and its stock seen to come back', async () => {
  const { page, close } = await open();
  await place(page, { payment: 'pm_card_chargeDeclined' });
  await placed(page, 'FAILED').waitFor();
  await page.locator('.placed', { hasText: 'Payment declined' }).waitFor();
  await page.locator('.placed-order').getByText('Inventory released').waitFor();
  await close();
});

test('a slow order is drawn while it is under way, and can be cancelled', async () => {
  const { page, close } = await open();
  await place(page, { payment: 'pm_sim_delay_9000' });
  await placed(page, 'PENDING').getByText('Inventory reserved').waitFor();
  await page.locator('.placed').getByRole('link').click();
  const cancel = page.getByRole('button', { name: 'Cancel order…' });
  const dialog = page.getByRole('dialog', { name: 'Cancel this order?' });
  await cancel.click();
  await dialog.getByRole('button', { name: 'Keep it' }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.equal(await placed(page, 'CANCELLED').count(), 0);
  await cancel.click();
  await dialog.getByRole('button', { name: 'Cancel this order' }).click();
  await placed(page, 'CANCELLED').waitFor();
  await page.locator('.view-head', { hasText: 'Cancelled by customer' }).waitFor();
  assert.ok(await cancel.isHidden());
  await assertFocusKept(page);
  await close();
});

test('the question whether to cancel ends with the order', async () => {
  const { page, close } = await open();
  await place(page, { payment: 'pm_sim_delay_2000' });
  await placed(page, 'PENDING').waitFor();
  await page.locator('.placed').getByRole('link').click();
  await page.getByRole('button', { name: 'Cancel order…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Cancel this order?' });
  await dialog.waitFor();
  await dialog.waitFor({ state: 'detached' });
  await page.locator('.view-head', { hasText: 'Completed' }).waitFor();
  await assertFocusKept(page);
  await close();
});

test('the same Idempotency-Key is the same order', async () => {
  const { page, close } = await open('#/demo');
  const key = page.getByLabel('Idempotency-Key');
  const used = await key.inputValue();
  await place(page);
  await placed(page, 'COMPLETED').waitFor();
  const first = await page.locator('[data-order]').getAttribute('data-order');
  assert.notEqual(await key.inputValue(), used);
  await key.fill(used);
  await page.getByRole('button', { name: 'Place order' }).click();
  await page.getByText('the same order as before').waitFor();
  assert.equal(await page.locator('[data-order]').getAttribute('data-order'), first);
  await close();
});

test('poison is listed, inspected, and discarded with a reason only', async () => {
  const { page, close } = await open('#/dead-letters');
  await page.getByText('everything has been processed').waitFor();
  await poison();
  const row = page
    .locator('.list')
    .getByRole('row', { name: /NOTIFICATIONS \/ analytics/ })
    .filter({ hasText: 'Rejected' });
  await row.getByRole('link').click();
  await page.getByRole('region', { name: 'Body' }).waitFor();
  const body = await page.getByRole('region', { name: 'Body' }).innerText();
  assert.equal(body, '{\n  "poison": true,\n  "number": 0\n}');
  await page.locator('.facts', { hasText: POISON_SUBJECT }).waitFor();

  await page.getByRole('button', { name: 'Discard…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Discard' }).click();
  assert.ok(await dialog.isVisible(), 'a reason is required');
  await dialog.getByLabel('Reason').fill('sent by hand');
  await dialog.getByRole('button', { name: 'Discard' }).click();
  await page.locator('#entry-status', { hasText: 'Discarded' }).waitFor();
  await page.locator('.history', { hasText: 'sent by hand' }).waitFor();
  assert.ok(await page.getByRole('button', { name: 'Replay' }).isDisabled());
  await close();
});

test('what failed is replayed after its cause is gone, and gets through', async () => {
  const { page, close } = await open();
  await sql(mesh, `ALTER TABLE loyalty.points ADD CONSTRAINT bug CHECK (customer_id <> 'UNLUCKY')`);
  await place(page, { customer: 'UNLUCKY' });
  await placed(page, 'COMPLETED').waitFor();
  const orderId = await page.locator('[data-order]').getAttribute('data-order');
  await go(page, '#/dead-letters?consumer=loyalty', 'Dead letters');
  const row = page
    .locator('.list')
    .getByRole('row', { name: /ORDERS \/ loyalty/ })
    .filter({ hasText: 'orders.evt.completed' });
  await row.waitFor({ timeout: 30000 });
  await page.getByLabel('Order ID').fill(` ${orderId.toUpperCase()} `);
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await page.waitForURL(`**/console/#/dead-letters?consumer=loyalty&orderId=${orderId}`);
  await row.waitFor();
  await go(page, `#/orders/${orderId}`, /Order/);
  const its = page.getByRole('table', { name: 'Its dead letters' });
  await its.getByRole('row', { name: /ORDERS \/ loyalty/ }).getByRole('link').click();
  await page.getByRole('heading', { name: /Dead letter ORDERS\.loyalty/ }).waitFor();
  await go(page, `#/dead-letters?consumer=loyalty&orderId=${orderId}`, 'Dead letters');
  await row.getByRole('link').click({ timeout: 30000 });
  await page.getByRole('heading', { name: /Dead letter ORDERS\.loyalty/ }).waitFor();
  await sql(mesh, 'ALTER TABLE loyalty.points DROP CONSTRAINT bug');
  await page.getByRole('button', { name: 'Replay' }).click();
  await page.locator('#entry-status', { hasText: 'Resolved' }).waitFor();
  const { stdout } = await sql(
    mesh,
    `SELECT count(*) FROM loyalty.points WHERE customer_id = 'UNLUCKY'`,
  );
  assert.equal(stdout.trim(), '1');
  await close();
});

test('what holds an order is said on its page, until nothing does', async () => {
  const { page, close } = await open('#/demo');
  await page.getByLabel('Product').locator('option').first().waitFor({ state: 'attached' });
  await sql(mesh, 'REVOKE USAGE ON SCHEMA inventory FROM om_inventory');
  await place(page);
  const orderId = await page.locator('[data-order]').getAttribute('data-order');
  await go(page, `#/orders/${orderId}`, /Order/);
  const found = page.getByRole('region', { name: 'What holds it' });
  const next = page.locator('.timeline .awaited');
  await next.getByText('Waits for its stock to be reserved ORDERS / inventory: Held').waitFor();
  await found.getByText('It waits for its stock to be reserved, since').waitFor();
  await found.getByText('inventory holds the events of ORDERS/inventory:').waitFor();
  await found.getByRole('row', { name: /ORDERS \/ inventory Held/ }).waitFor();
  await sql(mesh, 'GRANT USAGE ON SCHEMA inventory TO om_inventory');
  await page.locator('[data-order][data-status="COMPLETED"]').waitFor({ timeout: 30000 });
  await found.waitFor({ state: 'hidden' });
  await next.waitFor({ state: 'detached' });
  await close();
});

const reasonRow = (page, text) =>
  page.getByRole('table', { name: 'Dead letters by reason' }).getByRole('row', { name: text });

test('dead letters are grouped by reason, and chosen by reason or row, they are worked on together', async () => {
  // texts that differ in a number only, and one of another kind
  const bodies = ['[1,', '[12, ', '[123,  ', 'poison'];
  for (const body of bodies) await publish(mesh, 'shipping.evt.delivered', body);
  for (let number = 200; number < 203; number++) await publish(mesh, 'orders.cmd.submit', `{"n":${number}`);
  const { page, close } = await open('#/dead-letters?stream=ORDERS&consumer=order');
  const group = reasonRow(page, /Rejected · INVALID.* 3 /);
  await group.waitFor();
  await group.getByRole('checkbox').check();
  const chosen = page.getByRole('region', { name: 'What is chosen' });
  await chosen.getByText('3 dead letters chosen').waitFor();
  await chosen.getByRole('button', { name: 'Discard…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Discard what is chosen' });
  await dialog.getByText('3 dead letters match.').waitFor();
  await dialog.getByLabel('Because').fill('cut off');
  await dialog.getByRole('button', { name: 'Discard 3' }).click();
  await page.locator('[data-job][data-state="done"]').getByText('3 of 3 discarded').waitFor();
  await group.waitFor({ state: 'detached' });
  await chosen.waitFor({ state: 'hidden' });

  await go(page, '#/dead-letters?stream=SHIPPING', 'Dead letters');
  const rows = page.locator('.list tbody tr');
  await rows.nth(3).waitFor();
  await page.locator('.card', { has: page.locator('.list') }).getByLabel(/^Choose all \d+/).check();
  const all = await rows.count();
  await chosen.getByText(`${all} dead letters chosen`).waitFor();
  await rows.first().getByRole('checkbox').uncheck();
  await chosen.getByText(`${all - 1} dead letters chosen`).waitFor();
  const kept = await rows.first().getByRole('checkbox').inputValue();
  await chosen.getByRole('button', { name: 'Discard…' }).click();
  await dialog.getByText(`${all - 1} dead letters match.`).waitFor();
  await dialog.getByLabel('Because').fill('by hand');
  await dialog.getByRole('button', { name: `Discard ${all - 1}` }).click();
  const job = page.locator('[data-job]', { hasText: 'by hand' });
  await job.getByText(`${all - 1} of ${all - 1} discarded`).waitFor();
  await job.getByText('Discarding of those chosen').waitFor();
  await until(async () => (await rows.count()) === 1);
  assert.equal(await rows.first().getByRole('checkbox').inputValue(), kept);
  await close();
});

test('many are replayed by filter: counted first, then a job with progress that can be cancelled', async () => {
  const { page, close } = await open('#/dead-letters?stream=NOTIFICATIONS&consumer=analytics');
  for (let number = 1; number <= 12; number++) await poison(number);
  await page.locator('.list tbody tr').nth(11).waitFor();
  await page.getByRole('button', { name: 'Replay by this filter…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Replay by filter' });
  await dialog.getByText('12 dead letters match.').waitFor();
  await dialog.getByLabel('At most so many a second').fill('1');
  await dialog.getByRole('button', { name: 'Replay 12' }).click();
  const job = page.locator('[data-job]').first();
  await job.getByText(/^[1-9]\d* of 12 sent/).waitFor();
  await assertIsAbove(page, job, page.locator('.list'));
  await job.getByRole('button', { name: 'Cancel this job' }).click();
  await page.locator('[data-job][data-state="cancelled"]').waitFor();
  // still poison: what was replayed is dead again, which is no success
  await page.locator('.list', { hasText: 'Dead failed twice' }).waitFor();
  await job.getByText(/0 resolved, [1-9]\d* dead again/).waitFor();
  await job.locator('progress.failed').waitFor();
  await assertIsAbove(
    page,
    page.getByRole('table', { name: /by consumer/ }),
    page.locator('.list'),
  );
  await close();
});

test('the mesh shows its services and how far each consumer is', async () => {
  const { page, close } = await open('#/mesh');
  for (const name of ['order', 'payment', 'inventory', 'shipping', 'dlq'])
    await page
      .getByRole('table', { name: 'Services' })
      .getByRole('row', { name: new RegExp(`^${name}`) })
      .waitFor();
  await page
    .getByRole('table', { name: 'Consumers' })
    .getByRole('row', { name: /^ORDERS \/ order / })
    .waitFor();
  await page
    .getByRole('table', { name: 'Streams' })
    .getByRole('row', { name: /^ORDERS_DLQ/ })
    .waitFor();
  await page.getByText('All consumers have caught up.').waitFor();
  await close();
});

test('the mesh is a picture, and a box that is pressed leaves only what it has to do with', async () => {
  const { page, close } = await open('#/mesh');
  const picture = page.getByRole('group', { name: 'The mesh' });
  const consumers = page.getByRole('table', { name: 'Consumers' }).locator('tbody tr');
  const box = picture.getByRole('link', { name: /^loyalty 1 process/ });
  await box.waitFor();
  for (const stream of ['ORDERS', 'INVENTORY', 'PAYMENTS', 'SHIPPING', 'NOTIFICATIONS'])
    assert.equal(await picture.getByRole('link', { name: new RegExp(`^${stream} `) }).count(), 1);
  assert.ok((await consumers.count()) > 20);
  await box.click();
  await page.waitForURL('**/console/#/mesh?service=loyalty');
  await until(async () => (await consumers.count()) === 2);
  await page.getByText('The tables show only what has to do with loyalty').waitFor();
  await page.getByRole('link', { name: 'Show all' }).click();
  await until(async () => (await consumers.count()) > 20);
  await without('shipping', async () => {
    await order('BACKS-UP');
    await picture.getByRole('link', { name: /^shipping not answering · \d+ wait/ }).waitFor();
    await picture.locator('.link.bad text').first().waitFor();
    await go(page, '#/', 'Overview');
    await page.locator('.attention').getByText('shipping does not answer').waitFor();
  });
  await page.locator('.attention').getByText('shipping does not answer').waitFor({ state: 'detached' });
  await close();
});

/* --- true to the system --- */

test('a gateway that hangs is not called live any more', async () => {
  const gateway = await startGuardedGateway(mesh, { OM_AUTH: 'none' });
  const { page, close } = await openPage(browser, `${gateway.url}/console/`, { expected: /status of 503/ });
  await page.getByText('Live', { exact: true }).waitFor();
  gateway.hang();
  const began = Date.now();
  try {
    await page.getByText('No answer', { exact: true }).waitFor();
    assert.ok(Date.now() - began < 9000, `after ${Date.now() - began} ms`); // 3 s, and a slow machine
    await page.locator('.rates', { hasText: 'accepted –/s' }).waitFor();
    await keepScreenshot(page, 'overview-hangs');
  } finally {
    gateway.goOn();
  }
  await page.getByText('Live', { exact: true }).waitFor();
  await close();
  assert.equal(await gateway.stop(), 0);
});

test('times say how long ago they are, and of which zone', async () => {
  await order('TIMED');
  const { page, close } = await open('#/orders?customerId=TIMED');
  const created = page.locator('.list td[data-label="Created"]').first();
  await created.getByText(/^\d+:\d\d:\d\d [AP]M · (now|\d+ s ago)$/).waitFor();
  const local = await created.innerText();
  await page.getByRole('button', { name: 'Times are in GMT+1' }).click();
  await page.getByRole('button', { name: 'Times are in UTC' }).waitFor();
  await page.getByLabel('Created from (UTC)').waitFor({ state: 'attached' });
  const utc = await created.innerText();
  const hour = (text) => Number(/^\d+/.exec(text)[0]) % 12;
  assert.equal((hour(local) + 11) % 12, hour(utc), `${local}, ${utc}`);
  await page.getByRole('button', { name: 'Times are in UTC' }).click();
  await page.getByRole('button', { name: 'Times are in GMT+1' }).waitFor();
  await close();
});

// Of a burst only a sample is told; what is shown of it is true all the same.
test('the statuses of a burst of orders become true', async () => {
  const { page, close } = await open();
  await page.getByText('Live', { exact: true }).waitFor();
  await Promise.all(Array.from({ length: 150 }, () => order('BURST')));
  await until(async () => {
    const { stdout } = await sql(
      mesh,
      `SELECT count(*) FROM orders.orders WHERE customer_id = 'BURST' AND status = 'COMPLETED'`,
    );
    return stdout.trim() === '150';
  });
  await page.waitForFunction(() => {
    const all = [...document.querySelectorAll('.live .pill')];
    return all.length > 1 && all.every(({ textContent }) => textContent === 'Completed');
  });
  const { stdout: last } = await sql(
    mesh,
    'SELECT id FROM orders.orders WHERE updated_at = (SELECT max(updated_at) FROM orders.orders)',
  );
  const anyOfLast = last
    .trim()
    .split('\n')
    .map((id) => `.live a[title="${id}"]`);
  await page.locator(anyOfLast.join()).first().waitFor();
  await page.locator('.live .hint:empty').waitFor({ state: 'attached' });
  await until(async () =>
    (await page.locator('.live td[data-label="Last event"]').allInnerTexts()).every(
      (text) => text === 'Order completed',
    ),
  );
  await close();
});

test('a row that has the focus stays the same order while others come', async () => {
  const { page, close } = await open();
  await page.getByText('Live', { exact: true }).waitFor();
  await order('HELD');
  await page.locator('.live tbody').getByText('Completed').first().waitFor();
  const link = page.locator('.live tbody a').first();
  const id = await link.getAttribute('title');
  await link.focus();
  await Promise.all(Array.from({ length: 5 }, () => order('OTHER')));
  await page.waitForTimeout(1000); // so long, and nothing has changed
  assert.equal(await page.evaluate(() => document.activeElement.title), id);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: `Order ${id}` }).waitFor();
  await close();
});

test('a service that does not answer is told everywhere, until it is back', async () => {
  const { page, close } = await open('#/mesh');
  const services = page.getByRole('table', { name: 'Services' });
  const consumers = page.getByRole('table', { name: 'Consumers' });
  await page.getByText('All consumers have caught up.').waitFor();
  await without('payment', async () => {
    await services.getByRole('row', { name: /^payment Not answering, last seen \d/ }).waitFor();
    await page.locator('.summary', { hasText: 'payment does not answer.' }).waitFor();
    await consumers.locator('.pill').first().waitFor();
    assert.equal(await page.locator('#away-count').textContent(), '1 not answering');
    await keepScreenshot(page, 'mesh-away');
    await page.reload(); // who comes now is told it, too
    await services.getByRole('row', { name: /^payment Not answering/ }).waitFor();
  });
  await services.getByRole('row', { name: /^payment Charges/ }).waitFor();
  await page.locator('#away-count').waitFor({ state: 'hidden' });
  await close();
});

test('without analytics the last figures stay, and it is said who is away', async () => {
  const { page, close } = await open('#/', { expected: /status of 503/ });
  const figure = page.locator('.tile', { hasText: 'Completed' }).locator('dd');
  const culprit = page.getByText('The service analytics does not answer.');
  await figure.waitFor();
  await without('analytics', async () => {
    await culprit.waitFor({ timeout: 40000 });
    assert.match(await figure.innerText(), /^\d/);
    assert.equal(await page.getByText('A part of the system is away').count(), 1);
    await keepScreenshot(page, 'overview-away');
  });
  await culprit.waitFor({ state: 'detached' });
  await close();
});

test('what failed while the gateway was away loads by itself', async () => {
  const { page, close } = await open('#/', { expected: /ERR_/ });
  await page.locator('.rates', { hasText: 'accepted 0/s' }).waitFor();
  await go(page, '#/mesh', 'Mesh');
  await without('gateway', async () => {
    await page.locator('#link-state', { hasText: 'Reconnecting' }).waitFor();
    await go(page, '#/', 'Overview');
    await page.locator('.attention').getByText('The gateway cannot be reached').waitFor();
    await page.locator('.rates', { hasText: 'accepted –/s' }).waitFor();
    await keepScreenshot(page, 'overview-unreachable');
    await go(page, '#/demo', 'Place a demo order');
    await page.locator('.place').getByText('The gateway cannot be reached').waitFor();
  });
  await page.getByLabel('Product').locator('option').first().waitFor({ state: 'attached' });
  assert.equal(await page.locator('.place .error').count(), 0);

  const placeBox = page.locator('.placed-order');
  await without('gateway', async () => {
    await place(page);
    await placeBox.getByText('Not placed: the gateway cannot be reached').waitFor();
    await placeBox.getByText('Press Place order again; the same key is safe.').waitFor();
    await page.locator('#link-state', { hasText: 'Reconnecting' }).waitFor();
  });
  await placeBox.getByText('Not placed').waitFor({ state: 'detached' });

  await go(page, '#/mesh', 'Mesh');
  await without('gateway', async () => {
    await go(page, '#/orders', 'Orders');
    await page.getByText('The gateway cannot be reached').waitFor();
  });
  await page.locator('.list tbody tr').first().waitFor();
  assert.equal(await page.locator('.error').count(), 0);
  await close();
});

/* --- finding one's way --- */

test('an order is opened by its ID, and one that does not exist is said once', async () => {
  const { page, close } = await open('#/orders', { expected: /status of 404/ });
  const field = page.getByLabel('Part of an ID or customer');
  const id = await page.locator('.list tbody a').first().innerText();
  assert.match(id, /^[0-9a-f-]{36}$/);
  await field.fill(` ${id.toUpperCase()} `);
  await field.press('Enter');
  await page.getByRole('heading', { name: `Order ${id}` }).waitFor();
  await page.getByText('Took ').waitFor();
  await go(page, '#/orders/01990000-0000-7000-8000-000000000000', /^Order 0199/);
  await page.getByText('No order with this ID').waitFor();
  assert.equal(await page.locator('.error').count(), 1);
  await close();
});

test('orders are found by a part of their ID or of their customer', async () => {
  await order('SEARCHED-customer');
  const { page, close } = await open('#/orders?customerId=SEARCHED-customer');
  const links = page.locator('.list tbody a');
  const id = await links.first().innerText();
  const field = page.getByLabel('Part of an ID or customer');
  for (const part of ['searched-C', id.slice(9, 23), id.slice(-12).toUpperCase()]) {
    await go(page, '#/orders', 'Orders');
    await page.getByText(/^50 shown/).waitFor();
    await field.fill(part);
    await field.press('Enter');
    await page.getByText('1 shown, all there are').waitFor();
    assert.equal(await links.first().innerText(), id, part);
  }
  await field.fill('100%_no');
  await field.press('Enter');
  await page.getByText('No order is like that.').waitFor();
  await close();
});

test('an order is found by how its ID begins, its SKU, its parcel and its payment', async () => {
  const customer = 'FOUND-customer';
  await order(customer);
  const { page, close } = await open(`#/orders?customerId=${customer}&status=COMPLETED`);
  const links = page.locator('.list tbody a');
  await page.getByRole('button', { name: 'Refresh' }).click();
  await links.first().waitFor();
  const id = await links.first().innerText();
  const { trackingNumber } = await (await fetch(`${mesh.url}/api/v1/orders/${id}`)).json();
  for (const [label, value] of [
    ['Part of an ID or customer', id.slice(0, 14)],
    ['Tracking number', trackingNumber],
  ]) {
    await go(page, '#/orders', 'Orders');
    await page.getByText(/^50 shown/).waitFor();
    await page.getByLabel(label).fill(value);
    await page.getByLabel(label).press('Enter');
    await page.getByText('1 shown, all there are').waitFor();
    assert.equal(await links.first().innerText(), id, label);
  }
  await go(page, '#/orders?sku=NO-SUCH-SKU', 'Orders');
  await page.getByText('No order is like that.').waitFor();
  await go(page, '#/orders?paymentId=ch_none', 'Orders');
  await page.getByText('No order is like that.').waitFor();
  await close();
});

test('who comes back from an order finds the list as it was', async () => {
  for (let number = 0; number < 60; number++) await order('BACK');
  const { page, close } = await open('#/orders?customerId=BACK');
  await page.getByText(/^50 shown, more below/).waitFor();
  await page.getByRole('button', { name: 'Show more' }).click();
  await page.getByText(/^60 shown, all there are/).waitFor();
  const link = page.locator('.list tbody a').last();
  const address = await link.getAttribute('href');
  await link.click();
  await page.getByRole('link', { name: '← Orders' }).click();
  await page.getByText(/^60 shown/).waitFor();
  assert.match(page.url(), /customerId=BACK/);
  await page.waitForFunction(
    (href) => document.activeElement.getAttribute('href') === href,
    address,
  );
  assert.ok((await page.evaluate(() => scrollY)) > 0);
  await page.getByLabel('Created from').fill('2026-02-02T10:00');
  await page.getByLabel('Created before').fill('2026-02-01T10:00');
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  assert.ok(await page.getByLabel('Created before').evaluate((it) => !it.validity.valid));
  await close();
});

test('another period changes the figures and nothing else', async () => {
  await order('PERIOD');
  const { page, close } = await open();
  await page.getByRole('button', { name: 'Pause' }).click();
  const asked = page.waitForRequest(/dashboard.*granularity=hour/);
  await page.getByRole('link', { name: 'Last 24 hours' }).click();
  await asked;
  await page.locator('[aria-current="true"]', { hasText: 'Last 24 hours' }).waitFor();
  await page.getByText('orders an hour, by what became of them').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Go on' }).count(), 1);
  await close();
});

test('what happened before the page was opened is in its charts and lists', async () => {
  await order('BEFORE');
  await until(async () => {
    const { stdout } = await sql(
      mesh,
      `SELECT count(*) FROM orders.orders WHERE customer_id = 'BEFORE' AND status = 'COMPLETED'`,
    );
    return stdout.trim() === '1';
  });
  const { page, close } = await open();
  await page.locator('.throughput .chart rect.completed').first().waitFor({ state: 'attached' });
  await page.locator('.live tbody a').first().waitFor();
  assert.equal(await page.locator('.chart g').count(), 60);
  await until(async () =>
    (await page.locator('.live td[data-label="Last event"]').allInnerTexts()).every(
      (text) => text !== '–',
    ),
  );
  await close();
});

test('many are discarded by the fields as they stand, with a reason', async () => {
  await die('{"poison":100}', '{"poison":101}', '{"poison":102}');
  const { page, close } = await open('#/dead-letters');
  await page.locator('#field-consumer option[value="analytics"]').waitFor({ state: 'attached' });
  await page.locator('#field-consumer').selectOption('analytics');
  await page.getByLabel('Error code').fill('NONE');
  await page.getByRole('button', { name: 'Replay by this filter…' }).click();
  const replay = page.getByRole('dialog', { name: 'Replay by filter' });
  await replay.getByText('consumer analytics, code NONE').waitFor();
  await replay.getByText('0 dead letters match.').waitFor();
  assert.equal(await replay.getByRole('button', { name: /^Replay/ }).count(), 0);
  await replay.getByRole('button', { name: 'Close' }).click();

  const discard = page.getByRole('button', { name: 'Discard by this filter…' });
  for (const [status, isAllowed] of Object.entries({ resolved: false, any: true, '': true })) {
    await page.locator('#field-status').selectOption(status);
    assert.equal(await discard.isEnabled(), isAllowed, status);
    const why = page.getByText('Only dead ones can be replayed or discarded.');
    assert.equal(await why.count(), isAllowed ? 0 : 1);
  }
  await page.getByLabel('Error code').fill('');
  await discard.click();
  const dialog = page.getByRole('dialog', { name: 'Discard by filter' });
  await dialog.getByText(/^\d+ dead letters match\./).waitFor();
  await dialog.getByRole('button', { name: /^Discard \d/ }).click();
  assert.ok(await dialog.isVisible(), 'a reason is required');
  await dialog.getByLabel('Because').fill('poison of a test');
  await dialog.getByRole('button', { name: /^Discard \d/ }).click();
  const job = page.locator('[data-job][data-state="done"]', { hasText: 'poison of a test' });
  await job.getByText(/^(\d+) of \1 discarded/).waitFor();
  await assertFocusKept(page);
  await go(page, '#/dead-letters?consumer=analytics', 'Dead letters');
  await page.locator('.list .state', { hasText: 'No dead letter is like that.' }).waitFor();
  assert.equal(await page.locator('.list .good').count(), 0);
  await close();
});

/* --- by keyboard --- */

async function tabTo(page, name) {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate(() => {
      const { activeElement: at } = document;
      const outline = getComputedStyle(at).outlineStyle;
      return {
        outline,
        name: at.getAttribute('aria-label') ?? at.labels?.[0]?.textContent ?? at.textContent,
      };
    });
    assert.notEqual(focused.outline, 'none', `${focused.name} does not show that it has the focus`);
    if (focused.name.trim() === name) return;
  }
  assert.fail(`${name} is not reached`);
}

test('everything can be done by keyboard, and the focus is always seen', async () => {
  const { page, close } = await open('#/demo');
  await page.getByText('left').first().waitFor({ state: 'attached' });
  await tabTo(page, 'Skip to content');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
  await tabTo(page, 'Payment');
  await page.keyboard.type('Card without');
  await tabTo(page, 'Place order');
  await page.keyboard.press('Enter');
  await placed(page, 'FAILED').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Place order');

  await page.reload();
  await tabTo(page, 'Mesh');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Mesh' }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.tagName), 'H1');
  assert.equal(await page.title(), 'Mesh · OrderMesh console');

  await go(page, '#/dead-letters', 'Dead letters');
  await tabTo(page, 'Replay by this filter…');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal(
    await page.evaluate(() => document.activeElement.textContent),
    'Replay by this filter…',
  );
  await close();
});

/* --- for everybody --- */

const VIEWS = {
  overview: ['#/', 'Overview'],
  orders: ['#/orders', 'Orders'],
  'dead-letters': ['#/dead-letters?status=any', 'Dead letters'],
  mesh: ['#/mesh', 'Mesh'],
  demo: ['#/demo', 'Place a demo order'],
  nothing: ['#/no-such-view', 'Nothing here'],
};

// The page has been filled, and is not about to change.
const isFilled = (page) =>
  page.waitForFunction(
    () => document.querySelector('h1') && !document.querySelector('.state.loading'),
  );

for (const colorScheme of ['light', 'dark'])
  for (const [size, viewport] of Object.entries({
    wide: { width: 1280, height: 900 },
    phone: { width: 360, height: 740 },
  }))
    test(`every view is accessible and fits, ${colorScheme} and ${size}`, async () => {
      const { page, close } = await open('#/', { colorScheme, viewport, reducedMotion: 'reduce' });
      const check = async (name) => {
        await isFilled(page);
        await assertAccessible(page, name);
        await assertNoSidewaysScrolling(page, name);
        await keepScreenshot(page, `${name}-${colorScheme}-${size}`);
      };
      for (const [name, [hash, heading]] of Object.entries(VIEWS)) {
        await go(page, hash, heading);
        if (name === 'demo') {
          await place(page);
          await placed(page, 'COMPLETED').waitFor();
        }
        await check(name);
        const first = page.locator('.list tbody a').first();
        if (!(await first.count())) continue;
        await first.click();
        await page.getByRole('heading', { level: 1, name: /^(Order|Dead letter) \S+/ }).waitFor();
        await check(`${name}-one`);
      }
      await page.getByRole('button', { name: 'Token' }).click();
      await check('token');
      await close();
    });

// Words that go on in another line, but for what programs are told: that may be too long for one.
const brokenWords = (page) =>
  page.evaluate(() => {
    const broken = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text = walker.nextNode(); text; text = walker.nextNode()) {
      if (
        text.parentElement.closest(
          'code, pre, script, noscript, dialog, svg, .break, .unseen, option',
        )
      )
        continue;
      for (const { index, 0: word } of text.data.matchAll(/(?<!\S)[A-Za-z]{2,20}[.,:]?(?!\S)/g)) {
        const range = document.createRange();
        range.setStart(text, index);
        range.setEnd(text, index + word.length);
        if (new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size > 1)
          broken.push(`${word} in ${text.data}`);
      }
    }
    return broken;
  });

// 320 is a wide screen at 400 %; between narrow and wide tables are tables still.
for (const width of [320, 720, 768])
  test(`every view fits ${width} pixels, badges and all`, async () => {
    await poison(width);
    const { page, close } = await open('#/', { viewport: { width, height: 800 } });
    await page.locator('#dead-count').waitFor();
    await go(page, '#/demo', 'Place a demo order');
    await place(page, { payment: 'pm_card_chargeDeclinedInsufficientFunds' });
    await page.locator('.placed-order').getByText('Inventory released').waitFor();
    assert.deepEqual(await brokenWords(page), [], `a placed order at ${width}`);
    await page.locator('.placed').getByRole('link').click();
    await page.getByText('Took').waitFor();
    assert.deepEqual(await brokenWords(page), [], `an order at ${width}`);
    await keepScreenshot(page, `order-${width}`);
    for (const [name, [hash, heading]] of Object.entries(VIEWS)) {
      await go(page, hash, heading);
      await isFilled(page);
      await assertNoSidewaysScrolling(page, `${name} at ${width}`);
      assert.deepEqual(await brokenWords(page), [], `${name} at ${width}`);
      await keepScreenshot(page, `${name}-${width}`);
    }
    await close();
  });

// Lines at whose end a word stands alone. Figures and names of programs may be too long for better ones.
const loneWords = (page) =>
  page.evaluate(() => {
    const lone = [];
    const blocks = 'h1, h2, h3, p, dd, dt, li > span, td > small, label, .hint, .state:not(.error), a, button, legend';
    for (const block of document.querySelectorAll(blocks)) {
      if (block.closest('code, pre, .unseen, [hidden], svg, nav') || block.querySelector('code, pre, .break, ul'))
        continue;
      const words = [];
      const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
      for (let text = walker.nextNode(); text; text = walker.nextNode())
        for (const { index, 0: word } of text.data.matchAll(/\S+/g)) {
          const range = document.createRange();
          range.setStart(text, index);
          range.setEnd(text, index + word.length);
          const box = range.getBoundingClientRect();
          if (box.height) words.push({ word, middle: (box.top + box.bottom) / 2 });
        }
      const end = words.at(-1);
      const last = words.filter(({ middle }) => Math.abs(middle - end.middle) < 8);
      if (last.length === 1 && words.length > 2 && end.word.length < 20) lone.push(`${end.word} in ${block.textContent}`);
    }
    return lone;
  });

test('no word stands alone in its line at 390 pixels', async () => {
  await poison(390);
  const { page, close } = await open('#/demo', { viewport: { width: 390, height: 844 } });
  await place(page, { payment: 'pm_card_chargeDeclinedInsufficientFunds' });
  await page.locator('.placed-order').getByText('Inventory released').waitFor();
  assert.deepEqual(await loneWords(page), [], 'a placed order');
  await page.locator('.placed').getByRole('link').click();
  await page.getByText('Took').waitFor();
  assert.deepEqual(await loneWords(page), [], 'an order');
  for (const [name, [hash, heading]] of Object.entries(VIEWS)) {
    await go(page, hash, heading);
    await isFilled(page);
    assert.deepEqual(await loneWords(page), [], name);
    await keepScreenshot(page, `${name}-390`);
  }
  await close();
});

/* --- safety --- */

test('no script runs but those of the console, and nothing may frame it', async () => {
  const { page, errors, close } = await open('#/', { expected: /Content Security Policy/ });
  const response = await page.request.get(`${mesh.url}/console/`);
  const policy = response.headers()['content-security-policy'];
  for (const rule of [
    "default-src 'none'",
    "script-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ])
    assert.ok(policy.includes(rule), policy);
  assert.equal(response.headers()['x-content-type-options'], 'nosniff');
  assert.deepEqual(errors, []);
  await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'window.isBroken = true';
    document.body.append(script);
  });
  assert.equal(await page.evaluate(() => window.isBroken), undefined);
  assert.equal(errors.length, 1);
  await close();
});

test('text of others stays text', async () => {
  await die('<img src=x onerror="window.isBroken=true"><b>bold</b>');
  const { page, close } = await open('#/dead-letters?stream=NOTIFICATIONS');
  await page.locator('.list tbody a').first().click();
  await page.getByRole('region', { name: 'Body' }).getByText('<b>bold</b>').waitFor();
  assert.equal(await page.evaluate(() => window.isBroken), undefined);
  await close();
});

test('a token is asked for where one is needed, and kept in its tab only', async () => {
  const gateway = await startGuardedGateway(mesh);
  const it = await openPage(browser, `${gateway.url}/console/`, { expected: /status of 40[13]/ });
  const { page, context } = it;
  const dialog = page.getByRole('dialog', { name: 'Access token' });
  const enter = async (token) => {
    if (!(await dialog.isVisible())) await page.locator('#token-button').click();
    await dialog.getByLabel('Token (JWT)').fill(token);
    await dialog.getByRole('button', { name: 'Use token' }).click();
  };
  await dialog.getByText('This gateway requires a token.').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).click();
  await page.getByRole('button', { name: 'Enter a token' }).first().click();
  await dialog.getByText('This gateway requires a token.').waitFor();
  await dialog.getByLabel('Token (JWT)').fill(gateway.token('orders:read orders:write', 'C7'));
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Token: C7' }).waitFor();
  await go(page, '#/demo', 'Place a demo order');
  assert.equal(await page.getByLabel('Customer').inputValue(), 'C7');
  await page.getByLabel('Product').locator('option').first().waitFor({ state: 'attached' });
  await place(page, { customer: 'C8' });
  await page.getByText("Customer must be the token's subject").waitFor();
  await enter(gateway.token('orders:read'));
  await go(page, '#/', 'Overview');
  await page.getByText('It would need the scope admin.').first().waitFor();
  await page.getByRole('button', { name: 'Use another token' }).first().click();
  await dialog.getByText('for C100, with the scope orders:read, until').waitFor();
  await enter('not.a.token');
  await page.getByText(/^The token was refused/).waitFor();
  await enter(gateway.token('admin'));
  await page.getByText('Live', { exact: true }).waitFor();
  await page.getByText('Orders', { exact: true }).first().waitFor();
  await place(page);
  await placed(page, 'COMPLETED').waitFor();

  assert.equal(await page.evaluate(() => localStorage.length + document.cookie.length), 0);
  const other = await context.newPage();
  await other.goto(`${gateway.url}/console/`);
  await other.getByRole('dialog', { name: 'Access token' }).waitFor();
  await page.getByRole('button', { name: 'Token: C100' }).click();
  await dialog.getByRole('button', { name: 'Forget token' }).click();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  await it.close();
  assert.equal(await gateway.stop(), 0);
});

test('a gateway that cannot be reached is told, and taken up again by itself', async () => {
  const { page, context, close } = await open('#/mesh', { expected: /ERR_INTERNET_DISCONNECTED/ });
  await page.getByText('All consumers have caught up.').waitFor();
  await context.setOffline(true);
  await page.getByText('The gateway cannot be reached').first().waitFor();
  await context.setOffline(false);
  await page.getByRole('table', { name: 'Services' }).waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  await close();
});
