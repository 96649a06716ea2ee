// The messages of the services in the story of om-test-dump, in which every kind of event is told,
// against the schemas and a CloudEvents SDK.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { golden, knows, majorOf } from './schemas.mjs';
import {
  checkCloudEvent,
  checkHeaders,
  checkReport,
  checkSchema,
  messagesOf,
  placeOf,
} from './messages.mjs';

// Not made by the orders that om-test-dump places, and why.
const NOT_PRODUCED = {};

const reports = [];
const events = [];
for await (const message of messagesOf(process.env.OM_DUMP)) {
  if (message.stream === 'FAILURES') reports.push(message);
  else if (message.stream !== 'ADVISORIES')
    events.push({ ...message, event: JSON.parse(message.payload) });
}
const known = events.filter(({ event }) => knows(majorOf(event.dataschema)));
const unknown = events.filter(({ event }) => !knows(majorOf(event.dataschema)));

test('every event is valid against the schema that it names', () => {
  assert.ok(known.length > 0);
  known.forEach(checkSchema);
});

test('every event says in its NATS headers what it says inside', () => {
  known.forEach(checkHeaders);
});

test('a CloudEvents SDK reads every event with all its attributes', () => {
  known.forEach(checkCloudEvent);
});

test('what caused an event has the same correlation and trace', () => {
  const byId = new Map(known.map((message) => [message.event.id, message.event]));
  let chained = 0;
  for (const message of known) {
    const cause = byId.get(message.event.causationid);
    if (cause === undefined) continue;
    chained += 1;
    assert.equal(message.event.correlationid, cause.correlationid, placeOf(message));
    assert.equal(message.event.traceparent.slice(3, 35), cause.traceparent.slice(3, 35));
  }
  assert.ok(chained > 0);
});

test('every type of event was seen', () => {
  const seen = new Set(known.map(({ event }) => event.type.replace('io.ordermesh.', '')));
  for (const { file } of golden) {
    const name = file.replace(/\.v\d+$/, '');
    assert.equal(seen.has(name), !(name in NOT_PRODUCED), `${name}: seen ${seen.has(name)}`);
  }
});

test('an unknown major version is rejected with a failure report', () => {
  assert.ok(unknown.length > 0);
  const rejected = new Set(
    reports
      .map(({ payload }) => JSON.parse(payload))
      .filter(({ outcome, code }) => outcome === 'REJECT' && code === 'UNSUPPORTED')
      .map(({ stream, streamSequence }) => `${stream} ${streamSequence}`),
  );
  for (const { stream, sequence } of unknown)
    assert.ok(rejected.has(`${stream} ${sequence}`), `${stream} ${sequence}`);
});

test('every failure report is valid and filed under its own subject', () => {
  reports.forEach(checkReport);
});
