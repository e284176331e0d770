// The gateway that served this page, with the caller's key where it asks for one.

import { RegistryClient } from '/client.js';

const $ = id => document.getElementById(id);

export const client = new RegistryClient({
  key: sessionStorage.getItem('key') ?? undefined, // of this tab, until it is closed
  authenticate: used => signIn(!used ? 'The gateway asks who you are.' : hasServed ? 'The gateway no longer accepts this key or token.' : 'The gateway does not know this key or token.'),
});

let hasServed = false; // the key that is used now

/** When somebody last signed in; undefined before. */
export let signedInAt;

/** Calls the gateway; what it refuses is thrown with its own words. */
export async function call(method, path, body, options) {
  const answer = await client.call(method, path, body, options);
  hasServed = true;
  return answer;
}

/** Listens to server-sent events across interruptions, until it is closed. */
export function listen(path, handlers) {
  const stop = new AbortController();
  (async () => {
    for await (const { type, data } of client.stream(path, { signal: stop.signal })) handlers[type]?.(data);
  })().catch(e => console.warn(e)); // There is nothing to listen to.
  return { close: () => stop.abort() };
}

/** Asks for a key, which the tab keeps, and says why. */
export function signIn(why) {
  hasServed = false;
  $('live').textContent = 'Not signed in';
  $('live').title = '';
  delete $('live').dataset.state;
  $('caller').textContent = '';
  $('sign-out').hidden = true;
  $('sign-in-why').textContent = why;
  $('sign-in').showModal();
  return new Promise(resolve => {
    $('sign-in').addEventListener('close', () => {
      const key = $('key').value.trim();
      $('key').value = '';
      sessionStorage.setItem('key', key);
      $('live').textContent = 'Connecting';
      signedInAt = Date.now();
      resolve(key);
    }, { once: true });
  });
}
