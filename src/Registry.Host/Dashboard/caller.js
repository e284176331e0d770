// Who uses the page, and what that allows.
import { call } from './api.js';

const pause = 2000; // before a gateway that did not answer is asked again, in ms
const $ = id => document.getElementById(id);
const ask = () => call('GET', '/v1/caller');
let caller;

/** Asks the gateway, which asks for a key if it wants one. */
export async function identify() {
  caller = await ask();
  name();
}

function name() {
  const { owner, roles } = caller;
  $('sign-out').hidden = !sessionStorage.getItem('key');
  $('caller').textContent = $('sign-out').hidden ? '' : owner ? `${owner} (${roles.join(', ')})` : roles.join(', ');
}

/** What is shown, and what can be done with it, was for whoever signed in before; a new token of theirs changes nothing. */
async function compare() {
  try {
    if (JSON.stringify(await ask()) !== JSON.stringify(caller)) location.reload();
    else name();
  } catch (e) {
    if (e.code === 'forbidden') location.reload(); // somebody with no role here
    console.warn(e);
    setTimeout(compare, pause);
  }
}

$('sign-in').addEventListener('close', () => caller && setTimeout(compare)); // when the new key is used
$('sign-out').addEventListener('click', () => {
  sessionStorage.removeItem('key');
  location.reload();
});

/** Whether tubes may be made and closed. */
export const mayCreate = () => caller.roles.includes('creator') || caller.roles.includes('operator');

/** Whether everybody's tubes are seen, not only the caller's own. */
export const seesAll = () => caller.roles.some(role => role !== 'creator');

/** Whether nodes may be taken out of service. */
export const mayOperate = () => caller.roles.includes('operator');
