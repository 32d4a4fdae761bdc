// The interface in a real Chromium through `serve`, against issue 5's limits: first paint, script per input on an
// overview of 700 layers × 8 specialists, P of 1280 × 10240 against its bare matrix product, memory. Linux only.
//   npm run build && node scripts/run-ts.mjs tests/bench/window/interface.ts [paint] [first] [memory] [overview] [pictures] [matrix]
import { loadavg } from 'node:os'
import { chromium, type Browser, type Locator, type Page } from '@playwright/test'
import config from '../../../playwright.config'
import { IDLE_MS } from '../../../src-main/app/jobs/compute-supervisor'
import { GraphBuilder } from '../../../src-main/engine/graph/onnx-builder'
import { createSession } from '../../../src-main/engine/runtime/session'
import { Studio } from '../../e2e/support/pages/studio'
import { StudioServer } from '../../e2e/support/studio-server'
import { median, residentBytes, sampleTree } from '../measure/process-tree'
import { scriptTimes, type ScriptTime } from './script-time'
import { writeSyntheticProject, type SyntheticLayers } from '../inputs/synthetic-layers'

const LOADS = 7
const OVERVIEW = { models: 9, layers: 700, rows: 8, inputs: 8 }
const MATRIX = { models: 8, layers: 1, rows: 1280 }
/** A linear layer of Stable Diffusion 1, whose product leaves least time for everything else, and a convolution. */
const MATRIX_INPUTS = [1280, 11_520]
/** Looks at the same matrix, the first of which opens the models. */
const CLICKS = 5
const JOB_TIMEOUT = 120_000
const MB = 1e6

interface Bench {
  browser: Browser
  page: Page
  server: StudioServer
  studio: Studio
}

const browser = await chromium.launch(config.use!.launchOptions)
const parts: Record<string, () => Promise<void>> = {
  paint: firstPaint,
  first: firstStart,
  memory: memoryOfTheDemo,
  overview,
  pictures,
  matrix: async () => {
    for (const inputs of MATRIX_INPUTS) await matrix(inputs)
  },
}
const chosen = process.argv.slice(2)
try {
  for (const [name, part] of Object.entries(parts)) if (chosen.length === 0 || chosen.includes(name)) await part()
} finally {
  await browser.close()
}

/** Prints a figure beside its limit. */
function tell(what: string, value: number, limit: number, unit: string, more = ''): void {
  const verdict = value < limit ? 'ok  ' : 'OVER'
  const load = loadavg()[0]!.toFixed(1)
  console.log(
    `${verdict} ${what}: ${value.toFixed(1)} ${unit} (limit ${limit.toFixed(0)} ${unit}; ${more}load ${load})`,
  )
}

/** A program and a browser of its own for every measurement. */
async function withStudio(act: (bench: Bench) => Promise<void>): Promise<void> {
  const server = await StudioServer.start()
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
  try {
    const page = await context.newPage()
    await page.goto(server.url)
    await act({ browser, page, server, studio: new Studio(page) })
  } finally {
    await context.close()
    await server.stop()
  }
}

/** The first start ever: until every card of the demo shows its picture. Each load is a first start. */
async function firstStart(): Promise<void> {
  const times: number[] = []
  for (let load = 0; load < LOADS; load++) {
    const server = await StudioServer.start({ isFirst: true })
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    const page = await context.newPage()
    await page.goto(server.url)
    const shown = await page.waitForFunction(() => {
      const pictures = [...document.querySelectorAll<HTMLImageElement>('.cards img')]
      const all = pictures.length > 1 && pictures.length === document.querySelectorAll('.cards > li').length
      return all && pictures.every(({ complete, naturalWidth }) => complete && naturalWidth > 0)
        ? performance.now()
        : null
    })
    times.push((await shown.jsonValue())!)
    await context.close()
    await server.stop()
  }
  const words = `median of ${LOADS}, slowest ${max(times).toFixed(0)}; `
  tell('first start, all pictures of the demo', median(times), 1000, 'ms', words)
}

