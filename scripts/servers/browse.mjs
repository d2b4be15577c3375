// A person at a browser: opens an address in headless Chromium, signs in and agrees, and is done when the browser has come back to
// whoever asked. Speaks the DevTools protocol by itself; needs nothing but Node and Chromium.
//
//   node browse.mjs ADDRESS        the address as an argument, as `BROWSER` is given it
//   node browse.mjs -              the address on standard input, where it must not be seen in the process list
//
// BROWSE_USER, BROWSE_PASSWORD  who signs in
// BROWSE_LANDS                  an address with `*` in it that nobody serves; where the browser is sent to it, it is printed and all is done
// BROWSE_DENY=1                 the person says no
// BROWSE_LOG                    a file that gets a line for each step: pages without their query
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const { BROWSE_USER = 'ann', BROWSE_PASSWORD = 'password', BROWSE_LANDS, BROWSE_DENY, BROWSE_LOG } = process.env
const plain = (address) => address.split(/[?#]/)[0]
const log = (line) => BROWSE_LOG && fs.appendFileSync(BROWSE_LOG, `${line}\n`)
const start = process.argv[2] === '-' ? fs.readFileSync(0, 'utf8').trim() : process.argv[2]
log(`opened ${process.argv[2] === '-' ? plain(start) : start}`)

const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'xpost-browse-'))
const chromium = spawn(process.env.CHROMIUM ?? 'chromium', [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--no-proxy-server', '--remote-debugging-address=127.0.0.1', '--remote-debugging-port=0',
  `--user-data-dir=${profile}`, 'about:blank',
], { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
let ending = false
function end(code, why) {
  if (ending) return
  ending = true
  if (why) { console.error(why); log(why) }
  chromium.once('exit', () => { fs.rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }); process.exit(code) })
  try { process.kill(-chromium.pid, 'SIGKILL') } catch { process.exit(code) }
}
setTimeout(() => end(1, 'gave up after 60 s'), 60_000)
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => end(1, signal))
// whoever opened the browser may be gone with his terminal before the browser has shown the last page
process.on('SIGHUP', () => {})
process.stderr.on('error', () => {})

const endpoint = await new Promise((resolve, reject) => {
  let said = ''
  chromium.on('error', reject)
  chromium.stderr.on('data', (bytes) => {
    said += bytes
    const found = /DevTools listening on (ws:\S+)/.exec(said)
    if (found) resolve(found[1])
  })
  chromium.on('exit', () => { if (!ending) reject(new Error(`chromium ended: ${said}`)) })
})
const socket = new WebSocket(endpoint)
await new Promise((resolve) => socket.addEventListener('open', resolve))
let next = 0
const waiting = new Map()
let session
function call(method, params = {}) {
  const id = ++next
  socket.send(JSON.stringify({ id, method, params, ...(session && { sessionId: session }) }))
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject, method }))
}
socket.addEventListener('message', ({ data }) => {
  const { id, result, error, method, params } = JSON.parse(data)
  if (id) {
    const { resolve, reject, method: asked } = waiting.get(id)
    waiting.delete(id)
    return error ? reject(new Error(`${asked}: ${error.message}`)) : resolve(result)
  }
  if (method === 'Fetch.requestPaused') landed(params)
})
async function landed({ requestId, request }) {
  await call('Fetch.fulfillRequest', { requestId, responseCode: 200, body: btoa('landed') }).catch(() => {})
  fs.writeSync(1, `${request.url}\n`)
  log(`landed ${plain(request.url)}`)
  end(0)
}

// runs in the page: types what is asked for and presses the button that leads on
function step(user, password, deny) {
  const seen = (element) => element.getClientRects().length > 0 && !element.disabled
  const type = (input, value) => {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(input, value)
    for (const name of ['input', 'change']) input.dispatchEvent(new Event(name, { bubbles: true }))
  }
  for (const input of [...document.querySelectorAll('input')].filter(seen)) {
    if (input.type === 'password') type(input, password)
    else if (['text', 'email', ''].includes(input.type) && input.name !== 'user_code' && !input.readOnly) type(input, user)
  }
  const buttons = [...document.querySelectorAll('button, input[type=submit], [role=button], a')].filter(seen)
  const label = (button) => (button.innerText || button.value || '').trim()
  const yes = [/^(authorize|accept|allow|agree)\b/i, /^(confirm|continue|sign[- ]in|log ?in|next|submit)\b/i]
  const no = [/abort|cancel|deny|reject/i]
  const found = (deny ? no : yes).map((words) => buttons.find((button) => words.test(label(button)))).find(Boolean)
  found?.click()
  return found ? label(found).split('\n')[0] : ''
}

try {
  const { targetInfos } = await call('Target.getTargets')
  const page = targetInfos.find((target) => target.type === 'page')
  session = (await call('Target.attachToTarget', { targetId: page.targetId, flatten: true })).sessionId
  await call('Page.enable')
  if (BROWSE_LANDS) await call('Fetch.enable', { patterns: [{ urlPattern: BROWSE_LANDS }] })
  await call('Page.navigate', { url: start })
  const home = new URL(start).origin
  for (;;) {
    await sleep(300)
    if (ending) break
    const look = await call('Runtime.evaluate', {
      expression: '({ ready: document.readyState, url: location.href, text: document.body ? document.body.innerText : "" })', returnByValue: true,
    }).catch(() => undefined)
    const { ready, url, text } = look?.result?.value ?? {}
    if (ready !== 'complete' || !text) continue
    // back where it began, or at the end of a device's ceremony
    const back = new URL(url).origin === home && new URL(url).pathname !== '/' && plain(url) !== plain(start) && !/\/(interaction|auth|device|oauth)\b/.test(url)
    if (back || /you can close|sign-in success|signed in on your device|sign-in aborted/i.test(text)) {
      log(`done ${plain(url)}`)
      end(0)
      break
    }
    const pressed = await call('Runtime.evaluate', {
      expression: `(${step})(${JSON.stringify(BROWSE_USER)}, ${JSON.stringify(BROWSE_PASSWORD)}, ${Boolean(BROWSE_DENY) && /consent|authorize|confirm|device/i.test(text)})`,
      returnByValue: true, userGesture: true,
    }).catch(() => undefined)
    if (pressed?.result?.value) {
      log(`pressed ${pressed.result.value} at ${plain(url)}`)
      await sleep(500)
    } else {
      log(`nothing to press at ${plain(url)}: ${text.slice(0, 200).replaceAll('\n', ' | ')}`)
    }
  }
} catch (error) {
  end(1, String(error))
}
