// The nodes and their load, asked for as long as somebody looks.
import { call, signedInAt } from './api.js';

const pause = 2000; // in ms
const memory = 60_000; // over which growth is told, in ms

export let nodes = [];

/** When the gateway last answered; undefined before it did. */
export let heardAt;

/** Whether it does not answer now, so that what the page shows is of then. */
export let isStale = false;

const silent = new Map(); // nodes that do not answer the others, also once they are given up, and when they last did

/** Whether a node, or the gateway that would tell of it, does not answer now: what the page shows of its tubes is of then. */
export const isSilent = node => isStale || silent.has(node);

/** The time that what the page shows is of; of a node's tubes where one is named. */
export const now = node => silent.get(node) ?? (isStale ? heardAt : Date.now());

/** Whether a node answered the others when the nodes were read last. */
export const answers = name => nodes.some(({ node, state }) => node === name && state !== 'unreachable');

const patience = 10_000; // for an answer, in ms
const listeners = new Set();
const samples = [];
let timer;

/** Calls back when the nodes were read, or with what went wrong. */
export function watchNodes(listener) {
  listeners.add(listener);
}

/** Reads the nodes now and then regularly. */
export async function readNodes() {
  clearTimeout(timer);
  if (!document.hidden) {
    let problem;
    const begun = Date.now();
    try {
      const before = heardAt;
      ({ items: nodes } = await call('GET', '/v1/nodes', undefined, { signal: AbortSignal.timeout(patience) }));
      heardAt = Date.now();
      for (const { node, state } of nodes) {
        if (state !== 'unreachable') silent.delete(node);
        else if (!silent.has(node)) silent.set(node, before ?? heardAt);
      }
      remember();
    } catch (e) {
      if (heardAt > begun) return; // Another reading was answered meanwhile, and goes on.
      if (signedInAt > begun && e.name === 'TimeoutError') return readNodes(); // The time went by at the sign-in.
      problem = e;
    }
    isStale = problem !== undefined && heardAt !== undefined;
    for (const listener of listeners) listener(problem);
  }
  clearTimeout(timer);
  timer = setTimeout(readNodes, pause);
}

document.addEventListener('visibilitychange', () => { if (!document.hidden) readNodes(); });

/** A counter of all nodes together. */
export const total = name => nodes.reduce((sum, node) => sum + (node.capacity?.[name] ?? 0), 0);

/** How much a counter grew in the last minute, as far as it was watched. */
export const growth = name => Math.max(0, total(name) - (samples[0]?.[name] ?? total(name)));

function remember() {
  const at = performance.now();
  samples.push({ at, totalRejected: total('totalRejected'), totalFailures: total('totalFailures'), totalCreates: total('totalCreates') });
  while (samples[0].at < at - memory) samples.shift();
}
