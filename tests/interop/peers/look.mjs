// What pages look like, and whether everybody can use them.
import fs from 'node:fs';
import { createRequire } from 'node:module';

const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// A function that adds the violations of a page to `violations` and, if it is to have a picture, makes one in `shots`. axe needs
// scripts, which the policy of the pages does not allow: it looks at a copy of the page.
export const looker = ({ browser, base, shots, violations }) => async (page, name, { picture } = {}) => {
  const html = (await page.content()).replace(/<script[\s\S]*?<\/script>/g, '').replace(/<meta http-equiv[^>]*>/g, '');
  const css = await (await fetch(`${base}/pages/style.css`)).text();
  for (const scheme of ['light', 'dark']) {
    const checker = await browser.newPage({ colorScheme: scheme, viewport: { width: 480, height: 760 } });
    await checker.setContent(html.replace(/<link rel="stylesheet"[^>]*>/, `<style>${css}</style>`));
    await checker.evaluate(axe);
    const found = await checker.evaluate(() => globalThis.axe.run());
    violations[`${name} ${scheme}`] = found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
    if (shots && picture) await checker.screenshot({ path: `${shots}/${name}-${scheme}.png`, fullPage: true });
    await checker.close();
  }
};
