import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { projectSchema } from '../../../../src-main/contract/document/project'
import { RECIPE_KEY } from '../../../../src-main/engine/checkpoint/describe'
import { readSafetensors } from '../../../../src-main/engine/checkpoint/containers/safetensors'
import { temporaryFolder, tensor, writeModel } from '../../engine/merge/models'
import { BuiltCli } from '../built-cli'

const MINUTES = 180_000

describe('featurefusion recipe', () => {
  let cli: BuiltCli
  beforeAll(async () => {
    cli = await BuiltCli.build()
  }, MINUTES)
  afterAll(() => cli.remove())

  it(
    'makes a project of an export, which is a model that is the export, and reads a recipe that was sent',
    async () => {
      const { at, base, specialists } = tinyModels()
      const given = specialists.flatMap((path) => ['--specialist', path])
      const merge = ['merge', '--base', base, ...given, '--method', 'soup', '--out', at('merged.safetensors')]
      expect(await cli.run(...merge)).toMatchObject({ code: 0 })
      const told = await cli.run('recipe', at('merged.safetensors'), '--out', at('made.fusion.json'))
      expect(told).toMatchObject({ code: 0, stdout: expect.stringMatching(/Written .*made\.fusion\.json/) as string })
      expect(told.stdout).not.toMatch(/not found/i)
      expect(await cli.run('convert', at('made.fusion.json'), '--out', at('again.safetensors'))).toMatchObject({
        code: 0,
      })
      expect(weights(at('again.safetensors')).equals(weights(at('merged.safetensors')))).toBe(true)

      const { metadata } = await readSafetensors(at('merged.safetensors'))
      writeFileSync(at('sent.json'), metadata[RECIPE_KEY]!)
      const sent = await cli.run('recipe', at('sent.json'), '--json')
      const { project, missing } = JSON.parse(sent.stdout) as { project: unknown; missing: string[] }
      expect(missing).toEqual([])
      expect(projectSchema.parse(project).models.map(({ path }) => path)).toEqual([base, ...specialists])
    },
    MINUTES,
  )

  it(
    'refuses files without a recipe, damaged recipes, and another ending than that of a project',
    async () => {
      const { at, base } = tinyModels()
      const none = await cli.run('recipe', base)
      expect(none).toMatchObject({ code: 1, stderr: expect.stringMatching(/has no recipe of this program/) as string })
      writeFileSync(at('wrong.json'), '{"format": "featurefusion-recipe"}')
      const wrong = await cli.run('recipe', at('wrong.json'))
      expect(wrong).toMatchObject({ code: 1, stderr: expect.stringMatching(/wrong\.json cannot be read/) as string })
      expect(await cli.run('recipe', base, '--out', 'x.json')).toMatchObject({ code: 2 })
    },
    MINUTES,
  )

  it(
    'reads recipes of other programs, and refuses what does not exist here by its name',
    async () => {
      const { at, base, specialists } = tinyModels()
      const config = 'merge_method: slerp\nbase_model: base.safetensors\nmodels: [{model: one.safetensors}]\n'
      writeFileSync(at('mergekit_config.yml'), `${config}parameters: {t: 0.25}`)
      const told = await cli.run('recipe', at('mergekit_config.yml'), '--out', at('made.fusion.json'))
      expect(told).toMatchObject({ code: 0, stdout: expect.stringContaining('SLERP, mergekit') as string })
      expect(told.stdout).toContain(`one, weight 0.25: ${specialists[0]!}`)
      expect(await cli.run('merge', at('made.fusion.json'), '--out', at('merged.safetensors'))).toMatchObject({
        code: 0,
      })
      expect(told.stdout).toContain(base)

      writeFileSync(at('own.mecha'), 'version 0.1.0\nmodel "base.safetensors"\nmerge "rotate" &0 &0')
      const refused = await cli.run('recipe', at('own.mecha'))
      expect(refused).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/“rotate” is none of the methods here/) as string,
      })
    },
    MINUTES,
  )
})

function tinyModels() {
  const folder = temporaryFolder()
  const at = (name: string): string => join(folder, name)
  const [base, ...specialists] = ['base', 'one', 'two'].map((name, index) =>
    writeModel(at(`${name}.safetensors`), { 'layer.weight': tensor([2, 2], [index, 1, 2, 3 * index]) }),
  ) as [string, string, string]
  return { at, base, specialists }
}

/** The tensors of a file, without its metadata. */
function weights(path: string): Buffer {
  const file = readFileSync(path)
  return file.subarray(8 + Number(file.readBigUInt64LE(0)))
}
