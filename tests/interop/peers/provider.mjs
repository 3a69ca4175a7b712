// A real OAuth 2.0 provider on loopback that approves everything, and fails when it is told to.
//
//   node provider.mjs [PORT] [CONTROL_PORT]      0, the default, takes a free port
//
//   REDIRECT_URIS  redirect URIs of every client, separated by blanks
//   AT_TTL         life of an access token in seconds (3)
//   ROTATE=0       refresh tokens stay the same
//
// Prints one line of JSON, {"issuer", "control"}, once both ports listen, and ends when its standard input does.
// The control port answers GET / with what happened and takes POST / with what shall happen next: see `state` and `orders`.
import { createServer } from 'node:http';
import { once } from 'node:events';
import crypto from 'node:crypto';
import { Provider } from 'oidc-provider';

const listen = async (server, port = 0) => {
  // Without the address it would listen on all of them.
  server.listen(Number(port), '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${server.address().port}`;
};

// What happened.
const state = {
  arrived: 0,      // token requests that came in, whatever became of them
  held: 0,         // token requests that wait for `release` now
  requests: {},    // token requests that were processed, by grant
  granted: {},     // those of them that got a token
  refreshTokens: [], // refresh tokens that were presented, in order, the same one as often as it came
  revokedGrants: 0,  // grants that the provider ended: a refresh token was used twice
  revocations: 0,  // tokens that the client gave back
  faulted: 0,      // token requests that a fault was done to
};

// What shall happen. A fault is done to the next `times` token requests; `hold` lasts until `release`.
const orders = {
  ttl: Number(process.env.AT_TTL ?? 3),
  page: '',        // what the user sees in between: '' nothing, 'coop' a page that cuts the opener, 'wait' a page that stays
  fault: null,     // {kind, times, status?, body?, headers?}; kind: hold-before | hold-after | fail | fail-after | drop | drop-after
};
let waiting = [];
const release = () => { for (const go of waiting) go(); waiting = []; };
const held = () => new Promise((go) => { state.held += 1; waiting.push(() => { state.held -= 1; go(); }); });
const count = (counts, name) => { counts[name] = (counts[name] ?? 0) + 1; };

const server = createServer();
const issuer = await listen(server, process.argv[2]);

const key = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
const client = (id, method) => ({
  client_id: id,
  ...(method === 'none' ? {} : { client_secret: 'leno-secret-0123456789' }),
  redirect_uris: (process.env.REDIRECT_URIS ?? 'http://127.0.0.1:9401/cb').split(/\s+/).filter(Boolean),
  response_types: ['code'],
  token_endpoint_auth_method: method,
  grant_types: ['authorization_code', 'refresh_token', ...(method === 'none' ? [] : ['client_credentials'])],
  scope: 'openid offline_access read write',
});

const provider = new Provider(issuer, {
  clients: [client('leno', 'client_secret_basic'), client('leno-post', 'client_secret_post'), client('leno-pub', 'none')],
  // The default is RS256, which the only key cannot sign.
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  jwks: { keys: [{ ...key, alg: 'ES256', use: 'sig', kid: 'k1' }] },
  cookies: { keys: ['test'] },
  scopes: ['openid', 'offline_access', 'read', 'write'],
  pkce: { required: () => true },
  ttl: {
    AccessToken: () => orders.ttl, ClientCredentials: () => orders.ttl, AuthorizationCode: 60, RefreshToken: 86400,
    Grant: 86400, Interaction: 600, Session: 86400, IdToken: 3600,
  },
  rotateRefreshToken: process.env.ROTATE !== '0',
  issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
  features: {
    // Its pages load a font from elsewhere.
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: async () => true },
    revocation: { enabled: true, allowedPolicy: async () => true },
  },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
});
provider.on('grant.revoked', () => { state.revokedGrants += 1; });
provider.on('server_error', (_, error) => console.error(error));

// The user, who logs in and consents to everything.
provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) return next();
  if (orders.page && !ctx.path.endsWith('/approve')) {
    if (orders.page === 'coop') ctx.set('Cross-Origin-Opener-Policy', 'same-origin');
    const go = orders.page === 'wait' ? '' : `<script>location.replace('${ctx.path}/approve')</script>`;
    ctx.type = 'html';
    ctx.body = `<!doctype html><title>Consent</title><a id="approve" href="${ctx.path}/approve">Approve</a>${go}`;
    return undefined;
  }
  const { params } = await provider.interactionDetails(ctx.req, ctx.res);
  const grant = new provider.Grant({ accountId: 'u1', clientId: params.client_id });
  grant.addOIDCScope(params.scope || 'openid');
  const result = { login: { accountId: 'u1' }, consent: { grantId: await grant.save() } };
  return ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result));
});

// The token endpoint: counts, and does what it was ordered to do.
provider.use(async (ctx, next) => {
  if (ctx.path === '/token/revocation' && ctx.method === 'POST') state.revocations += 1;
  if (ctx.path !== '/token' || ctx.method !== 'POST') return next();
  state.arrived += 1;
  const fault = orders.fault;
  if (fault) {
    state.faulted += 1;
    fault.times -= 1;
    if (fault.times <= 0) orders.fault = null;
  }
  const answer = () => {
    ctx.status = fault.status ?? 503;
    for (const [name, value] of Object.entries(fault.headers ?? {})) ctx.set(name, value);
    ctx.body = fault.body ?? { error: 'temporarily_unavailable' };
  };
  const hangUp = () => { ctx.respond = false; ctx.req.socket.destroy(); };

  if (fault?.kind === 'hold-before') {
    await held();
    // Nobody waits for the answer any more.
    if (ctx.req.socket.destroyed) return hangUp();
  }
  if (fault?.kind === 'fail') return answer();
  if (fault?.kind === 'drop') return hangUp();
  await next();
  const { grant_type: grant = 'unknown', refresh_token: refresh } = ctx.oidc?.params ?? {};
  count(state.requests, grant);
  if (ctx.status === 200) count(state.granted, grant);
  if (refresh) state.refreshTokens.push(refresh);
  if (fault?.kind === 'hold-after') await held();
  if (fault?.kind === 'fail-after') return answer();
  if (fault?.kind === 'drop-after') return hangUp();
  return undefined;
});
server.on('request', provider.callback());

const control = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  if (request.method === 'POST') {
    const { release: let_go, ...rest } = JSON.parse(body || '{}');
    if (rest.fault) rest.fault.times ??= 1;
    Object.assign(orders, rest);
    if (let_go) release();
  }
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(state));
});

console.log(JSON.stringify({ issuer, control: await listen(control, process.argv[3]) }));
// Ends with the test that started it, even if that was killed.
process.stdin.resume().on('end', () => process.exit());
