// What a server says first tells whether it is a VNC server.
import { call } from './api.js';

const expected = new TextEncoder().encode('RFB '); // RFC 6143 §7.1.1
const patience = 10_000; // in ms
const pause = 1000; // before it is asked again whether the gateway has reached the server

/** Calls back once if the server at the end of a raw tube begins in another way, or has said nothing ten seconds after the channel opened. */
export function expectGreeting(tube, onNone) {
  let heard = 0, timer;
  const stop = () => {
    clearTimeout(timer);
    tube.channel.removeEventListener('message', hear);
    heard = expected.length;
  };
  const give = () => {
    stop();
    onNone();
  };
  function hear({ data }) {
    for (const byte of new Uint8Array(data)) {
      if (byte !== expected[heard]) return give();
      if (++heard === expected.length) return stop();
    }
  }

  // One that is not reached yet says nothing either, and how that ends the gateway tells.
  async function expire() {
    const { channels } = await call('GET', `/v1/tubes/${encodeURIComponent(tube.id)}/statistics`).catch(() => ({ channels: [] })); // A tube that is gone has ended otherwise.
    if (heard === expected.length) return;
    if (channels.some(channel => channel.connections > 0)) give();
    else timer = setTimeout(expire, pause);
  }

  tube.channel.addEventListener('open', () => { timer = setTimeout(expire, patience); }, { once: true });
  tube.channel.addEventListener('message', hear);
  tube.ended.then(stop);
}
