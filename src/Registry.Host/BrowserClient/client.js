// A tube gateway's HTTP interface for browsers, and for whatever else has fetch and an RTCPeerConnection. Types: client.d.ts. Needs nothing else.

const firstPause = 250, longestPause = 5000; // before a stream that broke is opened again, in ms
// A channel's last messages, its end and the signal that says why come on two ways; what is missing of them this long after the first is not waited for.
const patience = 2000;

/** A call that was not carried out. */
export class RegistryError extends Error {
  constructor({ code, detail, status = 0, retryable = false, retryAfterMs, field, tubeId }, cause) {
    super(detail, { cause });
    Object.assign(this, { name: 'RegistryError', code, status, retryable, retryAfterMs, field, tubeId });
  }
}

/** A gateway. */
export class RegistryClient {
  #base;
  #key;
  #authenticate;
  #asking;

  constructor({ url = '', key, authenticate } = {}) {
    this.#base = url.replace(/\/$/, '');
    this.#key = key;
    this.#authenticate = authenticate;
  }

  createTube(request) { return this.call('POST', '/v1/tubes', request); }
  tube(tubeId) { return this.call('GET', tubePath(tubeId)); }
  tubes(query = {}) { return this.call('GET', `/v1/tubes${queryOf(query)}`); }
  closeTube(tubeId, reason, options) { return this.call('DELETE', tubePath(tubeId) + queryOf({ reason }), undefined, options); }
  addCandidates(tubeId, candidates) { return this.call('POST', `${tubePath(tubeId)}/candidates`, { candidates }); }
  setRemoteDescription(tubeId, { type, sdp }) { return this.call('PUT', `${tubePath(tubeId)}/remote-description`, { type, sdp: btoa(sdp) }).then(plain); }
  restartIce(tubeId) { return this.call('POST', `${tubePath(tubeId)}/ice-restart`, {}).then(plain); }
  createToken(tubeId, lifetimeMs) { return this.call('POST', `${tubePath(tubeId)}/tokens`, { lifetimeMs }); }
  associate(tubeId, conversationId) { return this.call('PUT', `${tubePath(tubeId)}/conversations/${encodeURIComponent(conversationId)}`); }
  conversation(conversationId) { return this.call('GET', `/v1/conversations/${encodeURIComponent(conversationId)}`); }
  closeConversation(conversationId, reason) { return this.call('DELETE', `/v1/conversations/${encodeURIComponent(conversationId)}${queryOf({ reason })}`); }
  capacity() { return this.call('GET', '/v1/capacity'); }
  changeLimits(limits) { return this.call('PUT', '/v1/capacity/limits', limits); }
  nodes() { return this.call('GET', '/v1/nodes').then(list => list.items); }
  drain(request = {}) { return this.call('POST', '/v1/node/drain', request); }
  resume() { return this.call('DELETE', '/v1/node/drain'); }

  /** A tube's signals, across interruptions; ends after tube_closed. */
  async *signals(tubeId, options) {
    for await (const event of this.stream(`${tubePath(tubeId)}/signals`, options)) {
      yield event;
      if (event.type === 'tube_closed') return;
    }
  }

  /** What happens to all tubes, across interruptions; ends with its signal only. */
  events(options) { return this.stream('/v1/events', options); }

  /** A tube to the gateway with one conversation, once its channel is open. */
  async connect(settings, options) {
    const tube = new Tube(this, settings, options);
    const opened = new Promise(resolve => tube.channel.addEventListener('open', () => resolve(true), { once: true }));
    await tube.open();
    if (await Promise.race([opened, tube.ended.then(() => false)])) return tube;
    throw tube.error ?? new RegistryError({ code: 'tube_ended', detail: await tube.ended, retryable: true });
  }

  /** Any call; its answer, or null for none. */
  async call(method, path, body, options) {
    const response = await this.#request(path, { method, headers: body ? { 'Content-Type': 'application/json' } : {}, body: body && JSON.stringify(body), ...options });
    if (!response.ok) throw await refusal(response);
    return response.status === 204 ? null : response.json();
  }

  /** Server-sent events, opened again where they stood. EventSource would do, could it send a key. */
  async *stream(path, { after, signal } = {}) {
    let pause = firstPause;
    for (;;) {
      let told = 0, opened = Infinity;
      try {
        const response = await this.#request(path, { headers: after === undefined ? {} : { 'Last-Event-ID': after }, signal });
        if (!response.ok) throw await refusal(response);
        opened = performance.now();
        for await (const event of parse(response.body)) {
          after = event.id ?? after;
          pause = firstPause;
          yield event;
        }
      } catch (e) {
        if (signal?.aborted) return;
        if (e instanceof RegistryError && !e.retryable) throw e;
        told = e.retryAfterMs ?? 0;
      }
      // One that stood is no part of an outage; one that ends at once must not be asked for without rest.
      if (performance.now() - opened > pause) pause = firstPause;
      await new Promise(resolve => {
        const timer = setTimeout(resolve, Math.max(pause, told));
        signal?.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
      });
      if (signal?.aborted) return;
      pause = Math.min(2 * pause, longestPause);
    }
  }

