// A tube from this browser to the gateway with an echo at its end, which shows whether and how fast the gateway is reached.
import { Tube } from './tube.js';
import { setState, write } from './dom.js';
import { watchDrain } from './draining.js';

const $ = id => document.getElementById(id);
const median = times => [...times].sort((a, b) => a - b)[times.length >> 1];
let tube, pinging, pings = new Map(), times = [], sequence = 0;

function say(state, detail) {
  setState($('state'), state);
  write($('state-detail'), detail ?? '');
  $('state-detail').classList.toggle('bad', state === 'failed');
}

/** Makes the tube unless there is one. */
export async function start() {
  if (tube) return;
  say('connecting');
  for (const fact of ['rtt', 'own-path', 'tube']) $(fact).textContent = '–';
  $('tube').removeAttribute('href');
  $('again').hidden = true;
  tube = new Tube({ conversationType: 'echo' });
  followPath(tube.connection);
  let wasOpen = false;
  tube.channel.onopen = () => { wasOpen = true; opened(); };
  tube.channel.onmessage = event => received(event.data);
  await tube.open();
  if (tube.id) {
    $('tube').textContent = tube.id;
    $('tube').href = `#/tubes/${encodeURIComponent(tube.id)}`;
  }
  const why = await tube.ended;
  clearInterval(pinging);
  pings.clear();
  times = [];
  $('send').disabled = true;
  $('stop').hidden = true;
  $('rtt').textContent = '–';
  const isOwn = why === 'closed'; // with the button
  say(wasOpen && (tube.closeReason || isOwn) ? 'closed' : 'failed', isOwn ? '' : why);
  $('again').hidden = false;
  tube = undefined;
}

function followPath(connection) {
  connection.addEventListener('connectionstatechange', () => {
    if (connection.connectionState === 'disconnected') say('disconnected', 'The gateway does not answer any more.');
    else if (connection.connectionState === 'connected' && tube?.channel.readyState === 'open') say('ready');
  });
}

async function opened() {
  say('ready');
  $('send').disabled = false;
  $('stop').hidden = false;
  pinging = setInterval(ping, 500);
  ping();
  $('own-path').textContent = await tube?.path() ?? '–';
}

function ping() {
  if (tube?.channel.readyState !== 'open') return;
  const key = `ping ${++sequence}`;
  pings.set(key, performance.now());
  tube.channel.send(key);
}

function received(data) {
  const sent = pings.get(data);
  if (sent === undefined) {
    $('echoed').textContent = `Echo: ${data}`;
    return;
  }
  pings.delete(data);
  times.push(performance.now() - sent);
  if (times.length > 21) times.shift();
  $('rtt').textContent = `${median(times).toFixed(1)} ms`;
}

watchDrain($('own-draining'), () => tube);
$('echo').addEventListener('submit', event => {
  event.preventDefault();
  if (tube?.channel.readyState === 'open') tube.channel.send($('text').value);
});
$('again').addEventListener('click', start);
$('stop').addEventListener('click', () => tube?.close());
window.addEventListener('pagehide', () => tube?.close());
