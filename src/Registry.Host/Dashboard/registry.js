// The tubes of all nodes, kept up to date by the registry's events, and those that closed meanwhile.
import { call, listen } from './api.js';
import { answers, watchNodes } from './cluster.js';
import { carried } from './text.js';

const beat = 250; // between two rounds of telling what changed, in ms
export const mostClosures = 500;
const mostAtOnce = 4; // tubes asked for one by one in a second; more are read from the list
const listPause = 15_000;
const settling = 5000; // after which a tube that got ready has the path that it keeps, in ms

/** The live tubes by id. */
export const tubes = new Map();

/** The last tubes that closed, newest first. */
export const closures = [];

/** No gateway tells this one: who could is gone. */
export const lost = { name: 'LostWithItsNode' };

/** Nodes of which nobody could tell what closed on them before the page was opened; undefined before it was asked. */
export let untold;

/** When the page was opened; of what closed before, the nodes keep some for a while. */
export const opened = Date.now();

const listeners = new Set();
const incomplete = new Set(); // tubes of which something is not known
const unsettled = new Map(); // tubes that got ready lately, and when to ask for their paths again
const nodesListed = new Set();
const listed = new Map(); // by node: the tubes of its list that is coming in
let changed = new Set();
let telling;
let lastList = -Infinity;

/** Calls back with the ids of the tubes that came, changed or went, several at a time. */
export function watch(listener) {
  listeners.add(listener);
}

/** Starts following; the rest of the page's life. */
export function follow() {
  readClosures().catch(e => console.warn(e));
  listen('/v1/events', handlers);
  complete();
  // A node that answers again tells what it was not asked for. Once: of one that was lost, which counts so for a while, there may be nothing to hear.
  let answering = [];
  watchNodes(() => {
    const before = answering;
    answering = (untold ?? []).filter(answers);
    if (answering.some(node => !before.includes(node))) readClosures().catch(e => console.warn(e));
  });
}

/** Adds what the gateways remember. */
async function readClosures() {
  const remembered = [];
  const silent = new Set();
  for await (const { tubeId, history, closeReason, closeText } of readAll('/v1/tubes?state=closed&limit=1000', silent))
    remembered.push({ id: tubeId, at: Date.parse(history.at(-1).at), reason: closeReason, text: closeText });
  untold = untold?.filter(node => silent.has(node)) ?? [...silent]; // what is lost later the page hears
  add(remembered);
}

/** Adds those of which the page has not heard. */
function add(found) {
  const known = new Set(closures.map(one => one.id));
  closures.push(...found.filter(one => !known.has(one.id)));
  closures.sort((a, b) => b.at - a.at);
  closures.length = Math.min(closures.length, mostClosures);
  touch('');
}

/** Tells of tubes that a node has no more: closed while the page heard nothing, which the gateway may remember, or lost. */
async function missed(gone, node) {
  const at = Date.now();
  try {
    await readClosures();
  } catch (e) {
    console.warn(e);
  }
  add(gone.map(id => ({ id, at, reason: lost, text: `Lost with its node ${node}.` })));
}

function touch(id) {
  changed.add(id);
  telling ??= setTimeout(tell, beat);
}

function tell() {
  telling = undefined;
  const ids = changed;
  changed = new Set();
  for (const listener of listeners) listener(ids);
}

const handlers = {
  tube: body => {
    let ofNode = listed.get(body.node);
    if (!ofNode) listed.set(body.node, ofNode = new Set());
    ofNode.add(body.tubeId);
    const tube = tubeOf(body.tubeId, Date.parse(body.createdAt));
    tube.state = body.state;
    learn(tube, body);
    if (tube.state === 'ready' && Date.now() - tube.createdAt < settling) settle(tube.id);
  },
  tubes_listed: ({ node }) => {
    const ofNode = listed.get(node) ?? new Set();
    listed.delete(node);
    const gone = [...tubes.values()].filter(tube => tube.node === node && !ofNode.has(tube.id)).map(tube => tube.id);
    gone.forEach(remove);
    touch('');
    if (nodesListed.has(node)) missed(gone, node);
    nodesListed.add(node);
  },
  connection_state_changed: signal => {
    const tube = tubeOf(signal.tubeId, Date.parse(signal.time));
    tube.state = signal.state;
    if (signal.state === 'ready') settle(tube.id);
    if (signal.state === 'ready' || tube.node === '') incomplete.add(tube.id);
  },
  channel_opened: signal => setOpen(signal, true),
  channel_closed: signal => setOpen(signal, false),
  tube_closed: signal => {
    const told = closures.findIndex(one => one.id === signal.tubeId);
    if (told >= 0) closures.splice(told, 1);
    closures.unshift({ id: signal.tubeId, at: Date.parse(signal.time), reason: signal.closeReason, text: signal.text });
    closures.length = Math.min(closures.length, mostClosures);
    remove(signal.tubeId);
    touch(signal.tubeId);
  },
};

function tubeOf(id, createdAt) {
  let tube = tubes.get(id);
  if (!tube) tubes.set(id, tube = { id, createdAt, state: 'new', node: '', owner: '', conversations: [], path: '', names: '' });
  touch(id);
  return tube;
}

function learn(tube, body) {
  tube.createdAt = Date.parse(body.createdAt);
  tube.node = body.node;
  tube.owner = body.owner ?? '';
  tube.conversations = body.conversations;
  tube.names = body.conversations.map(carried).join(', ');
  tube.path = body.selectedPair ?? '';
  incomplete.delete(tube.id);
}

function setOpen(signal, isOpen) {
  const tube = tubes.get(signal.tubeId);
  const conversation = tube?.conversations.find(c => c.conversationId === signal.channelId);
  if (conversation) conversation.isOpen = isOpen;
  if (tube && (!conversation || !isOpen)) incomplete.add(tube.id);
  touch(signal.tubeId);
}

function settle(id) {
  unsettled.delete(id); // so that they stand in order
  unsettled.set(id, performance.now() + settling);
}

function remove(id) {
  incomplete.delete(id);
  unsettled.delete(id);
  if (tubes.delete(id)) touch(id);
}

/** Signals do not say whose a tube is and what it carries: those that came with signals are asked for, the newest first. */
async function complete() {
  for (const [id, due] of unsettled) {
    if (due > performance.now()) break;
    unsettled.delete(id);
    incomplete.add(id);
  }
  try {
    if (incomplete.size > mostAtOnce && performance.now() - lastList > listPause) await readList();
    else await Promise.all([...incomplete].slice(-mostAtOnce).map(readTube));
  } catch (e) {
    console.warn(e);
  }
  setTimeout(complete, 1000);
}

// Only signals say the state: an answer may be older than the last of them.
async function readTube(id) {
  const body = await call('GET', `/v1/tubes/${encodeURIComponent(id)}`);
  if (body.closeReason) incomplete.delete(id);
  else update(body);
}

async function readList() {
  lastList = performance.now();
  for await (const body of readAll('/v1/tubes?limit=1000')) update(body);
}

async function* readAll(path, silent) {
  let cursor;
  do {
    const { items, nextCursor, incompleteNodes } = await call('GET', `${path}${cursor ? `&cursor=${cursor}` : ''}`);
    yield* items;
    for (const node of incompleteNodes) silent?.add(node);
    cursor = nextCursor;
  } while (cursor);
}

function update(body) {
  const tube = tubes.get(body.tubeId);
  if (!tube) return;
  learn(tube, body);
  touch(tube.id);
}
