// A connection over anything with the W3C RTCPeerConnection interface: a browser, libwebrtc's Node.js binding, werift.
// Runs in Node.js and in the browser.
import { PeerChannel } from './channel.mjs';

/** The W3C configuration of a `create`. */
export const configurationOf = ({ iceServers = [], relayOnly = false }) => ({ iceServers, iceTransportPolicy: relayOnly ? 'relay' : 'all' });

export class W3cConnection {
  #pc; #emit; #trickle; #channels = new Map();

  /** @param pc RTCPeerConnection; @param emit function (event, fields); @param options { trickle } */
  constructor(pc, emit, { trickle = true }) {
    this.#pc = pc;
    this.#emit = emit;
    this.#trickle = trickle;
    pc.ondatachannel = ({ channel }) => this.#adopt(channel);
    pc.onconnectionstatechange = () => emit('state', { state: pc.connectionState });
    pc.onicecandidate = ({ candidate }) => {
      if (trickle) emit('candidate', { candidate: candidate?.candidate ?? '', mid: candidate?.sdpMid ?? '0' });
    };
  }

  #adopt(dc) {
    const channel = new PeerChannel(this.#emit, {
      label: dc.label,
      send: data => dc.send(data),
      bufferedAmount: () => dc.bufferedAmount,
      setLowThreshold: bytes => { dc.bufferedAmountLowThreshold = bytes; },
      close: () => dc.close(),
      // Old versions of libwebrtc say 65535 where there is no limit.
      describe: () => ({ ordered: dc.ordered, maxRetransmits: dc.maxRetransmits === 65535 ? null : dc.maxRetransmits ?? null, protocol: dc.protocol, stream: dc.id }),
    });
    this.#channels.set(dc.label, channel);
    dc.binaryType = 'arraybuffer';
    dc.onopen = () => channel.opened();
    dc.onclose = () => channel.closed();
    dc.onmessage = ({ data }) => channel.received(
      typeof data === 'string' ? data : data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    dc.addEventListener('bufferedamountlow', () => channel.low());
    if (dc.readyState === 'open') channel.opened();
  }

  #channel(label) {
    const channel = this.#channels.get(label);
    if (!channel) throw new Error(`no channel ${label}`);
    return channel;
  }

  /** Applies an own description. With trickle it is told at once; otherwise when all candidates are in it. */
  async #describe(description) {
    if (this.#trickle) this.#emit('description', { type: description.type, sdp: description.sdp });
    const gathered = this.#trickle ? null : new Promise(resolve => {
      this.#pc.onicegatheringstatechange = () => { if (this.#pc.iceGatheringState === 'complete') resolve(); };
    });
    await this.#pc.setLocalDescription(description);
    if (this.#trickle) return;
    if (this.#pc.iceGatheringState !== 'complete') await gathered;
    this.#emit('description', { type: description.type, sdp: this.#pc.localDescription.sdp });
  }

  channel({ channel, ordered = true, maxRetransmits = null, protocol = '' }) {
    const init = { ordered, protocol };
    if (maxRetransmits !== null) init.maxRetransmits = maxRetransmits;
    this.#adopt(this.#pc.createDataChannel(channel, init));
  }

  async offer() { await this.#describe(await this.#pc.createOffer()); }

  async restart() { await this.#describe(await this.#pc.createOffer({ iceRestart: true })); }

  async answer() { await this.#describe(await this.#pc.createAnswer()); }

  async remote({ type, sdp }) { await this.#pc.setRemoteDescription({ type, sdp }); }

  async candidate({ candidate, mid }) {
    if (candidate) await this.#pc.addIceCandidate({ candidate, sdpMid: mid, sdpMLineIndex: 0 });
  }

  async send(command) { await this.#channel(command.channel).send(command); }

  echo({ channel, on }) { this.#channel(channel).echo(on); }

  closeChannel({ channel }) { this.#channel(channel).close(); }

  async close() { await this.#pc.close(); }
}
