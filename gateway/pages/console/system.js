// What is known of the system as a whole: which services are away, and how much is dead. One place for
// the badges, the mesh's view, and errors that say whose fault they are.

import { get } from './api.js';

// Tells "changed".
export const system = new EventTarget();
system.away = []; // { name, seenAt? }: services that do not answer
system.dead = 0;
system.counts = []; // of dead letters: { stream, consumer, dead, … }
system.components = {}; // of the gateway: name and state

const seen = new Map(); // when a service was last heard of
const tell = () => system.dispatchEvent(new Event('changed'));

// Consumers are named for their service: `payment`, `payment-failed`.
export const serviceOf = ({ name }) => name.split('-')[0];

export const BEHIND = 100; // messages; fewer pass by within a moment
export const lagOf = ({ pending, ackPending }) => pending + ackPending;

/* --- between two looks --- */

const APART_MS = 2000; // looks that tell a rate
const KEPT_MS = 30000;
const STUCK_MS = 8000; // longer than a message is tried again

const looks = []; // the oldest first: { at, done: { consumer: number }, sent: { stream: number } }
const stuckSince = new Map(); // by consumer, while messages wait and none gets done
const keyOf = ({ stream, name }) => `${stream}/${name}`;

function noteProgress(consumer, at, before) {
  const key = keyOf(consumer);
  const isStill = before?.done[key] === consumer.acknowledged && lagOf(consumer) > 0;
  if (!isStill) stuckSince.delete(key);
  else if (!stuckSince.has(key)) stuckSince.set(key, at);
}

// Adds to streams and consumers how many messages a second go through them; undefined until two looks
// tell that.
function noteFlow(mesh) {
  const at = Date.parse(mesh.at);
  const then = looks.findLast((look) => at - look.at >= APART_MS);
  const rate = (now, before) =>
    then && before !== undefined ? (Math.max(0, now - before) * 1000) / (at - then.at) : undefined;
  for (const one of mesh.streams) one.perSecond = rate(one.lastSequence, then?.sent[one.name]);
  for (const one of mesh.consumers) {
    one.perSecond = rate(one.acknowledged, then?.done[keyOf(one)]);
    noteProgress(one, at, looks.at(-1));
  }
  looks.push({
    at,
    done: Object.fromEntries(mesh.consumers.map((one) => [keyOf(one), one.acknowledged])),
    sent: Object.fromEntries(mesh.streams.map((one) => [one.name, one.lastSequence])),
  });
  while (at - looks[0].at > KEPT_MS) looks.shift();
}

// Since when it gets nothing done though messages wait; undefined where it goes on, or for a moment.
export function stuckAt(consumer) {
  const since = stuckSince.get(keyOf(consumer));
  const last = looks.at(-1)?.at;
  return since && last - since >= STUCK_MS ? new Date(since).toISOString() : undefined;
}

// What services wait for that have no process that is ready: [name, words].
export function heldBy(services) {
  const names = [...new Set(services.map(({ name }) => name))];
  return names
    .map((name) => [name, services.filter((one) => one.name === name)])
    .filter(([, own]) => own.every(({ notReady }) => notReady))
    .map(([name, own]) => [name, own[0].notReady]);
}

/* --- who is away --- */

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
  noteFlow(mesh);
  system.away = missingIn(mesh).map((name) => ({ name, seenAt: whenSeen(name, mesh) }));
  tell();
  return mesh;
}

export async function countDead(signal) {
  const { streams } = await get('/api/v1/admin/dlq/counts', signal);
  system.counts = streams;
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
