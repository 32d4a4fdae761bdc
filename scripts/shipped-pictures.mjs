// Draws the pictures of the demo's models that the program ships, so that its first start shows them at once:
// npm run build && node scripts/shipped-pictures.mjs
// Writes resources/demo/pictures: a PNG for each model, the settings they were drawn with, and a small contact sheet.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, sep } from 'node:path'
import { runnerImport } from 'vite'
import { ROOT } from './ready.mjs'

const DEMO = join(ROOT, 'resources', 'demo')
const PICTURES = join(DEMO, 'pictures')
/** Of contact.png: its cells and the rows and columns that show what each model knows. */
const CELL = 80
const ORIGIN = { x: 68, y: 16 }
const ROWS = [0, 1, 2, 3, 4, 5, 6]
const COLUMNS = [3, 5, 7, 9, 12, 13, 0, 1]
const SHOWN_CELL = 32

const root = mkdtempSync(join(tmpdir(), 'shipped-'))
const server = spawn(process.execPath, [join(ROOT, 'out', 'main', 'cli.js'), 'serve', '--port', '0', '--allow', root], {
  env: { ...process.env, FEATUREFUSION_DATA: join(root, 'data'), FEATUREFUSION_CACHE: join(root, 'cache') },
  stdio: ['ignore', 'pipe', 'inherit'],
})
try {
  const { ask } = await connect(server)
  // None that were drawn before may be taken for those that are drawn now.
  rmSync(PICTURES, { recursive: true, force: true })
  const { project } = await ask('project.demo')
  const cards = await drawn(ask)
  mkdirSync(PICTURES, { recursive: true })
  for (const { path, picture } of cards) {
    const [name] = relative(DEMO, path).split(sep)
    // Not copied: those of the cache are for one person alone.
    const drawnFile = join(root, 'cache', 'featurefusion-cards', picture.url.split('/').at(-1))
    writeFileSync(join(PICTURES, `${name}.png`), readFileSync(drawnFile))
  }
  const { module } = await runnerImport(join(ROOT, 'src-main/app/models/card-pictures.ts'), { logLevel: 'error' })
  writeFileSync(join(PICTURES, 'pictures.json'), `${JSON.stringify(module.cardSettings(project), null, 2)}\n`)
  writeFileSync(join(PICTURES, 'contact.png'), await contactSheet())
} finally {
  server.kill('SIGINT')
  await new Promise((resolve) => server.once('exit', resolve))
  rmSync(root, { recursive: true, force: true })
}

/** What asks the program, once it has said where it is. */
async function connect(served) {
  const address = await new Promise((resolve, reject) => {
    let output = ''
    served.stdout.on('data', (text) => {
      output += text
      const found = /^http:\/\/\S+\/\?token=\S+$/m.exec(output)
      if (found) resolve(new URL(found[0]))
    })
    served.once('exit', () => reject(new Error('The program ended before it said where it is.')))
  })
  const page = await fetch(address, { redirect: 'manual' })
  const cookie = page.headers
    .getSetCookie()
    .map((one) => one.split(';')[0])
    .join('; ')
  const headers = { cookie, origin: address.origin, 'content-type': 'application/json' }
  return {
    async ask(command, input = {}) {
      const url = new URL(`/api/${command}`, address)
      const reply = await (await fetch(url, { method: 'POST', headers, body: JSON.stringify(input) })).json()
      if (!reply.ok) throw new Error(`${command}: ${reply.error.message}`)
      return reply.value
    },
  }
}

async function drawn(ask) {
  for (;;) {
    const { cards } = await ask('models.cards')
    if (cards.length > 0 && cards.every(({ picture }) => picture.source === 'drawn')) return cards
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** The most telling cells of contact.png, small. */
async function contactSheet() {
  const image = async (name) => (await runnerImport(join(ROOT, `src-main/engine/image/${name}.ts`))).module
  const [{ decodePng, encodePng }, { resize }] = [await image('png'), await image('resample')]
  const whole = decodePng(readFileSync(join(DEMO, 'contact.png')))
  const [width, height] = [COLUMNS.length * CELL, ROWS.length * CELL]
  const data = new Uint8Array(width * height * 3).fill(255)
  ROWS.forEach((row, down) =>
    COLUMNS.forEach((column, across) => {
      for (let y = 0; y < CELL; y++) {
        const from = ((ORIGIN.y + row * CELL + y) * whole.width + ORIGIN.x + column * CELL) * 3
        data.set(whole.data.subarray(from, from + CELL * 3), ((down * CELL + y) * width + across * CELL) * 3)
      }
    }),
  )
  const sheet = { width, height, channels: 3, data }
  return encodePng(resize(sheet, COLUMNS.length * SHOWN_CELL, ROWS.length * SHOWN_CELL, 'lanczos'))
}
