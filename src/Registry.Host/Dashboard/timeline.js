// The states a tube went through, and when.
import { arrange, badge, element, setState, write } from './dom.js';
import { duration, preciseClock } from './text.js';
import { now } from './cluster.js';

/** Draws a tube's history into an ordered list; says how long the last state lasts unless it is the end, as far as is known. */
export function timeline(list, history, until = now()) {
  arrange(list, history.map((entry, at) => {
    const step = list.children[at] ?? element('li', {}, badge(), element('time'), element('span', { className: 'quiet' }));
    const [state, time, lasted] = step.children;
    const begun = Date.parse(entry.at);
    const next = history[at + 1];
    setState(state, entry.state);
    write(time, preciseClock(begun));
    time.dateTime = entry.at;
    write(lasted, next ? `for ${duration(Date.parse(next.at) - begun)}` : entry.state === 'closed' ? 'the end' : `for ${duration(until - begun)}`);
    return step;
  }));
}
