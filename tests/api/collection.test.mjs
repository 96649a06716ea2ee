// docs/postman_collection.json, by Newman as its users run it, against a mesh.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startMesh } from './mesh.mjs';

const run = promisify(execFile);
const collection = join(process.env.OM_SOURCE_DIR, 'docs/postman_collection.json');

test('every story of the collection ends as it says', async () => {
  const mesh = await startMesh();
  try {
    const { stdout } = await run('npx', [
      ...['--no-install', 'newman', 'run', collection, '--env-var', `baseUrl=${mesh.url}`],
      ...['--delay-request', '50', '--reporter-cli-no-banner', '--color', 'off'],
    ]).catch((failed) => assert.fail(failed.stdout));
    assert.match(stdout, /✓ {2}because of out_of_stock/);
    assert.match(stdout, /✓ {2}because of payment_declined/);
    assert.match(stdout, /✓ {2}because of cancelled_by_customer/);
    assert.match(stdout, /✓ {2}it is the problem idempotency-key-reused/);
  } finally {
    await mesh.stop();
  }
});
