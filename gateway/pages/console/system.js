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

// Each consumer has a service that should be there.
function missingIn({ services, consumers }) {
  const answering = new Set(services.map(({ name }) => name));
  return [...new Set(consumers.map(serviceOf))].filter((name) => !answering.has(name)).sort();
}

const whenSeen = (name, { consumers }) =>
  seen.get(name) ??
  latest(consumers.filter((one) => serviceOf(one) === name).map((one) => one.lastActiveAt));

// Whoever is busy may answer too late: who does not answer is asked once more before it counts as away.
export async function lookAtMesh(signal) {
  const ask = () => get('/api/v1/admin/mesh', signal);
  const isNews = (name) => system.away.every((one) => one.name !== name);
  let mesh = await ask();
  if (missingIn(mesh).some(isNews)) mesh = await ask();
  for (const { name } of mesh.services) seen.set(name, mesh.at);
  system.away = missingIn(mesh).map((name) => ({ name, seenAt: whenSeen(name, mesh) }));
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
