// SD 1.4-sized UNets (float16, 1.7 GB each) as torch.save wrote them against the same as safetensors: opening one, and a
// soup of two, in whole processes in turn, with the sources' hashes cached as on every merge but the first.
//   FEATUREFUSION_PYTHON=…/python node scripts/run-ts.mjs tests/bench/files/pickles.ts FOLDER [RUNS]     FEATUREFUSION_PYTHON has torch and safetensors
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { inWords, measureProcess, median, type Measured } from '../measure/process-tree'
import { writeSyntheticUnets } from '../inputs/synthetic-unets'

const [folder = 'out/bench-data', runs = '3'] = process.argv.slice(2)
const python = process.env['FEATUREFUSION_PYTHON'] ?? 'python3'
const plain = writeSyntheticUnets(resolve(folder), 1)
const made = spawnSync(python, [join('tests/bench/files/pickle_unets.py'), ...plain], { stdio: 'inherit' })
if (made.status !== 0) throw new Error('the files of PyTorch could not be written')
const pickled = plain.map((path) => path.replace(/\.safetensors$/, '.ckpt'))
const cli = resolve('out/main/cli.js')
const output = join(folder, 'soup.safetensors')

const commands: Record<string, (models: readonly string[]) => string[]> = {
  open: ([model]) => [cli, 'open', model!, '--json'],
  soup: ([base, specialist]) => [
    ...[cli, 'merge', '--method', 'soup', '--base', base!, '--specialist', specialist!, '--overwrite', '--out', output],
  ],
}
for (const [name, command] of Object.entries(commands)) {
  const sides = { pickled: [] as Measured[], plain: [] as Measured[] }
  for (const models of [pickled, plain]) spawnSync(process.execPath, command(models))
  for (let run = 0; run < Number(runs); run++) {
    sides.pickled.push(await measureProcess(process.execPath, command(pickled)))
    sides.plain.push(await measureProcess(process.execPath, command(plain)))
  }
  rmSync(output, { force: true })
  const ratio = median(sides.pickled.map(({ seconds }, run) => seconds / sides.plain[run]!.seconds))
  console.log(`${name}  .ckpt        ${inWords(sides.pickled)}`)
  console.log(`${name}  safetensors  ${inWords(sides.plain)}`)
  console.log(`${name}  time .ckpt / safetensors: ${ratio.toFixed(2)}`)
}
