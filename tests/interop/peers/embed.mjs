// A page of another origin that makes connections by links, in Chromium: {base, port, other, links, service, chromium, shots} ->
// what it was told, and what its user saw. `port` is where the page is, `other` where a page is that the links do not know,
// `service` that of a service with a key.
import { chromium } from 'playwright-core';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { looker } from './look.mjs';

const ask = JSON.parse(await text(process.stdin));
const browser = await chromium.launch({
  executablePath: ask.chromium,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
});
const seen = { violations: {} };
const look = looker({ browser, base: ask.base, shots: ask.shots, violations: seen.violations });

// The six lines of the documentation.
const html = `<!doctype html><title>Gauzy</title><iframe id="frame" width="480" height="900"></iframe><script>
  window.told = [];
  addEventListener('message', (event) => { if (event.origin === '${ask.base}') told.push(event.data); });
  const connectInFrame = (url) => { document.getElementById('frame').src = url; };
  const connectInWindow = (url) => { window.open(url, 'connect', 'width=520,height=760'); };
</script>`;
const serve = async (port) => {
  const server = http.createServer((_, response) => response.setHeader('content-type', 'text/html').end(html));
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  return server;
};
// Another site than the host's, as browsers see it.
const servers = [await serve(ask.port), await serve(ask.other)];
seen.keys = [];
const service = http.createServer((request, response) => {
  seen.keys.push(request.headers['x-key']);
  response.writeHead(request.headers['x-key'] === 'right' ? 200 : 401, { 'content-type': 'application/json' }).end('{}');
});
await new Promise((done) => service.listen(ask.service, '127.0.0.1', done));
const home = `http://localhost:${ask.port}/`;
const told = (page) => page.waitForFunction(() => window.told.length > 0).then(() => page.evaluate(() => window.told));
const open = async (context, address = home) => {
  const page = await context.newPage();
  await page.goto(address);
  return page;
};

try {
  const context = await browser.newContext();

  // A key, in a frame: first a wrong one.
  let page = await open(context);
  await page.evaluate((url) => connectInFrame(url), ask.links.key);
  let frame = page.frameLocator('#frame');
  await frame.getByRole('link', { name: 'Account' }).click();
  await frame.getByLabel('url').fill(`http://127.0.0.1:${ask.service}`);
  await frame.getByLabel('key').fill('wrong');
  await frame.getByRole('button', { name: 'Connect', exact: true }).click();
  seen.wrong = await frame.getByRole('alert').first().innerText();
  const inner = page.frames().find((one) => one.url().startsWith(ask.base));
  await look(inner, 'connect-refused');
  await frame.getByLabel('key').fill('right');
  await frame.getByRole('button', { name: 'Connect', exact: true }).click();
  seen.key = await told(page);
  await page.close();

  // A sign-in, in a window of the page.
  page = await open(context);
  let popup = context.waitForEvent('page');
  await page.evaluate((url) => connectInWindow(url), ask.links.window);
  popup = await popup;
  await popup.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
  await look(popup, 'connect', { picture: true });
  let closed = popup.waitForEvent('close');
  await popup.getByRole('button', { name: 'Sign in', exact: true }).click();
  seen.window = await told(page);
  await closed;
  await page.close();

  // A sign-in, in a frame: the provider gets a window of its own.
  page = await open(context);
  await page.evaluate((url) => connectInFrame(url), ask.links.frame);
  frame = page.frameLocator('#frame');
  popup = context.waitForEvent('page');
  await frame.getByRole('button', { name: 'Sign in', exact: true }).click();
  popup = await popup;
  seen.frame = await told(page);
  if (!popup.isClosed()) await popup.waitForEvent('close');
  await look(page.frames().find((one) => one.url().startsWith(ask.base)), 'connected', { picture: true });
  await page.close();

  // The user does not want to.
  page = await open(context);
  await page.evaluate((url) => connectInFrame(url), ask.links.cancelled);
  await page.frameLocator('#frame').getByRole('button', { name: 'Cancel' }).click();
  seen.cancelled = await told(page);
  await page.close();

  // A page that the link does not know: it sees nothing, and is told nothing.
  page = await open(context, `http://localhost:${ask.other}/`);
  await page.evaluate((url) => connectInFrame(url), ask.links.stranger);
  await page.waitForFunction(() => document.getElementById('frame').contentWindow.length === 0);
  seen.framed = await page.frameLocator('#frame').locator('form').count();
  popup = context.waitForEvent('page');
  await page.evaluate((url) => connectInWindow(url), ask.links.stranger);
  popup = await popup;
  closed = popup.waitForEvent('close');
  await popup.getByRole('button', { name: 'Sign in', exact: true }).click();
  await closed;
  seen.stranger = await page.evaluate(() => window.told);
  await page.close();

  // Without a script: whoever has the link in a mail.
  const plain = await browser.newContext({ javaScriptEnabled: false });
  page = await open(plain, ask.links.plain);
  await page.getByRole('button', { name: 'Sign in', exact: true }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'is connected' }).waitFor();
  seen.plain = await page.locator('main').innerText();
  console.log(JSON.stringify(seen));
} catch (error) {
  // What the windows showed then says more than a time that ran out.
  const pages = browser.contexts().flatMap((context) => context.pages());
  const shown = await Promise.all(pages.map(async (one) => `${one.url()}: ${await one.locator('body').innerText().catch(String)}`));
  throw new Error(shown.join('\n'), { cause: error });
} finally {
  await browser.close();
  [...servers, service].forEach((server) => server.close());
}
