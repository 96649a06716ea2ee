// Lets Schemathesis send what docs/openapi.yaml allows, and what it forbids, to two gateways of a mesh:
// one that asks for no token, and one that does. No answer may be a 5xx, or one that the document
// does not have.
//
//     node fuzz.mjs [SECONDS]     for each gateway; without it a short run that is always the same
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { publish, startGuardedGateway, startMesh } from './mesh.mjs';

const [seconds] = process.argv.slice(2);
const amount =
  seconds === undefined ? ['--seed', '1', '--max-examples', '15'] : ['--max-time', seconds];

function schemathesis(url, more) {
  const child = spawn(
    join(process.env.OM_VENV, 'bin/schemathesis'),
    [
      '--config-file',
      'schemathesis.toml',
      'run',
      join(process.env.OM_SOURCE_DIR, 'docs/openapi.yaml'),
      '--url',
      url,
      ...amount,
      ...more,
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  return new Promise((resolve) => child.once('exit', resolve));
}

const mesh = await startMesh();
const guarded = await startGuardedGateway(mesh);
for (let i = 0; i < 5; i++)
  await publish(mesh, 'notifications.evt.delivered', JSON.stringify({ poison: i }));
const codes = [
  await schemathesis(mesh.url, [
    '--exclude-checks',
    'ignored_auth,missing_required_header,negative_data_rejection',
  ]),
  await schemathesis(guarded.url, [
    '--header',
    `Authorization: Bearer ${guarded.token('orders:read orders:write')}`,
  ]),
  await schemathesis(guarded.url, ['--header', `Authorization: Bearer ${guarded.token('admin')}`]),
];
await guarded.stop();
const end = await mesh.stop();
process.exit(end === 0 && codes.every((code) => code === 0) ? 0 : 1);
