// What closed lately, and why.
import { arrange, bar, element, fill, write } from './dom.js';
import { clock, count, words } from './text.js';
import { closures, since, watch } from './registry.js';

const latest = 6;
const reasons = document.getElementById('reasons');
const last = document.getElementById('last-closures');
const note = document.getElementById('closures-note');
const rows = new Map(); // by reason
let shown; // the newest closure that is on the page

function show() {
  if (shown === closures[0] && note.textContent) return;
  shown = closures[0];
  write(note, closures.length ? `since ${clock(since)}` : `none since ${clock(since)}`);
  const counts = new Map();
  for (const { reason } of closures) counts.set(reason.name, (counts.get(reason.name) ?? 0) + 1);
  const ordered = [...counts].sort((a, b) => b[1] - a[1]);
  arrange(reasons, ordered.map(([name, number]) => row(name, number, ordered[0][1])));
  last.replaceChildren(...closures.slice(0, latest).map(entry));
}

function row(name, number, most) {
  let made = rows.get(name);
  if (!made) {
    const figure = element('span', { className: 'number' });
    const line = bar();
    const isCritical = closures.find(one => one.reason.name === name).reason.isCritical;
    rows.set(name, made = { item: element('li', { className: isCritical ? 'critical' : '' }, element('span', {}, words(name)), line, figure), figure, line });
  }
  write(made.figure, count(number));
  fill(made.line, number / most);
  made.line.dataset.level = 'normal';
  return made.item;
}

function entry({ id, at, reason, text }) {
  return element('li', {},
    element('time', { dateTime: new Date(at).toISOString() }, clock(at)),
    element('a', { href: `#/tubes/${encodeURIComponent(id)}`, className: 'id', title: id }, id),
    element('span', { className: 'quiet', title: text }, text || words(reason.name)));
}

watch(show);
show();
