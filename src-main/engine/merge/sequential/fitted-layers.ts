import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { FusionError } from '../../../contract/errors'
import type { StoredTensor } from '../../checkpoint/containers/container'
import { readSafetensors } from '../../checkpoint/containers/safetensors'
import { encodeHeader } from '../../checkpoint/containers/safetensors-write'
import { SequentialWriter } from '../../checkpoint/containers/sequential-writer'
import { tellDamage } from '../../files/kept/cache-damage'
import { blockChecksums, checksum } from '../../files/kept/checksums'
import { fileKind } from '../../files/writing/target'
import type { Tensor } from '../../runtime/session'
import type { RegressionReport } from '../regression/regression-layer'

const KEY = 'featurefusion_fitted'
const fittedSchema = z.object({
  /** Of every tensor's blocks, and of the rest of this. */
  checksums: z.record(z.string(), z.array(z.string())),
  reports: z.array(
    z.object({
      layer: z.string(),
      rows: z.number(),
      inputs: z.number(),
      columns: z.number(),
      remaining: z.number(),
    }),
  ),
  whole: z.string(),
})

/** Layers that were fitted together: tensors by name, and how far each came. */
export interface FittedSection {
  tensors: ReadonlyMap<string, StoredTensor>
  reports: readonly RegressionReport[]
}

/** Whatever file has the name is one, perhaps a damaged one. */
const FITTED_LAYERS = fileKind('file of fitted layers', async () => true)

/** Files of fitted layers in a folder of their own, one for each section of the network: what a fit continues from. */
export class FittedLayers {
  private readonly found = new Map<number, FittedSection>()

  /** @param folder there, and named by all that the layers depend on */
  constructor(readonly folder: string) {}

  /** The layers of a section; null where they are not fitted yet, or damaged, which is said. */
  async ofSection(section: number): Promise<FittedSection | null> {
    const known = this.found.get(section)
    if (known) return known
    const path = this.pathOf(section)
    try {
      const { metadata, tensors } = await readSafetensors(path)
      const { checksums, reports, whole } = fittedSchema.parse(JSON.parse(metadata[KEY] ?? ''))
      if (whole !== seal(checksums, reports)) throw new RangeError('The checksums are not those of the file.')
      const checked = tensors.map((tensor) => ({ ...tensor, checksums: checksums[tensor.name]! }))
      const fitted = { tensors: new Map(checked.map((tensor) => [tensor.name, tensor])), reports }
      this.found.set(section, fitted)
      return fitted
    } catch (error) {
      if (error instanceof FusionError && error.kind === 'not-found') return null
      tellDamage(path)
      await rm(path, { recursive: true, force: true })
      return null
    }
  }

  /** @param tensors float32 @throws FusionError 'target' */
  async write(
    section: number,
    tensors: Readonly<Record<string, Tensor>>,
    reports: readonly RegressionReport[],
  ): Promise<void> {
    const entries = Object.entries(tensors).map(([name, { data, dims }]) => {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      return { name, elementType: 'F32' as const, shape: [...dims], bytes, byteLength: bytes.byteLength }
    })
    const checksums = Object.fromEntries(entries.map(({ name, bytes }) => [name, blockChecksums(bytes)]))
    const metadata = { [KEY]: JSON.stringify({ checksums, reports, whole: seal(checksums, reports) }) }
    const rule = { kind: FITTED_LAYERS, overwrite: true }
    const room = encodeHeader(entries, metadata).byteLength
    const writer = await SequentialWriter.create(this.pathOf(section), rule, room)
    try {
      for (const entry of entries) writer.add(entry)
      await writer.finish(metadata)
    } catch (error) {
      await writer.discard()
      throw error
    }
  }

  private pathOf(section: number): string {
    return join(this.folder, `${section}.safetensors`)
  }
}

function seal(checksums: Readonly<Record<string, readonly string[]>>, reports: readonly RegressionReport[]): string {
  return checksum(Buffer.from(JSON.stringify([Object.entries(checksums).sort(), reports])))
}
