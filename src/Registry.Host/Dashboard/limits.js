// What the registry can still take, and how it ended what it had to.
import { describe } from './dom.js';
import { count, duration } from './text.js';
import { nodes, total, watchNodes } from './cluster.js';

const list = document.getElementById('limits');

const perOwner = () => {
  const limits = [...new Set(nodes.map(node => node.capacity?.maxTubesPerOwner).filter(limit => limit !== undefined))];
  return limits.map(limit => (limit === 0 ? 'no limit' : count(limit))).join(', ');
};

watchNodes(problem => {
  if (problem) return;
  const delay = Math.min(...nodes.map(node => node.capacity?.suggestedDelayMs ?? Infinity));
  describe(list, [
    ['Room for tubes', `${count(total('maxTubes') - total('tubes'))} of ${count(total('maxTubes'))}`],
    ['Creates at once', `${count(total('activeCreates'))} of ${count(total('maxConcurrentCreates'))}`],
    ['Waiting room', `${count(total('waiting'))} of ${count(total('maxWaiting'))}`],
    ['Tubes per owner', perOwner()],
    ['Pause asked for', delay > 0 && Number.isFinite(delay) ? duration(delay) : 'none'],
    ['Creates so far', count(total('totalCreates'))],
    ['Closes cut short', count(total('closeTimeouts'))],
    ['Superseded', count(nodes.reduce((sum, node) => sum + node.supersededTubes, 0))],
  ]);
});
