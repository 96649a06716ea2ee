// The gateway's API: requests, problems (RFC 9457), and the token they are sent with.

const TOKEN = 'ordermesh.token';

// Tells "refused" when a token is needed or not accepted, "wanted" when somebody wants to give another,
// "changed" when there is one, and "unavailable" when a part of the system is away.
export const session = new EventTarget();
session.token = () => sessionStorage.getItem(TOKEN);
// What the token says of itself, for people: the gateway alone decides what it is worth.
session.claims = () => {
  try {
    const [, claims] = session.token().split('.');
    const bytes = Uint8Array.from(atob(claims.replace(/-/g, '+').replace(/_/g, '/')), (one) =>
      one.charCodeAt(0),
    );
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
};
session.setToken = (token) => {
  if (token) sessionStorage.setItem(TOKEN, token);
  else sessionStorage.removeItem(TOKEN);
  session.dispatchEvent(new Event('changed'));
};

export class Problem extends Error {
  constructor(status, document) {
    super(document.title ?? `The gateway answered ${status}`);
    Object.assign(this, document, { status });
  }
}

const PATIENCE_MS = 10000; // until an answer begins

// Only what reads is asked for again by itself.
const unreachable = (method, error) => ({
  title: `The gateway ${error.name === 'TimeoutError' ? 'does not answer' : 'cannot be reached'}`,
  detail:
    method === 'GET'
      ? 'It is tried again every few seconds.'
      : 'This is not sent again by itself, and may have arrived.',
});

// `scope` is what the token would need, where it has too little.
async function problemOf(response) {
  const isProblem = response.headers.get('Content-Type')?.includes('json');
  const problem = new Problem(
    response.status,
    isProblem ? await response.json().catch(() => ({})) : {},
  );
  problem.scope = /scope="([^"]+)"/.exec(response.headers.get('WWW-Authenticate') ?? '')?.[1];
  if (response.status === 401)
    session.dispatchEvent(new CustomEvent('refused', { detail: problem }));
  if (response.status === 503) session.dispatchEvent(new Event('unavailable'));
  return problem;
}

// The response of a call that succeeded; otherwise throws a Problem. Aborted calls throw AbortError.
export async function send(path, { method = 'GET', body, headers = {}, signal } = {}) {
  const token = session.token();
  const all = { ...headers };
  if (token) all.Authorization = `Bearer ${token}`;
  if (body !== undefined) all['Content-Type'] = 'application/json';
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new DOMException('', 'TimeoutError')), PATIENCE_MS);
  let response;
  try {
    response = await fetch(path, {
      method,
      signal: signal ? AbortSignal.any([signal, late.signal]) : late.signal,
      headers: all,
      cache: 'no-store',
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    throw error.name === 'AbortError' ? error : new Problem(0, unreachable(method, error));
  } finally {
    clearTimeout(timer);
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

// The gateway takes `+` as itself, so spaces are %20. What is empty is left out.
export function queryOf(parameters) {
  const given = Object.entries(parameters).filter(
    ([, value]) => value !== undefined && value !== '',
  );
  return given.length
    ? `?${given.map((pair) => pair.map(encodeURIComponent).join('=')).join('&')}`
    : '';
}

export const get = async (path, signal) => (await send(path, { signal })).json();
export const post = async (path, body, signal) =>
  (await send(path, { method: 'POST', body, signal })).json();

// Whether it only says that the view that asked has been left.
export const wasLeft = (error) => error.name === 'AbortError';

// Trying again would not help.
export const isFinal = ({ status }) => status >= 400 && status < 500 && status !== 429;

export const sleep = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });

const RETRY_MS = 3000;
// Does it again and again until it succeeds, trying again would not help, or `signal` is aborted.
// onFailure(error) is told of each failure.
export async function insist(work, onFailure, signal) {
  while (!signal.aborted) {
    try {
      await work();
      return;
    } catch (error) {
      if (wasLeft(error) || signal.aborted) return;
      onFailure(error);
      if (isFinal(error)) return;
    }
    await sleep(RETRY_MS, signal);
  }
}
