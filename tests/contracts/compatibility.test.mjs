// A schema follows the one that the last version published under its id without a break, and the
// check sees each kind of break.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { breaksOf } from './compatibility.mjs';
import { published, schemas } from './schemas.mjs';

const byId = (list) => new Map(list.map(({ schema }) => [schema.$id, structuredClone(schema)]));
const old = byId(published);
const isEvent = (id) => !id.includes('schema:shared:');

for (const id of [...old.keys()].filter(isEvent)) {
  test(`${id}: follows what was published`, () => {
    assert.deepEqual(breaksOf(old, byId(schemas), id), []);
  });
}

test('the headers of events follow what was published', () => {
  const id = 'urn:ordermesh:schema:headers';
  const withHeaders = (map) => map.set(id, { $ref: 'urn:ordermesh:schema:shared:1#/$defs/headers' });
  assert.deepEqual(breaksOf(withHeaders(byId(published)), withHeaders(byId(schemas)), id), []);
});

// --- the check itself, on changes of what was published ---

const CREATED = 'urn:ordermesh:schema:order.created:1';
const FAILED = 'urn:ordermesh:schema:payment.failed:1';
const SHARED = 'urn:ordermesh:schema:shared:1';

// change(schema): what becomes of the schema `where`, and what then breaks in the event `id`.
function breaksAfter(change, where, id) {
  const now = byId(published);
  change(now.get(where));
  return breaksOf(old, now, id);
}

const data = (schema) => schema.properties.data;
const shared = (schema, name) => schema.$defs[name];

const INCOMPATIBLE = {
  'a new required member': {
    change: (schema) => data(schema).required.push('providerId'),
    breaks: ['backward: data: being without providerId is refused by the new schema'],
  },
  'a required member that may be missing now': {
    change: (schema) => data(schema).required.pop(),
    breaks: ['forward: data: being without code is refused by the old schema'],
  },
  'a member that is gone': {
    change: (schema) => {
      data(schema).required.pop();
      delete data(schema).properties.code;
    },
    breaks: [
      'forward: data: being without code is refused by the old schema',
      'forward: data.code: is no longer declared',
    ],
  },
  'another type': {
    change: (schema) => (data(schema).properties.code.type = 'integer'),
    breaks: [
      'backward: data.code: the type string is refused by the new schema',
      'forward: data.code: the type integer is refused by the old schema',
    ],
  },
  'a wider type': {
    change: (schema) => (data(schema).properties.code.type = ['string', 'null']),
    breaks: ['forward: data.code: the type null is refused by the old schema'],
  },
  'an enum of what was any text': {
    change: (schema) => (data(schema).properties.code.enum = ['card_declined']),
    breaks: ['backward: data.code: any other value is refused by the new schema'],
  },
  'a value less, in what events share': {
    where: SHARED,
    change: (schema) => shared(schema, 'reason').enum.shift(),
    breaks: ['backward: data.reason: "out_of_stock" is refused by the new schema'],
  },
  'a value more, in what events share': {
    where: SHARED,
    change: (schema) => shared(schema, 'reason').enum.push('fraud'),
    breaks: ['forward: data.reason: "fraud" is refused by the old schema'],
  },
  'a narrower limit in a list of an order': {
    where: SHARED,
    id: CREATED,
    change: (schema) => (shared(schema, 'orderItem').properties.quantity.maximum = 10),
    breaks: ['backward: data.items[].quantity: more than maximum 10 is refused by the new schema'],
  },
  'a wider limit': {
    where: SHARED,
    id: CREATED,
    change: (schema) => (shared(schema, 'order').properties.items.minItems = 0),
    breaks: ['forward: data.items: less than minItems 1 is refused by the old schema'],
  },
  'another pattern': {
    where: SHARED,
    id: CREATED,
    change: (schema) => (shared(schema, 'currency').pattern = '^[a-z]{3}$'),
    breaks: [
      'unknown: data.currency: pattern "^[A-Z]{3}$" is gone',
      'unknown: data.currency: pattern "^[a-z]{3}$" is new',
    ],
  },
  'an object that is closed': {
    change: (schema) => (data(schema).additionalProperties = false),
    breaks: ['unknown: data: additionalProperties false is new'],
  },
  'a member of the envelope that is demanded': {
    where: SHARED,
    change: (schema) => shared(schema, 'envelope').required.push('causationid'),
    breaks: ['backward: the event: being without causationid is refused by the new schema'],
  },
};

for (const [name, { where = FAILED, id = FAILED, change, breaks }] of Object.entries(INCOMPATIBLE)) {
  test(`the check sees ${name}`, () => {
    assert.deepEqual(breaksAfter(change, where, id), breaks);
  });
}

test('the check sees a rule for elements that were anything', () => {
  const before = new Map([['a', { type: 'array' }]]);
  const after = new Map([['a', { type: 'array', items: { type: 'string' } }]]);
  assert.deepEqual(breaksOf(before, after, 'a'), [
    'backward: []: is declared where anything was allowed',
  ]);
});

test('the check sees a schema that is gone', () => {
  const now = byId(published);
  now.delete(FAILED);
  assert.deepEqual(breaksOf(old, now, FAILED), [`backward: ${FAILED}: is gone`]);
});

const COMPATIBLE = {
  'an optional member': (schema) => (data(schema).properties.providerId = { type: 'string' }),
  'other words': (schema) => (data(schema).properties.code.description = 'What it said.'),
  'a rule that says the same elsewhere': (schema) => {
    data(schema).allOf = [{ required: data(schema).required }];
    delete data(schema).required;
  },
  'members in another order': (schema) => data(schema).required.reverse(),
};

for (const [name, change] of Object.entries(COMPATIBLE)) {
  test(`the check lets pass ${name}`, () => {
    assert.deepEqual(breaksAfter(change, FAILED, FAILED), []);
  });
}
