// Extraction of a LoRA of rank 32 from an SD 1.4-sized UNet (float16, diffusers' names): ours against PyTorch's
// svd_lowrank(q = rank + 8, niter = 2) layer by layer. Whole processes in turn, files read from and written to the disk.
// Python's imports are left out of its time; ours is given with the start of the process and, as the command itself says
// it, without. Then errors of both against the best possible for every 8th layer.
//   FEATUREFUSION_PYTHON=…/python node scripts/run-ts.mjs tests/bench/adapters/extract.ts FOLDER [RUNS [no-errors]]
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { encodeHeader } from '../../../src-main/engine/checkpoint/containers/safetensors-write'
import { MatrixProducts } from '../../../src-main/engine/linear-algebra/matrix-products'
import { TorchGenerator } from '../../../src-main/engine/random'
import { elementCount } from '../../../src-main/engine/tensor/element-type'
import { FloatEncoder } from '../../../src-main/engine/tensor/float-encoder'
import { SD14_UNET, unetShapes } from '../../unit/engine/checkpoint/network-shapes'
import { inWords, measureProcess, median, type Measured } from '../measure/process-tree'

const RANK = 32
/** Of the fine-tune's main part, which gets smaller from direction to direction; noise comes on top. */
const CHANGED_RANK = 48
const MODULES = /\.weight$/

const [folder = 'out/bench-data', runs = '3', errors = 'errors'] = process.argv.slice(2)
const python = process.env['FEATUREFUSION_PYTHON'] ?? 'python3'
mkdirSync(folder, { recursive: true })
const base = join(folder, 'extract-base.safetensors')
const specialist = join(folder, 'extract-specialist.safetensors')
if (!existsSync(specialist)) await writeModels()

const results = { ours: join(folder, 'extract-ours.safetensors'), torch: join(folder, 'extract-torch.safetensors') }
const models = ['--base', base, '--specialist', specialist]
const naming = ['--format', 'peft', '--include', 'unet', '--overwrite', '--out', results.ours]
const ours = [resolve('out/main/cli.js'), 'extract', ...models, '--rank', String(RANK), ...naming]
const torch = [join('tests/bench/adapters/torch_svd_lowrank.py'), base, specialist, results.torch, String(RANK)]
const measured: { ours: Measured[]; torch: Measured[] } = { ours: [], torch: [] }
for (let run = 0; run < Number(runs); run++) {
  rmSync(results.ours, { force: true })
  measured.ours.push(await measureProcess(process.execPath, ours))
  const theirs = await measureProcess(python, torch)
  measured.torch.push({ ...theirs, seconds: Number(/seconds (\S+)/.exec(theirs.output)![1]) })
}
const ratio = (secondsOf: (run: Measured) => number): string =>
  median(measured.ours.map((run, index) => secondsOf(run) / measured.torch[index]!.seconds)).toFixed(2)
const working = ({ output }: Measured): number => Number(/ in (\S+) s/.exec(output)![1])
console.log(`ours         ${inWords(measured.ours)}`)
console.log(`svd_lowrank  ${inWords(measured.torch)} (time without imports)`)
console.log(`time ours / svd_lowrank: ${ratio(working)} without the start, ${ratio(({ seconds }) => seconds)} with it`)
const check = [join('tests/bench/adapters/lora_errors.py'), base, specialist, results.ours, results.torch, String(RANK)]
if (errors === 'errors') console.log(spawnSync(python, check, { encoding: 'utf8' }).stdout)

/** A base of random weights, and what a fine-tune may make of it. */
async function writeModels(): Promise<void> {
  const tensors = [...unetShapes(SD14_UNET)].map(([name, shape]) => {
    return { name, shape, elementType: 'F16' as const, byteLength: elementCount(shape) * 2 }
  })
  const header = encodeHeader(tensors, {})
  const files = [base, specialist].map((path) => ({ path, descriptor: openSync(`${path}.partial`, 'w') }))
  for (const { descriptor } of files) writeSync(descriptor, header)
  const encoder = new FloatEncoder()
  const products = new MatrixProducts()
  const noise = new TorchGenerator(1).randn(30_000_000)
  let position = header.byteLength
  for (const [index, { name, shape, byteLength }] of tensors.entries()) {
    const count = elementCount(shape)
    const rows = shape[0]!
    const columns = count / rows
    const scale = 1 / Math.sqrt(columns)
    const values = noise.slice(index, index + count).map((value) => value * scale)
    const write = (model: number): void => {
      encoder.encode(values, 'F16', (at, bytes) =>
        writeSync(files[model]!.descriptor, bytes, 0, bytes.byteLength, position + at),
      )
    }
    write(0)
    if (MODULES.test(name) && shape.length > 1) {
      const generator = new TorchGenerator(1000 + index)
      const left = generator.randn(rows * CHANGED_RANK)
      left.forEach((value, at) => (left[at] = value / (1 + (at % CHANGED_RANK))))
      const right = { data: generator.randn(columns * CHANGED_RANK), rows: CHANGED_RANK, columns }
      const { data } = await products.multiply({ data: left, rows, columns: CHANGED_RANK }, right)
      const offset = 2_000_000 + 101 * index
      for (let i = 0; i < count; i++)
        values[i]! += scale * (0.05 * data[i]! + 0.02 * noise[(offset + i) % noise.length]!)
    }
    write(1)
    position += byteLength
  }
  await products.release()
  for (const { path, descriptor } of files) {
    closeSync(descriptor)
    renameSync(`${path}.partial`, path)
  }
}
