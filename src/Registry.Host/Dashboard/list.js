// The live tubes: filtered, sorted, and only those rows in the page that can be seen.
import { arrange, badge, element, setState, write } from './dom.js';
import { age, count, dateTime } from './text.js';
import { tubes, watch } from './registry.js';
import { SortedTubes } from './sorted.js';
import { mayCreate, seesAll } from './caller.js';
import { isSilent, now, watchNodes } from './cluster.js';
import { closeTube } from './closing.js';

const margin = 6; // rows beyond the edges
const short = 8; // characters of an id that a narrow list shows, as many as the program's lists
const $ = id => document.getElementById(id);
const scroller = $('list');
const body = $('tubes');
const above = element('tr', { 'aria-hidden': 'true' }, element('td'));
const below = element('tr', { 'aria-hidden': 'true' }, element('td'));
const sorted = new SortedTubes();
const rows = new Map(); // those in the page, by id
const longest = { id: 0, owner: 5, path: 4, node: 4 }; // texts of these columns so far, in characters: what they leave is for the conversations
const order = { by: 'createdAt', isDescending: true };
let drawing;
let rowHeight; // in px, as overview.css has it for the window's width

const fold = text => text.toLowerCase();
const keys = {
  id: tube => tube.id,
  state: tube => tube.state,
  names: tube => fold(tube.names),
  owner: tube => fold(tube.owner),
  path: tube => tube.path,
  node: tube => tube.node,
  createdAt: tube => tube.createdAt,
};

function matcher() {
  const wanted = fold($('filter').value.trim()).split(/\s+/).filter(Boolean);
  const state = $('state-filter').value;
  return tube => (!state || tube.state === state)
    && wanted.every(word => [tube.id, tube.names, tube.owner, tube.node, tube.path, tube.state].some(text => fold(text).includes(word)));
}

function refill() {
  sorted.fill(tubes, keys[order.by], matcher());
  draw();
}

function measure() {
  rowHeight = parseFloat(getComputedStyle($('tube-table')).getPropertyValue('--row'));
  draw();
}

function draw() {
  drawing ??= requestAnimationFrame(() => {
    drawing = undefined;
    show();
  });
}

function show() {
  const total = sorted.entries.length;
  write($('count'), total === tubes.size ? count(total) : `${count(total)} of ${count(tubes.size)}`);
  $('none').hidden = total > 0;
  write($('none'), tubes.size ? 'No tube matches the filter.' : `${seesAll() ? 'There are' : 'You have'} no tubes.${mayCreate() ? ' “Try it” makes one.' : ''}`);
  $('tube-table').setAttribute('aria-rowcount', `${total + 1}`);
  if (!scroller.clientHeight) return; // another page is shown
  const first = Math.max(0, Math.min(total, Math.floor(scroller.scrollTop / rowHeight)) - margin);
  const last = Math.min(total, first + Math.ceil(scroller.clientHeight / rowHeight) + 2 * margin);
  above.firstChild.style.height = `${first * rowHeight}px`;
  below.firstChild.style.height = `${(total - last) * rowHeight}px`;
  const visible = [];
  for (let at = first; at < last; at++) visible.push(sorted.entries[order.isDescending ? total - 1 - at : at].tube);
  place(visible, first);
  makeRoom(visible);
}

// A column never gets narrower, so that the table stands still while it is scrolled.
function makeRoom(visible) {
  for (const [column, before] of Object.entries(longest)) {
    const most = Math.min(36, visible.reduce((most, tube) => Math.max(most, tube[column].length), before));
    if (most === before) continue;
    longest[column] = most;
    $('tube-table').style.setProperty(`--${column}`, `${most}`);
  }
}

function place(visible, first) {
  const had = document.activeElement?.closest('#tubes tr')?.dataset.id;
  const kept = new Set(visible.map(tube => tube.id));
  for (const id of rows.keys()) if (!kept.has(id)) rows.delete(id);
  arrange(body, [above, ...visible.map((tube, at) => {
    let row = rows.get(tube.id);
    if (!row) rows.set(tube.id, row = makeRow(tube));
    row.update();
    row.line.setAttribute('aria-rowindex', `${first + at + 2}`);
    return row.line;
  }), below]);
  if (had && !kept.has(had)) scroller.focus({ preventScroll: true }); // its row is gone, and must not hand the focus to another tube's
}

function makeRow(tube) {
  const text = () => element('td');
  const state = badge();
  const [names, owner, path, node, created] = [element('div'), text(), text(), text(), element('td', { className: 'number', title: dateTime(tube.createdAt) })];
  const link = element('a', { href: `#/tubes/${encodeURIComponent(tube.id)}`, className: 'id', title: tube.id }, tube.id.slice(0, short), element('span', {}, tube.id.slice(short)));
  const close = mayCreate() && element('button', { type: 'button', className: 'quiet-button', 'aria-label': `Close tube ${tube.id}`, click: () => closeTube(tube.id, tube.conversations) }, 'Close');
  const line = element('tr', {}, element('td', {}, link), element('td', {}, state), element('td', {}, names), owner, path, node, created, ...(close ? [element('td', { className: 'action' }, close)] : []));
  line.dataset.id = tube.id;
  const update = () => {
    const isOld = isSilent(tube.node);
    setState(state, isOld ? `was ${tube.state}` : tube.state);
    if (close) close.disabled = isOld;
    for (const [cell, value] of [[names, tube.names || '–'], [owner, tube.owner || '–'], [path, tube.path || '–'], [node, tube.node || '–']]) {
      if (cell.textContent === value) continue;
      cell.textContent = value;
      cell.title = value;
    }
    grow();
  };
  const grow = () => write(created, age(now(tube.node) - tube.createdAt));
  return { line, update, grow };
}

function sortBy(by) {
  order.isDescending = order.by === by ? !order.isDescending : by === 'createdAt';
  order.by = by;
  for (const head of document.querySelectorAll('#tube-table th[data-by]'))
    head.setAttribute('aria-sort', head.dataset.by === by ? (order.isDescending !== (by === 'createdAt') ? 'descending' : 'ascending') : 'none');
  refill();
}

/** Up and down go from tube to tube. */
function step(event) {
  const by = { ArrowUp: 'previousElementSibling', ArrowDown: 'nextElementSibling' }[event.key];
  const next = by && event.target.closest('a.id')?.closest('tr')[by]?.querySelector('a.id');
  if (!next) return;
  event.preventDefault();
  next.focus();
}

watch(ids => {
  sorted.update(tubes, ids);
  draw();
});
for (const head of document.querySelectorAll('#tube-table th[data-by]')) head.firstElementChild.addEventListener('click', () => sortBy(head.dataset.by));
$('filter').addEventListener('input', refill);
$('state-filter').addEventListener('change', refill);
scroller.addEventListener('scroll', draw, { passive: true });
body.addEventListener('keydown', step);
watchNodes(draw);
new ResizeObserver(draw).observe(scroller);
window.addEventListener('resize', measure);
document.addEventListener('keydown', event => {
  if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA|CANVAS)$/.test(event.target.tagName) || !$('filter').offsetParent) return;
  event.preventDefault();
  $('filter').focus();
});
setInterval(() => { if (!document.hidden) for (const row of rows.values()) row.grow(); }, 1000);
if (!mayCreate()) document.querySelector('#tube-table thead .action').remove();
measure();
refill();
