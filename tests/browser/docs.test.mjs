// The page at /docs, in Chromium: all of the document is on it, for everybody.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertAccessible, assertNoSidewaysScrolling, openPage, startBrowser } from './browser.mjs';
import { startMesh } from './mesh.mjs';

let mesh, browser;
before(async () => {
  [mesh, browser] = await Promise.all([startMesh(), startBrowser()]);
});
after(async () => {
  await browser?.close();
  if (mesh) assert.equal(await mesh.stop(), 0);
});

async function open(fragment, look) {
  const opened = await openPage(browser, `${mesh.url}/docs${fragment}`, look);
  await opened.page.locator('.operation').first().waitFor();
  return opened;
}

test('the page shows every operation and every schema of the document', async () => {
  const { page, close } = await open('');
  const document = await (await fetch(`${mesh.url}/openapi.yaml`)).text();
  const [paths, components] = document.split(/^components:$/m);
  const ids = [...paths.matchAll(/^ {6}operationId: (\w+)$/gm)].map(([, id]) => id);
  const names = [...components.split(/^ {2}schemas:$/m)[1].matchAll(/^ {4}(\w+):$/gm)];
  const shown = await page.locator('.operation').evaluateAll((all) => all.map(({ id }) => id));
  assert.deepEqual(shown.sort(), ids.sort());
  assert.equal(await page.locator('.schema').count(), names.length);
  assert.ok(!(await page.locator('body').innerText()).includes('[object'));
  await close();
});

test('every link within the page leads somewhere', async () => {
  const { page, close } = await open('');
  const lost = await page
    .locator('a[href^="#"]')
    .evaluateAll((links) =>
      links.map(({ hash }) => hash.slice(1)).filter((id) => document.getElementById(id) === null),
    );
  assert.deepEqual(lost, []);
  await close();
});

// The page is long, and looking at all of it takes its time: once, and in the dark.
test('the page can be used by everybody', async () => {
  const { page, close } = await open('#placeOrder', { colorScheme: 'dark' });
  await assertAccessible(page, 'docs, dark');
  await close();
});

test('the page fits a narrow screen', async () => {
  const { page, close } = await open('', { viewport: { width: 320, height: 700 } });
  await assertNoSidewaysScrolling(page, 'docs, narrow');
  await close();
});
