// What closed lately, and why.
import { arrange, bar, element, fill, write } from './dom.js';
import { clock, count, isTrouble, list, moment, words } from './text.js';
import { answers, watchNodes } from './cluster.js';
import { closures, mostClosures, opened, untold, watch } from './registry.js';

const latest = 6;
const reasons = document.getElementById('reasons');
const last = document.getElementById('last-closures');
const note = document.getElementById('closures-note');
const rows = new Map(); // by reason
let shown; // the newest closure that is on the page

function show(ids) {
  if (shown === closures[0] && note.textContent && !ids.has('')) return;
  shown = closures[0];
  write(note, span() + gaps());
  const counts = new Map();
  for (const { reason } of closures) counts.set(reason.name, (counts.get(reason.name) ?? 0) + 1);
  const ordered = [...counts].sort((a, b) => b[1] - a[1]);
  arrange(reasons, ordered.map(([name, number]) => row(name, number, ordered[0][1])));
  last.replaceChildren(...closures.slice(0, latest).map(entry));
}

/** What the figures are of. */
function span() {
  const page = `since this page was opened at ${moment(opened)}`;
  const earliest = closures.at(-1)?.at;
  if (!closures.length) return `None ${page}; the gateway remembers none from before.`;
  if (closures.length === mostClosures) return `The last ${count(mostClosures)}, back to ${moment(earliest)}.`;
  return earliest < opened ? `All ${page}, and before that what the gateway still remembers, back to ${moment(earliest)}.` : `All ${page}.`;
}

/** Whose closures nobody could tell. */
function gaps() {
  const away = (untold ?? []).filter(node => !answers(node));
  const back = (untold ?? []).filter(answers);
  return (away.length ? unknown(away) : '') + (back.length ? inAudit(back) : '');
}

function unknown(away) {
  const isOne = away.length === 1;
  return ` How tubes of ${list(away)} ended is not known: ${isOne ? 'that node was lost or does' : 'these nodes were lost or do'} not answer. ${isOne ? 'Its' : 'Their'} audit tells from the next start on.`;
}

function inAudit(back) {
  const isOne = back.length === 1;
  return ` ${list(back)} ${isOne ? 'was' : 'were'} lost or did not answer, and ${isOne ? 'is' : 'are'} back: how ${isOne ? 'its' : 'their'} tubes ended until then ${isOne ? 'its' : 'their'} audit tells.`;
}

function row(name, number, most) {
  let made = rows.get(name);
  if (!made) {
    const figure = element('span', { className: 'number' });
    const line = bar();
    rows.set(name, made = { item: element('li', { className: isTrouble(name) ? 'trouble' : '' }, element('span', {}, words(name)), line, figure), figure, line });
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
    element('span', { className: 'quiet' }, text || words(reason.name)));
}

watch(show);
watchNodes(() => { if (note.textContent) write(note, span() + gaps()); });
