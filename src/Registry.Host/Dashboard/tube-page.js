// One tube: its states, path, rate, queues, channels, signals and end.
import { call } from './api.js';
import { arrange, bar, describe, element, fill, setState, write } from './dom.js';
import { bytes, count, counted, dateTime, isTrouble, list, moment, roundTrip, words } from './text.js';
import { mayCreate } from './caller.js';
import { closeTube } from './closing.js';
import { followSignals } from './signals.js';
import { Sparkline } from './sparkline.js';
import { isSilent, isStale, watchNodes } from './cluster.js';
import { lost } from './registry.js';
import { timeline } from './timeline.js';

const pause = 1000; // between two readings of its statistics, in ms
const readings = 5; // of them, after which the tube itself is read again
const $ = id => document.getElementById(id);
const channelHeads = [...document.querySelectorAll('table:has(#channels) th')];
let shown; // what is shown, until something else is

/** Shows a tube and follows it. */
export function show(id) {
  hide();
  const mine = shown = { id, tube: undefined, channels: [], polls: 0, sparkline: new Sparkline($('rate')) };
  write($('tube-id'), id);
  for (const part of ['tube-parts', 'tube-ended', 'close-tube', 'tube-missing', 'tube-silent']) $(part).hidden = true;
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
    if (signal.kind !== 'tube_closed') return;
    mine.end = signal;
    if (mine.tube.closeReason === lost) learn(mine, ended(mine));
  });
  poll(mine);
}

/** Stops following. */
export function hide() {
  shown?.signals?.close();
  clearTimeout(shown?.timer);
  shown = undefined;
}

watchNodes(() => { if (shown?.tube) tellState(shown); });
$('close-tube').addEventListener('click', () => closeTube(shown.id, shown.tube.conversations));

async function read(mine) {
  try {
    const tube = await call('GET', `/v1/tubes/${encodeURIComponent(mine.id)}`);
    if (shown !== mine) return;
    learn(mine, tube);
  } catch (e) {
    if (shown !== mine) return;
    if (mine.tube && e.code === 'tube_not_found') return learn(mine, ended(mine));
    if (mine.tube && e.code === 'node_unreachable') return silence(mine);
    mine.isRetryable = e.retryable;
    const text = e.code === 'tube_not_found' ? `${e.message} One that has ended is remembered for a while only.${await whereabouts()}` : e.message;
    if (shown !== mine) return;
    $('tube-missing').hidden = mine.tube && isStale; // The page says so.
    write($('tube-missing'), text);
  }
}

/** A lost node's tubes ended with it, and nobody kept how. */
async function whereabouts() {
  try {
    const { incompleteNodes: nodes } = await call('GET', '/v1/tubes?state=closed&limit=1');
    return nodes.length ? ` Its node may be one of those that were lost or do not answer; their audit tells of their tubes: ${list(nodes)}.` : '';
  } catch (e) {
    console.warn(e);
    return '';
  }
}

/** Its node does not answer, which the cluster may not have noticed yet. */
function silence(mine) {
  mine.isSilent = true;
  tellState(mine);
}

function heard(mine) {
  mine.isSilent = false;
  mine.heardAt = Date.now();
}

function learn(mine, tube) {
  mine.tube = tube;
  mine.isStale = false;
  heard(mine);
  $('tube-missing').hidden = true;
  showTube(mine);
}

/** The tube as it was last seen, of which no gateway knows now: its signals may have told the end, as those of a lost node's tubes do. */
function ended({ tube, end }) {
  return {
    ...tube, state: 'closed', history: [...tube.history.filter(({ state }) => state !== 'closed'), { state: 'closed', at: end?.time ?? new Date().toISOString() }],
    closeReason: end?.closeReason ?? lost, closeText: end?.text ?? 'No gateway knows it any more.', conversations: [],
  };
}

