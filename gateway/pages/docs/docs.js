// Draws the page from /openapi.yaml.
import { byId, h } from '../console/dom.js';
import { parse } from './yaml.js';
import { schemaSection, wordsOf } from './schema.js';

const METHODS = new Set(['get', 'put', 'post', 'delete', 'patch']);

// Texts have paragraphs, and `code`.
function prose(text) {
  const words = (paragraph) =>
    paragraph.split('`').map((part, index) => (index % 2 === 1 ? h('code', {}, part) : part));
  return (text ?? '')
    .split('\n')
    .filter((paragraph) => paragraph !== '')
    .map((paragraph) => h('p', {}, words(paragraph)));
}

function resolve(api, node) {
  if (node.$ref === undefined) return node;
  return node.$ref
    .split('/')
    .slice(1)
    .reduce((at, key) => at[key.replaceAll('~1', '/')], api);
}

const shown = (value) =>
  h('pre', { tabindex: '0' }, typeof value === 'string' ? value : JSON.stringify(value, null, 2));

const folded = (title, ...content) => h('details', {}, h('summary', {}, title), content);

const examplesOf = (api, media) => [
  ...(media.example === undefined ? [] : [folded('Example', shown(media.example))]),
  ...Object.entries(media.examples ?? {}).map(([name, example]) => {
    const { summary, value } = resolve(api, example);
    return folded(summary ?? name, shown(value));
  }),
];

const contentOf = (api, content) =>
  Object.entries(content ?? {}).map(([type, media]) =>
    h(
      'div',
      { class: 'content' },
      h('p', {}, h('code', {}, type), ': ', wordsOf(media.schema)),
      examplesOf(api, media),
    ),
  );

function parameterRow(api, reference) {
  const parameter = resolve(api, reference);
  return h(
    'tr',
    {},
    h(
      'th',
      { scope: 'row' },
      h('code', {}, parameter.name),
      h('span', { class: 'place' }, parameter.in),
      parameter.required && h('span', { class: 'required' }, 'required'),
    ),
    h('td', {}, prose(parameter.description), h('p', {}, wordsOf(parameter.schema))),
  );
}

function parameters(api, operation) {
  if (operation.parameters === undefined) return [];
  const rows = operation.parameters.map((parameter) => parameterRow(api, parameter));
  return [h('h4', {}, 'Parameters'), h('table', {}, h('tbody', {}, rows))];
}

function body(api, operation) {
  if (operation.requestBody === undefined) return [];
  return [
    h('h4', {}, operation.requestBody.required ? 'Body' : 'Body, if any'),
    ...contentOf(api, operation.requestBody.content),
  ];
}

function headers(api, response) {
  const items = Object.entries(response.headers ?? {}).map(([name, header]) =>
    h('li', {}, h('code', {}, name), ': ', resolve(api, header).description),
  );
  return items.length > 0 && h('ul', {}, items);
}

const answer = (api, status, response) =>
  h(
    'details',
    { class: `status-${status[0]}`, open: status < '300' },
    h('summary', {}, h('span', { class: 'status' }, status), ' ', response.description),
    headers(api, response),
    contentOf(api, response.content),
  );

function answers(api, operation) {
  const all = Object.entries(operation.responses).map(([status, response]) => [
    status,
    resolve(api, response),
  ]);
  return [
    h('h4', {}, 'Answers'),
    ...all.map(([status, response]) => answer(api, status, response)),
  ];
}

function needs(operation) {
  if (operation.security.length === 0) return 'No token is needed.';
  const scopes = operation.security.map((requirement) =>
    Object.values(requirement).flat().join(' and '),
  );
  return `Scope: ${scopes.join(' or ')}.`;
}

const headOf = ({ method, path }) => [
  h('span', { class: `method ${method}` }, method.toUpperCase()),
  ' ',
  h('code', {}, path),
];

const section = (api, { method, path, operation }) =>
  h(
    'section',
    { id: operation.operationId, class: 'operation' },
    h('h3', {}, h('a', { href: `#${operation.operationId}` }, headOf({ method, path }))),
    h('p', { class: 'summary' }, operation.summary, '. ', needs(operation)),
    prose(operation.description),
    parameters(api, operation),
    body(api, operation),
    answers(api, operation),
  );

function operationsOf(api) {
  return Object.entries(api.paths).flatMap(([path, item]) =>
    Object.keys(item)
      .filter((key) => METHODS.has(key))
      .map((method) => ({ method, path, operation: item[method] })),
  );
}

const group = (api, tag, operations) =>
  h(
    'section',
    {},
    h('h2', { id: `tag-${tag.name.replaceAll(' ', '-')}` }, tag.name),
    prose(tag.description),
    operations.map((operation) => section(api, operation)),
  );

const contents = (tag, operations) =>
  h(
    'details',
    { open: true },
    h('summary', {}, tag.name),
    h(
      'ul',
      {},
      operations.map((entry) =>
        h('li', {}, h('a', { href: `#${entry.operation.operationId}` }, headOf(entry))),
      ),
    ),
  );

function draw(api) {
  const operations = operationsOf(api);
  const groups = api.tags.map((tag) => [
    tag,
    operations.filter(({ operation }) => operation.tags.includes(tag.name)),
  ]);
  byId('contents').replaceChildren(...groups.map(([tag, entries]) => contents(tag, entries)));
  byId('main').replaceChildren(
    ...prose(api.info.description),
    ...prose(api.components.securitySchemes.bearer.description),
    h('p', {}, `Version ${api.info.version}, ${api.info.license.name} licensed.`),
    ...groups.map(([tag, entries]) => group(api, tag, entries)),
    h(
      'section',
      {},
      h('h2', { id: 'schemas' }, 'Schemas'),
      Object.entries(api.components.schemas).map(([name, schema]) => schemaSection(name, schema)),
    ),
  );
  if (location.hash !== '') byId(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}

try {
  const response = await fetch('/openapi.yaml');
  if (!response.ok) throw new Error(`the gateway answered ${response.status}`);
  draw(parse(await response.text()));
} catch (error) {
  byId('state').textContent = `openapi.yaml cannot be shown: ${error.message}`;
}
