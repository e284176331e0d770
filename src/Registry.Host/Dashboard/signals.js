// A tube's signals as they come, the newest first.
import { listen } from './api.js';
import { element } from './dom.js';
import { preciseClock, words } from './text.js';

const most = 200; // rows

const told = {
  ice_candidate: signal => signal.candidate || 'no more candidates',
  connection_state_changed: signal => signal.state,
  channel_opened: signal => signal.channelId,
  channel_closed: signal => `${signal.channelId}: ${words(signal.closeReason.name)}, ${signal.outcome.replaceAll('_', ' ')}`,
  tube_closed: signal => `${words(signal.closeReason.name)}. ${signal.text}`,
  ice_restart_offer: signal => `an offer of ${signal.offer.length} characters`,
  guacd_instruction: signal => `${signal.channelId}: ${signal.instruction}`,
  node_draining: signal => `until ${preciseClock(Date.parse(signal.deadline))}`,
  signals_missed: signal => `signals ${signal.first} to ${signal.sequence} are no longer kept`,
};

/** Follows a tube's signals into a table's body; calls back with each. Returns what ends it. */
export function followSignals(id, body, onSignal) {
  body.replaceChildren();
  const handlers = Object.fromEntries(Object.entries(told).map(([kind, tell]) => [kind, signal => {
    const what = tell(signal);
    body.prepend(element('tr', {},
      element('td', { className: 'number' }, `${signal.sequence}`),
      element('td', {}, element('time', { dateTime: signal.time }, preciseClock(Date.parse(signal.time)))),
      element('td', {}, words(kind.replaceAll('_', ' ')).replace(/\bice\b/i, 'ICE')),
      element('td', { className: 'long', title: what }, what)));
    if (body.children.length > most) body.lastChild.remove();
    onSignal(signal);
  }]));
  return listen(`/v1/tubes/${encodeURIComponent(id)}/signals`, handlers);
}
