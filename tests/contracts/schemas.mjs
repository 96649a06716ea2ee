// The schemas of nats/schemas, compiled by Ajv, and the golden events beside this file.
import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

// The checks run from a copy, so that nothing is installed into the source tree.
export const root = process.env.OM_SOURCE_DIR;
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
const jsonFiles = (folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => join(folder, name));

const schemasIn = (folder) =>
  jsonFiles(join(root, folder)).map((path) => ({
    file: basename(path, '.json'),
    schema: readJson(path),
  }));

export const schemas = schemasIn('nats/schemas');
// As the last version of the system had them.
export const published = schemasIn('tests/contracts/published');

const ajv = new Ajv({ strict: true, strictRequired: false, allErrors: true });
addFormats(ajv);
schemas.forEach(({ schema }) => ajv.addSchema(schema));

// A minor version, ":1.4", is compatible: the schema is that of its major version.
export const majorOf = (dataschema) => dataschema.replace(/(:\d+)\..*$/, '$1');
export const knows = (id) => schemas.some(({ schema }) => schema.$id === id);

// Null when `value` is valid, else what is wrong.
export function problem(id, value) {
  const validate = ajv.getSchema(id);
  if (validate === undefined) return `no schema ${id}`;
  return validate(value) ? null : ajv.errorsText(validate.errors);
}

export const golden = jsonFiles(join(root, 'tests/contracts/golden')).map((path) => ({
  file: basename(path, '.json'),
  event: readJson(path),
}));
