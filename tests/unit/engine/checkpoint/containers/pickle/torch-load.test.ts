import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { FusionError } from '../../../../../../src-main/contract/errors'
import { readPickleFile } from '../../../../../../src-main/engine/checkpoint/containers/pickle-file'
import { readSafetensors } from '../../../../../../src-main/engine/checkpoint/containers/safetensors'
import { readBytes } from '../../../../../../src-main/engine/checkpoint/containers/stored-values'

/** A Python with torch and safetensors: FEATUREFUSION_PYTHON=/path/to/python npx vitest run … */
const python = process.env['FEATUREFUSION_PYTHON']
const FILES = Number(process.env['FEATUREFUSION_FILES'] ?? 300)

describe.skipIf(!python)('torch.load(weights_only=True)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'featurefusion-torch-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  it(`gives the same names, types, shapes and bytes of ${FILES} files`, { timeout: 600_000 }, async () => {
    const seed = process.env['FEATUREFUSION_SEED'] ?? '1'
    const script = resolve(__dirname, 'fixtures/random_files.py')
    const made = spawnSync(python as string, [script, folder, String(FILES), seed], { encoding: 'utf8' })
    expect(made.status, made.stderr).toBe(0)
    const verdicts = JSON.parse(readFileSync(join(folder, 'verdicts.json'), 'utf8')) as boolean[]
    let both = 0
    for (const [index, theyRead] of verdicts.entries()) {
      const path = join(folder, `${index}.pt`)
      let own
      try {
        own = readPickleFile(path)
      } catch (error) {
        expect(error).toBeInstanceOf(FusionError)
        // What is undamaged is read; of damaged files we may refuse more.
        expect(index >= FILES / 2, `${path}: ${(error as FusionError).message}`).toBe(true)
        continue
      }
      if (!theyRead) continue
      both++
      const theirs = await readSafetensors(join(folder, `${index}.safetensors`))
      const named = new Map(theirs.tensors.map((one) => [one.name, one]))
      expect(own.tensors.map(({ name }) => name).sort()).toEqual([...named.keys()].sort())
      for (const one of own.tensors) {
        const other = named.get(one.name)!
        expect([one.elementType, one.shape], one.name).toEqual([other.elementType, other.shape])
        expect(Buffer.from(readBytes(one)).equals(Buffer.from(readBytes(other))), `${path} ${one.name}`).toBe(true)
      }
    }
    expect(both).toBeGreaterThanOrEqual(FILES / 2)
  })
})
