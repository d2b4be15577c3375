// A Slack for tests: the npm package `emulate`, and before it what the real one does and this does not: methods that read answer to
// GET as well. SLACK_PORT is where it is, SLACK_BACK where the emulator itself is. The tokens are test constants.
import http from 'node:http'
import { createEmulator } from 'emulate'

const port = Number(process.env.SLACK_PORT)
const back = Number(process.env.SLACK_BACK)
const scopes = ['chat:write', 'chat:write.public', 'files:write', 'files:read', 'channels:read', 'channels:history']
const emulator = await createEmulator({
  service: 'slack',
  port: back,
  baseUrl: `http://127.0.0.1:${port}`,
  seed: {
    slack: {
      strict_scopes: true,
      team: { name: 'Harbour', domain: 'harbour' },
      channels: [{ name: 'general' }, { name: 'crabs' }],
      bots: [{ name: 'xpost' }],
      users: [{ name: 'ferris', email: 'ferris@example.com' }],
      tokens: [
        { token: 'xoxb-xpost-tests', user: 'ferris', scopes },
        { token: 'xoxb-xpost-poor', user: 'ferris', scopes: ['chat:write'] },
      ],
      incoming_webhooks: [{ channel: 'crabs', label: 'xpost' }],
    },
  },
})

http.createServer((request, response) => {
  const url = new URL(request.url, 'http://127.0.0.1')
  const reads = request.method === 'GET' && url.pathname.startsWith('/api/')
  const headers = { ...request.headers, host: `127.0.0.1:${back}` }
  let form = null
  if (reads) {
    form = url.searchParams.toString()
    headers['content-type'] = 'application/x-www-form-urlencoded'
    headers['content-length'] = Buffer.byteLength(form)
  }
  const path = reads ? url.pathname : request.url
  const options = { host: '127.0.0.1', port: back, method: reads ? 'POST' : request.method, path, headers }
  const onward = http.request(options, (answer) => {
    response.writeHead(answer.statusCode, answer.headers)
    answer.pipe(response)
  })
  onward.on('error', () => response.destroy())
  if (reads) onward.end(form)
  else request.pipe(onward)
}).listen(port, '127.0.0.1')

process.on('SIGTERM', () => emulator.close?.().finally(() => process.exit(0)))