  async #request(path, options) {
    for (;;) {
      const used = this.#key;
      let response;
      try {
        response = await fetch(this.#base + path, { ...options, headers: { ...options.headers, ...(used && { Authorization: `Bearer ${used}` }) } });
      } catch (e) {
        if (options.signal?.aborted) throw e;
        throw new RegistryError({ code: 'unreachable', detail: `The gateway does not answer: ${e.message}.`, retryable: true }, e);
      }
      if (response.status !== 401 || !this.#authenticate) return response;
      // Several calls that need a key at once ask for it once.
      if (this.#key === used) this.#key = await (this.#asking ??= this.#authenticate(used).finally(() => { this.#asking = undefined; }));
      if (!this.#key) return response;
    }
  }
}

/** A tube to the gateway, with one conversation, over an RTCPeerConnection of its own. */
export class Tube {
  #client;
  #settings;
  #stop = new AbortController();
  #candidates = [];
  #isHeld = true; // candidates wait until the gateway knows what they belong to
  #finish;
  #isRestarting = false;
  #isOver = false;
  #isGone = false; // at the gateway
  #wasConnected = false;
  #why;
  #deadline;

  /** The channel can be given handlers before anything is sent on it. */
  constructor(client, settings, { conversationId = `browser-${crypto.randomUUID()}`, configuration, connection } = {}) {
    this.#client = client;
    this.#settings = settings;
    this.conversationId = conversationId;
    this.connection = connection ?? new RTCPeerConnection(configuration);
    this.channel = this.connection.createDataChannel(conversationId);
    this.ended = new Promise(resolve => { this.#finish = resolve; });
    this.channel.addEventListener('close', () => this.#ending());
    this.connection.addEventListener('connectionstatechange', () => {
      const state = this.connection.connectionState;
      if (state === 'connected') this.#wasConnected = true;
      else if (state === 'failed') this.#end(this.#told(this.#wasConnected ? 'The connection to the gateway was lost.' : 'There is no way to the gateway; UDP may be blocked.'));
      else if (state === 'disconnected') this.#restart();
    });
    this.connection.addEventListener('icecandidate', event => this.#trickle(event.candidate ? event.candidate.candidate : ''));
  }

  /** Its id at the gateway, once there is one. */
  id;

  /** What the gateway refused, if that ended it. */
  error;

  /** Why the gateway ended its channel or it, if the gateway did. */
  closeReason;

  /** Makes the tube; it can carry data once the channel is open. */
  async open() {
    try {
      await this.connection.setLocalDescription(await this.connection.createOffer());
      const { tubeId, answer } = await this.#client.createTube({
        // SDP crosses the interface as base64; SDP itself is ASCII.
        conversationId: this.conversationId, settings: this.#settings, offer: btoa(this.connection.localDescription.sdp),
      });
      this.id = tubeId;
      if (this.#isOver) return this.#remove();
      await this.#release();
      await this.connection.setRemoteDescription({ type: 'answer', sdp: atob(answer) });
      if (!this.#isOver) this.#follow();
    } catch (e) {
      this.error = e;
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

  // The end of the candidates is an empty line.
  #trickle(line) {
    this.#candidates.push(line);
    if (!this.#isHeld) this.#send().catch(e => console.warn(e));
  }

  // Those of before are known, or of an offer that was taken back.
  #hold() {
    this.#isHeld = true;
    this.#candidates = [];
  }

  #release() {
    this.#isHeld = false;
    return this.#send();
  }

  async #send() {
    const lines = this.#candidates.splice(0);
    if (lines.length && !this.#isOver) await this.#client.addCandidates(this.id, lines);
  }

  async #follow() {
    try {
      for await (const { type, data } of this.#client.signals(this.id, { signal: this.#stop.signal })) this.#hear(type, data);
    } catch (e) {
      this.#isGone = e.code === 'tube_not_found';
      this.#end(this.#told(e.message));
    }
  }

  #hear(type, { candidate, offer, outcome, closeReason, text }) {
    this.closeReason ??= closeReason;
    if (type === 'ice_candidate') {
      this.connection.addIceCandidate(candidate ? { candidate, sdpMid: '0', sdpMLineIndex: 0 } : undefined).catch(e => console.warn(e));
    } else if (type === 'ice_restart_offer') {
      this.#answer(offer).catch(e => console.warn(e));
    } else if (type === 'channel_closed') {
      this.#ending(outcome === 'tube_closed' ? undefined : sentence(closeReason, outcome.startsWith('error: ') ? outcome.slice('error: '.length) : ''));
    } else if (type === 'tube_closed') {
      this.#isGone = true;
      this.#end(this.#why ?? sentence(closeReason, text));
    }
  }

  // The path does not answer: another one may, under the same channels.
  async #restart() {
    if (this.#isRestarting || this.#isOver || this.connection.signalingState !== 'stable') return; // The gateway's restart may be under way.
    this.#isRestarting = true;
    try {
      this.#hold();
      await this.connection.setLocalDescription(await this.connection.createOffer({ iceRestart: true }));
      await this.connection.setRemoteDescription(await this.#client.setRemoteDescription(this.id, this.connection.localDescription));
      await this.#release();
    } catch (e) {
      console.warn(e); // The old path may come back.
      // An offer that nobody answered would stand in the way of the gateway's.
      if (this.connection.signalingState === 'have-local-offer') await this.connection.setLocalDescription({ type: 'rollback' }).catch(e => console.warn(e));
    }
    this.#isRestarting = false;
  }

  async #answer(offer) {
    if (this.connection.signalingState !== 'stable') return; // Its own restart is under way.
    this.#hold();
    await this.connection.setRemoteDescription({ type: 'offer', sdp: atob(offer) });
    await this.connection.setLocalDescription(await this.connection.createAnswer());
    await this.#client.setRemoteDescription(this.id, this.connection.localDescription);
    await this.#release();
  }

  #ending(why) {
    if (this.#isOver) return; // The channel closes with it.
    if (!this.id) return this.#end('closed'); // by the page, before there was a tube
    this.#why ??= why;
    if (this.#why && this.channel.readyState === 'closed') this.#end(this.#why);
    else this.#deadline ??= setTimeout(() => this.#explain(), patience);
  }

  // The channel is closed and no signal has said why: the gateway may know, and when it does not answer it has perhaps ended with the tube.
  async #explain() {
    if (!this.#told()) this.#why = await this.#ask();
    this.#end(this.#told());
  }

  async #ask() {
    try {
      const { closeReason, closeText } = await this.#client.call('GET', tubePath(this.id), undefined, { signal: AbortSignal.timeout(patience) });
      return closeReason ? sentence(this.closeReason = closeReason, closeText) : 'The gateway closed the channel and does not say why.';
    } catch (e) {
      if (e.code === 'tube_not_found') return 'The gateway closed the tube and does not remember why.';
      return e.code === 'unreachable' || e.name === 'TimeoutError' ? 'The tube was closed, and the gateway does not answer: it has probably been stopped.' : `The tube was closed. Why is not known: ${e.message}`;
    }
  }

  // As far as the gateway said why.
  #told(otherwise) {
    return this.#why ?? (this.closeReason ? sentence(this.closeReason) : otherwise);
  }

  #end(why) {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#deadline);
    this.#stop.abort();
    this.connection.close();
    this.#finish(why);
    this.#remove();
  }

  #remove() {
    if (this.id && !this.#isGone) this.#client.closeTube(this.id, 'Client', { keepalive: true }).catch(e => console.warn(e));
  }
}

const tubePath = tubeId => `/v1/tubes/${encodeURIComponent(tubeId)}`;

function queryOf(query) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  return given.length ? `?${new URLSearchParams(given)}` : '';
}

const sentences = { Normal: 'The other end closed it.', Client: 'The client closed it.', AdminClosed: 'An administrator closed it.' };

/** Why a tube or channel ended, for people. */
const sentence = ({ name }, text) => name === 'NodeStopped' ? 'The gateway was stopped.' : text || sentences[name] || `${name.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase().replace(/^./, first => first.toUpperCase())}.`;

const plain = description => description && { type: description.type, sdp: atob(description.sdp) };

async function refusal(response) {
  const problem = await response.json().catch(() => null);
  return new RegistryError(problem?.code ? problem : { code: 'unreachable', detail: `What answers is not a tube gateway (HTTP ${response.status}).`, status: response.status, retryable: response.status >= 500 });
}

/** The events of a stream (WHATWG HTML §9.2), as far as the gateway writes them. */
async function* parse(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      const field = name => block.split('\n').find(line => line.startsWith(`${name}: `))?.slice(name.length + 2);
      if (field('data')) yield { id: field('id'), type: field('event'), data: JSON.parse(field('data')) };
    }
  }
}
