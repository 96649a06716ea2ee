// What the services really sent (om-test-dump), against the schemas and a CloudEvents SDK.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFileSync } from 'node:fs';
import { HTTP } from 'cloudevents';
import { golden, knows, majorOf, problem } from './schemas.mjs';

// Not made by the orders that om-test-dump places, and why.
const NOT_PRODUCED = {};

const messages = readFileSync(process.env.OM_DUMP, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line));
const reports = messages.filter(({ stream }) => stream === 'FAILURES');
const events = messages
  .filter(({ stream }) => stream !== 'FAILURES')
  .map((message) => ({ ...message, event: JSON.parse(message.payload) }));
const known = events.filter(({ event }) => knows(majorOf(event.dataschema)));
const unknown = events.filter(({ event }) => !knows(majorOf(event.dataschema)));

const placeOf = ({ stream, sequence, subject }) => `${stream} ${sequence} (${subject})`;

test('every event is valid against the schema that it names', () => {
  assert.ok(known.length > 0);
  for (const message of known)
    assert.equal(problem(majorOf(message.event.dataschema), message.event), null, placeOf(message));
});

test('every event says in its NATS headers what it says inside', () => {
  for (const message of known) {
    const { headers, event } = message;
    assert.equal(problem('urn:ordermesh:schema:shared:1#/$defs/headers', headers), null);
    assert.equal(headers['Nats-Msg-Id'], event.id, placeOf(message));
    assert.equal(headers.traceparent, event.traceparent, placeOf(message));
    assert.equal(headers['Nats-Expected-Stream'] ?? message.stream, message.stream);
  }
});

test('a CloudEvents SDK reads every event with all its attributes', () => {
  for (const message of known) {
    const { event, headers } = message;
    const read = HTTP.toEvent({
      headers: { 'content-type': headers['Content-Type'] },
      body: message.payload,
    });
    assert.ok(read.validate(), placeOf(message));
    for (const name of Object.keys(event)) {
      if (name === 'time') assert.equal(Date.parse(read.time), Date.parse(event.time));
      else assert.deepEqual(read[name], event[name], `${placeOf(message)}: ${name}`);
    }
  }
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
  for (const { subject, payload } of reports) {
    const report = JSON.parse(payload);
    assert.equal(problem('urn:ordermesh:schema:failure_report:1', report), null, subject);
    assert.equal(subject, `failures.${report.stream}.${report.consumer}.${report.eventId}`);
  }
});
