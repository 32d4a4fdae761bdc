import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Page } from '@playwright/test'
import { projectSchema } from '../../../src-main/contract/document/project'
import { readParameters } from '../../../src-main/engine/image/png'
import { VIEWS } from '../support/pages/studio'
import { expect, test } from '../support/studio-test'

const DEMO = resolve('resources/demo')
/** Each would run, or add an element, if it were taken for markup: as a folder's name, without a slash, as well. */
const NAMES = {
  base: '<img src=x onerror=window.attacked=1>',
  first: '"><svg onload=window.attacked=1>&lt;b&gt;',
  second: `'}}{{constructor.constructor("window.attacked=1")()}}<i>`,
  long: `${'W'.repeat(150)}\u05d0\u200f<u>`,
} as const
const PROMPT = `</script></textarea><script>window.attacked=1</script><img src=x onerror="window.attacked=1">`
const CAPTION = `</title><iframe srcdoc="<script>parent.attacked=1</script>"></iframe>, in the style of <b>`

/** A family of models whose every name, metadata, prompt and caption is markup. */
async function family(folder: string): Promise<string> {
  const places = { base: 'base', first: 'food', second: 'flat', long: 'travel' } as const
  for (const [key, source] of Object.entries(places)) {
    const place = join(folder, NAMES[key as keyof typeof NAMES])
    await cp(join(DEMO, source), place, { recursive: true })
    await withMetadata(join(place, 'unet', 'diffusion_pytorch_model.safetensors'))
  }
  await evaluationData(join(folder, 'data'))
  const [base, ...specialists] = Object.values(NAMES)
  const project = projectSchema.parse({
    format: 'featurefusion-project',
    version: 1,
    models: [
      { name: base, path: join(folder, base!) },
      ...specialists.map((name) => ({ name, path: join(folder, name, 'unet') })),
    ],
    output: { title: PROMPT, license: PROMPT, notes: PROMPT },
    preview: { prompts: [PROMPT], negativePrompt: CAPTION, seeds: [1], steps: 1 },
    evaluation: { data: join(folder, 'data'), pictures: 1 },
  })
  const file = join(folder, 'markup.fusion.json')
  await writeFile(file, JSON.stringify(project))
  return file
}

async function withMetadata(path: string): Promise<void> {
  const file = await readFile(path)
  const length = Number(file.readBigUInt64LE(0))
  const header = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<string, unknown>
  const metadata = { 'modelspec.title': PROMPT, 'modelspec.author': CAPTION, [PROMPT]: CAPTION }
  const text = Buffer.from(JSON.stringify({ ...header, __metadata__: metadata }))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(text.length))
  await writeFile(path, Buffer.concat([size, text, file.subarray(8 + length)]))
}

async function evaluationData(folder: string): Promise<void> {
  await mkdir(folder)
  const description = JSON.parse(await readFile(join(DEMO, 'evaluation', 'evaluation.json'), 'utf8')) as {
    domains: Record<string, { file: string; pictures: { caption: string }[] }>
  }
  const domains = Object.entries(description.domains).slice(0, 2)
  for (const [, { file, pictures }] of domains) {
    await cp(join(DEMO, 'evaluation', file), join(folder, file))
    for (const picture of pictures) picture.caption = CAPTION
  }
  const named = domains.map(([, domain], index) => [`${NAMES.base} ${index}`, domain])
  await writeFile(
    join(folder, 'evaluation.json'),
    JSON.stringify({ ...description, domains: Object.fromEntries(named) }),
  )
}

/** No script ran, no element came from a text, and nothing is wider than its place. */
async function expectHarmless(page: Page, view: string): Promise<void> {
  await page.screenshot({ path: `test-results/markup/${view}.png` })
  const found = await page.evaluate(() => ({
    attacked: (window as { attacked?: unknown }).attacked,
    injected: [...document.querySelectorAll('iframe, img[src="x"], [onerror], [onload], body script')].map(
      ({ outerHTML }) => outerHTML,
    ),
    wide: [...document.querySelectorAll('html, main, aside')]
      .filter((element) => element.scrollWidth > element.clientWidth)
      .map(({ tagName }) => tagName),
  }))
  expect(found, view).toEqual({ attacked: undefined, injected: [], wide: [] })
}

