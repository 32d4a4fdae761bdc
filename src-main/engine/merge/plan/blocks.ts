import { denoiserName, denoiserNamed, denoiserOf } from '../../checkpoint/denoisers'
import type { DenoiserBlocks } from '../../checkpoint/denoisers/denoiser'
import type { Checkpoint, ComponentName } from '../../checkpoint/model/checkpoint'
import { isDenoiser } from '../../../contract/values/denoisers'

/** Everything outside the numbered blocks of the denoiser: embeddings of time and conditions, and the text encoders. */
const BASE_BLOCK = 'BASE'
/** Other mergers have no block for it, since they merge no VAE by blocks. */
const VAE_BLOCK = 'VAE'

/** The blocks by which the field's mergers weigh a model: those of its denoiser, and BASE. */
export class Blocks {
  /** All labels, in network order. */
  readonly labels: readonly string[]

  private constructor(private readonly numbered: DenoiserBlocks) {
    this.labels = [BASE_BLOCK, ...numbered.labels]
  }

  /** The blocks of a checkpoint's denoiser; of one without a denoiser, those that every network has. */
  static of(checkpoint: Pick<Checkpoint, 'components'>): Blocks {
    const names = denoiserOf(checkpoint)?.tensors.keys() ?? []
    return new Blocks(denoiserNamed(denoiserName(checkpoint)).blocks(names))
  }

  /** The block of a tensor. */
  blockOf(component: ComponentName, name: string): string {
    if (component === 'vae') return VAE_BLOCK
    return (isDenoiser(component) ? this.numbered.blockOf(name) : undefined) ?? BASE_BLOCK
  }
}
