// Schemas as people read them: what a value is in words, and an object's members as a table.
import { h } from '../console/dom.js';

const nameOf = (reference) => reference.split('/').pop();
export const anchorOf = (name) => `schema-${name}`;

const count = (number, noun) => `${number} ${noun}${number === 1 ? '' : 's'}`;

const BOUNDS = [
  ['minimum', (value) => `at least ${value}`],
  ['maximum', (value) => `at most ${value}`],
  ['minLength', (value) => `at least ${count(value, 'character')}`],
  ['maxLength', (value) => `at most ${count(value, 'character')}`],
  ['minItems', (value) => `at least ${count(value, 'item')}`],
  ['maxItems', (value) => `at most ${count(value, 'item')}`],
  ['uniqueItems', () => 'each once'],
  ['format', (value) => value],
  ['default', (value) => `${JSON.stringify(value)} unless said`],
];

const code = (value) => h('code', {}, typeof value === 'string' ? value : JSON.stringify(value));

const between = (nodes, separator) =>
  nodes.flatMap((node, index) => (index === 0 ? [node] : [separator, node]));

// What kind of value it is: nodes of one line.
function kindOf(schema) {
  if (schema.$ref !== undefined)
    return [h('a', { href: `#${anchorOf(nameOf(schema.$ref))}` }, nameOf(schema.$ref))];
  if (schema.const !== undefined) return [code(schema.const)];
  if (schema.enum !== undefined) return between(schema.enum.map(code), ', ');
  if (schema.anyOf !== undefined) return between(schema.anyOf.flatMap(kindOf), ' or ');
  if (schema.type === 'array') return ['array of ', ...kindOf(schema.items)];
  return [[schema.type ?? (schema.allOf ? 'object' : 'anything')].flat().join(' or ')];
}

function boundsOf(schema) {
  const bounds = BOUNDS.filter(([key]) => schema[key] !== undefined).map(([key, text]) =>
    text(schema[key]),
  );
  const texts = bounds.length > 0 ? [`, ${bounds.join(', ')}`] : [];
  return schema.pattern === undefined ? texts : [...texts, ', ', code(schema.pattern)];
}

// One line: kind, bounds, description.
export function wordsOf(schema) {
  const words = [...kindOf(schema), ...boundsOf(schema)];
  return schema.description === undefined
    ? words
    : [...words, h('span', { class: 'note' }, schema.description)];
}

const rowOf = (name, schema, isRequired) =>
  h(
    'tr',
    {},
    h(
      'th',
      { scope: 'row' },
      h('code', {}, name),
      isRequired && h('span', { class: 'required' }, 'required'),
    ),
    h('td', {}, wordsOf(schema), detailsOf(schema)),
  );

// Members, and items' members, that have no name of their own to lead to.
function detailsOf(schema) {
  if (schema.type === 'array' && schema.items.$ref === undefined) return detailsOf(schema.items);
  if (schema.properties === undefined && schema.allOf === undefined) return [];
  const bases = (schema.allOf ?? []).filter((part) => part.$ref !== undefined);
  const rows = Object.entries(schema.properties ?? {}).map(([name, member]) =>
    rowOf(name, member, schema.required?.includes(name)),
  );
  return [
    bases.length > 0 &&
      h('p', {}, 'All of ', between(bases.flatMap(kindOf), ', '), rows.length > 0 && ', and:'),
    rows.length > 0 && h('table', { class: 'members' }, h('tbody', {}, rows)),
  ];
}

export const schemaSection = (name, schema) =>
  h(
    'section',
    { id: anchorOf(name), class: 'schema' },
    h('h3', {}, name),
    h('p', {}, wordsOf(schema)),
    detailsOf(schema),
  );
