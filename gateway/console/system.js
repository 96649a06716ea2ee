// What is known of the system as a whole: which services are away, and how much is dead. One place for
// the badges, the mesh's view, and errors that say whose fault they are.

import { get } from './api.js';

// Tells "changed".
export const system = new EventTarget();
system.away = []; // { name, seenAt? }: services that do not answer
system.dead = 0;
system.components = {}; // of the gateway: name and state

const seen = new Map(); // when a service was last heard of
const tell = () => system.dispatchEvent(new Event('changed'));

// Consumers are named for their service: `payment`, `payment-failed`.
export const serviceOf = ({ name }) => name.split('-')[0];

const latest = (times) => times.filter(Boolean).sort().at(-1);

// Each consumer has a service that should be there. One that is busy may answer too late, but still
// reads.
function awayOf({ services, consumers }) {
  const answering = new Set(services.map(({ name }) => name));
  return [...new Set(consumers.map(serviceOf))]
    .map((name) => ({ name, own: consumers.filter((one) => serviceOf(one) === name) }))
    .filter(({ name, own }) => !answering.has(name) && own.every(({ waiting }) => waiting === 0))
    .map(({ name, own }) => ({
      name,
      seenAt: seen.get(name) ?? latest(own.map(({ lastActiveAt }) => lastActiveAt)),
    }))
    .sort((a, b) => a.name.localeCompare(b.name));
}

export async function lookAtMesh(signal) {
  const mesh = await get('/api/v1/admin/mesh', signal);
  for (const { name } of mesh.services) seen.set(name, mesh.at);
  system.away = awayOf(mesh);
  tell();
  return mesh;
}

export async function countDead(signal) {
  const { streams } = await get('/api/v1/admin/dlq/counts', signal);
  system.dead = streams.reduce((total, stream) => total + stream.dead, 0);
  tell();
  return streams;
}

// Also one that is not well answers with its health, as a problem.
export async function lookAtGateway() {
  const health = await get('/health').catch((problem) => {
    if (problem.components) return problem;
    throw problem;
  });
  system.components = health.components;
  return health;
}

// Why something may not work, as far as it is known; "" when nothing is.
export function culprits() {
  const broken = Object.entries(system.components).filter(([, state]) => state !== 'ok');
  return [
    ...system.away.map(({ name }) => `The service ${name} does not answer.`),
    ...broken.map(([name, state]) => `The gateway's ${name} is ${state}.`),
  ].join(' ');
}
