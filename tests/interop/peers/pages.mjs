// A user on the pages of the OAuth app, in Chromium, without scripts: {base, client, redirectUri, token, chromium, shots} -> what
// the user saw. `shots` is a folder for pictures of the pages, if there is one.
import { chromium } from 'playwright-core';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { looker } from './look.mjs';

const ask = JSON.parse(await text(process.stdin));
const browser = await chromium.launch({
  executablePath: ask.chromium,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
});
// The client: what the browser brings it is what counts.
const client = http.createServer((_, response) => response.end('<title>client</title>'));
await new Promise((done) => client.listen(new URL(ask.redirectUri).port, '127.0.0.1', done));
const seen = { violations: {}, requests: [] };

const authorize = (state) => `${ask.base}/authorize?${new URLSearchParams({
  client_id: ask.client, redirect_uri: ask.redirectUri, response_type: 'code', scope: 'integrations:read tasks:write', state,
})}`;

const look = looker({ browser, base: ask.base, shots: ask.shots, violations: seen.violations });

try {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  page.on('request', (request) => seen.requests.push(request.url()));
  const decide = async (name) => {
    await Promise.all([page.waitForURL(`${ask.redirectUri}**`), page.getByRole('button', { name, exact: true }).click()]);
    return page.url();
  };

  // Signs in with a wrong token, then with the right one, and allows: with the keyboard alone.
  await page.goto(authorize('first'));
  await look(page, 'sign-in', { picture: true });
  await page.getByLabel('Access token').fill('not a token');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').waitFor();
  await look(page, 'sign-in-again');
  await page.getByLabel('Access token').fill(ask.token);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: /act for you/ }).waitFor();
  await look(page, 'consent', { picture: true });
  seen.consent = await page.locator('main').innerText();
  await page.getByRole('button', { name: 'Allow', exact: true }).focus();
  await Promise.all([page.waitForURL(`${ask.redirectUri}**`), page.keyboard.press('Enter')]);
  seen.allowed = page.url();

  // Back: the page is loaded again, and the request is over.
  await page.goBack();
  await page.reload();
  seen.back = await page.locator('h1').innerText();
  await look(page, 'ended');

  // Signed in already, the user refuses.
  await page.goto(authorize('second'));
  seen.denied = await decide('Deny');

  // Two tabs: each decides on its own request.
  await page.goto(authorize('third'));
  const other = await context.newPage();
  await other.goto(authorize('fourth'));
  await Promise.all([other.waitForURL(`${ask.redirectUri}**`), other.getByRole('button', { name: 'Allow', exact: true }).click()]);
  seen.tabs = [await decide('Allow'), other.url()];

  // In another browser the link leads nowhere.
  await page.goto(authorize('fifth'));
  const link = page.url();
  const stranger = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
  await stranger.goto(link);
  await stranger.getByLabel('Access token').fill(ask.token);
  await stranger.keyboard.press('Enter');
  await stranger.locator('h1').waitFor();
  seen.elsewhere = await stranger.locator('h1').innerText();

  // In a frame of another site the page stays empty.
  const framing = await context.newPage();
  await framing.route('http://evil.test/', (route) => route.fulfill({ contentType: 'text/html', body: `<iframe src="${link}"></iframe>` }));
  await framing.goto('http://evil.test/');
  await framing.waitForTimeout(500);
  seen.framed = await framing.frames().at(-1).locator('form').count().catch(() => 0);

  // What was allowed is taken back.
  await page.goto(`${ask.base}/pages/grants`);
  await look(page, 'grants', { picture: true });
  seen.grants = await page.getByRole('button', { name: /^Revoke/ }).count();
  if (seen.grants) {
    await page.getByRole('button', { name: /^Revoke/ }).first().click();
    await page.waitForLoadState();
    seen.left = await page.getByRole('button', { name: /^Revoke/ }).count();
  }
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
  client.closeAllConnections();
  client.close();
}