async function firstPaint(): Promise<void> {
  const server = await StudioServer.start()
  const times: number[] = []
  for (let load = 0; load < LOADS; load++) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    const page = await context.newPage()
    await page.goto(server.url)
    await page.getByRole('heading', { level: 1 }).waitFor()
    const paint = await page.waitForFunction(
      () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null,
    )
    times.push((await paint.jsonValue())!)
    await context.close()
  }
  await server.stop()
  tell('first contentful paint', median(times), 1000, 'ms', `median of ${LOADS}, slowest ${max(times).toFixed(0)}; `)
}

/** Host and compute process, when they have worked and wait. */
async function memoryOfTheDemo(): Promise<void> {
  await withStudio(async ({ studio, server }) => {
    const report = (when: string): void => {
      const host = residentBytes(server.pid) / MB
      const both = sampleTree(server.pid).bytes / MB
      tell(`host and idle compute process ${when}`, both, 250, 'MB', `host alone ${host.toFixed(0)}; `)
    }
    await studio.ask('project.demo', {})
    await inspectAll(studio)
    report("right after the demo's inspect")
    await studio.goTo('Preview')
    await studio.preview.steps.fill('4')
    await studio.preview.steps.press('Control+Enter')
    await studio.preview.picture('merge').last().waitFor({ timeout: JOB_TIMEOUT })
    await untilIdle(studio)
    report('right after previews, their model still loaded')
    await studio.page.waitForTimeout(IDLE_MS + 5000)
    report('two minutes after previews')
  })
}

async function overview(): Promise<void> {
  await withStudio(async (bench) => {
    const { browser, page, studio } = bench
    await openSynthetic(bench, OVERVIEW)
    await inspectAll(studio)
    const hovering = (): Promise<ScriptTime[]> =>
      scriptTimes(browser, page, 'pointermove', () => hover(page, studio.inspect.overview))
    tellScript('hover over 700 layers × 8 specialists', await hovering())
    const smaller = page.getByRole('button', { name: 'Smaller rows' })
    while (await smaller.isEnabled()) await smaller.click()
    tellScript('hover with the smallest rows', await hovering())
    await studio.goTo('Tune')
    const dragging = (): Promise<void> => drag(page, studio.tune.slider('specialist 3'))
    const sliding = await scriptTimes(browser, page, 'pointermove', dragging)
    if ((await studio.tune.weight('specialist 3').inputValue()) === '1') throw new Error('The slider did not move.')
    tellScript('slider with 700 layers × 8 specialists', sliding)
  })
}

/** A grid of 5 × 5 weights on the demo, flipping two of its pictures, and scrolling over 200. */
async function pictures(): Promise<void> {
  await withStudio(async ({ browser, page, studio, server }) => {
    await studio.ask('project.demo', {})
    const { project } = (await studio.ask('app.snapshot', {})).project
    const [, first, second] = project.models.map(({ name }) => name)
    const weights = { kind: 'weight', values: '0..2 in 5' } as const
    const grid = { x: { ...weights, of: first! }, y: { ...weights, of: second! }, z: null }
    const before = processorMs(server.pid)
    const started = performance.now()
    await studio.ask('preview.grid', { grid })
    await untilIdle(studio)
    const seconds = (performance.now() - started) / 1000
    const work = (processorMs(server.pid) - before) / 1000
    tell('a grid of 5 × 5 weights on the demo', seconds, 15, 's', `${work.toFixed(1)} s of the processors; `)

    await studio.goTo('Preview')
    await page.getByRole('radio', { name: 'Grid' }).click()
    await page.locator('main table button').nth(3).click()
    await page.getByRole('radio', { name: 'Flip' }).click()
    await page.getByRole('group', { name: /^Comparison/ }).focus()
    const flips = await flipTimes(page)
    tell('flipping before and after', median(flips), 50, 'ms', `slowest of ${flips.length} ${max(flips).toFixed(0)}; `)
    await page.keyboard.press('Escape')

    const many = {
      x: { kind: 'seed', values: '1-20' },
      y: { kind: 'guidance', values: '1..5 in 10' },
      z: null,
    } as const
    const preview = { ...project.preview, steps: 1 }
    await studio.ask('project.edit', { label: 'Many', edits: [{ type: 'set-preview', preview }] })
    await studio.ask('preview.grid', { grid: many })
    await untilIdle(studio)
    await page.getByText('200 pictures', { exact: true }).last().waitFor()
    await page.evaluate(() => document.addEventListener('scroll', () => undefined, { capture: true }))
    const table = page.locator('main table')
    const scrolling = async (): Promise<void> => {
      await table.hover({ position: { x: 200, y: 100 } })
      for (let step = 0; step < 60; step++) {
        await page.mouse.wheel(0, step < 30 ? 60 : -60)
        await page.waitForTimeout(30)
      }
    }
    tellScript('scrolling over 200 pictures', await scriptTimes(browser, page, 'scroll', scrolling))
  })
}

