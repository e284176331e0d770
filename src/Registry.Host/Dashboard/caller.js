// Who uses the page, and what that allows.
import { call } from './api.js';

let roles = [];

/** Asks the gateway, which asks for a key if it wants one. */
export async function identify() {
  const caller = await call('GET', '/v1/caller');
  roles = caller.roles;
  const name = document.getElementById('caller');
  const signOut = document.getElementById('sign-out');
  signOut.hidden = !sessionStorage.getItem('key');
  name.textContent = signOut.hidden ? '' : caller.owner ? `${caller.owner} (${roles.join(', ')})` : roles.join(', ');
  signOut.addEventListener('click', () => {
    sessionStorage.removeItem('key');
    location.reload();
  });
}

/** Whether tubes may be made and closed. */
export const mayCreate = () => roles.includes('creator') || roles.includes('operator');

/** Whether nodes may be taken out of service. */
export const mayOperate = () => roles.includes('operator');
