import { open } from 'node:fs/promises'
import { extname } from 'node:path'
import { FusionError } from '../../../contract/errors'
import type { Checkpoint, StoredTensor } from '../checkpoint'
import { unreadable } from '../file-errors'

const PICKLE_EXTENSIONS = ['.ckpt', '.pt', '.pth', '.bin']
const LORA = /\.(?:lora_(?:up|down|A|B)|hada_w[12]_[ab]|lokr_w[12]|lora_mid)(?:\.|$)|[._]lora\.(?:up|down)\./
const SCALED_FP8 = /(?:^|\.)(?:scaled_fp8|scale_weight|scale_input|weight_scale|input_scale)$/

/**
 * Refuses files that are known and not safetensors.
 *
 * @throws FusionError 'unsupported', naming the format; 'unreadable'
 */
export async function refuseOtherFile(path: string): Promise<void> {
  const start = await firstBytes(path, 8)
  const magic = start.toString('latin1')
  if (magic.startsWith('GGUF')) throw unsupported(path, 'a GGUF file')
  if (magic.startsWith('PK\x03\x04') || PICKLE_EXTENSIONS.includes(extname(path).toLowerCase())) {
    throw unsupported(path, 'a PyTorch pickle (.ckpt), which is not supported yet')
  }
}

/**
 * Refuses tensors that cannot be merged for what they are.
 *
 * @throws FusionError 'unsupported' for LoRA files and scaled fp8, naming a tensor
 */
export function refuseTensors(path: string, { components, extras }: Pick<Checkpoint, 'components' | 'extras'>): void {
  const check = ({ name }: Pick<StoredTensor, 'name'>) => {
    if (LORA.test(name)) throw unsupported(path, 'a LoRA, which is not supported yet', name)
    if (SCALED_FP8.test(name)) throw unsupported(path, 'a model in scaled fp8', name)
  }
  extras.forEach(check)
  for (const { tensors } of components.values()) for (const { stored } of tensors.values()) check(stored)
}

async function firstBytes(path: string, length: number): Promise<Buffer> {
  try {
    const handle = await open(path)
    try {
      const buffer = Buffer.alloc(length)
      const { bytesRead } = await handle.read(buffer, 0, length, 0)
      return buffer.subarray(0, bytesRead)
    } finally {
      await handle.close()
    }
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

function unsupported(path: string, what: string, tensor?: string): FusionError {
  return new FusionError('unsupported', `${path} is ${what}.`, {
    ...(tensor !== undefined && { detail: `Tensor ${tensor}` }),
    hint: 'Use the whole model as float16, bfloat16 or float32 safetensors.',
  })
}
