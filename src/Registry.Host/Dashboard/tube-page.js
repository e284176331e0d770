// One tube: its states, path, rate, queues, channels, signals and end.
import { call } from './api.js';
import { arrange, bar, describe, element, fill, setState, write } from './dom.js';
import { bytes, count, dateTime, roundTrip, words } from './text.js';
import { mayCreate } from './caller.js';
import { closeTube } from './closing.js';
import { followSignals } from './signals.js';
import { Sparkline } from './sparkline.js';
import { isStale, watchNodes } from './cluster.js';
import { timeline } from './timeline.js';

const pause = 1000; // between two readings, in ms
const $ = id => document.getElementById(id);
const channelHeads = [...document.querySelectorAll('table:has(#channels) th')];
let shown; // what is shown, until something else is

/** Shows a tube and follows it. */
export function show(id) {
  hide();
  const mine = shown = { id, tube: undefined, sparkline: new Sparkline($('rate')) };
  write($('tube-id'), id);
  for (const part of ['tube-parts', 'tube-ended', 'close-tube', 'tube-missing']) $(part).hidden = true;
  setState($('tube-state'), '');
  return begin(mine);
}

/** Reads it for the first time, which may take several attempts. */
async function begin(mine) {
  await read(mine);
  if (shown !== mine) return;
  if (!mine.tube) {
    if (mine.isRetryable) mine.timer = setTimeout(begin, pause, mine);
    return;
  }

  mine.signals = followSignals(mine.id, $('signals'), signal => {
    if (signal.kind !== 'ice_candidate') mine.isStale = true;
  });
  poll(mine);
}

/** Stops following. */
export function hide() {
  shown?.signals?.close();
  clearTimeout(shown?.timer);
  shown = undefined;
}

watchNodes(() => { $('close-tube').disabled = isStale; });
$('close-tube').addEventListener('click', () => closeTube(shown.id, shown.tube.conversations));

async function read(mine) {
  try {
    const tube = await call('GET', `/v1/tubes/${encodeURIComponent(mine.id)}`);
    if (shown !== mine) return;
    mine.tube = tube;
    mine.isStale = false;
    $('tube-missing').hidden = true;
    showTube(tube);
  } catch (e) {
    if (shown !== mine) return;
    mine.isRetryable = e.retryable;
    $('tube-missing').hidden = mine.tube && isStale; // The page says so.
    write($('tube-missing'), e.message);
  }
}

async function poll(mine) {
  if (!document.hidden) {
    if (mine.isStale) await read(mine);
    if (shown !== mine) return;
    timeline($('timeline'), mine.tube.history);
    if (mine.tube.state === 'closed') return;
    try {
      const statistics = await call('GET', `/v1/tubes/${encodeURIComponent(mine.id)}/statistics`);
      if (shown === mine) showStatistics(mine, statistics);
    } catch {
      mine.isStale = true; // It ended meanwhile, or its node does not answer; the tube says which.
    }
  }
  if (shown === mine) mine.timer = setTimeout(poll, pause, mine);
}

function showTube(tube) {
  const isEnded = tube.closeReason !== undefined;
  $('tube-parts').hidden = false;
  $('close-tube').hidden = isEnded || !mayCreate();
  $('tube-ended').hidden = !isEnded;
  $('tube-live').hidden = tube.state === 'closed';
  setState($('tube-state'), tube.state);
  if (isEnded) {
    write($('tube-reason'), `${words(tube.closeReason.name)} (${tube.closeReason.code})`);
    write($('tube-why'), tube.closeText ?? '');
    write($('tube-by'), tube.closedBy ? `Closed by ${tube.closedBy}.` : '');
  }
  describe($('tube-facts'), [
    ['Node', tube.node],
    ['Owner', tube.owner],
    ['Created', dateTime(Date.parse(tube.createdAt))],
    ['Offer from', tube.isOfferer ? 'the gateway' : 'the peer'],
    ['Sent', `${bytes(tube.traffic.bytesSent)} in ${count(tube.traffic.messagesSent)} messages`],
    ['Received', `${bytes(tube.traffic.bytesReceived)} in ${count(tube.traffic.messagesReceived)} messages`],
  ]);
  timeline($('timeline'), tube.history);
  showChannels(tube.conversations, []);
}

function showStatistics(mine, { datagrams, path, association, queues, channels, iceState, dtlsState, cipher, iceRestarts, pathChanges, at }) {
  mine.sparkline.add(Date.parse(at), datagrams.bytesSent, datagrams.bytesReceived);
  describe($('path'), [
    ['Candidate pair', path && `${path.localType}/${path.remoteType} over ${path.protocol.toUpperCase()}`],
    ['Round trip', roundTrip(path?.roundTripMs)],
    ['Gateway’s address', path?.localAddress],
    ['Peer’s address', path?.remoteAddress],
    ['ICE', iceState],
    ['Paths so far', `${count(pathChanges)}, ICE restarts ${count(iceRestarts)}`],
    ['DTLS', dtlsState],
    ['Cipher', cipher],
  ]);
  describe($('association'), [
    ['Round trip of data', roundTrip(association?.roundTripMs)],
    ['Congestion window', association && bytes(association.congestionWindow)],
    ['Peer’s window', association && bytes(association.receiverWindow)],
    ['Packet size', association && bytes(association.packetSize)],
    ['Chunks sent again', association && count(association.retransmissions)],
    ['Timeouts', association && count(association.timeouts)],
  ]);
  showQueues([['To the peer', queues.sending, queues.limit], ['From the peer', queues.receiving, queues.limit], ['Not acknowledged', association?.bytesBuffered ?? 0, queues.limit]]);
  showChannels(mine.tube.conversations, channels);
}

function showQueues(queues) {
  const list = $('queues');
  arrange(list, queues.map(([name, waiting, limit], at) => {
    const group = list.children[at] ?? element('div', {}, element('dt', {}, name), element('dd'), bar());
    write(group.children[1], `${bytes(waiting)} of ${bytes(limit)}`);
    fill(group.children[2], waiting / limit);
    return group;
  }));
}

function showChannels(conversations, channels) {
  const body = $('channels');
  arrange(body, conversations.map((conversation, at) => {
    const row = body.children[at] ?? element('tr', {}, ...channelHeads.map(head => element('td', { className: head.className, 'data-head': head.textContent })));
    const live = channels.find(one => one.conversationId === conversation.conversationId);
    const messages = live?.messages;
    [
      conversation.conversationId,
      conversation.type,
      conversation.target ?? (conversation.localListenAddress ? `listens on ${conversation.localListenAddress}` : '–'),
      live?.state ?? (conversation.isOpen ? 'open' : 'not open'),
      live ? count(live.connections) : '–',
      live?.protocol || 'none',
      messages ? `${bytes(messages.bytesSent)} · ${count(messages.sent)}` : '–',
      messages ? `${bytes(messages.bytesReceived)} · ${count(messages.received)}` : '–',
    ].forEach((text, cell) => write(row.children[cell], text));
    row.children[0].title = conversation.conversationId;
    return row;
  }));
  $('no-channels').hidden = conversations.length > 0;
}
