// A tube from this browser to the gateway that served the page, with one conversation.

/** Calls the gateway; what it refuses is thrown with its own words. */
export async function call(method, path, body, options) {
  const response = await fetch(path, {
    method, headers: body ? { 'Content-Type': 'application/json' } : {}, body: body && JSON.stringify(body), ...options,
  });
  if (response.status === 204) return null;
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail || response.statusText);
  return answer;
}

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
    this.#signals = new EventSource(`/v1/tubes/${this.id}/signals`);
    this.#signals.addEventListener('ice_candidate', event => {
      const { candidate } = JSON.parse(event.data);
      this.connection.addIceCandidate(candidate ? { candidate, sdpMid: '0', sdpMLineIndex: 0 } : null).catch(e => console.warn(e));
    });
    this.#signals.addEventListener('channel_closed', event => {
      const { outcome, closeReason } = JSON.parse(event.data);
      this.#ending(outcome.startsWith('error: ') ? outcome.slice('error: '.length) : closeReason.name);
    });
    this.#signals.addEventListener('tube_closed', event => {
      const { closeReason, text } = JSON.parse(event.data);
      this.#isGone = true;
      this.#end(this.#why ?? `${closeReason.name}. ${text}`);
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
