// A sign-in in a popup of Chromium: {url, state, way, opener, cookies, chromium} -> what the page that opened it saw.
//
// `url` is where to send the popup, `opener` a page of the host that opens it, `cookies` what the host set for this browser,
// `chromium` the program. `way` is 'opener', in which the popup goes on until it closes itself, or 'closed': the user closes
// it before they have agreed.
import { chromium } from 'playwright-core';
import { text } from 'node:stream/consumers';

const ask = JSON.parse(await text(process.stdin));
const browser = await chromium.launch({
  executablePath: ask.chromium,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
});
try {
  const context = await browser.newContext();
  await context.addCookies(ask.cookies.map(({ name, value }) => ({ name, value, url: ask.opener })));
  const page = await context.newPage();
  await page.goto(ask.opener);
  // The receiver of the contract: messages of its own origin, the channel, and the storage.
  await page.evaluate(({ state }) => {
    const key = `oauth2_callback_result:${state}`;
    window.seen = { messages: [], channel: [], storage: [] };
    window.addEventListener('message', ({ origin, data }) => window.seen.messages.push({ origin, data }));
    new BroadcastChannel(key).onmessage = ({ data }) => window.seen.channel.push(data);
    window.addEventListener('storage', (event) => {
      if (event.key === key) window.seen.storage.push(JSON.parse(event.newValue));
    });
  }, ask);
  const opened = context.waitForEvent('page');
  await page.evaluate((url) => { window.popup = window.open(url, 'sign-in', 'width=600,height=800,left=100,top=100'); }, ask.url);
  const popup = await opened;
  const visited = [];
  popup.on('framenavigated', (frame) => visited.push(frame.url()));
  if (ask.way === 'closed') {
    await popup.waitForSelector('#approve');
    await popup.close();
  } else {
    // It closes itself.
    if (!popup.isClosed()) await popup.waitForEvent('close', { timeout: 15000 });
  }
  const seen = await page.evaluate((state) => ({
    ...window.seen, stored: localStorage.getItem(`oauth2_callback_result:${state}`), origin: location.origin,
  }), ask.state);
  console.log(JSON.stringify({ ...seen, visited }));
} finally {
  await browser.close();
}
