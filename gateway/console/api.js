// The gateway's API: requests, problems (RFC 9457), and the token they are sent with.

const TOKEN = 'ordermesh.token';

// Tells "refused" when a token is needed or not enough, and "changed" when there is another.
export const session = new EventTarget();
session.token = () => sessionStorage.getItem(TOKEN);
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

const unreachable = {
  title: 'The gateway cannot be reached',
  detail: 'It is tried again as soon as you ask.',
};

async function problemOf(response) {
  const isProblem = response.headers.get('Content-Type')?.includes('json');
  const problem = new Problem(
    response.status,
    isProblem ? await response.json().catch(() => ({})) : {},
  );
  if (response.status === 401)
    session.dispatchEvent(new CustomEvent('refused', { detail: problem }));
  return problem;
}

// The response of a call that succeeded; otherwise throws a Problem. Aborted calls throw AbortError.
export async function send(path, { method = 'GET', body, headers = {}, signal } = {}) {
  const token = session.token();
  const all = { ...headers };
  if (token) all.Authorization = `Bearer ${token}`;
  if (body !== undefined) all['Content-Type'] = 'application/json';
  let response;
  try {
    response = await fetch(path, {
      method,
      signal,
      headers: all,
      cache: 'no-store',
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    throw error.name === 'AbortError' ? error : new Problem(0, unreachable);
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
