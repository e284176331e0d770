// Ends tubes of a gateway's module in Chromium, which tells the end of a channel also to the side that ended it, and of one that never opened.
// node ends.mjs GATEWAY PACKAGES: what went wrong is on stderr and the exit code.
import { drive } from '../RealPrograms/browser.mjs';

const [url, packages] = process.argv.slice(2);

await drive(packages, url, async (page, { wrong }) => {
  await page.goto(`${url}client.js`); // of the gateway's origin, and asks for nothing by itself
  const asked = [];
  page.on('request', request => asked.push(`${request.method()} ${new URL(request.url()).pathname}`));
  const [id, code] = await page.evaluate(async () => {
    const { RegistryClient } = await import('/client.js');
    const client = new RegistryClient();
    const tube = await client.connect({ conversationType: 'echo' });
    tube.close();
    const refused = await client.connect({ conversationType: 'teleport' }).catch(e => e);
    await new Promise(resolve => setTimeout(resolve, 3000)); // longer than the module waits for the reason of an end
    return [tube.id, refused.code];
  });
  const count = wanted => asked.filter(one => wanted.test(one)).length;
  const counts = [count(/^POST \/v1\/tubes$/), count(new RegExp(`^DELETE /v1/tubes/${id}$`)), count(/^GET \/v1\/tubes\/[^/]*$/)];
  if (code !== 'invalid_settings' || `${counts}` !== '2,1,0') wrong.push(`refused with ${code}, and asked: ${asked.join(', ')}`);
});
