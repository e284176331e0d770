// Ends a tube when its user means it.
import { call } from './api.js';
import { agreed, complain } from './confirm.js';
import { carried } from './text.js';

export async function closeTube(id, conversations) {
  const end = conversations.length === 0 ? 'It carries no conversation.'
    : conversations.length === 1 ? `Its conversation ends with it: ${carried(conversations[0])}. A client that is there may make another tube.`
      : `Its ${conversations.length} conversations end with it.`;
  if (!await agreed(`Close tube ${id}?`, end, 'Close tube')) return;
  try {
    await call('DELETE', `/v1/tubes/${encodeURIComponent(id)}`);
  } catch (e) {
    complain(`Tube ${id} was not closed: ${e.message}`);
  }
}
