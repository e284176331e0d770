// The gateway that served this page, with the caller's key where it asks for one.

import { RegistryClient } from '/client.js';

const $ = id => document.getElementById(id);

export const client = new RegistryClient({
  key: sessionStorage.getItem('key') ?? undefined, // of this tab, until it is closed
  authenticate: used => ask(used ? 'The gateway does not know this key or token.' : 'The gateway asks who you are.'),
});

/** When somebody last signed in; undefined before. */
export let signedInAt;

/** Calls the gateway; what it refuses is thrown with its own words. */
export const call = (method, path, body, options) => client.call(method, path, body, options);

/** Listens to server-sent events across interruptions, until it is closed. */
export function listen(path, handlers) {
  const stop = new AbortController();
  (async () => {
    for await (const { type, data } of client.stream(path, { signal: stop.signal })) handlers[type]?.(data);
  })().catch(e => console.warn(e)); // There is nothing to listen to.
  return { close: () => stop.abort() };
}

function ask(why) {
  $('live').textContent = 'Not signed in';
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
