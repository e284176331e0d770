// What the registry can still take, and how it ended what it had to.
import { describe } from './dom.js';
import { count, duration } from './text.js';
import { nodes, total, watchNodes } from './cluster.js';

const list = document.getElementById('limits');

// A node that is taken out of service has room for nothing.
function room(part, whole, isLeft = false) {
  const open = nodes.filter(node => node.capacity && !node.capacity.isDraining);
  const [taken, most] = [part, whole].map(name => open.reduce((sum, node) => sum + node.capacity[name], 0));
  if (!open.length) return isLeft ? 'none: no node takes tubes' : 'none';
  return `${count(isLeft ? Math.max(0, most - taken) : taken)} of ${count(most)}`;
}

const limitOf = node => (node.capacity.maxTubesPerOwner === 0 ? 'no limit' : count(node.capacity.maxTubesPerOwner));

// Each node may have been told another limit.
const perOwner = () => {
  const known = nodes.filter(node => node.capacity);
  return new Set(known.map(limitOf)).size === 1 ? limitOf(known[0]) : known.map(node => `${limitOf(node)} (${node.node})`).join(', ');
};

watchNodes(problem => {
  if (problem) return;
  const delay = Math.min(...nodes.map(node => node.capacity?.suggestedDelayMs ?? Infinity));
  describe(list, [
    ['Room for tubes', room('tubes', 'maxTubes', true)],
    ['Creates at once', room('activeCreates', 'maxConcurrentCreates')],
    ['Waiting room', room('waiting', 'maxWaiting')],
    ['Tubes per owner', perOwner()],
    ['Pause asked for', delay > 0 && Number.isFinite(delay) ? duration(delay) : 'none'],
    ['Creates so far', count(total('totalCreates'))],
    ['Closes cut short', count(total('closeTimeouts'))],
    ['Superseded', count(nodes.reduce((sum, node) => sum + node.supersededTubes, 0))],
  ]);
});
