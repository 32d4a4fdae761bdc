import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { createPinia } from 'pinia'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createSSRApp, type App, type Component } from 'vue'
import { renderToString } from 'vue/server-renderer'
import { readSafetensors } from '../../../src-main/engine/checkpoint/containers/safetensors'
import type * as cliMergeModule from '../../../src-main/cli/commands/merging/merge'
import type * as impossibleModule from '../../../src-main/contract/methods/impossible'
import type * as wordsModule from '../../../src-main/contract/methods/words'
import type * as projectModule from '../../../src-main/contract/document/project'
import type * as compareMethodsModule from '../../../src-main/engine/evaluate/compare/compare-methods'
import type * as bridgeModule from '../../../src-renderer/bridge/bridge'
import type * as projectStoreModule from '../../../src-renderer/features/project/project-store'
import type * as sharesModule from '../../../src-renderer/features/tune/shares'
import type * as mergesModule from '../../golden-runner/ops/merges'
import type * as runCasesModule from '../../golden-runner/run-cases'
import { CLIP_VOCABULARY, readModel, temporaryFolder, tensor, writeModel } from '../engine/merge/models'

/**
 * A method that is added as CONTRIBUTING says, to a copy of the sources: a file of data, a file of arithmetic, and a line
 * in each index. Nothing else of the copy is changed.
 */
const DATA = `import type { MethodDescriptor } from './descriptor'

export const madeUp = {
  name: 'made-up',
  title: 'Made up',
  summary: 'Adds the squares of all changes.',
  reference: null,
  family: 'changes',
  kind: 'elementwise',
  result: { kind: 'changes', addedTo: 0 },
  specialists: { least: 1, most: 3 },
  needs: null,
  parameters: [
    {
      kind: 'number',
      key: 'bendFactor',
      label: 'Bend factor',
      hint: 'How far changes bend.',
      help: 'how far changes bend',
      default: 2,
      range: { min: -10, max: 10 },
      step: 0.5,
    },
  ],
  leaderboard: [{ name: 'made up, bent', settings: { bendFactor: 6 }, perSpecialist: ['bendFactor'] }],
} as const satisfies MethodDescriptor
`
const ARITHMETIC = `import { madeUp as descriptor } from '../../../contract/methods/made-up'
import type { ElementwiseMethod } from './method'

export const madeUp = {
  ...descriptor,
  start: ({ weights: [, ...weights], settings: { bendFactor } }) => ({
    scans: [],
    apply({ base, others }, into) {
      for (let i = 0; i < base.length; i++) {
        into[i] = base[i]! + bendFactor * others.reduce((sum, own, m) => sum + weights[m]! * (own[i]! - base[i]!) ** 2, 0)
      }
    },
  }),
} satisfies ElementwiseMethod
`

const copy = mkdtempSync(join(tmpdir(), 'featurefusion-new-method-'))
const { FEATUREFUSION_CACHE: cacheBefore } = process.env

beforeAll(() => {
  for (const folder of ['src-main', 'src-renderer', 'tests/golden-runner'])
    cpSync(folder, join(copy, folder), { recursive: true })
  symlinkSync(resolve('node_modules'), join(copy, 'node_modules'), 'junction')
  const methods = join(copy, 'src-main/contract/methods')
  const arithmetic = join(copy, 'src-main/engine/merge/methods')
  writeFileSync(join(methods, 'made-up.ts'), DATA)
  writeFileSync(join(arithmetic, 'made-up.ts'), ARITHMETIC)
  list(join(methods, 'index.ts'), '  dareTies,\n', '  madeUp,\n')
  list(join(arithmetic, 'index.ts'), "  'dare-ties': dareTies,\n", "  'made-up': madeUp,\n")
  process.env['FEATUREFUSION_CACHE'] = join(copy, 'cache')
})
afterAll(() => {
  if (cacheBefore === undefined) delete process.env['FEATUREFUSION_CACHE']
  else process.env['FEATUREFUSION_CACHE'] = cacheBefore
  rmSync(copy, { recursive: true, force: true })
})
afterEach(() => vi.restoreAllMocks())

/** Adds a line, and its import, to an index. */
function list(path: string, after: string, line: string): void {
  const text = readFileSync(path, 'utf8')
  expect(text.split(after)).toHaveLength(2)
  writeFileSync(path, `import { madeUp } from './made-up'\n${text.replace(after, after + line)}`)
}

function fromCopy<Module>(path: string): Promise<Module> {
  return import(/* @vite-ignore */ join(copy, path)) as Promise<Module>
}

async function mergeCommand(): Promise<Command> {
  const { addMergeCommand } = await fromCopy<typeof cliMergeModule>('src-main/cli/commands/merging/merge.ts')
  const program = new Command()
  addMergeCommand(program, { workerFile: null, clipVocabulary: CLIP_VOCABULARY })
  return program
}

