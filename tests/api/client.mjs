// Sends requests to operations of the document, and holds every answer to it.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { checkAnswer, operationOf, operations, resolve } from './description.mjs';

// The statuses that each operation has answered with.
export const seen = new Map(operations.map(({ operationId }) => [operationId, new Set()]));

function note(operation, answer) {
  checkAnswer(operation, answer);
  seen.get(operation.operationId).add(String(answer.status));
  return answer;
}

export const parametersOf = (operation) =>
  (operation.parameters ?? []).map(
    (_, index) => resolve([...operation.at, 'parameters', index]).node,
  );

// The path with what is given, and for what is not, with the document's examples.
export function targetOf(operation, path = {}, query = {}) {
  const filled = operation.path.replace(/\{(\w+)\}/g, (_, name) =>
    encodeURIComponent(
      path[name] ?? parametersOf(operation).find((parameter) => parameter.name === name).example,
    ),
  );
  const pairs = Object.entries(query).map(
    ([name, value]) => `${name}=${encodeURIComponent(value)}`,
  );
  return pairs.length === 0 ? filled : `${filled}?${pairs.join('&')}`;
}

// A text is sent as it is, anything else as JSON.
function bodyOf(body, type) {
  if (body === undefined) return {};
  return {
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'Content-Type': type },
  };
}

export async function send(
  url,
  id,
  { path, query, headers, body, type = 'application/json', read = (r) => r.text() } = {},
) {
  const operation = operationOf(id);
  const sent = bodyOf(body, type);
  const response = await fetch(url + targetOf(operation, path, query), {
    method: operation.method,
    redirect: 'manual',
    ...sent,
    headers: { ...sent.headers, ...headers },
  });
  const answer = { status: response.status, headers: response.headers, body: await read(response) };
  note(operation, answer);
  return {
    ...answer,
    json:
      answer.body !== '' && /[/+]json$/.test(response.headers.get('content-type'))
        ? JSON.parse(answer.body)
        : undefined,
  };
}

// Sends `head` and `body` as they are, as no HTTP client would. The connection is at its end after
// the answer.
export function sendRaw(url, id, head, body = '') {
  const { hostname, port } = new URL(url);
  return new Promise((resolveAnswer, reject) => {
    const socket = connect({ host: hostname, port });
    let text = '';
    socket.setEncoding('utf8').on('error', reject);
    socket.on('data', (data) => (text += data));
    socket.on('end', () => {
      const [top, rest] = text.split('\r\n\r\n');
      const [line, ...fields] = top.split('\r\n');
      const headers = new Headers(fields.map((field) => field.split(/: (.*)/s).slice(0, 2)));
      resolveAnswer(
        note(operationOf(id), { status: Number(line.split(' ')[1]), headers, body: rest }),
      );
    });
    socket.write(`${head}\r\n\r\n${body}`);
  });
}

/* --- what to send --- */

export const order = (more) => ({
  customerId: 'C100',
  currency: 'USD',
  items: [{ sku: 'TSHIRT-BLK-M', quantity: 1 }],
  paymentMethod: 'pm_card_visa',
  ...more,
});
export const key = () => ({ 'Idempotency-Key': `"${randomUUID()}"` });
export const bearer = (token) => ({ headers: { Authorization: `Bearer ${token}` } });

// The bodies that the document shows for the operation.
export const examplesOf = (id) => {
  const media = operationOf(id).requestBody.content['application/json'];
  return media.examples === undefined
    ? [media.example]
    : Object.values(media.examples).map(({ value }) => value);
};

export async function until(isDone, what) {
  for (let tries = 0; tries < 800; tries++) {
    const value = await isDone();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return assert.fail(`${what}: not in time`);
}