async function poll(mine) {
  if (!document.hidden) {
    if (mine.isStale || ++mine.polls % readings === 0) await read(mine);
    if (shown !== mine) return;
    tellState(mine);
    if (mine.tube.state === 'closed') return;
    try {
      const statistics = await call('GET', `/v1/tubes/${encodeURIComponent(mine.id)}/statistics`);
      if (shown !== mine) return;
      heard(mine);
      showStatistics(mine, statistics);
    } catch (e) {
      mine.isStale = true; // It ended meanwhile, or its node does not answer; the tube says which.
      if (shown === mine && e.code === 'node_unreachable') silence(mine);
    }
  }
  if (shown === mine) mine.timer = setTimeout(poll, pause, mine);
}

/** What its state is, or was when its node was last heard. */
function tellState({ tube, isSilent: isMute, heardAt }) {
  const isOld = tube.state !== 'closed' && (isMute || isSilent(tube.node));
  const isNodes = isOld && !isStale; // otherwise the page says so
  setState($('tube-state'), isOld ? `was ${tube.state}` : tube.state);
  timeline($('timeline'), tube.history, isNodes ? heardAt : undefined);
  $('tube-page').classList.toggle('silent', isOld);
  $('close-tube').disabled = isOld;
  $('tube-silent').hidden = !isNodes;
  if (isNodes) write($('tube-silent'), `${tube.node} does not answer; what the page shows of this tube is of ${moment(heardAt)}.`);
}

function showTube(mine) {
  const { tube, channels } = mine;
  const isEnded = tube.closeReason !== undefined;
  $('tube-parts').hidden = false;
  $('close-tube').hidden = isEnded || !mayCreate();
  $('tube-ended').hidden = !isEnded;
  $('tube-live').hidden = tube.state === 'closed';
  tellState(mine);
  if (isEnded) {
    const { name, code } = tube.closeReason;
    write($('tube-reason'), code === undefined ? words(name) : `${words(name)} (code ${code})`);
    $('tube-ended').classList.toggle('trouble', isTrouble(name));
    write($('tube-why'), tube.closeText ?? '');
    write($('tube-by'), tube.closedBy ? `Closed by ${tube.closedBy}.` : '');
  }
  describe($('tube-facts'), [
    ['Node', tube.node],
    ['Owner', tube.owner],
    ['Created', dateTime(Date.parse(tube.createdAt))],
    ['Offer from', tube.isOfferer ? 'the gateway' : 'the peer'],
    ['Sent', amount(tube.traffic.bytesSent, tube.traffic.messagesSent)],
    ['Received', amount(tube.traffic.bytesReceived, tube.traffic.messagesReceived)],
  ]);
  showChannels(tube, channels);
}

const amount = (size, messages) => `${bytes(size)} in ${counted(messages, 'message')}`;

function showStatistics(mine, { datagrams, path, association, queues, channels, iceState, dtlsState, cipher, iceRestarts, pathChanges, at }) {
  mine.channels = channels;
  mine.sparkline.add(Date.parse(at), datagrams.bytesSent, datagrams.bytesReceived);
  describe($('path'), [
    ['Candidate pair', path && `${path.localType}/${path.remoteType} over ${path.protocol.toUpperCase()}`],
    ['Round trip', roundTrip(path?.roundTripMs)],
    ['Paths so far', count(pathChanges)],
    ['Gateway’s address', path?.localAddress],
    ['Peer’s address', path?.remoteAddress],
    ['ICE', `${iceState}, ${counted(iceRestarts, 'restart')}`],
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
  showChannels(mine.tube, channels);
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

function showChannels({ state, conversations }, channels) {
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
      messages ? amount(messages.bytesSent, messages.sent) : '–',
      messages ? amount(messages.bytesReceived, messages.received) : '–',
    ].forEach((text, cell) => write(row.children[cell], text));
    row.children[0].title = conversation.conversationId;
    return row;
  }));
  $('no-channels').hidden = conversations.length > 0;
  body.parentElement.hidden = conversations.length === 0;
  write($('no-channels'), state === 'closed' ? 'Its channels ended with it; the signals say how.' : 'It has no channel.');
}
