// The nodes with their load, and a switch that takes each out of service.
import { call } from './api.js';
import { arrange, badge, bar, element, fill, setState, write } from './dom.js';
import { age, clock, count, counted, duration, moment, setting } from './text.js';
import { isStale, nodes, now, readNodes, watchNodes } from './cluster.js';
import { mayOperate } from './caller.js';
import { agreed, complain } from './confirm.js';

const body = document.getElementById('nodes');
const rows = new Map(); // by name

const share = (part, whole) => `${count(part)} / ${count(whole)}`;

function makeRow(name) {
  const cells = { state: badge(), until: element('span', { className: 'until quiet' }), creates: element('span'), createsBar: bar(), tubes: element('span'), tubesBar: bar(), waiting: element('span'), mean: element('span'), version: element('span'), up: element('span') };
  const drain = mayOperate() && element('button', { type: 'button', className: 'switch', role: 'switch', 'aria-label': `Drain ${name}`, click: () => toggle(name) });
  const numbers = (figure, line) => element('td', { className: 'share' }, figure, line);
  const line = element('tr', {},
    element('th', { scope: 'row', title: name }, ...name.split(/(?<=:)/).flatMap((part, at) => (at ? [element('wbr'), part] : [part]))),
    element('td', {}, cells.state, ' ', cells.until),
    numbers(cells.creates, cells.createsBar),
    numbers(cells.tubes, cells.tubesBar),
    element('td', { className: 'number' }, cells.waiting),
    element('td', { className: 'number' }, cells.mean),
    element('td', { className: 'number' }, cells.up),
    element('td', {}, cells.version),
    ...(drain ? [element('td', { className: 'action' }, drain)] : []));
  return { line, cells, drain };
}

function update({ cells, drain }, node) {
  const capacity = node.capacity;
  setState(cells.state, isStale ? `was ${node.state}` : node.state);
  write(cells.until, capacity?.isDraining ? left(capacity) : '');
  write(cells.creates, capacity ? share(capacity.activeCreates, capacity.maxConcurrentCreates) : '–');
  fill(cells.createsBar, capacity && capacity.activeCreates / capacity.maxConcurrentCreates);
  write(cells.tubes, capacity ? share(capacity.tubes, capacity.maxTubes) : '–');
  fill(cells.tubesBar, capacity && capacity.tubes / capacity.maxTubes);
  write(cells.waiting, capacity ? count(capacity.waiting) : '–');
  write(cells.mean, capacity?.avgCreateTimeMs ? duration(capacity.avgCreateTimeMs) : '–');
  write(cells.version, node.version ?? '–');
  write(cells.up, node.since ? age(now() - Date.parse(node.since)) : '–');
  if (!drain) return;
  drain.setAttribute('aria-checked', `${capacity?.isDraining === true}`);
  drain.disabled = isStale;
}

/** How a drain stands. A node of an older version does not tell its deadline. */
const left = ({ tubes, drainUntil }) => (tubes === 0 ? 'no tubes left' : drainUntil ? `until ${moment(Date.parse(drainUntil))}` : '');

/** What a drain does. A node of an older version does not tell its deadline. */
function consequence({ tubes = 0, drainDeadlineMs } = {}) {
  const end = drainDeadlineMs ? `after ${setting(drainDeadlineMs)}, at ${clock(Date.now() + drainDeadlineMs)},` : 'at its drain deadline';
  return `It makes no new tubes and tells the clients of its ${counted(tubes, 'tube')} to move. Tubes left ${end} are closed. The switch puts it back at any time.`;
}

async function toggle(name) {
  const node = nodes.find(one => one.node === name);
  const isDraining = node?.capacity?.isDraining === true;
  if (!isDraining && !await agreed(`Take ${name} out of service?`, consequence(node?.capacity), 'Drain')) return;
  try {
    await call(isDraining ? 'DELETE' : 'POST', `/v1/nodes/${encodeURIComponent(name)}/drain`, isDraining ? undefined : {});
  } catch (e) {
    complain(`${name}: ${e.message}`);
  }
  await readNodes();
}

function show() {
  for (const name of [...rows.keys()]) if (!nodes.some(node => node.node === name)) rows.delete(name);
  arrange(body, nodes.map(node => {
    let row = rows.get(node.node);
    if (!row) rows.set(node.node, row = makeRow(node.node));
    update(row, node);
    return row.line;
  }));
}

if (!mayOperate()) document.querySelector('.nodes thead .action').remove();
watchNodes(show);
