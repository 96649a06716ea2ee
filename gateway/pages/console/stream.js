// Event streams over fetch, since EventSource cannot send a token. Comes back after a loss, behind
// the last event seen.

import { isFinal, send, sleep } from './api.js';

const SLOWEST_MS = 15000;
const SILENCES = 4; // after so many the connection is given up

// Lines of a stream as they come, without their ends.
async function* linesOf(body, heard) {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heard();
    const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
    rest = lines.pop();
    yield* lines;
  }
}

async function read(response, place, onEvent, heard) {
  let type = 'message',
    data = '';
  for await (const line of linesOf(response.body, heard)) {
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

// A connection may stay while nobody at its other end goes on. onSilence(isSilent) is called when nothing
// was heard for `ms`, and when something is again; giveUp() after several times as long.
function listen(ms, onSilence, giveUp) {
  let timers = [],
    isSilent = false;
  const tell = (is) => is !== isSilent && onSilence((isSilent = is));
  const stop = () => timers.forEach(clearTimeout);
  const heard = () => {
    stop();
    tell(false);
    if (ms) timers = [setTimeout(tell, ms, true), setTimeout(giveUp, SILENCES * ms)];
  };
  heard();
  return { heard, stop };
}

export const beginning = () => ({ id: '', retryMs: 2000 });

// onEvent(type, data); onState("open" | "silent" | "lost" | "refused" | "ended", error?). Until it is
// aborted, refused (isRefusal(problem)), or the server says that there is nothing more. `place` is where
// to go on, and moves. Of a stream that always has something to say, `silenceMs` is how long it may not.
export async function follow(
  path,
  { onEvent, onState = () => {}, isRefusal = isFinal, place = beginning(), silenceMs, signal },
) {
  let failures = 0;
  while (!signal.aborted) {
    const attempt = new AbortController();
    let state = 'lost';
    const ear = listen(
      silenceMs,
      (isSilent) => signal.aborted || onState(isSilent ? 'silent' : state),
      () => attempt.abort(),
    );
    try {
      const response = await send(path, {
        signal: AbortSignal.any([signal, attempt.signal]),
        headers: place.id ? { 'Last-Event-ID': place.id } : {},
      });
      if (response.status === 204) return onState('ended');
      failures = 0;
      onState((state = 'open'));
      ear.heard();
      await read(response, place, onEvent, ear.heard);
    } catch (error) {
      if (signal.aborted) return;
      if (isRefusal(error)) return onState('refused', error);
    } finally {
      ear.stop();
    }
    if (signal.aborted) return;
    onState('lost');
    await sleep(Math.min(place.retryMs * 2 ** failures++, SLOWEST_MS), signal);
  }
}