/** Milliseconds from a key to the frame that shows the other picture. */
async function flipTimes(page: Page): Promise<number[]> {
  await page.evaluate(() => {
    const times: number[] = []
    Object.assign(globalThis, { flipTimes: times })
    addEventListener(
      'keydown',
      ({ timeStamp }) =>
        requestAnimationFrame(() => {
          const channel = new MessageChannel()
          channel.port1.onmessage = () => times.push(performance.now() - timeStamp)
          channel.port2.postMessage(null)
        }),
      { capture: true },
    )
  })
  for (let flip = 0; flip < 21; flip++) {
    await page.keyboard.press('f')
    await page.waitForTimeout(50)
  }
  return page.evaluate(() => (globalThis as unknown as { flipTimes: number[] }).flipTimes)
}

/**
 * The first picture is the draft in full: one row in eight, about an entry for every pixel across. The limit is its; the
 * whole matrix at the screen's resolution comes after it.
 */
async function matrix(inputs: number): Promise<void> {
  await withStudio(async (bench) => {
    const { browser, page, studio, server } = bench
    await openSynthetic(bench, { ...MATRIX, inputs })
    await inspectAll(studio)
    const product = await timeProduct(inputs)
    await studio.inspect.chooseFirstLayer(0)
    const times: Record<'draft' | 'matrix', number[]> = { draft: [], matrix: [] }
    const work: number[] = []
    for (let click = 0; click < CLICKS; click++) {
      if (click > 0) await studio.inspect.closeMatrix()
      await watchPictures(page)
      const before = processorMs(server.pid)
      await studio.inspect.openMatrix()
      await studio.inspect.wholeMatrix.waitFor({ timeout: JOB_TIMEOUT })
      const seen = await pictureTimes(page)
      times.draft.push(seen.draft ?? seen.matrix)
      times.matrix.push(seen.matrix)
      await untilIdle(studio)
      work.push(processorMs(server.pid) - before)
    }
    const name = `P of ${MATRIX.rows} × ${MATRIX.models * MATRIX.rows}, ${inputs} inputs`
    const more = `product ${product.toFixed(0)}, median of ${CLICKS}; `
    const of = (values: readonly number[]): string => `first click ${values[0]!.toFixed(0)}, ${more}`
    const limit = 1.5 * product + 150
    tell(`${name}, click to the first picture`, median(times.draft), limit, 'ms', of(times.draft))
    const computing = `${median(work).toFixed(0)} of the processor, `
    tell(`${name}, click to the whole matrix`, median(times.matrix), limit, 'ms', computing + of(times.matrix))
    const { heap, resident } = await rendererMemory(browser, page)
    tell('renderer, resident, with it open', resident / MB, 300, 'MB', `script heap ${(heap / MB).toFixed(0)}; `)
  })
}

/** Milliseconds of base · modelᵀ for every model, the median of some runs. */
async function timeProduct(inputs: number): Promise<number> {
  const { rows, models } = MATRIX
  const graph = new GraphBuilder('product')
  const base = graph.input('base', 'F32', [rows, inputs])
  const model = graph.input('model', 'F32', [rows, inputs])
  graph.output('product', graph.node('Gemm', [base, model], { transB: 1 }), 'F32', [rows, rows])
  const session = await createSession(graph.toBytes(), { provider: 'cpu' })
  const values = { data: Float32Array.from({ length: rows * inputs }, (_, i) => Math.sin(i)), dims: [rows, inputs] }
  const into = { product: { data: new Float32Array(rows * rows), dims: [rows, rows] } }
  const times: number[] = []
  for (let run = 0; run < 4; run++) {
    const started = performance.now()
    for (let other = 0; other < models; other++) await session.run({ base: values, model: values }, into)
    times.push(performance.now() - started)
  }
  await session.release()
  // The first one warms up.
  return median(times.slice(1))
}

