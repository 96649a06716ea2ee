// Event streams over fetch, since EventSource cannot send a token. Comes back after a loss, behind
// the last event seen.

import { isFinal, send, sleep } from './api.js';

const SLOWEST_MS = 15000;

// Lines of a stream as they come, without their ends.
async function* linesOf(body) {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
    rest = lines.pop();
    yield* lines;
  }
}

async function read(response, place, onEvent) {
  let type = 'message',
    data = '';
  for await (const line of linesOf(response.body)) {
    const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
    if (line === '') {
      if (data) onEvent(type, JSON.parse(data));
      [type, data] = ['message', ''];
    } else if (name === 'event') type = value;
    else if (name === 'data') data += value;
    else if (name === 'id') place.id = value;
    else if (name === 'retry') place.retryMs = Number(value);
  }
}

export const beginning = () => ({ id: '', retryMs: 2000 });

// onEvent(type, data); onState("open" | "lost" | "refused" | "ended", error?). Until it is aborted,
// refused (isRefusal(problem)), or the server says that there is nothing more. `place` is where to go
// on, and moves.
export async function follow(
  path,
  { onEvent, onState = () => {}, isRefusal = isFinal, place = beginning(), signal },
) {
  let failures = 0;
  while (!signal.aborted) {
    try {
      const response = await send(path, {
        signal,
        headers: place.id ? { 'Last-Event-ID': place.id } : {},
      });
      if (response.status === 204) return onState('ended');
      failures = 0;
      onState('open');
      await read(response, place, onEvent);
    } catch (error) {
      if (signal.aborted) return;
      if (isRefusal(error)) return onState('refused', error);
    }
    if (signal.aborted) return;
    onState('lost');
    await sleep(Math.min(place.retryMs * 2 ** failures++, SLOWEST_MS), signal);
  }
}
