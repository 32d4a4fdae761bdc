// Aligning SD 1.4-sized UNets (float16) before a merge, against the merge alone: whole processes in turn. The specialists
// are a fine-tune, whose units are in place, and the last one of the files' layers in another order, whose are not.
//   node scripts/run-ts.mjs tests/bench/correlations/align.ts FOLDER [RUNS]      FOLDER holds synthetic-unets.ts' files
import { existsSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { openCheckpoint } from '../../../src-main/engine/checkpoint/open'
import { encodeHeader } from '../../../src-main/engine/checkpoint/containers/safetensors-write'
import { contents, shuffled } from '../../unit/engine/merge/alignment/shuffled-units'
import { openSync, writeSync, closeSync } from 'node:fs'
import { inWords, measureProcess, median, type Measured } from '../measure/process-tree'
import { writeSyntheticUnets } from '../inputs/synthetic-unets'

const [folder = 'out/bench-data', runs = '1'] = process.argv.slice(2)
const [base, tuned] = writeSyntheticUnets(resolve(folder), 1) as [string, string]
const cli = resolve('out/main/cli.js')
const output = join(folder, 'aligned.safetensors')
const moved = join(folder, 'synthetic-shuffled.safetensors')
if (!existsSync(moved)) await writeShuffled(tuned, moved)

/** The same network with all hidden units in other places. */
async function writeShuffled(from: string, to: string): Promise<void> {
  const { components } = await openCheckpoint(from)
  const unet = components.get('unet')!
  const tensors = [...contents(shuffled(unet))].map(([name, bytes]) => {
    const { shape, stored } = unet.tensors.get(name)!
    return { name, shape, bytes, elementType: stored.elementType, byteLength: bytes.byteLength }
  })
  const file = openSync(to, 'w')
  writeSync(file, encodeHeader(tensors, { format: 'pt' }))
  for (const { bytes } of tensors) writeSync(file, bytes)
  closeSync(file)
}

async function merge(specialist: string, align: boolean): Promise<Measured> {
  const options = ['--method', 'weighted-sum', '--base', base, '--specialist', `${specialist}@0.5`]
  const measured = await measureProcess(process.execPath, [
    cli,
    'merge',
    ...options,
    ...(align ? ['--align'] : []),
    '--out',
    output,
    '--overwrite',
  ])
  rmSync(output)
  return measured
}

for (const [words, specialist] of [
  ['a fine-tune', tuned],
  ['a shuffled fine-tune', moved],
] as const) {
  await merge(specialist, false)
  const plain: Measured[] = []
  const aligned: Measured[] = []
  for (let run = 0; run < Number(runs); run++) {
    plain.push(await merge(specialist, false))
    aligned.push(await merge(specialist, true))
  }
  const ratios = aligned.map(({ seconds }, run) => seconds / plain[run]!.seconds)
  console.log(`${words}: plain    ${inWords(plain)}`)
  console.log(`${words}: aligned  ${inWords(aligned)}`)
  console.log(`${words}: time aligned / plain: ${median(ratios).toFixed(2)}`)
  console.log(
    aligned[0]!.output
      .split('\n')
      .filter((line) => line.startsWith('Note:'))
      .join('\n'),
  )
}
