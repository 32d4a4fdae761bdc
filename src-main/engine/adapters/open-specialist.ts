import { FusionError } from '../../contract/errors'
import type { AdapterStrengths, Reading } from '../../contract/document/project'
import type { SourceFile } from '../checkpoint/containers/container'
import type { Checkpoint } from '../checkpoint/model/checkpoint'
import { openCheckpoint } from '../checkpoint/open'
import { openAdapter, type Adapter } from './adapter-file'
import { applyAdapter } from './apply-adapter'

/** What opening a specialist needs beside its path. */
export interface SpecialistOptions extends Reading {
  /** Of an adapter; absent: 1. */
  strengths?: AdapterStrengths | undefined
}

/**
 * Opens a model, or an adapter as the model that it makes of a base.
 * @param base asked for where the path is an adapter's
 * @throws FusionError 'incompatible' for an adapter that does not fit the base; 'validation' for strengths of a model that
 * is no adapter; whatever opening throws
 */
export async function openSpecialist(
  path: string,
  base: () => Promise<Checkpoint>,
  { strengths, ...reading }: SpecialistOptions = {},
): Promise<Checkpoint> {
  const opened = await openEither(path, reading)
  if ('modules' in opened) return applyAdapter(opened, await base(), strengths ?? { unet: 1, textEncoder: 1 })
  if (strengths === undefined) return opened
  throw new FusionError('validation', `${path} is a whole model: strengths are for adapters (LoRA and the like).`, {
    hint: 'Give it a weight instead.',
  })
}

/** The files of a model or an adapter, from headers alone. @throws whatever opening throws */
export async function filesOfModel(path: string): Promise<SourceFile[]> {
  return (await openEither(path)).files
}

/** Opens a model, or an adapter by itself. @throws whatever opening throws */
export async function openEither(path: string, reading?: Reading): Promise<Checkpoint | Adapter> {
  try {
    return await openCheckpoint(path, reading)
  } catch (error) {
    // Asked second: models, whose headers are long, are opened once.
    if (!(error instanceof FusionError) || error.kind !== 'unsupported') throw error
    const adapter = await openAdapter(path)
    if (adapter) return adapter
    throw error
  }
}
