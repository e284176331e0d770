// The gateway's HTTP interface, with the caller's key where it asks for one.

const $ = id => document.getElementById(id);
let key = sessionStorage.getItem('key'); // of this tab, until it is closed
let signIn;

/** Calls the gateway; what it refuses is thrown with its own words. */
export async function call(method, path, body, options) {
  const response = await request(path, { method, headers: body ? { 'Content-Type': 'application/json' } : {}, body: body && JSON.stringify(body), ...options });
  if (response.status === 204) return null;
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail || response.statusText);
  return answer;
}

const pause = 1000; // before a stream that broke is opened again

/** Listens to server-sent events across interruptions, until it is closed. EventSource would do, could it send a key. */
export function listen(path, handlers) {
  const stop = new AbortController();
  (async () => {
    let last;
    while (!stop.signal.aborted) {
      try {
        const response = await request(path, { headers: last ? { 'Last-Event-ID': last } : {}, signal: stop.signal });
        if (response.status >= 400 && response.status < 500) return; // there is nothing to listen to
        if (response.ok) {
          for await (const event of parse(response.body)) {
            last = event.id ?? last;
            handlers[event.type]?.(JSON.parse(event.data));
          }
        }
      } catch (e) {
        if (!stop.signal.aborted) console.warn(e);
      }
      await new Promise(resolve => setTimeout(resolve, pause));
    }
  })();
  return { close: () => stop.abort() };
}

/** The events of a stream (WHATWG HTML §9.2), as far as the gateway writes them. */
async function* parse(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      const field = name => block.split('\n').find(line => line.startsWith(`${name}: `))?.slice(name.length + 2);
      if (field('data')) yield { id: field('id'), type: field('event'), data: field('data') };
    }
  }
}

async function request(path, options) {
  for (;;) {
    const used = key;
    const response = await fetch(path, { ...options, headers: { ...options.headers, ...(used && { Authorization: `Bearer ${used}` }) } });
    if (response.status !== 401) return response;
    if (key === used) await (signIn ??= ask(used ? 'The gateway does not know this key or token.' : 'The gateway asks who you are.'));
  }
}

function ask(why) {
  $('sign-in-why').textContent = why;
  $('sign-in').showModal();
  return new Promise(resolve => {
    $('sign-in').addEventListener('close', () => {
      key = $('key').value.trim();
      $('key').value = '';
      sessionStorage.setItem('key', key);
      signIn = undefined;
      resolve();
    }, { once: true });
  });
}
