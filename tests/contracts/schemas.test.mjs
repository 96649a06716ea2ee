// The schemas say what they should: strict about what is known, open for what may come.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { join } from 'node:path';
import { Parser, fromFile } from '@asyncapi/parser';
import { golden, problem, root, schemas } from './schemas.mjs';

const idOf = (file) => `urn:ordermesh:schema:${file.replace(/\.v(\d+)$/, ':$1')}`;
const copy = (value) => structuredClone(value);

// Every object inside `value`, as [object, path].
function* objectsIn(value, path = []) {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [value, path];
  for (const [key, child] of Object.entries(value)) yield* objectsIn(child, [...path, key]);
}

const at = (value, path) => path.reduce((inner, key) => inner[key], value);

test('every schema compiles under the name of its file', () => {
  for (const { file, schema } of schemas) {
    assert.equal(schema.$id, idOf(file));
    assert.notEqual(problem(schema.$id, 'not an object'), `no schema ${schema.$id}`);
  }
});

test('every event has a golden example', () => {
  const events = schemas.map(({ file }) => file).filter((file) => /\..+\.v\d+$/.test(file));
  assert.deepEqual(golden.map(({ file }) => file).sort(), events.sort());
});

for (const { file, event } of golden) {
  const id = idOf(file);

  test(`${file}: the oldest event is still valid`, () => {
    assert.equal(problem(id, event), null);
  });

  test(`${file}: unknown members anywhere are compatible`, () => {
    const newer = copy(event);
    newer.dataschema += '.7';
    for (const [object] of [...objectsIn(newer)]) object.addedlater = { any: ['thing', 1, null] };
    assert.equal(problem(id, newer), null);
  });

  test(`${file}: no member of the oldest event may be missing or of another type`, () => {
    for (const [object, path] of objectsIn(event)) {
      for (const key of Object.keys(object)) {
        const without = copy(event);
        const other = copy(event);
        delete at(without, path)[key];
        at(other, path)[key] = typeof object[key] === 'object' ? 'text' : [object[key]];
        assert.notEqual(problem(id, without), null, `without ${[...path, key].join('.')}`);
        assert.notEqual(problem(id, other), null, `another type: ${[...path, key].join('.')}`);
      }
    }
  });
}

test('docs/asyncapi.yaml is valid for its own parser', async () => {
  const { document, diagnostics } = await fromFile(
    new Parser(),
    join(root, 'docs/asyncapi.yaml'),
  ).parse();
  const errors = diagnostics.filter(({ severity }) => severity <= 1);
  assert.deepEqual(errors.map(({ message, path }) => `${path.join('.')}: ${message}`), []);
  const names = document.channels().all().flatMap((channel) =>
    channel.messages().all().map((message) => message.id()),
  );
  for (const { event } of golden)
    assert.ok(names.includes(event.type.replace('io.ordermesh.', '')), event.type);
});
