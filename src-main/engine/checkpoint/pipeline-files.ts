import { chmod, copyFile, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FusionError } from '../../contract/errors'
import type { Checkpoint } from './checkpoint'

/** Weights in any of the forms in which they lie beside configs, and their indexes. */
const WEIGHTS = /\.(safetensors|bin|ckpt|pt|pth|msgpack|h5|onnx|onnx_data|pb)$|\.index(\.[\w-]+)?\.json$/

/**
 * Writes what a diffusers folder holds beside the weights of the base's components: configs, tokenizer, scheduler, and
 * parts that the program does not model (safety checker, feature extractor), copied from the base.
 * @returns the files written, absolute
 * @throws FusionError 'unsupported' for a base that has none of it (a single file)
 */
export async function writePipelineFiles(base: Checkpoint, folder: string): Promise<string[]> {
  if (base.layout !== 'diffusers-pipeline' && base.layout !== 'diffusers-component') {
    throw new FusionError('unsupported', `${base.path} is a single file: it has no configs for a diffusers folder.`, {
      hint: 'Use --layout same or single-file, or a diffusers folder as base.',
    })
  }
  const written = await copyTree(base.path, folder, new Set(base.components.keys()), true)
  for (const [name, { config, tensors }] of base.components) {
    const own = [...tensors.values()].every(({ stored }) => stored.path.startsWith(base.path))
    if (own || config === null) continue
    const path = join(folder, name, 'config.json')
    await writeFile(path, `${JSON.stringify(config, null, 2)}\n`)
    written.push(path)
  }
  return written
}

async function copyTree(from: string, to: string, modelled: ReadonlySet<string>, top: boolean): Promise<string[]> {
  const written: string[] = []
  await mkdir(to, { recursive: true })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (entry.name.startsWith('.')) continue
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) {
      written.push(...(await copyTree(source, target, modelled.has(entry.name) ? modelled : new Set(), false)))
      continue
    }
    // Weights of parts that are not modelled are copied; those of components have been written.
    const inComponent = top || modelled.size > 0
    if (inComponent && WEIGHTS.test(entry.name)) continue
    await copyFile(source, target)
    // A copy of a read-only file would be read-only too, and could not be flushed or replaced.
    await chmod(target, 0o644)
    written.push(target)
  }
  return written
}
