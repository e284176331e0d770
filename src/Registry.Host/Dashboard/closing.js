// Ends a tube when its user means it.
import { call } from './api.js';
import { agreed, complain } from './confirm.js';

export async function closeTube(id, conversations) {
  const carried = conversations.length === 0 ? 'It carries no conversation.'
    : conversations.length === 1 ? `Its conversation ${conversations[0].conversationId} ends with it.`
      : `Its ${conversations.length} conversations end with it.`;
  if (!await agreed(`Close tube ${id}?`, carried, 'Close tube')) return;
  try {
    await call('DELETE', `/v1/tubes/${encodeURIComponent(id)}?reason=AdminClosed`);
  } catch (e) {
    complain(`Tube ${id} was not closed: ${e.message}`);
  }
}
