// Opens the gateway's page in Chromium, connects its desktop panel to a VNC server, types, clicks and looks at the picture.
// node desktop.mjs PAGE SERVER PACKAGES SCREENSHOT TEXT X Y PASSWORD KEY: what went wrong is on stderr and the exit code.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { drive, signIn } from './browser.mjs';

const [url, server, packages, screenshot, text, x, y, password, key] = process.argv.slice(2);
await drive(packages, url, async (page, { wrong }) => {
  await page.goto(`${url}#/try`);

  // A wrong key is asked for again.
  await signIn(page, 'tr_browser_wrong', false);
  await signIn(page, key);

  // What no rule allows is told in words.
  await page.fill('#server', '10.1.2.3:5900');
  await page.click('#connect');
  await page.waitForFunction(() => document.querySelector('#desktop-state').matches('.bad') && document.querySelector('#desktop-state').textContent.includes('No rule allows 10.1.2.3:5900'));

  const hear = message => { if (message.type() === 'error') wrong.push(message.text()); };
  page.on('console', hear);
  await page.fill('#server', server);
  await page.click('#connect');
  await page.fill('#password', password);
  await page.click('#credentials button');
  await page.waitForFunction(() => document.querySelector('#desktop-state').textContent.startsWith('Connected to'));
  const canvas = page.locator('#screen canvas');
  // Counts the dark pixels where the terminal shows text, or -1 while it has no white ground.
  const dark = () => canvas.evaluate(canvas => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) count += data[i] < 128;
    return count < data.length / 8 ? count : -1;
  });
  const until = async isSo => { while (!isSo(await dark())) await page.waitForTimeout(20); };
  await until(count => count >= 0);
  if (!await page.evaluate(() => document.documentElement.scrollHeight <= innerHeight)) wrong.push('the page scrolls beside a remote screen');

  // While the page's gateway does not answer it says so above the screen, which stays as it is.
  page.off('console', hear); // the browser tells of what was not answered
  const size = await page.locator('#screen').boundingBox();
  await page.route('**/v1/nodes', route => route.abort());
  const ask = () => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await ask();
  await page.waitForFunction(() => /^The gateway has not answered since /.test(document.querySelector('#old').textContent));
  const bar = await page.locator('#old').boundingBox();
  const beside = await page.locator('#screen').boundingBox();
  if (JSON.stringify(beside) !== JSON.stringify(size) || bar.y + bar.height > beside.y || bar.width < beside.width) wrong.push(`the screen was ${JSON.stringify(size)}, and is ${JSON.stringify(beside)} below ${JSON.stringify(bar)}`);
  await page.unroute('**/v1/nodes');
  await ask();
  await page.waitForFunction(() => document.querySelector('#old').textContent === '');
  page.on('console', hear);
  const before = await dark();
  await page.keyboard.type(text);
  await until(count => count > before + 10 * text.length); // The server's echo has come back as a picture.
  await page.keyboard.press('Enter');
  const box = await canvas.boundingBox();
  const scale = box.width / await canvas.evaluate(canvas => canvas.width);
  await page.mouse.click(box.x + x * scale, box.y + y * scale);
  await page.keyboard.press('Enter');
  await page.locator('main').screenshot({ path: screenshot });
  await page.click('#disconnect');
  await page.waitForFunction(() => document.querySelector('#desktop-state').textContent === 'Disconnected.');

  // What is no VNC server, what has said nothing for ten seconds, and one that ends.
  page.off('console', hear); // noVNC complains of such servers
  await page.clock.install();
  const speaksNot = address => `${address} does not speak VNC: it said nothing that a VNC server says.`;
  for (const [greeting, patience, wanted] of [['220 mail\r\n', 0, speaksNot], ['', 10_000, speaksNot], ['RFB 003.008\n', 0, server => `${server} ended the session before it showed its screen. Perhaps it admits one viewer at a time.`]]) {
    const other = createServer(socket => socket.on('error', () => {}).on('data', () => socket.end()).write(greeting)).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = `127.0.0.1:${other.address().port}`;
    await page.fill('#server', address);
    await page.click('#connect');
    while (await page.isHidden('#connect')) {
      await page.clock.fastForward(patience);
      await page.waitForTimeout(20);
    }
    other.close();
    const said = await page.textContent('#desktop-state');
    if (said !== wanted(address)) wrong.push(`of ${address} it says: ${said}`);
  }
  await page.goto('about:blank'); // A page that goes away closes its tubes.
});
