// libdatachannel through node-datachannel, with its own API.
import datachannel from 'node-datachannel';
import { serve } from './protocol.mjs';
import { PeerChannel } from './channel.mjs';

/** A server in the binding's own terms. */
function serverOf({ urls: [url], username, credential }) {
  if (url.startsWith('stun:')) return url;
  const [, scheme, hostname, port, transport] = /^(turns?):([^:]+):(\d+)\?transport=(udp|tcp)$/.exec(url);
  const relayType = scheme === 'turns' ? 'TurnTls' : transport === 'tcp' ? 'TurnTcp' : 'TurnUdp';
  return { hostname, port: Number(port), username, password: credential, relayType };
}

class LibdatachannelConnection {
  #pc; #channels = new Map();

  constructor(name, emit, { trickle = true, iceServers = [], relayOnly = false }) {
    this.emit = emit;
    this.#pc = new datachannel.PeerConnection(name, {
      iceServers: iceServers.map(serverOf),
      iceTransportPolicy: relayOnly ? 'relay' : 'all',
      disableAutoNegotiation: true,
    });
    this.#pc.onDataChannel(dc => this.#adopt(dc, {}));
    this.#pc.onStateChange(state => emit('state', { state }));
    if (trickle) {
      this.#pc.onLocalDescription((sdp, type) => emit('description', { type, sdp }));
      this.#pc.onLocalCandidate((candidate, mid) => emit('candidate', { candidate: candidate.replace(/^a=/, ''), mid }));
    }
    this.#pc.onGatheringStateChange(state => {
      if (state !== 'complete') return;
      if (trickle) emit('candidate', { candidate: '', mid: '0' });
      else emit('description', this.#pc.localDescription());
    });
  }

  #adopt(dc, init) {
    const channel = new PeerChannel(this.emit, {
      label: dc.getLabel(),
      // The result only says whether the message was sent or buffered; an error is thrown.
      send: data => { typeof data === 'string' ? dc.sendMessage(data) : dc.sendMessageBinary(data); },
      bufferedAmount: () => dc.bufferedAmount(),
      setLowThreshold: bytes => dc.setBufferedAmountLowThreshold(bytes),
      close: () => dc.close(),
      // The binding does not tell a remote channel's order and reliability.
      describe: () => ({ ordered: init.ordered ?? null, maxRetransmits: init.maxRetransmits ?? null, protocol: dc.getProtocol(), stream: dc.getId() }),
    });
    this.#channels.set(dc.getLabel(), channel);
    dc.onOpen(() => channel.opened());
    dc.onClosed(() => channel.closed());
    dc.onMessage(data => channel.received(typeof data === 'string' ? data : new Uint8Array(data)));
    dc.onBufferedAmountLow(() => channel.low());
    if (dc.isOpen()) channel.opened();
  }

  #channel(label) {
    const channel = this.#channels.get(label);
    if (!channel) throw new Error(`no channel ${label}`);
    return channel;
  }

  channel({ channel, ordered = true, maxRetransmits = null, protocol = '' }) {
    const init = { unordered: !ordered, protocol };
    if (maxRetransmits !== null) init.maxRetransmits = maxRetransmits;
    this.#adopt(this.#pc.createDataChannel(channel, init), { ordered, maxRetransmits });
  }

  offer() { this.#pc.setLocalDescription('offer'); }

  answer() { this.#pc.setLocalDescription('answer'); }

  remote({ type, sdp }) { this.#pc.setRemoteDescription(sdp, type); }

  candidate({ candidate, mid }) { if (candidate) this.#pc.addRemoteCandidate(candidate, mid); }

  async send(command) { await this.#channel(command.channel).send(command); }

  echo({ channel, on }) { this.#channel(channel).echo(on); }

  closeChannel({ channel }) { this.#channel(channel).close(); }

  close() { this.#pc.close(); }
}

serve((pc, emit, options) => new LibdatachannelConnection(`pc${pc}`, emit, options), async () => datachannel.cleanup());