test('markup in names, prompts, captions and metadata is shown as text', async ({ studio, server, page }) => {
  test.setTimeout(300_000)
  const file = await family(server.folder)
  await studio.ask('project.open', { path: file })
  const { evaluate } = studio

  await test.step('Models', async () => {
    await studio.goTo('Models')
    for (const name of Object.values(NAMES)) await expect(page.getByText(name, { exact: true }).first()).toBeVisible()
    await expect(studio.models.cards).toHaveCount(4)
    await expectHarmless(page, 'models')
  })

  await test.step('Inspect, with a matrix', async () => {
    const { networks } = await studio.ask('models.layers', {}).then((found) => ({ networks: found }))
    await studio.goTo('Inspect')
    await studio.inspect.compute.click()
    await expect(studio.inspect.progress(networks.layers.length)).toBeVisible({ timeout: 120_000 })
    await expectHarmless(page, 'inspect-blocks')
    await studio.inspect.rows('Layers')
    await studio.inspect.chooseFirstLayer(0)
    await expect(studio.inspect.details).toContainText(NAMES.first)
    await expectHarmless(page, 'inspect')
    await studio.inspect.openMatrix()
    await expect(studio.inspect.wholeMatrix).toBeVisible()
    await expectHarmless(page, 'matrix')
  })

  await test.step('Tune', async () => {
    await studio.goTo('Tune')
    for (const name of [NAMES.first, NAMES.second]) await expect(studio.tune.row(name)).toBeVisible()
    await expectHarmless(page, 'tune')
  })

  await test.step('Preview', async () => {
    await studio.goTo('Preview')
    await expect(studio.preview.prompts).toHaveValue(PROMPT)
    const { job } = await studio.ask('preview.run', {
      variants: [{ type: 'base' }, { type: 'model', name: NAMES.first }],
    })
    await expect
      .poll(async () => (await studio.ask('jobs.list', {})).jobs.find(({ id }) => id === job.id)?.state, {
        timeout: 120_000,
      })
      .toBe('done')
    await expect(studio.preview.pictures.first()).toBeVisible()
    await expectHarmless(page, 'preview')
    const { pictures } = await studio.ask('preview.history', { limit: 10 })
    const png = await page.request.get(new URL(pictures[0]!.url, page.url()).href)
    expect(readParameters(await png.body())?.prompt).toBe(PROMPT)
  })

  await test.step('Evaluate', async () => {
    await studio.goTo('Evaluate')
    await evaluate.start.click()
    await expect(evaluate.row(NAMES.first).getByRole('cell').first()).toHaveText(/\d/, { timeout: 180_000 })
    await expectHarmless(page, 'evaluate')
    const csv = await evaluate.save('CSV')
    expect(await readFile((await csv.path())!, 'utf8')).toContain(NAMES.base)
  })

  await test.step('Export, and back from its recipe', async () => {
    await studio.goTo('Export')
    await expectHarmless(page, 'export')
    // No file is written under a name with angle brackets; an entity would become one where a text is parsed as HTML.
    const target = join(server.folder, 'merged &lt;img src=x onerror=window.attacked=1&gt;')
    const { job } = await studio.ask('export.start', { path: target, overwrite: false })
    await expect
      .poll(async () => (await studio.ask('jobs.list', {})).jobs.find(({ id }) => id === job.id)?.state, {
        timeout: 120_000,
      })
      .toBe('done')
    await expectHarmless(page, 'exported')
  })

  await test.step('every view, in the other theme', async () => {
    await studio.setTheme('light')
    for (const view of VIEWS) {
      await studio.goTo(view)
      await expectHarmless(page, `light-${view}`)
    }
  })
})
