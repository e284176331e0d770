// Numbers, sizes and times as people read them.

const whole = new Intl.NumberFormat('en');
const seconds = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const milliseconds = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 });
const full = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

export const count = number => whole.format(number);
export const clock = time => seconds.format(time);
export const preciseClock = time => milliseconds.format(time);
export const dateTime = time => full.format(time);

/** A time of today as clocks show it, of another day with its date. */
export const moment = time => (new Date(time).toDateString() === new Date().toDateString() ? clock(time) : dateTime(time));

/** Names as a sentence has them. */
export const list = names => names.join(', ').replace(/, (?=[^,]*$)/, ' and ');

/** Bytes in powers of 1000. */
export function bytes(number) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let at = 0;
  for (; Math.abs(number) >= 999.5 && at < units.length - 1; at++) number /= 1000;
  return `${at === 0 || Math.abs(number) >= 99.5 ? Math.round(number) : number.toFixed(1)} ${units[at]}`;
}

/** So many things, with their name in the right number. */
export const counted = (number, name) => `${count(number)} ${name}${number === 1 ? '' : 's'}`;

/** What a conversation carries, where it leads or comes from first: its name may be a machine's. */
export const carried = ({ conversationId, type, target, localListenAddress }) =>
  `${type}${target ? ` to ${target}` : ''}${localListenAddress ? ` from ${localListenAddress}` : ''} (${conversationId})`;

/** A duration in its two largest units. */
export function duration(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const s = Math.floor(ms / 1000);
  if (s < 10) return `${(ms / 1000).toFixed(1)} s`;
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
}

/** A duration that somebody chose: without what is nought. */
export const setting = ms => duration(ms).replace(/\.0(?= )| 0 \w+$/, '');

/** An age: one unit is enough. */
export function age(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

/** A round trip in milliseconds. */
export const roundTrip = ms => (ms === undefined || ms === null ? undefined : `${ms < 10 ? ms.toFixed(2) : ms.toFixed(1)} ms`);

// Somebody wanted it or a setting said so; any other end is trouble, whether or not another try helps.
const inOrder = new Set(['Normal', 'Client', 'TunnelClosed', 'AdminClosed', 'AIClosed', 'UpstreamClosed', 'NodeStopped', 'IdleTimeout', 'AgeLimit', 'Superseded']);

/** Whether nobody wanted an end for which a close reason's name stands. */
export const isTrouble = name => !inOrder.has(name);

/** A close reason's name as words. */
export const words = name => name === 'NodeStopped' ? 'Node stopped or drained' : name.replace(/(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, ' ').replace(/[A-Z][a-z]+/g, word => word.toLowerCase()).replace(/^./, first => first.toUpperCase());
