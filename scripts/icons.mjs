// node scripts/icons.mjs: draws the program's icon (src-renderer/icon.svg) in the sizes and containers that packages need,
// into build/icons, and the window's. The results are committed; electron-builder would download a tool to make them.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from '@playwright/test'
import { ensureChromium } from './chromium.mjs'
import { ROOT } from './ready.mjs'

const SIZES = [16, 24, 32, 48, 64, 128, 256, 512, 1024]
const WINDOW_SIZE = 512
/** Windows: all in one file, each as a PNG; a byte of size has no room for more than 256. */
const ICO_SIZES = [16, 24, 32, 48, 64, 128, 256]
/** macOS: the type of an entry says its size; those from ic11 on are for screens of twice the density. */
const ICNS_TYPES = {
  icp4: 16,
  icp5: 32,
  ic07: 128,
  ic08: 256,
  ic09: 512,
  ic10: 1024,
  ic11: 32,
  ic12: 64,
  ic13: 256,
  ic14: 512,
}

const folder = join(ROOT, 'build', 'icons')
mkdirSync(folder, { recursive: true })
const pictures = await draw(readFileSync(join(ROOT, 'src-renderer', 'icon.svg'), 'utf8'))
for (const [size, png] of pictures) writeFileSync(join(folder, `${size}x${size}.png`), png)
writeFileSync(join(ROOT, 'resources', 'icon', 'icon.png'), pictures.get(WINDOW_SIZE))
writeFileSync(join(folder, 'icon.ico'), ico(ICO_SIZES.map((size) => [size, pictures.get(size)])))
writeFileSync(
  join(folder, 'icon.icns'),
  icns(Object.entries(ICNS_TYPES).map(([type, size]) => [type, pictures.get(size)])),
)

async function draw(svg) {
  const executablePath = ensureChromium()
  const browser = await chromium.launch(executablePath ? { executablePath } : {})
  try {
    const page = await browser.newPage()
    const made = new Map()
    for (const size of SIZES) {
      await page.setViewportSize({ width: size, height: size })
      await page.setContent(
        `<style>body { margin: 0 } svg { display: block; width: 100vw; height: 100vh }</style>${svg}`,
      )
      made.set(size, await page.screenshot({ omitBackground: true }))
    }
    return made
  } finally {
    await browser.close()
  }
}

function ico(entries) {
  const head = Buffer.alloc(6 + 16 * entries.length)
  head.writeUInt16LE(1, 2)
  head.writeUInt16LE(entries.length, 4)
  let offset = head.length
  for (const [index, [size, png]] of entries.entries()) {
    const at = 6 + 16 * index
    head[at] = head[at + 1] = size % 256
    head.writeUInt16LE(1, at + 4)
    head.writeUInt16LE(32, at + 6)
    head.writeUInt32LE(png.length, at + 8)
    head.writeUInt32LE(offset, at + 12)
    offset += png.length
  }
  return Buffer.concat([head, ...entries.map(([, png]) => png)])
}

function icns(entries) {
  const parts = entries.flatMap(([type, png]) => [icnsHead(type, png.length), png])
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([icnsHead('icns', length), ...parts])
}

function icnsHead(type, length) {
  const head = Buffer.alloc(8)
  head.write(type, 'latin1')
  head.writeUInt32BE(8 + length, 4)
  return head
}
