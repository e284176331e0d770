// What a gateway's module does in time, and with a tube that is ended while it is made: in virtual time, with a gateway and a connection that are played.
// node pauses.mjs MODULE: what went wrong is on stderr and the exit code.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

const { RegistryClient, Tube } = await import(`data:text/javascript,${encodeURIComponent(await readFile(process.argv[2], 'utf8'))}`);

let now = 0;
let pauses = [];
performance.now = () => now;
globalThis.setTimeout = (act, ms) => {
  pauses.push(ms);
  now += ms;
  queueMicrotask(act);
};

const nobody = () => { throw new TypeError('Nobody is there.'); };
const body = (...chunks) => new Response(new ReadableStream({
  pull(stream) {
    if (!chunks.length) return stream.close();
    const chunk = chunks.shift();
    if (typeof chunk === 'number') now += chunk;
    stream.enqueue(new TextEncoder().encode(typeof chunk === 'number' ? ': here\n\n' : chunk));
  },
}, { highWaterMark: 0 }));

/** The pauses of a stream before each answer and after the last. */
async function pausesWith(...answers) {
  pauses = [];
  const stop = new AbortController();
  globalThis.fetch = async () => {
    if (answers.length) return answers.shift()();
    stop.abort();
    return nobody();
  };
  for await (const event of new RegistryClient().events({ signal: stop.signal })) assert.equal(event.data, 1);
  return pauses;
}

assert.deepEqual(await pausesWith(nobody, nobody, nobody), [250, 500, 1000]);
assert.deepEqual(await pausesWith(nobody, nobody, nobody, () => body(3000), nobody), [250, 500, 1000, 250, 500], 'after one that stood');
assert.deepEqual(await pausesWith(nobody, nobody, nobody, () => body(), nobody), [250, 500, 1000, 2000, 4000], 'after one that ended at once');
assert.deepEqual(await pausesWith(nobody, nobody, nobody, () => body('event: e\ndata: 1\n\n'), nobody), [250, 500, 1000, 250, 500], 'after an event');

// A channel that is closed while the gateway makes its tube.
const asked = [];
let made;
const making = new Promise(resolve => { made = resolve; });
globalThis.fetch = async (path, { method }) => {
  asked.push(`${method} ${path}`);
  if (method !== 'POST') return new Response(null, { status: 204 });
  await making;
  return Response.json({ tubeId: 't', answer: '' });
};
class Connection extends EventTarget {
  createDataChannel() { return new EventTarget(); }
  async createOffer() { return {}; }
  async setLocalDescription() { this.localDescription = { sdp: '' }; }
  close() { this.isClosed = true; }
}
const connection = new Connection();
const tube = new Tube(new RegistryClient(), { conversationType: 'echo' }, { connection });
const opening = tube.open();
while (!asked.length) await new Promise(resolve => setImmediate(resolve));
tube.channel.dispatchEvent(new Event('close'));
assert.equal(await tube.ended, 'closed');
assert.ok(connection.isClosed);
made();
await opening;
assert.deepEqual(asked, ['POST /v1/tubes', 'DELETE /v1/tubes/t?reason=Client'], 'asked');
