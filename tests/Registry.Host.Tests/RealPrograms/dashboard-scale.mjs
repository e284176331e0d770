// Opens the gateway's page on many tubes that change all the time, and tells what that costs the browser.
// node dashboard-scale.mjs PAGE PACKAGES FOLDER TUBES SECONDS: where a picture goes or an empty text; figures on stdout.
import { drive } from './browser.mjs';

const [url, packages, folder, tubes, seconds] = process.argv.slice(2);

await drive(packages, url, async (page, { wrong }) => {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const metrics = async () => Object.fromEntries((await session.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value]));
  const listed = Number(tubes);
  await page.goto(url);
  await page.waitForFunction(listed => document.querySelectorAll('#tubes tr[data-id]').length > 5
    && Number(document.querySelector('#count').textContent.replaceAll(',', '')) >= listed * 0.99, listed);
  const { paint, complete } = await page.evaluate(() => ({
    paint: performance.getEntriesByName('first-contentful-paint')[0].startTime,
    complete: performance.now(),
  }));
  const before = await metrics();
  await page.waitForTimeout(seconds * 1000);
  const after = await metrics();
  const each = name => ((after[name] - before[name]) * 1000 / (after.Timestamp - before.Timestamp)).toFixed(1);
  const rows = () => page.locator('#tubes tr[data-id]').count();
  const atTop = await rows();
  const scrolled = await page.evaluate(async () => {
    const list = document.querySelector('#list');
    const begun = performance.now();
    list.scrollTop = list.scrollHeight;
    await new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    return performance.now() - begun;
  });
  const sorted = await page.evaluate(async () => {
    const begun = performance.now();
    document.querySelector('#tube-table th[data-by="names"] button').click();
    await new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    return performance.now() - begun;
  });
  await page.fill('#filter', 'conversation-1234');
  await page.waitForFunction(() => / of /.test(document.querySelector('#count').textContent));
  await page.fill('#filter', '');
  if (folder) await page.screenshot({ path: `${folder}/scale.png` });
  if (await rows() > 100 || atTop > 100) wrong.push(`${atTop} rows are in the page`);
  console.log(`${listed} tubes: first paint ${paint.toFixed(0)} ms, all listed ${complete.toFixed(0)} ms; for each second of updates ${each('ScriptDuration')} ms of script, ${each('RecalcStyleDuration')} ms of style, ${each('LayoutDuration')} ms of layout, ${each('TaskDuration')} ms in all;`
    + ` to the end of the list in ${scrolled.toFixed(0)} ms, another order in ${sorted.toFixed(0)} ms, ${atTop} rows in the page, heap ${(after.JSHeapUsedSize / 1e6).toFixed(0)} MB`);
});
