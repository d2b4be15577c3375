// A certified OAuth 2 server (oidc-provider) on 127.0.0.1 alone, and beside it, under /lab, a place to post to that asks this very
// server, by introspection, whom a token belongs to and whether it is still good.
import http from 'node:http'
import { Provider } from 'oidc-provider'

const port = Number(process.env.AS_PORT)
const issuer = `http://127.0.0.1:${port}`
const seconds = Number(process.env.AT_TTL ?? 3600)
const native = {
  token_endpoint_auth_method: 'none', application_type: 'native', response_types: ['code'],
  grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
}
const provider = new Provider(issuer, {
  clients: [
    // any port on loopback; `localhost` is refused for native apps unless it is registered as such
    { client_id: 'lab-native', redirect_uris: ['http://127.0.0.1/callback', 'http://localhost/callback'], ...native },
    // its access tokens live for two seconds
    { client_id: 'lab-brief', redirect_uris: ['http://127.0.0.1/callback'], ...native },
    {
      client_id: 'lab-web', client_secret: process.env.AS_WEB_SECRET ?? 'lab-web-secret-5f0c', redirect_uris: ['https://app.example/landed'],
      token_endpoint_auth_method: 'client_secret_basic', grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
    },
    // the place to post to
    { client_id: 'resource', client_secret: 'resource', grant_types: [], redirect_uris: [], response_types: [] },
  ],
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: true }, deviceFlow: { enabled: true }, revocation: { enabled: true },
    // the place to post to may ask about everybody's tokens
    introspection: { enabled: true, allowedPolicy: (_, client, token) => client.clientId === 'resource' || token.clientId === client.clientId },
    pushedAuthorizationRequests: { enabled: true }, registration: { enabled: true }, dPoP: { enabled: true },
  },
  rotateRefreshToken: true,
  issueRefreshToken: async () => true,
  scopes: ['openid', 'offline_access', 'write', 'media'],
  clientDefaults: { grant_types: ['authorization_code', 'refresh_token'] },
  ttl: {
    AccessToken: (_, token, client) => (client.clientId === 'lab-brief' ? 2 : seconds),
    RefreshToken: 3600, AuthorizationCode: 60, DeviceCode: 120, Interaction: 300, Session: 300, Grant: 3600,
  },
  cookies: { keys: ['lab'] },
  findAccount: async (_, sub) => ({ accountId: sub, claims: async () => ({ sub }) }),
})
provider.on('server_error', (_, error) => console.error(error))

// what was asked of the token endpoint, by grant type and outcome: tests count
const asked = []
provider.on('grant.success', (ctx) => asked.push(`${ctx.oidc.params.grant_type} ok`))
provider.on('grant.error', (ctx, error) => asked.push(`${ctx.oidc.params?.grant_type} ${error.error}`))

const posts = []
async function introspect(token) {
  const answer = await fetch(`${issuer}/token/introspection`, {
    method: 'POST', body: new URLSearchParams({ token }),
    headers: { authorization: `Basic ${Buffer.from('resource:resource').toString('base64')}` },
  })
  return answer.json()
}
async function lab(request, response) {
  const say = (status, value) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  const { pathname } = new URL(request.url, issuer)
  let body = ''
  for await (const piece of request) body += piece
  if (pathname === '/lab/asked') return say(200, asked)
  if (pathname === '/lab/wall') return say(200, posts)
  if (pathname === '/lab/introspect') return say(200, await introspect(body))
  const [scheme, token] = (request.headers.authorization ?? '').split(' ')
  const who = scheme === 'Bearer' && token ? await introspect(token) : {}
  if (!who.active) return say(401, { error: 'invalid_token', error_description: 'the access token is not good' })
  if (pathname === '/lab/me') return say(200, { id: who.sub, name: who.sub })
  if (pathname === '/lab/targets') return say(200, [])
  if (pathname === '/lab/posts' && request.method === 'POST') {
    if (!(who.scope ?? '').split(' ').includes('write')) return say(403, { error: 'insufficient_scope' })
    posts.push({ id: String(posts.length + 1), by: who.sub, client: who.client_id, text: JSON.parse(body).text })
    return say(200, posts.at(-1))
  }
  return say(404, { error: 'not_found' })
}

const callback = provider.callback()
http.createServer((request, response) => {
  if (!request.url.startsWith('/lab/')) return callback(request, response)
  lab(request, response).catch((error) => { console.error(error); response.writeHead(500).end() })
}).listen(port, '127.0.0.1', () => console.log('ready'))
process.on('SIGTERM', () => process.exit(0))
