// A mesh to look at, and what happens to it behind the console's back.
import { execFile, spawn } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);
const bin = process.env.OM_BIN;

const ended = (child) => new Promise((resolve) => child.once('exit', resolve));

// om-test-mesh says where it is in its first line, does what it is told line by line, and ends with its
// standard input.
export async function startMesh() {
  const child = spawn(join(bin, 'om-test-mesh'), { stdio: ['pipe', 'pipe', 'inherit'] });
  const exit = ended(child);
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([
    new Promise((resolve) => lines.once('line', resolve)),
    exit.then((code) => Promise.reject(new Error(`om-test-mesh ended with ${code}`))),
  ]);
  const tell = (line) => {
    const done = new Promise((resolve) => lines.once('line', resolve));
    child.stdin.write(`${line}\n`);
    return Promise.race([done, exit.then((code) => Promise.reject(new Error(`ended: ${code}`)))]);
  };
  return {
    ...JSON.parse(first),
    kill: (part) => tell(`kill ${part}`),
    launch: (part) => tell(`launch ${part}`),
    async stop() {
      child.stdin.end();
      return exit;
    },
  };
}

// As a person would with a NATS client: `body` under `subject`, once it is stored.
export function publish(mesh, subject, body) {
  return new Promise((resolve, reject) => {
    const socket = connect(mesh.natsPort, '127.0.0.1');
    const login = { user: 'operator', pass: mesh.natsPassword, verbose: false, pedantic: false };
    let seen = '';
    socket.on('error', reject);
    socket.on('data', (data) => {
      seen += data;
      const stored = /MSG _INBOX\.console 1 +\d+\r\n(.*)\r\n/.exec(seen);
      if (stored === null && !seen.includes('-ERR')) return;
      socket.end();
      if (stored !== null && 'seq' in JSON.parse(stored[1])) resolve(JSON.parse(stored[1]));
      else reject(new Error(seen));
    });
    socket.write(
      `CONNECT ${JSON.stringify(login)}\r\nSUB _INBOX.console 1\r\n` +
        `PUB ${subject} _INBOX.console ${Buffer.byteLength(body)}\r\n${body}\r\n`,
    );
  });
}

export const sql = (mesh, statement) =>
  run('psql', ['-qXAt', '-v', 'ON_ERROR_STOP=1', mesh.databaseUrl, '-c', statement]);

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/* --- tokens --- */

const ISSUER = 'https://console.test';
const AUDIENCE = 'ordermesh';

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function tokenOf(secret, scope, sub) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: ISSUER, aud: AUDIENCE, sub, scope, iat: now, exp: now + 600 };
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

async function answers(url) {
  for (let tries = 0; tries < 400; tries++) {
    const response = await fetch(`${url}/readyz`).catch(() => ({}));
    if (response.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`${url} is not ready`);
}

// Another gateway of the same mesh, which asks for tokens. `settings`: more of its environment.
export async function startGuardedGateway(mesh, settings = {}) {
  const place = mkdtempSync(join(tmpdir(), 'om-console-'));
  const secret = randomBytes(32).toString('hex');
  const keyFile = join(place, 'jwt.key');
  writeFileSync(keyFile, secret, { mode: 0o600 });
  const port = await freePort();
  const environment = {
    OM_HTTP_PORT: port,
    OM_AUTH: 'jwt',
    OM_JWT_ALG: 'HS256',
    OM_JWT_KEY_FILE: keyFile,
    OM_JWT_ISSUER: ISSUER,
    OM_JWT_AUDIENCE: AUDIENCE,
  };
  const child = spawn(join(bin, 'om-gateway'), {
    env: { ...process.env, ...mesh.environment, ...environment, ...settings },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const exit = ended(child);
  const url = `http://127.0.0.1:${port}`;
  await answers(url);
  return {
    url,
    // As one that hangs: its connections stay, and nobody goes on.
    hang: () => child.kill('SIGSTOP'),
    goOn: () => child.kill('SIGCONT'),
    token: (scope, subject = 'C100') => tokenOf(secret, scope, subject),
    async stop() {
      child.kill();
      const code = await exit;
      rmSync(place, { recursive: true });
      return code;
    },
  };
}
