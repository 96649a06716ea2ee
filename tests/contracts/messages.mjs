// The messages that a mesh sent, as stream_dump.h writes them, and what each must keep to.
import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { HTTP } from 'cloudevents';
import { majorOf, problem } from './schemas.mjs';

// Line by line: the scenarios leave more than fits into memory.
export async function* messagesOf(path) {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity }))
    if (line !== '') yield JSON.parse(line);
}

export const placeOf = ({ stream, sequence, subject }) => `${stream} ${sequence} (${subject})`;

// The event is valid against the schema that it names.
export function checkSchema({ event, ...message }) {
  assert.equal(problem(majorOf(event.dataschema), event), null, placeOf(message));
}

// The NATS headers say what the event says. A replay is the same event as a message of its own, with
// an id that is its own, too.
export function checkHeaders({ headers, event, ...message }) {
  const isReplay = 'Om-Replay-Of' in headers;
  const own = isReplay ? { ...headers, 'Nats-Msg-Id': event.id } : headers;
  assert.equal(problem('urn:ordermesh:schema:shared:1#/$defs/headers', own), null);
  assert.equal(own['Nats-Msg-Id'].replace(/[.][0-9]+$/, ''), event.id, placeOf(message));
  assert.equal(headers.traceparent, event.traceparent, placeOf(message));
  assert.equal(headers['Ce-Type'], event.type, placeOf(message));
  assert.equal(headers['Ce-Subject'], event.subject, placeOf(message));
  assert.equal(headers['Nats-Expected-Stream'] ?? message.stream, message.stream);
}

// A CloudEvents SDK reads the event with all its attributes.
export function checkCloudEvent({ headers, payload, event, ...message }) {
  const read = HTTP.toEvent({
    headers: { 'content-type': headers['Content-Type'] },
    body: payload,
  });
  assert.ok(read.validate(), placeOf(message));
  for (const name of Object.keys(event)) {
    if (name === 'time') assert.equal(Date.parse(read.time), Date.parse(event.time));
    else assert.deepEqual(read[name], event[name], `${placeOf(message)}: ${name}`);
  }
}

// A failure report is valid and filed under its own subject. A mark that an attempt begins is a process' id.
export function checkReport({ subject, payload }) {
  if (subject.split('.').length === 5) return assert.match(payload, /^[0-9a-f-]{36}$/, subject);
  const report = JSON.parse(payload);
  assert.equal(problem('urn:ordermesh:schema:failure_report:1', report), null, subject);
  assert.equal(subject, `failures.${report.stream}.${report.consumer}.${report.eventId}`);
}