describe('a new method', () => {
  it("is in the command line's help, its parameter too", async () => {
    const help = (await mergeCommand()).commands[0]!.helpInformation().replaceAll(/\s+/g, ' ')
    expect(help).toMatch(/--method <name> .*"made-up"/)
    expect(help).toContain('--bend-factor <number> how far changes bend (Made up)')
  })

  const BASE = [1, 2, -3, 0]
  const [FIRST, SECOND] = [
    [1.5, 2, -2, 0.25],
    [1, 4, -3, -1],
  ]

  /** Merges by the command line. */
  async function merge(...options: string[]): Promise<{ values: number[]; recipe: Record<string, unknown> }> {
    const folder = temporaryFolder()
    const [base, first, second] = [BASE, FIRST, SECOND].map((values, index) =>
      writeModel(join(folder, `${index}.safetensors`), { 'layer.weight': tensor([2, 2], values) }),
    )
    const out = join(folder, 'merged.safetensors')
    const models = ['--base', base!, '--specialist', `a=${first}`, '--specialist', `b=${second}@0.5`]
    for (const stream of ['stdout', 'stderr'] as const) vi.spyOn(process[stream], 'write').mockReturnValue(true)
    const program = await mergeCommand()
    await program.parseAsync(['merge', ...models, '--method', 'made-up', '--out', out, ...options], { from: 'user' })
    vi.restoreAllMocks()
    expect(process.exitCode ?? 0).toBe(0)
    const { metadata } = await readSafetensors(out)
    return {
      values: [...(await readModel(out)).get('layer.weight')!.values],
      recipe: JSON.parse(metadata['featurefusion.recipe']!) as Record<string, unknown>,
    }
  }

  it.each([
    [[], 2],
    [['--bend-factor', '3'], 3],
  ])('merges by its own arithmetic, and is in the recipe (options %j)', async (options, bendFactor) => {
    const { values, recipe } = await merge(...options)
    const squares = BASE.map((own, i) => (FIRST[i]! - own) ** 2 + 0.5 * (SECOND[i]! - own) ** 2)
    expect(values).toEqual(BASE.map((own, i) => own + bendFactor * squares[i]!))
    expect(recipe).toMatchObject({ method: 'made-up', settings: { bendFactor } })
    expect(Object.keys(recipe['settings'] as object)).toEqual(['bendFactor'])
  })

  it('is compared with goldens that have its name', async () => {
    const { runCase } = await fromCopy<typeof runCasesModule>('tests/golden-runner/run-cases.ts')
    const { mergeOps } = await fromCopy<typeof mergesModule>('tests/golden-runner/ops/merges.ts')
    const golden = (values: readonly number[]) => ({
      dtype: 'F32' as const,
      shape: [4],
      values: () => Float64Array.from(values),
    })
    const outcome = (merged: readonly number[]) =>
      runCase(
        {
          id: 'made-up',
          op: 'merge_method',
          params: { method: 'made_up', models: 2, weights: [2], bendFactor: -1 },
          inputs: { weight_0: golden(BASE), weight_1: golden(FIRST) },
          outputs: { weight: golden(merged) },
        },
        undefined as never,
        mergeOps,
      )
    const merged = BASE.map((own, i) => own - 2 * (FIRST[i]! - own) ** 2)
    expect(await outcome(merged)).toEqual({ status: 'passed' })
    expect(await outcome(BASE)).toMatchObject({ status: 'failed' })
  })

  it('has fields in the panel, and its own sentences there', async () => {
    const { bridgeKey } = await fromCopy<typeof bridgeModule>('src-renderer/bridge/bridge.ts')
    const { useProject } = await fromCopy<typeof projectStoreModule>('src-renderer/features/project/project-store.ts')
    const { wrongCount } = await fromCopy<typeof impossibleModule>('src-main/contract/methods/impossible.ts')
    const pinia = createPinia()
    const appOf = async (file: string): Promise<App> =>
      createSSRApp((await fromCopy<{ default: Component }>(`src-renderer/features/tune/method/${file}.vue`)).default)
        .provide(bridgeKey, { client: { invoke: () => new Promise(() => {}) } } as never)
        .use(pinia)
    const [line, settings] = [await appOf('MethodLine'), await appOf('MethodSettings')]
    const project = useProject(pinia)
    const { projectSchema } = await fromCopy<typeof projectModule>('src-main/contract/document/project.ts')
    project.state = {
      revision: 1,
      project: projectSchema.parse({
        format: 'featurefusion-project',
        version: 1,
        models: ['base', 'a', 'b', 'c', 'd'].map((name) => ({ name, path: name })),
        method: { name: 'made-up', bendFactor: 7 },
      }),
    } as never
    const html = await renderToString(settings)
    expect(await renderToString(line)).toMatch(/<option value="made-up"[^>]*>\s*Made up\s*<\/option>/)
    expect(html).toContain('Adds the squares of all changes.')
    expect(html).toContain('Every change of weights runs this method again in full')
    expect(wrongCount(project.method, 4)?.message).toContain('Made up takes at most 3 specialists')
    expect(html).toMatch(/<input value="7"[^>]*aria-label="Bend factor"/)
    expect(html).toContain('How far changes bend.')
    for (const other of ['Density', 'Statistics', 'Contributions']) expect(html).not.toContain(`>${other}<`)
  })

  it('has shares, a name in words, and a row in the leaderboard', async () => {
    const { sharesOfWeights, shareWords } = await fromCopy<typeof sharesModule>('src-renderer/features/tune/shares.ts')
    const { comparedRows } = await fromCopy<typeof compareMethodsModule>(
      'src-main/engine/evaluate/compare/compare-methods.ts',
    )
    const { methodWords } = await fromCopy<typeof wordsModule>('src-main/contract/methods/words.ts')
    const { projectSchema } = await fromCopy<typeof projectModule>('src-main/contract/document/project.ts')
    const models = ['base', 'a', 'b', 'c'].map((name) => ({ name, path: name, weight: name === 'b' ? 0.3 : 1 }))
    const project = projectSchema.parse({ format: 'featurefusion-project', version: 1, models })
    expect(sharesOfWeights(project.models, 'made-up' as never).map(shareWords)).toContain('b changes at 30\u00a0%')
    const row = comparedRows(project).find(({ name }) => name === 'made up, bent')
    expect(row?.merge?.method).toMatchObject({ name: 'made-up', bendFactor: 2 })
    expect(methodWords({ ...project.method, name: 'made-up', bendFactor: 5 } as never)).toBe('Made up, bend factor 5')
  })
})
