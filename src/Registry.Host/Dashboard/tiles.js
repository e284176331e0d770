// The registry in six figures.
import { element, write } from './dom.js';
import { count, counted, duration } from './text.js';
import { tubes, watch } from './registry.js';
import { seesAll } from './caller.js';
import { growth, isSilent, isStale, nodes, total, watchNodes } from './cluster.js';

const recent = name => `${count(growth(name))} in the last minute`;
const stale = () => total('reconcilerFindings') + nodes.reduce((sum, node) => sum + node.supersededTubes, 0);

// The figure, what stands below it, and whether it is bad.
const tiles = [
  ['Ready', () => inState('ready'), () => (seesAll() ? `of ${counted(tubes.size, 'tube')}` : tubes.size ? `of your ${counted(tubes.size, 'tube')}` : 'you have no tube')],
  ['Creating', () => total('activeCreates'), () => (total('avgCreateTimeMs') ? `${duration(meanCreate())} each` : 'no create yet')],
  ['Waiting', () => total('waiting'), () => 'for admission', value => value > 0 && 'warn'],
  ['Refused by a limit', () => total('totalRejected'), () => recent('totalRejected'), () => growth('totalRejected') > 0 && 'warn'],
  ['Creates failed', () => total('totalFailures'), () => recent('totalFailures'), () => growth('totalFailures') > 0 && 'bad'],
  ['Stale', stale, () => (stale() > 0 ? 'repaired; the log says which' : 'records and tubes agree'), value => value > 0 && 'bad'],
];

const shown = tiles.map(([name]) => {
  const value = element('dd', {}, '–');
  const detail = element('dd', { className: 'quiet' }, ' ');
  const tile = element('div', { className: 'tile' }, element('dt', {}, name), value, detail);
  document.getElementById('tiles').append(tile);
  return { tile, value, detail };
});

function inState(state) {
  let number = 0;
  for (const tube of tubes.values()) number += tube.state === state && (isStale || !isSilent(tube.node));
  return number;
}

const meanCreate = () => {
  const known = nodes.filter(node => node.capacity?.avgCreateTimeMs);
  return known.reduce((sum, node) => sum + node.capacity.avgCreateTimeMs, 0) / known.length;
};

function show() {
  if (!nodes.length) return;
  tiles.forEach(([, value, detail, level], at) => {
    const figure = value();
    write(shown[at].value, count(figure));
    write(shown[at].detail, detail());
    shown[at].tile.dataset.level = (level?.(figure)) || 'normal';
  });
}

watch(show);
watchNodes(show);
