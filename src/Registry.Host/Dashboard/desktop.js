// A VNC server's screen: noVNC speaks to it over the data channel of a raw conversation.
import { Tube } from './tube.js';
import { expectGreeting } from './greeting.js';
import { watchDrain } from './draining.js';

const viewer = '/novnc/1.7.0/core/rfb.js';
const defaultPort = 5900; // RFC 6143 §4
const $ = id => document.getElementById(id);
let tube, rfb, isLeaving;

function say(text, isBad = false) {
  $('desktop-state').textContent = text;
  $('desktop-state').classList.toggle('bad', isBad);
}

function controls(isUp) {
  $('server').disabled = $('connect').hidden = isUp;
  for (const id of ['attention', 'whole', 'disconnect', 'screen']) $(id).hidden = !isUp;
  $('credentials').hidden = true;
}

/** Reads host[:port] with IPv6 addresses in brackets. */
function parse(text) {
  const found = /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]]+))(?::(\d{1,5}))?$/i.exec(text);
  const port = Number(found?.[3] ?? defaultPort);
  if (!found || port < 1 || port > 65535) throw new Error('The server must be host or host:port, such as 10.0.0.5:5900 or [fd00::5]:5900.');
  return { target_host: found[1] ?? found[2], target_port: port };
}

/** From the click to the end, whatever ends it; says how it ended, and throws what went wrong. */
async function connect(server, settings) {
  const { default: RFB } = await import(viewer);
  const mine = tube = new Tube(settings);
  const screen = rfb = new RFB($('screen'), mine.channel);
  let problem, isShown = true, hasPicture = false;
  expectGreeting(mine, () => {
    problem = `${server} does not speak VNC: it said nothing that a VNC server says.`;
    mine.close();
  });
  followPath(mine.connection);
  screen.scaleViewport = true;
  screen.addEventListener('connect', () => {
    hasPicture = true;
    $('credentials').hidden = true;
    screen.focus();
  });
  screen.addEventListener('desktopname', event => say(`Connected to ${server}: ${event.detail.name}`)); // which every server has
  screen.addEventListener('credentialsrequired', event => ask(event.detail.types));
  screen.addEventListener('serververification', event => verify(server, event.detail.publickey));
  screen.addEventListener('securityfailure', event => { problem = `${server} let nobody in${event.detail.reason ? `: ${event.detail.reason}` : '.'}`; });
  screen.addEventListener('disconnect', event => {
    isShown = false;
    if (isLeaving) mine.close();
    // What it gave up by itself; when the gateway closed the channel, the tube knows why.
    else if (!event.detail.clean && mine.channel.readyState === 'closing') problem ??= `${server} does not speak VNC, or in a way that noVNC does not know.`;
  });
  await mine.open();
  const why = await mine.ended;
  if (isShown) screen.disconnect();
  if (isLeaving) return 'Disconnected.';
  if (problem || mine.closeReason?.name !== 'Normal') throw new Error(problem ?? why);
  if (!hasPicture) throw new Error(`${server} ended the session before it showed its screen. Perhaps it admits one viewer at a time.`);
  return 'The VNC server ended the session.';
}

/** A picture that stands still does not seem to be live. */
function followPath(connection) {
  let before;
  connection.addEventListener('connectionstatechange', () => {
    if (connection.connectionState === 'disconnected') {
      before ??= $('desktop-state').textContent;
      say('The gateway does not answer any more; the picture stands still.', true);
    } else if (connection.connectionState === 'connected' && before !== undefined) {
      say(before);
      before = undefined;
    }
  });
}

async function run(server) {
  isLeaving = false;
  sessionStorage.setItem('server', server);
  try {
    const settings = { conversationType: 'raw', ...parse(server) };
    controls(true);
    say(`Connecting to ${server} …`);
    say(await connect(server, settings));
  } catch (e) {
    say(e.message, true);
  } finally {
    rfb = tube = undefined;
    controls(false);
  }
}

function ask(types) {
  $('credentials').hidden = false;
  $('username').hidden = !types.includes('username');
  $('password').value = '';
  $(types.includes('username') ? 'username' : 'password').focus();
  say('The server asks who you are.');
}

async function verify(server, key) {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', key));
  const print = [...hash.slice(0, 16)].map(byte => byte.toString(16).padStart(2, '0')).join(':');
  if (confirm(`The key of ${server} begins with SHA-256 ${print}. Is it the right server?`)) rfb?.approveServer();
  else tube?.close();
}

watchDrain($('desktop-draining'), () => tube);
$('server').value = sessionStorage.getItem('server') ?? $('server').value;
$('desktop').addEventListener('submit', event => {
  event.preventDefault();
  run($('server').value.trim());
});
$('credentials').addEventListener('submit', event => {
  event.preventDefault();
  $('credentials').hidden = true;
  rfb?.sendCredentials({ username: $('username').value, password: $('password').value });
  $('password').value = '';
});
$('attention').addEventListener('click', () => rfb?.sendCtrlAltDel());
$('whole').addEventListener('click', () => $('screen').requestFullscreen().then(() => rfb?.focus(), e => say(e.message, true)));
$('disconnect').addEventListener('click', () => {
  isLeaving = true;
  rfb?.disconnect();
});
window.addEventListener('pagehide', () => tube?.close());
