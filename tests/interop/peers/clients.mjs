// Client libraries at Leno's authorization server, each from discovery, where it knows that, to a renewed token:
// {library, issuer, clientId, clientSecret, redirectUri, user} -> {first, second}: the token responses. `user` is an access
// token of the user who allows it.
import { text } from 'node:stream/consumers';

const ask = JSON.parse(await text(process.stdin));
const { issuer, clientId, clientSecret, redirectUri, user } = ask;
const scope = 'integrations:read';

// What the user does: opens the address, and allows it on Gauzy's page. Returns where the browser goes then.
async function allow(url) {
  const opened = await fetch(url, { redirect: 'manual' });
  const location = opened.headers.get('location');
  const id = new URL(location, issuer).searchParams.get('request_id');
  if (opened.status !== 302 || !id) throw new Error(`no consent: ${opened.status} ${location} ${await opened.text()}`);
  const approved = await fetch(`${issuer}/api/integration/ever-gauzy/oauth/authorize`, {
    method: 'POST',
    headers: { authorization: `Bearer ${user}`, 'content-type': 'application/json' },
    body: JSON.stringify({ request_id: id }),
  });
  const body = await approved.json();
  if (!body.redirect_url) throw new Error(JSON.stringify(body));
  return new URL(body.redirect_url);
}

const libraries = {
  async 'openid-client'() {
    const client = await import('openid-client');
    const options = { algorithm: 'oauth2', execute: [client.allowInsecureRequests] };
    const config = await client.discovery(new URL(issuer), clientId, clientSecret, undefined, options);
    const verifier = client.randomPKCECodeVerifier();
    const state = client.randomState();
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri, scope, state,
      code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
    });
    const back = await allow(url);
    const first = await client.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state });
    const second = await client.refreshTokenGrant(config, first.refresh_token);
    await client.tokenRevocation(config, second.refresh_token);
    return { first, second };
  },

  async oauth4webapi() {
    const oauth = await import('oauth4webapi');
    const insecure = { [oauth.allowInsecureRequests]: true };
    const discovered = await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oauth2', ...insecure });
    const server = await oauth.processDiscoveryResponse(new URL(issuer), discovered);
    const client = { client_id: clientId };
    const proof = oauth.ClientSecretBasic(clientSecret);
    const verifier = oauth.generateRandomCodeVerifier();
    const state = oauth.generateRandomState();
    const url = new URL(server.authorization_endpoint);
    for (const [name, value] of Object.entries({
      client_id: clientId, redirect_uri: redirectUri, response_type: 'code', scope, state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
    })) url.searchParams.set(name, value);
    const back = oauth.validateAuthResponse(server, client, await allow(url), state);
    const sent = await oauth.authorizationCodeGrantRequest(server, client, proof, back, redirectUri, verifier, insecure);
    const first = await oauth.processAuthorizationCodeResponse(server, client, sent);
    const again = await oauth.refreshTokenGrantRequest(server, client, proof, first.refresh_token, insecure);
    const second = await oauth.processRefreshTokenResponse(server, client, again);
    const asked = await oauth.introspectionRequest(server, client, proof, second.access_token, insecure);
    const told = await oauth.processIntrospectionResponse(server, client, asked);
    if (told.active !== true || told.scope !== scope) throw new Error(JSON.stringify(told));
    return { first, second };
  },

  async 'simple-oauth2'() {
    const { AuthorizationCode } = (await import('simple-oauth2')).default;
    const at = '/api/integration/ever-gauzy/oauth';
    const client = new AuthorizationCode({
      client: { id: clientId, secret: clientSecret },
      auth: { tokenHost: issuer, tokenPath: `${at}/token`, authorizeHost: issuer, authorizePath: `${at}/authorize`, revokePath: `${at}/revoke` },
    });
    const back = await allow(client.authorizeURL({ redirect_uri: redirectUri, scope, state: 's' }));
    const got = await client.getToken({ code: back.searchParams.get('code'), redirect_uri: redirectUri, scope });
    const next = await got.refresh();
    return { first: got.token, second: next.token };
  },

  // The way of MCP clients: finds the server by the resource's metadata, registers itself, and is public.
  async mcp() {
    const { auth } = await import('@modelcontextprotocol/sdk/client/auth.js');
    const kept = {};
    let back;
    const provider = {
      redirectUrl: redirectUri,
      clientMetadata: {
        client_name: 'An MCP client', redirect_uris: [redirectUri], token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], scope,
      },
      state: () => 's',
      clientInformation: () => kept.client,
      saveClientInformation: (client) => { kept.client = client; },
      tokens: () => kept.tokens,
      saveTokens: (tokens) => { kept.tokens = tokens; },
      redirectToAuthorization: async (url) => { back = await allow(url); },
      saveCodeVerifier: (verifier) => { kept.verifier = verifier; },
      codeVerifier: () => kept.verifier,
    };
    const begun = await auth(provider, { serverUrl: issuer });
    if (begun !== 'REDIRECT') throw new Error(begun);
    const done = await auth(provider, { serverUrl: issuer, authorizationCode: back.searchParams.get('code') });
    if (done !== 'AUTHORIZED') throw new Error(done);
    const first = kept.tokens;
    // With tokens it renews them.
    if (await auth(provider, { serverUrl: issuer }) !== 'AUTHORIZED') throw new Error('not renewed');
    return { first, second: kept.tokens };
  },
};

console.log(JSON.stringify(await libraries[ask.library]()));
