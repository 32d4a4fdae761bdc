import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, parse } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { loadProject, type ModelOptions } from '../../../src-main/cli/options/model-options'
import { SCORERS } from '../../../src-main/contract/evaluate/scores/scorers'
import { projectSchema } from '../../../src-main/contract/document/project'
import { readProject, writeProject } from '../../../src-main/project/project-file'
import { pathsOf } from '../../../src-main/contract/document/names/project-paths'
import { mapEditPaths } from '../../../src-main/project/paths'

const folder = mkdtempSync(join(tmpdir(), 'project-'))
afterAll(() => rmSync(folder, { recursive: true }))

const NO_OPTIONS: ModelOptions = {
  specialist: [],
  strengths: [],
  blockWeights: [],
  layerWeights: [],
  transposed: [],
  groups: [],
}

/** A project that names every path that one can name, each below `at`. */
function projectAt(at: (name: string) => string) {
  return projectSchema.parse({
    format: 'featurefusion-project',
    version: 1,
    models: ['base', 'first'].map((name) => ({ name, path: at(`models/${name}.safetensors`) })),
    method: { calibration: at('inputs.safetensors') },
    output: { path: at('merged'), vae: at('vae.safetensors') },
    evaluation: {
      data: at('pictures'),
      scores: { promptFile: at('prompts.txt') },
      scorers: Object.fromEntries([...SCORERS, 'aestheticClip'].map((name) => [name, at(`scorers/${name}`)])),
    },
  })
}

const inFolder = (name: string): string => join(folder, name)
const asIs = (name: string): string => name

it('names paths below its folder relative to it, and only there', async () => {
  const file = inFolder('a.fusion.json')
  await writeProject(file, projectAt(inFolder), false)
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(projectAt(asIs))
  const elsewhere = join(parse(folder).root, 'elsewhere')
  await writeProject(
    file,
    projectAt((name) => join(elsewhere, name)),
    true,
  )
  expect(await readProject(file)).toEqual(projectAt((name) => join(elsewhere, name)))
})

it('is read with absolute paths, whatever the working folder, by window and command line alike', async () => {
  mkdirSync(inFolder('below'))
  const file = inFolder('below/b.fusion.json')
  writeFileSync(file, JSON.stringify(projectAt((name) => `../${name}`)))
  expect(await readProject(file)).toEqual(projectAt(inFolder))
  expect(await loadProject(file, NO_OPTIONS)).toEqual(projectAt(inFolder))
})

it.each([
  ['[1', /not a project file: it is not JSON/],
  ['[]', /not a project file of this program/],
  ['{"format":"featurefusion-project","version":2,"models":[]}', /not a project file of this program/],
])('refuses %s with one message in window and command line', async (text, message) => {
  const file = inFolder('bad.fusion.json')
  writeFileSync(file, text)
  for (const read of [() => readProject(file), () => loadProject(file, NO_OPTIONS)]) {
    await expect(read()).rejects.toMatchObject({
      kind: 'malformed',
      message: expect.stringMatching(message),
      detail: expect.stringMatching(/./),
      hint: expect.stringMatching(/newer version/),
    })
  }
})

it('maps every path of edits as it maps those of a project', async () => {
  const { models, method, output, evaluation } = projectAt(asIs)
  const edits = await mapEditPaths(
    [
      { type: 'add-models', models: [{ path: models[0]!.path }] },
      { type: 'set-model', name: 'first', model: models[1]! },
      { type: 'set-method', method },
      { type: 'set-output', output },
      { type: 'set-evaluation', evaluation },
      { type: 'remove-model', name: 'first' },
    ],
    async (path) => inFolder(path),
  )
  const mapped = projectAt(inFolder)
  expect(edits).toEqual([
    { type: 'add-models', models: [{ path: mapped.models[0]!.path }] },
    { type: 'set-model', name: 'first', model: mapped.models[1]! },
    { type: 'set-method', method: mapped.method },
    { type: 'set-output', output: mapped.output },
    { type: 'set-evaluation', evaluation: mapped.evaluation },
    { type: 'remove-model', name: 'first' },
  ])
  expect(pathsOf(mapped)).toHaveLength(13)
})
