// Whether a schema may follow another under one id. An event of either must be valid for both:
//
//   backward   who knows the new schema reads every event written by the old one
//   forward    who knows the old schema reads every event written by the new one
//
// Objects are open and nobody writes a member that its schema does not declare, so that an optional
// member may be added. None is taken away, required or not: its name could come back with another
// meaning. A keyword that this file does not know must stay as it is.

const TYPES = ['null', 'boolean', 'object', 'array', 'integer', 'number', 'string'];
const LOWER = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'];
const UPPER = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'];
const READ = new Set([
  '$ref', 'allOf', 'type', 'const', 'enum', 'required', 'properties', 'items', ...LOWER, ...UPPER,
]);
// Says nothing about what is valid.
const SILENT = new Set([
  '$schema', '$id', '$defs', '$comment', 'title', 'description', 'examples', 'default', 'deprecated',
]);

// What `ref` names in `schemas`, of which `base` is the one it stands in.
function resolve(schemas, base, ref) {
  const [id, pointer = ''] = ref.split('#');
  const document = schemas.get(id || base);
  const target = pointer
    .split('/')
    .slice(1)
    .reduce((value, key) => value?.[key.replaceAll('~1', '/').replaceAll('~0', '~')], document);
  if (target === undefined) throw new Error(`${base}: nothing is at ${ref}`);
  return [target, id || base];
}

// The schema itself and all that its $ref and allOf add to it, each as [schema, id of its document].
function partsOf(schemas, [schema, base]) {
  const added = [
    ...(schema.$ref === undefined ? [] : [resolve(schemas, base, schema.$ref)]),
    ...(schema.allOf ?? []).map((part) => [part, base]),
  ];
  return [[schema, base], ...added.flatMap((part) => partsOf(schemas, part))];
}

const typesOf = (schema) => {
  const types = schema.type === undefined ? TYPES : [schema.type].flat();
  return types.includes('number') ? [...types, 'integer'] : types;
};
const textOf = (value) => JSON.stringify(value);
const valuesOf = (schema) => {
  if (schema.const !== undefined) return [textOf(schema.const)];
  return schema.enum?.map(textOf);
};
const both = (a, b) => (a && b ? a.filter((value) => b.includes(value)) : (a ?? b));
const lacks = (values, others) => values.filter((value) => !others.includes(value));

// All that `parts` say of one place together.
function ruleOf(schemas, parts) {
  const rule = { types: TYPES, required: new Set(), members: new Map(), bounds: {}, other: [] };
  const items = [];
  for (const [schema, base] of parts.flatMap((part) => partsOf(schemas, part))) {
    rule.types = both(rule.types, typesOf(schema));
    rule.values = both(rule.values, valuesOf(schema));
    for (const key of schema.required ?? []) rule.required.add(key);
    for (const [key, child] of Object.entries(schema.properties ?? {}))
      rule.members.set(key, [...(rule.members.get(key) ?? []), [child, base]]);
    if (schema.items !== undefined) items.push([schema.items, base]);
    for (const key of LOWER)
      if (key in schema) rule.bounds[key] = Math.max(rule.bounds[key] ?? -Infinity, schema[key]);
    for (const key of UPPER)
      if (key in schema) rule.bounds[key] = Math.min(rule.bounds[key] ?? Infinity, schema[key]);
    for (const key of Object.keys(schema))
      if (!READ.has(key) && !SILENT.has(key)) rule.other.push(`${key} ${textOf(schema[key])}`);
  }
  if (items.length > 0) rule.members.set('[]', items);
  return rule;
}

// What an event valid for `from` may have that `to` refuses; the words are those of `from` to `to`.
function* refusals(from, to) {
  const types = lacks(from.types, to.types);
  if (types.length > 0) yield `the type ${types.join(', ')} is refused`;
  if (to.values !== undefined) {
    const values = from.values === undefined ? ['any other value'] : lacks(from.values, to.values);
    if (values.length > 0) yield `${values.join(', ')} is refused`;
  }
  for (const key of lacks([...to.required], [...from.required]))
    yield `being without ${key} is refused`;
  for (const key of LOWER)
    if ((to.bounds[key] ?? -Infinity) > (from.bounds[key] ?? -Infinity))
      yield `less than ${key} ${to.bounds[key]} is refused`;
  for (const key of UPPER)
    if ((to.bounds[key] ?? Infinity) < (from.bounds[key] ?? Infinity))
      yield `more than ${key} ${to.bounds[key]} is refused`;
}

// `old` and `now`: the schemas of either version, and the parts that speak of this place.
function* breaksAt(old, now, path) {
  const [before, after] = [ruleOf(old.schemas, old.parts), ruleOf(now.schemas, now.parts)];
  const at = path || 'the event';
  for (const text of refusals(before, after)) yield `backward: ${at}: ${text} by the new schema`;
  for (const text of refusals(after, before)) yield `forward: ${at}: ${text} by the old schema`;
  for (const text of lacks(before.other, after.other)) yield `unknown: ${at}: ${text} is gone`;
  for (const text of lacks(after.other, before.other)) yield `unknown: ${at}: ${text} is new`;
  if (after.members.has('[]') && !before.members.has('[]'))
    yield `backward: ${path}[]: is declared where anything was allowed`;
  for (const [key, children] of before.members) {
    const inner = key === '[]' ? `${path}[]` : [path, key].filter(Boolean).join('.');
    if (!after.members.has(key)) {
      yield `forward: ${inner}: is no longer declared`;
      continue;
    }
    const parts = after.members.get(key);
    yield* breaksAt({ ...old, parts: children }, { ...now, parts }, inner);
  }
}

// What breaks between two versions of one schema: a line each, none when either reads the other.
// Both are maps of schemas by $id, for what they refer to.
export function breaksOf(oldSchemas, newSchemas, id) {
  const sideOf = (schemas) => ({ schemas, parts: [[schemas.get(id), id]] });
  if (!newSchemas.has(id)) return [`backward: ${id}: is gone`];
  return [...new Set(breaksAt(sideOf(oldSchemas), sideOf(newSchemas), ''))];
}
