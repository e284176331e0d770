// The echo that shows whether this browser reaches the gateway, and the list of tubes.
import { call } from './gateway.js';
import { Tube } from './tube.js';

const $ = id => document.getElementById(id);
let tube, pinging, pings = new Map(), times = [], sequence = 0;

const show = (state, detail) => {
  $('state').textContent = detail ? `${state}: ${detail}` : state;
  $('state').className = state;
};

async function open() {
  show('connecting');
  $('again').hidden = true;
  tube = new Tube({ conversationType: 'echo' });
  let wasOpen = false;
  tube.channel.onopen = () => { wasOpen = true; opened(); };
  tube.channel.onmessage = event => received(event.data);
  await tube.open();
  $('tube').textContent = tube.id ?? '–';
  const why = await tube.ended;
  clearInterval(pinging);
  pings.clear();
  times = [];
  $('send').disabled = true;
  show(wasOpen ? 'closed' : 'failed', why);
  $('again').hidden = false;
}

async function opened() {
  show('ready');
  $('send').disabled = false;
  pinging = setInterval(ping, 500);
  ping();
  $('path').textContent = await tube.path() ?? '–';
}

function ping() {
  if (tube.channel.readyState !== 'open') return;
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
  $('rtt').textContent = `${[...times].sort((a, b) => a - b)[times.length >> 1].toFixed(1)} ms`;
}

async function list() {
  try {
    const { items, nextCursor } = await call('GET', '/v1/tubes?limit=100');
    $('count').textContent = `(${items.length}${nextCursor ? '+' : ''})`;
    $('tubes').replaceChildren(...items.map(row));
  } catch (e) {
    $('count').textContent = `(the gateway does not answer: ${e.message})`;
  }
  setTimeout(list, 2000);
}

function row(tube) {
  const line = document.createElement('tr');
  const cells = [tube.tubeId, tube.state, tube.selectedPair ?? '–', tube.conversations.map(c => `${c.conversationId} (${c.type})`).join(', '), new Date(tube.createdAt).toLocaleTimeString()];
  // Ids come from other people: text, never markup.
  line.append(...cells.map(text => Object.assign(document.createElement('td'), { textContent: text })));
  line.children[1].className = tube.state;
  return line;
}

$('echo').addEventListener('submit', event => {
  event.preventDefault();
  if (tube.channel.readyState === 'open') tube.channel.send($('text').value);
});
$('again').addEventListener('click', open);
window.addEventListener('pagehide', () => tube.close());
open();
list();
