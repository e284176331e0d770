// Chromium on the gateway's page, for the scripts that drive it. What goes wrong is on stderr and the exit code.
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';

/** Runs a script with a page, and ends with failure when anything was found wrong. */
export async function drive(packages, url, run) {
  const require = createRequire(packages);
  const { chromium } = require('playwright-core');
  const browser = await chromium.launch({ // with an empty profile of its own
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  const wrong = [];
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
    page.setDefaultTimeout(60_000);
    page.on('pageerror', error => wrong.push(`${error}`));
    page.on('console', message => { if (/Content Security Policy|Trusted/.test(message.text())) wrong.push(message.text()); });
    page.on('request', request => { if (!/^data:/.test(request.url()) && new URL(request.url()).origin !== new URL(url).origin) wrong.push(`asked ${request.url()}`); });
    await page.addInitScript(() => addEventListener('securitypolicyviolation', event => console.error(`Content Security Policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`)));
    const axe = await readFile(require.resolve('axe-core/axe.min.js'), 'utf8').catch(() => undefined);
    await run(page, { wrong, axe });
  } catch (error) {
    wrong.push(error.stack);
  } finally {
    await browser.close();
  }
  if (wrong.length) console.error(wrong.join('\n'));
  process.exitCode = wrong.length ? 1 : 0;
}

/** Gives the page a key that it asks for; it may begin anew with it. */
export async function signIn(page, key, isRight = true) {
  await page.fill('#key', key);
  await page.click('#sign-in button');
  await page.waitForFunction(wanted => document.querySelector('#sign-in')?.open === wanted, !isRight);
}
