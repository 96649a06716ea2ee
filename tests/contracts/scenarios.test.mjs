// Every message that the scenarios' meshes sent, one file a mesh (OM_EVENT_DUMP_DIR of
// tests/support/mesh/mesh.h), against the schemas and a CloudEvents SDK.
//
// Only what the server reports as given up by a consumer may be anything else: the poison that a
// scenario sends on purpose. That nothing was given up in the scenarios without poison is what their
// own checker says (invariant G).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  checkCloudEvent,
  checkHeaders,
  checkReport,
  checkSchema,
  messagesOf,
  placeOf,
} from './messages.mjs';

const folder = process.env.OM_EVENT_DUMP_DIR ?? '';
const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.jsonl')) : [];

function checkMessage(message) {
  let event;
  try {
    event = JSON.parse(message.payload);
  } catch {
    assert.fail(`${placeOf(message)}: no JSON`);
  }
  const read = { ...message, event };
  checkSchema(read);
  checkHeaders(read);
  checkCloudEvent(read);
}

async function checkFile(path) {
  const givenUp = new Set();
  const count = { events: 0, reports: 0, givenUp: 0 };
  for await (const message of messagesOf(path)) {
    if (message.stream === 'ADVISORIES') {
      const { stream, stream_seq: sequence } = JSON.parse(message.payload);
      givenUp.add(`${stream} ${sequence}`);
    } else if (message.stream === 'FAILURES') {
      checkReport(message);
      count.reports += 1;
    } else if (givenUp.has(`${message.stream} ${message.sequence}`)) {
      count.givenUp += 1;
    } else {
      checkMessage(message);
      count.events += 1;
    }
  }
  return count;
}

for (const file of files) {
  test(`every event of ${file} keeps its contract`, async (context) => {
    const count = await checkFile(join(folder, file));
    context.diagnostic(
      `${count.events} events, ${count.givenUp} given up, ${count.reports} failure reports`,
    );
    assert.ok(count.events > 0);
  });
}
