import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { FusionError } from '../../../../../src-main/contract/errors'
import { readSafetensors } from '../../../../../src-main/engine/checkpoint/containers/safetensors'
import { randomFile, seededRandom } from './header-mutations'

/** A Python with safetensors 0.8: FEATUREFUSION_PYTHON=/path/to/python npx vitest run … */
const python = process.env.FEATUREFUSION_PYTHON
const FILES = Number(process.env.FEATUREFUSION_FILES ?? 4000)

const JUDGE = `
import sys, struct, safetensors
data = sys.stdin.buffer.read()
at = 0
while at < len(data):
    (n,) = struct.unpack_from('<I', data, at)
    try:
        safetensors.deserialize(data[at + 4:at + 4 + n])
        print(1)
    except Exception as error:
        print(0, error)
    at += 4 + n
`

describe.skipIf(!python)('the safetensors library', () => {
  const folder = mkdtempSync(join(tmpdir(), 'featurefusion-header-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  it(`accepts and refuses the same ${FILES} files`, { timeout: 300_000 }, async () => {
    const random = seededRandom(Number(process.env.FEATUREFUSION_SEED ?? 1))
    const files = Array.from({ length: FILES }, () => randomFile(random))
    const input = files.flatMap((file) => {
      const length = Buffer.alloc(4)
      length.writeUInt32LE(file.length)
      return [length, file]
    })
    const result = spawnSync(python as string, ['-c', JUDGE], { input: Buffer.concat(input), maxBuffer: 1 << 28 })
    const verdicts = result.stdout.toString().trimEnd().split('\n')
    expect(verdicts).toHaveLength(FILES)
    const path = join(folder, 'x.safetensors')
    const disagreements: string[] = []
    let accepted = 0
    for (const [index, file] of files.entries()) {
      writeFileSync(path, file)
      const ours = await readSafetensors(path).then(
        () => 'accepted',
        (error: unknown) => (error instanceof FusionError && error.kind === 'unsupported' ? 'accepted' : String(error)),
      )
      const theirs = verdicts[index] as string
      if (ours === 'accepted') accepted++
      if ((ours === 'accepted') !== (theirs === '1')) {
        disagreements.push(
          `${Buffer.from(file).toString('latin1').slice(0, 400)}\n  ours: ${ours}\n  theirs: ${theirs}`,
        )
      }
    }
    expect(disagreements.slice(0, 5)).toEqual([])
    expect(accepted).toBeGreaterThan(FILES / 10)
    expect(accepted).toBeLessThan(FILES * 0.9)
    console.log(`${FILES} files, ${accepted} accepted by both`)
  })
})
