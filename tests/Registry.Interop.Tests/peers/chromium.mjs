// Chromium: the connections live in a page, which this program drives.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { serve } from './protocol.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const origin = 'http://localhost'; // never contacted: every request is answered below
const commands = ['channel', 'offer', 'restart', 'answer', 'remote', 'candidate', 'send', 'echo', 'closeChannel', 'close'];

const browser = await chromium.launch({ // with an empty profile of its own
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
    // The relay of the tests has a certificate of its own.
    '--ignore-certificate-errors'],
});
const page = await browser.newPage();
page.on('pageerror', error => console.error(error));
page.on('console', message => console.error(message.text()));

await page.route('**/*', async route => {
  const name = new URL(route.request().url()).pathname.slice(1);
  if (name === '') return route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>interop</title>' });
  if (/^[a-z0-9]+\.mjs$/.test(name)) return route.fulfill({ contentType: 'text/javascript', body: await readFile(path.join(here, name)) });
  return route.abort();
});

const emitters = new Map();
await page.exposeFunction('emit', (pc, event, fields) => emitters.get(pc)(event, fields));
await page.goto(`${origin}/`);
await page.evaluate(async () => {
  const { W3cConnection, configurationOf } = await import('/w3c.mjs');
  const connections = new Map();
  window.create = (pc, options) => {
    connections.set(pc, new W3cConnection(new RTCPeerConnection(configurationOf(options)), (event, fields) => { void window.emit(pc, event, fields); }, options));
  };
  window.run = async (pc, command, options) => { await connections.get(pc)[command](options); };
});

serve(async (pc, emit, options) => {
  emitters.set(pc, emit);
  await page.evaluate(([pc, options]) => window.create(pc, options), [pc, options]);
  return Object.fromEntries(commands.map(command => [command,
    options => page.evaluate(([pc, command, options]) => window.run(pc, command, options), [pc, command, options])]));
}, () => browser.close());
