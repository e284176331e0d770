// Says when a node that is taken out of service closes a tube of this browser, and what stands in the way of the next one.
import { write } from './dom.js';
import { isStale, nodes, watchNodes } from './cluster.js';
import { tubes } from './registry.js';
import { moment } from './text.js';

/** Keeps it said in an element, of the tube that a function returns or, while there is none, of the next one. */
export function watchDrain(target, tube) {
  watchNodes(() => write(target, hint(tube()?.id)));
}

function hint(id) {
  const isOut = node => node.capacity?.isDraining === true;
  if (!id && isStale) return `New tubes can be made when the gateway answers again${nodes.length > 1 ? ', or on another node’s page' : ''}.`;
  if (!id) return nodes.length && nodes.every(isOut) ? 'No gateway makes new tubes now: all are being taken out of service.' : '';
  const node = nodes.find(one => one.node === tubes.get(id)?.node);
  if (!node || !isOut(node)) return '';
  // A node of an older version does not tell its deadline.
  const end = node.capacity.drainUntil ? `at ${moment(Date.parse(node.capacity.drainUntil))}` : 'at its drain deadline';
  return `${node.node} is being taken out of service: this tube is closed ${end}.`;
}
