// docs/openapi.yaml against the gateway's own tables, and against itself.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from './yaml.mjs';
import { api, fault, operationOf, operations, resolve, text } from './description.mjs';

const gateway = JSON.parse(execFileSync(join(process.env.OM_BIN, 'om-gateway'), ['--describe']));

const routeOf = ({ method, path }) => `${method} ${path.replaceAll(/\{\w+\}/g, '{id}')}`;

test('the document has every route of the gateway, and no other', () => {
  assert.deepEqual(operations.map(routeOf).sort(), gateway.routes.map(routeOf).sort());
});

test('each operation asks for the scope that its route asks for', () => {
  for (const route of gateway.routes) {
    const operation = operations.find((one) => routeOf(one) === routeOf(route));
    const wanted = route.scope === undefined ? [] : [...new Set([route.scope, 'admin'])];
    assert.deepEqual(
      operation.security.map(({ bearer }) => bearer[0]),
      wanted,
      operation.operationId,
    );
  }
});

test('each operation says whose its data are', () => {
  for (const route of gateway.routes) {
    const operation = operations.find((one) => routeOf(one) === routeOf(route));
    assert.equal(operation['x-owner'], route.owner, operation.operationId);
  }
});

test('what a quota counts says so, and what needs a token can be refused for it', () => {
  for (const route of gateway.routes) {
    const { operationId, responses } = operations.find((one) => routeOf(one) === routeOf(route));
    for (const [status, isThere] of [
      ['429', route.limit],
      ['401', route.scope],
      ['403', route.scope],
    ])
      assert.equal(status in responses, isThere !== undefined, `${operationId}: ${status}`);
  }
});

test('the problems are those of the gateway, with their status and title, and a Retry-After where one is sent', () => {
  const examples = Object.values(api.components.examples).map(
    ({ value: { type, status, title } }) => ({ type, status, title }),
  );
  const shape = ({ type, status, title }) => ({ type, status, title });
  assert.deepEqual(examples, gateway.problems.map(shape));
  assert.deepEqual(
    api.components.schemas.ProblemType.enum,
    gateway.problems.map(({ type }) => type),
  );
  for (const { type, retryAfter } of gateway.problems) {
    const name = type.slice('/problems/'.length);
    const users = Object.values(api.components.responses).filter(
      ({ content }) => content?.['application/problem+json']?.examples[name] !== undefined,
    );
    assert.ok(users.length > 0, `${name} is no answer`);
    if (retryAfter !== undefined)
      users
        .filter(({ content }) => content['application/json'] === undefined)
        .forEach(({ headers }) => assert.ok('Retry-After' in headers, name));
  }
});

test('the version is that of the programs', () => {
  assert.equal(api.info.version, gateway.version);
});

test('the currencies are those that the gateway takes', () => {
  const [source] = readFileSync(
    join(process.env.OM_SOURCE_DIR, 'shared/contract/currency.c'),
    'utf8',
  ).split('\n};');
  assert.deepEqual(
    api.components.schemas.Currency.enum,
    [...source.matchAll(/"([A-Z]{3})"/g)].map(([, code]) => code),
  );
});

test("the page's reader of YAML reads what others read", () => {
  assert.deepEqual(parse(text), api);
});

const isProblem = (type) => type === 'application/problem+json';

test('every example is what its schema asks for', () => {
  let seen = 0;
  const check = (path) => {
    const { node, path: at } = resolve(path);
    for (const [type, media] of Object.entries(node?.content ?? {})) {
      const schema = [...at, 'content', type, 'schema'];
      const values = media.example === undefined ? [] : [media.example];
      for (const name of Object.keys(media.examples ?? {}))
        values.push(resolve([...at, 'content', type, 'examples', name]).node.value);
      for (const value of values) assert.equal(fault(schema, value), null, schema.join(' '));
      assert.ok(!isProblem(type) || values.length > 0, `${at.join(' ')} has no example`);
      seen += values.length;
    }
  };
  for (const { at, responses } of operations) {
    check([...at, 'requestBody']);
    for (const status of Object.keys(responses)) check([...at, 'responses', status]);
  }
  assert.ok(seen > operations.length);
});

// What generators of clients take otherwise than it is meant: an integer without a size has 32 bits in Java, Kotlin and Rust,
// an enum without a type is anything in Go, and one of booleans does not compile in Kotlin, an object without a name is `Inner1`,
// and two shapes in one make neither.
test('each schema is one that generators of clients get right', () => {
  const faults = [];
  const visit = (node, path, isCondition) => {
    if (node === null || typeof node !== 'object') return;
    const at = path.join('/');
    if (!isCondition) {
      if (node.type === 'integer' && !(node.maximum < 2 ** 31) && node.format !== 'int64')
        faults.push(`${at}: an integer beyond 32 bits without format: int64`);
      if ((Array.isArray(node.enum) || 'const' in node) && typeof node.type !== 'string')
        faults.push(`${at}: without a type`);
      if (typeof node.const === 'boolean') faults.push(`${at}: an enum of booleans`);
      if (node.anyOf !== undefined || node.oneOf !== undefined) faults.push(`${at}: two shapes in one`);
      if ((node.properties !== undefined || node.allOf !== undefined) && path.length > 3)
        faults.push(`${at}: an object without a name`);
    }
    for (const [key, child] of Object.entries(node))
      if (!/^(value|example|examples|links)$/.test(key))
        visit(child, [...path, key], isCondition || /^(if|then|not|dependentSchemas)$/.test(key));
  };
  visit(api, [], false);
  assert.deepEqual(faults, []);
});

test('every operation with a body shows one, and every link leads to an operation', () => {
  for (const { operationId, requestBody, responses } of operations) {
    if (requestBody !== undefined) {
      const media = requestBody.content['application/json'];
      assert.ok(media.example !== undefined || media.examples !== undefined, operationId);
    }
    for (const { links } of Object.values(responses))
      for (const link of Object.values(links ?? {}))
        assert.ok(operationOf(link.operationId), link.operationId);
  }
});
