// Uses every view of the gateway's page in Chromium, as an operator and as a viewer, in light and dark, with the keyboard, and looks for what is not accessible.
// node dashboard.mjs PAGE PACKAGES FOLDER OPERATOR VIEWER CARRYING TARGET HOSTILE NAME: where pictures go or an empty text, two keys, a tube with a connection and its target, another and the name of its conversation.
import { drive, signIn } from './browser.mjs';

const [url, packages, folder, operator, viewer, carrying, target, hostile, name] = process.argv.slice(2);

await drive(packages, url, async (page, { wrong, axe }) => {
  const text = selector => page.locator(selector).innerText();
  const shows = (selector, wanted) => page.waitForFunction(
    ([selector, wanted]) => [...document.querySelectorAll(selector)].some(one => new RegExp(wanted).test(one.textContent)), [selector, wanted]);
  const expect = (isSo, what) => { if (!isSo) wrong.push(what); };
  const row = id => `#tubes tr[data-id="${id}"]`;
  await page.context().addInitScript(axe);

  // Looks at what is shown now, in both colours; all rules once, those about colours twice.
  async function look(view) {
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      const { violations } = await page.evaluate(options => globalThis.axe.run(document, options), colorScheme === 'light' ? { resultTypes: ['violations'] } : { runOnly: ['color-contrast'] });
      for (const { id, impact, help, nodes } of violations) {
        const found = `${view}, ${colorScheme}: ${impact} ${id}: ${help}: ${nodes.map(node => node.target.join(' ')).slice(0, 3).join(', ')}`;
        if (impact === 'serious' || impact === 'critical') wrong.push(found);
        else console.log(found);
      }
      if (folder) await page.screenshot({ path: `${folder}/${view}-${colorScheme}.png` });
    }
  }

  await page.goto(url);
  await page.waitForSelector('#sign-in[open]');
  await page.getByRole('dialog', { name: 'Sign in' }).waitFor();
  await shows('#live', '^Not signed in$');
  await look('sign-in');
  await signIn(page, operator);

  // The overview is live, and what strangers named is text.
  await page.waitForSelector(row(carrying));
  await shows(`${row(hostile)} td`, 'onerror');
  const listens = /^tunnel from (127\.0\.0\.1:\d+) \((.*)\)$/.exec(await text(`${row(hostile)} td:nth-child(3)`));
  expect(listens?.[2] === name, `the list says ${await text(row(hostile))}`);
  expect(await page.locator('main img').count() === 0, 'a name became an element');
  const leads = `${row(carrying)} td:nth-child(3) div`;
  expect((await text(leads)).startsWith(`tunnel to ${target} (`) && await page.getAttribute(leads, 'title') === await text(leads), `the list says ${await text(leads)} of a tunnel to ${target}`);
  expect(await page.$eval(leads, one => one.scrollHeight <= one.clientHeight), 'the list cuts what a tube carries');
  expect(await page.$eval(leads, one => one.clientHeight < 30), 'what a tube carries takes more than a line');
  await shows('.tile', '^Ready1');
  await shows('#nodes tr', 'up');
  await shows('#live', '^Connected$');
  await shows('#closures-note', '^None since this page was opened at ');
  await look('overview');

  // With the keyboard alone: filter, sort, go from tube to tube and open one.
  await page.keyboard.press('/');
  await page.keyboard.type(`tunnel ${target}`);
  await shows('#count', '^1 of 2$');
  expect(await page.locator(row(hostile)).count() === 0, 'the filter left the other tube');
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Delete');
  await shows('#count', '^2$');
  await page.focus('#tube-table th[data-by="id"] button');
  await page.keyboard.press('Enter');
  const ids = () => page.$$eval('#tubes tr[data-id]', rows => rows.map(row => row.dataset.id));
  await page.waitForFunction(first => document.querySelector('#tubes tr[data-id]').dataset.id === first, [carrying, hostile].sort()[0]);
  expect(await page.getAttribute('#tube-table th[data-by="id"]', 'aria-sort') === 'ascending', 'the order is not told');
  await page.focus('#tubes tr[data-id] a');
  await page.keyboard.press('ArrowDown');
  expect(await page.evaluate(() => document.activeElement.textContent) === (await ids())[1], 'the arrow key does not go to the next tube');
  await page.keyboard.press('Enter');
  await shows('#tube-id', (await ids())[1]);

  // A tube's page.
  await page.goto(`${url}#/tubes/${hostile}`);
  await shows('#channels td:nth-child(3)', `^listens on ${listens?.[1]}$`);
  await page.goto(`${url}#/tubes/${carrying}`);
  await shows('#timeline li:last-child', '^ready');
  await shows('#path div:nth-child(1)', 'host/host over UDP');
  await shows('#path div:nth-child(2)', ' ms$');
  await shows('#association div:nth-child(1)', ' ms$');
  await shows('#queues div', '^To the peer.* of ');
  await shows('#channels td:nth-child(3)', `^${target}$`);
  await shows('#channels td:nth-child(5)', '^1$');
  await shows('#channels td:nth-child(6)', 'tube.v2');
  await shows('#channels td:nth-child(7)', ' in \\d+ messages?$');
  await shows('#signals tr', 'Channel opened');
  await page.waitForFunction(() => document.querySelector('#rate polyline.sent').getAttribute('points').includes(' '));
  await look('tube');
  await page.setViewportSize({ width: 420, height: 900 });
  expect(await page.$$eval('html, #tube-parts .scroll', all => all.every(one => one.scrollWidth <= one.clientWidth)), 'in a narrow window something of a tube is cut');
  if (folder) await page.screenshot({ path: `${folder}/narrow-tube.png`, fullPage: true });
  await page.setViewportSize({ width: 1280, height: 1000 });

  // What is closed was asked for twice.
  await page.goto(`${url}#/`);
  await page.click(`${row(hostile)} button`);
  await shows('#confirm-detail', 'onerror');
  await look('confirm');
  await page.click('#confirm button[value="no"]');
  expect(await page.locator(row(hostile)).count() === 1, 'the tube is gone although its end was not wanted');
  await page.click(`${row(hostile)} button`);
  await page.click('#confirm-yes');
  await page.waitForSelector(row(hostile), { state: 'detached' });
  await shows('#reasons li', '^Admin closed1$');
  await shows('.tile', 'of 1 tube$');
  await shows('#closures-note', '^All since this page was opened at [\\d:]+\\.$');
  await shows('#last-closures span', '^An administrator closed it\\.$');
  await page.click('#last-closures a');
  await shows('#tube-reason', 'Admin closed');
  await shows('#tube-by', '^Closed by operator\\.$');
  await shows('#timeline li:last-child', '^closed');
  await shows('#signals tr:first-child', 'Tube closed');
  await look('ended');

  // A tube of this browser's own.
  await page.click('nav a[href="#/try"]');
  await shows('#state', 'ready');
  await page.fill('#text', `Hello ${name}`);
  await page.click('#send');
  await shows('#echoed', '^Echo: Hello <img');
  await shows('#rtt', ' ms$');
  await look('try');
  const own = await text('#tube');
  await page.click('#tube');
  await shows('#path div:nth-child(1)', '(host|prflx|srflx)/');
  await page.click('#close-tube');
  await page.click('#confirm-yes');
  await shows('#tube-reason', 'Admin closed');
  await page.click('nav a[href="#/"]');
  await shows('#last-closures a', own);

  // Ends are told in sentences.
  await page.click('nav a[href="#/try"]');
  await shows('#state', 'ready');
  await page.evaluate(async key => fetch(`/v1/tubes/${document.querySelector('#tube').textContent}?reason=AIClosed`, { method: 'DELETE', headers: { Authorization: `Bearer ${key}` } }), operator);
  await shows('#state-detail', '^Automated analysis closed it\\.$');

  // So are those of which no signal tells.
  const mute = route => route.request().method() === 'GET' ? route.abort() : route.continue();
  const make = name => page.evaluate(async ([key, name]) => {
    const { RegistryClient } = await import('/client.js');
    const client = globalThis.client ??= new RegistryClient({ key });
    return (globalThis[name] = await client.connect({ conversationType: 'echo' })).id;
  }, [operator, name]);
  await page.route('**/signals', mute);
  const [known, silent] = [await make('known'), await make('silent')];
  await page.route(`**/${known}/signals`, mute);
  await page.route(new RegExp(silent), mute);
  await page.unroute('**/signals');
  await page.evaluate(() => Promise.all([client.closeTube(known.id), client.closeTube(silent.id)]));

  // An ICE restart of which the gateway never heard stands in the way of none that it wants.
  const restarted = await make('restarted');
  await page.route(`**/${restarted}/remote-description`, route => route.abort(), { times: 1 });
  await page.evaluate(() => {
    const { connection } = restarted;
    Object.defineProperty(connection, 'connectionState', { value: 'disconnected', configurable: true });
    connection.dispatchEvent(new Event('connectionstatechange'));
    delete connection.connectionState;
    restarted.states = [];
    connection.onsignalingstatechange = () => restarted.states.push(connection.signalingState);
  });
  await page.waitForFunction(() => `${restarted.states}` === 'have-local-offer,stable');
  await page.evaluate(() => client.restartIce(restarted.id));
  await page.waitForFunction(async () => (await client.call('GET', `/v1/tubes/${restarted.id}/statistics`)).iceRestarts === 1);
  await page.evaluate(() => new Promise(resolve => {
    restarted.channel.onmessage = resolve;
    restarted.channel.send('hello');
  }));

  // A tube that cannot be read at first is asked for again, and its page stands still.
  const same = `**/v1/tubes/${restarted}`;
  await page.route(same, mute);
  await page.goto(`${url}#/tubes/${restarted}`);
  await page.waitForFunction(() => !document.querySelector('#tube-missing').hidden);
  await page.evaluate(() => {
    globalThis.changes = [];
    new MutationObserver(found => changes.push(...found)).observe(document.querySelector('#tube-missing'), { attributes: true });
  });
  for (let asked = 0; asked < 2; asked++) await page.waitForRequest(request => request.url().endsWith(restarted));
  expect(await page.evaluate(() => changes.length) === 0, 'the page of a tube that cannot be read flickers');
  await page.unroute(same);
  await shows('#tube-state', '^ready$');

  // Of a tube that no gateway knows any more, as after its node's loss, the signals tell the end.
  const forgotten = route => route.fulfill({ status: 404, contentType: 'application/problem+json', body: JSON.stringify({ code: 'tube_not_found', detail: `There is no tube ${restarted}.`, status: 404, retryable: false }) });
  await page.route(same, route => route.request().method() === 'GET' ? forgotten(route) : route.continue());
  await page.evaluate(() => restarted.close());
  await shows('#tube-reason', '^(Client|Normal) \\(code \\d\\)$');
  await shows('#timeline li:last-child', '^closed');
  expect(await page.isHidden('#close-tube') && await page.isHidden('#tube-missing'), 'a tube that is gone seems to be there');
  const said = [await page.evaluate(() => known.ended), await page.evaluate(() => silent.ended)];
  expect(said[0] === 'An administrator closed it.' && /^The tube was closed, and the gateway does not answer: /.test(said[1]), `of tubes that ended it is said: ${said}`);

  // What is old is told, and no node seems up.
  const ask = () => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await page.click('nav a[href="#/"]');
  await page.route('**/v1/nodes', route => route.abort());
  await ask();
  await shows('#live', '^No answer$');
  await shows('#old', '^The gateway has not answered since [\\d:]+; lists and figures are of then\\.$');
  await shows('#nodes .state', '^was up$');
  const enabled = () => page.locator('#tubes button:enabled, #nodes .switch:enabled').count();
  await page.waitForFunction(() => document.querySelector('#tubes button:disabled'));
  expect(await enabled() === 0, 'what the gateway cannot do now can be asked for');
  await look('old');
  await page.unroute('**/v1/nodes');
  await ask();
  await shows('#live', '^Connected$');
  await shows('#nodes .state', '^up$');
  await page.waitForFunction(() => document.querySelector('#tubes button:enabled'));
  expect(await text('#old') === '', `the page still says ${await text('#old')}`);

  // So it is of a node that the others do not reach, whose tubes nobody can close.
  const mine = await page.evaluate(() => client.nodes());
  await page.route('**/v1/nodes', route => route.fulfill({ json: { items: mine.map(({ node, address }) => ({ node, address, state: 'unreachable' })) } }));
  await ask();
  await shows('.tile', '^Ready0of ');
  await shows(`${row(carrying)} .state`, '^was ready$');
  expect(await page.locator('#tubes button:enabled').count() === 0, 'a tube of a node that does not answer can be closed');
  await page.click(`${row(carrying)} a`);
  await shows('#tube-silent', ' does not answer; what the page shows of this tube is of [\\d:]+\\.$');
  await shows('#tube-state', '^was ready$');
  expect(await page.isDisabled('#close-tube'), 'a tube whose node does not answer can be closed on its page');
  if (folder) await page.screenshot({ path: `${folder}/silent.png` });
  await page.unroute('**/v1/nodes');
  await ask();
  await shows('#tube-state', '^ready$');
  expect(await page.isHidden('#tube-silent') && await page.isEnabled('#close-tube'), 'a node that answers again seems silent');
  await page.click('nav a[href="#/"]');

  // The switch of colours stays, and a narrow window needs no scrolling sideways.
  await page.emulateMedia({ colorScheme: 'light' });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.selectOption('#theme', 'dark');
  const dark = await ground();
  expect(light !== dark, 'the switch changes nothing');
  // Of a tube that a node has no more nobody told an end; nor can nodes that are lost, of before.
  const closed = url => url.pathname === '/v1/tubes' && url.searchParams.get('state') === 'closed';
  await page.route(closed, route => route.fulfill({ json: { items: [], incompleteNodes: ['away', 'gone'] } }));
  const events = [['tube', { tubeId: 'lost', node: 'gone', state: 'ready', createdAt: new Date(), conversations: [] }], ['tubes_listed', { node: 'gone' }], ['tubes_listed', { node: 'gone' }]];
  await page.route('**/v1/events', route => route.fulfill({ contentType: 'text/event-stream', body: events.map(([type, data]) => `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`).join('') }), { times: 1 });
  await page.reload();
  await shows('#reasons .trouble', '^Lost with its node1$');
  await shows('#last-closures span', '^Lost with its node gone\\.$');
  await shows('#closures-note', ' How tubes of away and gone ended is not known: these nodes were lost or do not answer\\. Their audit tells from the next start on\\.$');
  // One that is back is asked once more, however long it counts as lost.
  let state = 'unreachable', reads = 0;
  await page.route('**/v1/nodes', route => route.fulfill({ json: { items: [...mine, { ...mine[0], node: 'away', state }] } }));
  page.on('request', request => { reads += closed(new URL(request.url())); });
  await ask();
  await shows('#nodes .state', '^unreachable$');
  state = 'up';
  await ask();
  await shows('#closures-note', ' How tubes of gone ended is not known: that node was lost or does not answer\\. Its audit tells from the next start on\\. away was lost or did not answer, and is back: how its tubes ended until then its audit tells\\.$');
  await page.evaluate(() => {
    const now = performance.now.bind(performance);
    let passed = 0;
    performance.now = () => now() + (passed += 60_000);
  });
  for (let asked = 0; asked < 3; asked++) await Promise.all([page.waitForResponse('**/v1/nodes'), ask()]);
  await page.evaluate(() => delete performance.now);
  expect(reads === 1, `of a node that is back the page asked ${reads} times`);
  state = 'unreachable';
  await ask();
  await shows('#closures-note', ' How tubes of away and gone ended is not known: ');
  await page.unroute('**/v1/nodes');
  await page.goto(`${url}#/tubes/${crypto.randomUUID()}`);
  await shows('#tube-missing', ' is remembered for a while only\\. Its node may be one of those that were lost or do not answer; their audit tells of their tubes: away and gone\\.$');
  await page.unroute(closed);
  await page.goto(`${url}#/`);
  expect(await ground() === dark, 'the choice of colours was forgotten');
  await page.setViewportSize({ width: 420, height: 900 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'a narrow window scrolls sideways');
  await page.waitForSelector(row(carrying));
  for (const part of ['a', '.state', 'td:nth-child(3) div', 'button']) {
    const { x, width } = await page.locator(`${row(carrying)} ${part}`).boundingBox();
    expect(width > 20 && x >= 0 && x + width <= 420, `in a narrow window the list's ${part} is from ${x} to ${x + width}`);
  }
  expect(await text(`${row(carrying)} a`) === carrying.slice(0, 8) && await page.$eval(`${row(carrying)} td`, one => one.scrollWidth <= one.clientWidth), `in a narrow window a tube is called ${await text(`${row(carrying)} a`)}`);
  if (folder) await page.screenshot({ path: `${folder}/narrow.png`, fullPage: true });
  await page.setViewportSize({ width: 1280, height: 1000 });

  // A viewer sees it all and can do nothing.
  await page.route('**/v1/nodes', route => route.fulfill({ status: 401 }), { times: 1 });
  await page.waitForSelector('#sign-in[open]');
  await shows('#sign-in-why', '^The gateway no longer accepts this key or token\\.$');
  expect(await page.getAttribute('#live', 'data-state') === null && await text('#caller') === '' && await page.isHidden('#sign-out'), 'somebody seems signed in whom the gateway does not know');
  // Whoever has no role here is told so and asked again, also by a page that opens with such a key.
  const token = await page.evaluate(async ([key, id]) => {
    const { RegistryClient } = await import('/client.js');
    return (await new RegistryClient({ key }).createToken(id)).token;
  }, [operator, carrying]);
  const hasNoRole = ' has no role here, as the token of a tube has none\\. Sign in with one of a viewer, creator or operator\\.$';
  await signIn(page, token, false);
  await shows('#sign-in-why', hasNoRole);
  await page.reload();
  await page.waitForSelector('#sign-in[open]');
  await shows('#sign-in-why', hasNoRole);
  await signIn(page, viewer); // as after a token's end: whose page it was is forgotten
  await shows('#caller', '^viewer$');
  await page.waitForSelector(row(carrying));
  await shows('#nodes tr', 'up');
  expect(await page.locator('#nodes .switch, #tubes button').count() === 0, 'a viewer has buttons');
  expect(await page.locator('#overview .action').count() === 0, 'a viewer has columns for buttons');
  await page.click(`${row(carrying)} a`);
  await shows('#path div:nth-child(6)', 'connected|completed');
  expect(await page.locator('#close-tube').isHidden(), 'a viewer may close');
  await page.click('nav a[href="#/try"]');
  await page.waitForSelector('#may-not');
  expect(await page.locator('#panels').isHidden(), 'a viewer may make tubes');

  // A node is taken out of service and put back; last, since its tubes' clients move then.
  await page.goto(`${url}#/`);
  await page.click('#sign-out');
  await signIn(page, operator);
  await page.click('#nodes .switch');
  await shows('#confirm-detail', ' Tubes left after 5 min, at [\\d:]+, are closed\\.');
  if (folder) await page.screenshot({ path: `${folder}/drain.png` });
  await page.click('#confirm-yes');
  await page.waitForSelector('#nodes .switch[aria-checked="true"]');
  await shows('#nodes .state', 'draining');
  await shows('#nodes .until', '^until [\\d:]+$');
  await page.click('#nodes .switch');
  await page.waitForSelector('#nodes .switch[aria-checked="false"]');
  await page.click('nav a[href="#/try"]');
  await shows('#state', 'ready');
  const drain = body => page.evaluate(async ([key, body]) => fetch('/v1/node/drain', { method: 'POST', headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' }, body }), [operator, body]);
  await drain('{}');
  await ask();
  await shows('#own-draining', ' is being taken out of service: this tube is closed at [\\d:]+\\.$');
  await shows('#desktop-draining', '^No gateway makes new tubes now: ');
  await drain('{"deadlineMs":1}');
  await shows('#state-detail', '^The gateway was stopped\\.$');
});