/** Notes when a draft and the matrix itself were drawn in full, counted from the next click. */
async function watchPictures(page: Page): Promise<void> {
  await page.evaluate(() => {
    const times: Record<string, number> = {}
    let clicked = 0
    Object.assign(globalThis, { pictureTimes: times })
    addEventListener('click', (event) => (clicked = event.timeStamp), { capture: true, once: true })
    // It changes with the frame that it tells of.
    new MutationObserver((_, observer) => {
      const shown = document.querySelector<HTMLElement>('[data-shown]')?.dataset['shown'] ?? 'nothing'
      if (shown !== 'nothing') times[shown] ??= performance.now() - clicked
      if (shown === 'matrix') observer.disconnect()
    }).observe(document, { subtree: true, childList: true, attributeFilter: ['data-shown'] })
  })
}

/** No draft where the matrix came first. */
function pictureTimes(page: Page): Promise<{ draft?: number; matrix: number }> {
  return page.evaluate(
    () => (globalThis as unknown as { pictureTimes: { draft?: number; matrix: number } }).pictureTimes,
  )
}

/** Of the host and the compute process. */
function processorMs(pid: number): number {
  return sampleTree(pid).cpu * 1000
}

async function rendererMemory(browser: Browser, page: Page): Promise<{ heap: number; resident: number }> {
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable')
  const { metrics } = await session.send('Performance.getMetrics')
  const heap = metrics.find(({ name }) => name === 'JSHeapUsedSize')!.value
  const { processInfo } = await (await browser.newBrowserCDPSession()).send('SystemInfo.getProcessInfo')
  // Chromium keeps a spare one, which is smaller.
  const renderers = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => residentBytes(id))
  return { heap, resident: max(renderers) }
}

/** Both are held to the limit: a clock that is over while the work is not tells of a busy machine. */
function tellScript(what: string, times: readonly ScriptTime[]): void {
  for (const [kind, values] of [
    ['by the clock', times.map(({ wall }) => wall)],
    ['of work', times.map(({ cpu }) => cpu)],
  ] as const) {
    const more = `${values.length} events, median ${median(values).toFixed(1)}; `
    tell(`script ${kind} of the slowest event, ${what}`, max(values), 16, 'ms', more)
  }
}

/** Moves over many cells, a frame or two for each. */
async function hover(page: Page, map: Locator): Promise<void> {
  const box = (await map.boundingBox())!
  for (let step = 0; step < 120; step++) {
    const x = box.x + box.width * (0.4 + 0.5 * (((step * 7) % 60) / 60))
    await page.mouse.move(x, box.y + (box.height * (step + 0.5)) / 120)
    await page.waitForTimeout(30)
  }
}

async function drag(page: Page, thumb: Locator): Promise<void> {
  await thumb.scrollIntoViewIfNeeded()
  const box = (await thumb.boundingBox())!
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]
  await page.mouse.move(x, y)
  await page.mouse.down()
  for (let step = 1; step <= 60; step++) {
    await page.mouse.move(x - 60 * Math.sin(step / 6), y)
    await page.waitForTimeout(50)
  }
  await page.mouse.up()
}

async function openSynthetic({ studio, server }: Bench, size: SyntheticLayers): Promise<void> {
  await studio.ask('project.open', { path: await writeSyntheticProject(server.folder, size) })
}

/** Computes the overview through the interface, and shows it layer by layer. */
async function inspectAll(studio: Studio): Promise<void> {
  const { layers } = await studio.ask('models.layers', {})
  await studio.goTo('Inspect')
  await studio.inspect.compute.click()
  await studio.inspect.progress(layers.length).waitFor({ timeout: JOB_TIMEOUT })
  await studio.inspect.rows('Layers')
  await untilIdle(studio)
}

async function untilIdle(studio: Studio): Promise<void> {
  for (;;) {
    const { jobs } = await studio.ask('jobs.list', {})
    if (jobs.every(({ state }) => state !== 'queued' && state !== 'running')) return
    await studio.page.waitForTimeout(50)
  }
}

function max(values: readonly number[]): number {
  return Math.max(...values)
}
