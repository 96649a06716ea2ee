// A browser, and pages in which nothing may go wrong unseen.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8');
const screenshots = process.env.OM_SCREENSHOTS;
const WAIT_MS = 20000;

export const startBrowser = () =>
  chromium.launch({ executablePath: process.env.OM_CHROMIUM, args: ['--no-sandbox'] });

// A page of a person's own: nothing is shared with another. `errors` fills with what the browser's
// console says and what the policy stopped; close() fails over those that `expected` does not match.
export async function openPage(browser, url, { expected = /^$/, ...look } = {}) {
  const context = await browser.newContext({
    locale: 'en-US',
    timezoneId: 'Europe/Vienna',
    ...look,
  });
  const page = await context.newPage();
  const errors = [];
  page.setDefaultTimeout(WAIT_MS);
  page.on(
    'console',
    (line) => ['error', 'warning'].includes(line.type()) && errors.push(line.text()),
  );
  page.on('pageerror', (error) => errors.push(error.stack));
  await page.goto(url);
  return {
    page,
    context,
    errors,
    async close() {
      await context.close();
      assert.deepEqual(
        errors.filter((text) => !expected.test(text)),
        [],
      );
    },
  };
}

export const go = async (page, hash, heading) => {
  await page.evaluate((to) => (location.hash = to), hash);
  await page.getByRole('heading', { level: 1, name: heading }).waitFor();
};

// The rules of WCAG 2.2 A and AA that a program can judge. axe-core runs outside of the page's
// policy, which forbids it as it does any other script.
export async function assertAccessible(page, name) {
  const client = await page.context().newCDPSession(page);
  await client.send('Page.setBypassCSP', { enabled: true });
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }),
  );
  await client.send('Page.setBypassCSP', { enabled: false });
  const told = violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${name}: ${id}: ${target}: ${failureSummary}`),
  );
  assert.deepEqual(told, []);
}

export async function assertNoSidewaysScrolling(page, name) {
  const surplus = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  assert.equal(surplus, 0, `${name} is ${surplus} pixels too wide`);
}

export async function keepScreenshot(page, name) {
  if (screenshots)
    await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
}
