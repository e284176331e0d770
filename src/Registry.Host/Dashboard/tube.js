// A tube from this browser to the gateway that served the page, with one conversation.

import { call, listen } from './gateway.js';

// The channel's last messages, its end and the signal that says why come on two ways; what is missing of them this long after the first is not waited for.
const patience = 2000;

export class Tube {
  #settings;
  #signals;
  #candidates = [];
  #finish;
  #isOver = false;
  #isGone = false; // at the gateway
  #why;
  #deadline;

  /** The channel can be given handlers before anything is sent on it. */
  constructor(settings) {
    this.#settings = settings;
    this.conversationId = `browser-${crypto.randomUUID()}`;
    this.connection = new RTCPeerConnection();
    this.channel = this.connection.createDataChannel(this.conversationId);
    /** Fulfilled once, with what happened in words. */
    this.ended = new Promise(resolve => { this.#finish = resolve; });
    this.channel.addEventListener('close', () => this.#ending());
    this.connection.addEventListener('connectionstatechange', () => {
      if (this.connection.connectionState === 'failed') this.#end('no way to the gateway; UDP may be blocked');
    });
    this.connection.addEventListener('icecandidate', event => this.#trickle(event.candidate ? event.candidate.candidate : ''));
  }

  /** Its id at the gateway, once there is one. */
  id;

  async open() {
    try {
      await this.connection.setLocalDescription();
      const { tubeId, answer } = await call('POST', '/v1/tubes', {
        // SDP crosses the interface as base64; SDP itself is ASCII.
        conversationId: this.conversationId, settings: this.#settings, offer: btoa(this.connection.localDescription.sdp),
      });
      this.id = tubeId;
      if (this.#isOver) return this.#remove();
      if (this.#candidates.length) await call('POST', `/v1/tubes/${tubeId}/candidates`, { candidates: this.#candidates });
      await this.connection.setRemoteDescription({ type: 'answer', sdp: atob(answer) });
      this.#listen();
    } catch (e) {
      this.#end(e.message);
    }
  }

  /** Ends it on both sides; also while a page goes away. */
  close() {
    this.#end('closed');
  }

  /** Types of the candidates that carry the data, such as host/host. */
  async path() {
    const stats = await this.connection.getStats();
    const transport = [...stats.values()].find(report => report.type === 'transport');
    const pair = transport && stats.get(transport.selectedCandidatePairId);
    return pair && `${stats.get(pair.localCandidateId).candidateType}/${stats.get(pair.remoteCandidateId).candidateType}`;
  }

  // Candidates wait until the gateway has named the tube; the end of them is an empty line.
  #trickle(line) {
    if (this.id) call('POST', `/v1/tubes/${this.id}/candidates`, { candidates: [line] }).catch(e => console.warn(e));
    else this.#candidates.push(line);
  }

  #listen() {
    if (this.#isOver) return;
    this.#signals = listen(`/v1/tubes/${this.id}/signals`, {
      ice_candidate: ({ candidate }) => {
        this.connection.addIceCandidate(candidate ? { candidate, sdpMid: '0', sdpMLineIndex: 0 } : null).catch(e => console.warn(e));
      },
      channel_closed: ({ outcome, closeReason }) => {
        this.#ending(outcome.startsWith('error: ') ? outcome.slice('error: '.length) : closeReason.name);
      },
      tube_closed: ({ closeReason, text }) => {
        this.#isGone = true;
        this.#end(this.#why ?? `${closeReason.name}. ${text}`);
      },
    });
  }

  #ending(why) {
    this.#why ??= why;
    if (this.#why && this.channel.readyState === 'closed') this.#end(this.#why);
    else this.#deadline ??= setTimeout(() => this.#end(this.#why ?? 'the channel was closed'), patience);
  }

  #end(why) {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#deadline);
    this.#signals?.close();
    this.connection.close();
    this.#finish(why);
    this.#remove();
  }

  #remove() {
    if (this.id && !this.#isGone) call('DELETE', `/v1/tubes/${this.id}?reason=Client`, undefined, { keepalive: true }).catch(e => console.warn(e));
  }
}
