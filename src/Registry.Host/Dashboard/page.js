// The page: who uses it, and which of its views the address names.
import { signIn } from './api.js';
import { identify, mayCreate } from './caller.js';
import { follow } from './registry.js';
import { heardAt, isStale, readNodes, watchNodes } from './cluster.js';
import { moment } from './text.js';
import { write } from './dom.js';
import * as tubePage from './tube-page.js';

const $ = id => document.getElementById(id);
const views = ['overview', 'tube-page', 'try'];

/** Shows the view that the address's hash names; the first one for anything else. */
async function route() {
  const [, name, argument] = /^#\/(\w*)\/?(.*)$/.exec(location.hash) ?? (location.hash.length > 1 ? [undefined, undefined] : [undefined, '']);
  if (name === undefined) return; // a place in the view
  const view = name === 'try' ? 'try' : name === 'tubes' && argument ? 'tube-page' : 'overview';
  for (const one of views) $(one).hidden = one !== view;
  for (const link of document.querySelectorAll('nav a')) {
    if (link.hash === (view === 'try' ? '#/try' : '#/')) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = { overview: 'Tube Registry', try: 'Try it – Tube Registry', 'tube-page': `Tube ${decode(argument)} – Tube Registry` }[view];
  if (view === 'tube-page') await tubePage.show(decode(argument));
  else tubePage.hide();
  if (view === 'try') await tryIt();
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function tryIt() {
  $('may-not').hidden = mayCreate();
  if (!mayCreate()) return;
  const [{ start }] = await Promise.all([import('./echo.js'), import('./desktop.js')]);
  $('panels').hidden = false; // not before its forms are listened to
  start();
}

function connected(problem) {
  // Why a browser reached nothing it says in words of its own.
  const isSilent = problem?.name === 'TimeoutError' || (problem?.code === 'unreachable' && !problem.status);
  $('live').dataset.state = problem ? 'lost' : 'live';
  write($('live'), !problem ? 'Connected' : isSilent ? 'No answer' : 'Not connected');
  $('live').title = problem?.message ?? 'The page hears from the gateway and shows what is so now.';
  document.body.classList.toggle('stale', isStale);
  write($('old'), !problem ? '' : isSilent && isStale ? `The gateway has not answered since ${moment(heardAt)}; lists and figures are of then.`
    : `${isSilent ? 'The gateway does not answer.' : problem.message}${isStale ? ` Lists and figures are of ${moment(heardAt)}.` : ''}`);
}

async function begin() {
  try {
    await identify();
  } catch (e) {
    if (e.code === 'forbidden') {
      await signIn('This key or token has no role here, as the token of a tube has none. Sign in with one of a viewer, creator or operator.');
      location.reload(); // with the new key
      return;
    }
    connected(e);
    setTimeout(begin, 2000);
    return;
  }
  watchNodes(connected);
  await Promise.all(['./tiles.js', './nodes.js', './list.js', './closures.js', './limits.js'].map(part => import(part)));
  follow();
  readNodes();
  window.addEventListener('hashchange', async () => {
    await route();
    $('main').focus({ preventScroll: true });
    window.scrollTo(0, 0);
  });
  await route();
}

begin();
