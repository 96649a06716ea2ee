// docs/openapi.yaml for tests: its operations, and whether an answer is one that it allows.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import YAML from 'yaml';

const METHODS = ['get', 'put', 'post', 'delete', 'patch'];

export const text = readFileSync(join(process.env.OM_SOURCE_DIR, 'docs/openapi.yaml'), 'utf8');
export const api = YAML.parse(text);

// All of the document is one schema to Ajv, so that its references lead where they say.
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema(api, 'openapi.yaml');
const pointerOf = (path) =>
  path.map((key) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');
// Why the value is not what the schema at that path asks for; null when it is.
export function fault(path, value) {
  const validate = ajv.getSchema(`openapi.yaml#/${pointerOf(path)}`);
  return validate(value) ? null : ajv.errorsText(validate.errors, { separator: '\n' });
}

// Follows a reference: what is there, and its path.
export function resolve(path) {
  const node = path.reduce((at, key) => at[key], api);
  return node?.$ref === undefined ? { node, path } : resolve(node.$ref.split('/').slice(1));
}

export const operations = Object.entries(api.paths).flatMap(([path, item]) =>
  METHODS.filter((method) => item[method] !== undefined).map((method) => ({
    ...item[method],
    method: method.toUpperCase(),
    path,
    at: ['paths', path, method],
  })),
);
export const operationOf = (id) => operations.find(({ operationId }) => operationId === id);

function checkHeaders(answer, response, name) {
  for (const header of Object.keys(response.node.headers ?? {})) {
    const { node, path } = resolve([...response.path, 'headers', header]);
    const value = answer.headers.get(header);
    if (value === null) assert.ok(!node.required, `${name}: ${header} is missing`);
    else
      assert.equal(
        fault([...path, 'schema'], node.schema.type === 'integer' ? Number(value) : value),
        null,
        `${name}: ${header}: ${value}`,
      );
  }
}

// The problems that an answer may be, as its examples show them.
const problemsOf = (path) => {
  const at = [...path, 'content', 'application/problem+json', 'examples'];
  return Object.keys(resolve(at).node).map((name) => resolve([...at, name]).node.value);
};

function checkBody(answer, response, name) {
  if (response.node.content === undefined) {
    assert.equal(answer.body, '', name);
    return;
  }
  const type = answer.headers.get('content-type');
  assert.ok(type in response.node.content, `${name}: ${type} is not documented`);
  const body =
    type === 'application/yaml'
      ? YAML.parse(answer.body)
      : /[/+]json$/.test(type)
        ? JSON.parse(answer.body)
        : answer.body;
  assert.equal(
    fault([...response.path, 'content', type, 'schema'], body),
    null,
    `${name}: ${answer.body}`,
  );
  if (type === 'application/problem+json')
    assert.ok(
      problemsOf(response.path).some(
        (one) => one.type === body.type && one.status === answer.status && one.status === body.status,
      ),
      `${name}: ${answer.body} is not among its examples`,
    );
}

// Headers that any answer may have, and that say nothing of the API.
const COMMON = new Set([
  'cache-control',
  'connection',
  'content-length',
  'content-type',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'date',
  'keep-alive',
  'referrer-policy',
  'transfer-encoding',
  'x-accel-buffering',
  'x-content-type-options',
]);

// The answer's status, headers and body are those of the operation.
export function checkAnswer(operation, answer) {
  const name = `${operation.operationId}: ${answer.status}`;
  assert.ok(
    String(answer.status) in operation.responses,
    `${name} is not documented: ${answer.body}`,
  );
  const response = resolve([...operation.at, 'responses', String(answer.status)]);
  checkHeaders(answer, response, name);
  const known = new Set(
    Object.keys(response.node.headers ?? {}).map((header) => header.toLowerCase()),
  );
  for (const header of answer.headers.keys())
    assert.ok(known.has(header) || COMMON.has(header), `${name}: ${header} is not documented`);
  checkBody(answer, response, name);
}
