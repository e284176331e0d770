// Uses a gateway's module for browsers with the RTCPeerConnection of libwebrtc.
// node client.mjs GATEWAY PACKAGES: what went wrong is on stderr and the exit code.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const [gateway, packages] = process.argv.slice(2);
const { RTCPeerConnection } = createRequire(packages)('@roamhq/wrtc');
const base = gateway.replace(/\/$/, '');
const read = async path => (await fetch(base + path)).text();
const { RegistryClient, RegistryError, Tube } = await import(`data:text/javascript,${encodeURIComponent(await read('/client.js'))}`);

// What the module has, its types have.
const types = await read('/client.d.ts');
for (const made of [RegistryClient, Tube, RegistryError]) {
  for (const name of Object.getOwnPropertyNames(made.prototype)) assert.match(types, new RegExp(`\\b${name}[<(]`), name);
}

const client = new RegistryClient({ url: base });
const stop = new AbortController();
const heard = [];
const hearing = (async () => { for await (const event of client.events({ signal: stop.signal })) heard.push(event); })();

const tube = await client.connect({ conversationType: 'echo' }, { conversationId: 'from-node', connection: new RTCPeerConnection() });
const answer = new Promise(resolve => { tube.channel.onmessage = event => resolve(event.data); });
tube.channel.send('hello');
assert.equal(await answer, 'hello');
assert.equal((await client.tube(tube.id)).state, 'ready');
assert.equal((await client.conversation('from-node')).tubeId, tube.id);
assert.equal((await client.tubes({ filter: 'from-node' })).items.length, 1);
assert.equal((await client.nodes()).length, 1);
await client.closeTube(tube.id, 'Client');
assert.match(await tube.ended, /^The client /);
assert.equal(tube.closeReason.name, 'Client');
const signals = [];
for await (const { id } of client.signals(tube.id, { after: '2' })) signals.push(Number(id));
assert.equal(signals[0], 3);
while (!heard.some(({ type, data }) => type === 'tube_closed' && data.tubeId === tube.id)) await new Promise(resolve => setTimeout(resolve, 5));
stop.abort();
await hearing;

await assert.rejects(client.connect({ conversationType: 'teleport' }, { connection: new RTCPeerConnection() }), e => e instanceof RegistryError && e.code === 'invalid_settings' && e.status === 400 && !e.retryable);
await assert.rejects(client.tube('none'), e => e instanceof RegistryError && e.code === 'tube_not_found');
await assert.rejects(new RegistryClient({ url: 'http://127.0.0.1:1' }).capacity(), e => e instanceof RegistryError && e.code === 'unreachable' && e.retryable);
process.exit(0); // libwebrtc's threads would go on
