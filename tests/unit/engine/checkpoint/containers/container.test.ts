import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { WeightsContainer } from '../../../../../src-main/engine/checkpoint/containers/container'
import { TensorReader } from '../../../../../src-main/engine/checkpoint/containers/tensor-reader'
import { unet } from '../../../../../src-main/engine/checkpoint/denoisers/unet'
import { denoiserFile } from '../../../../../src-main/engine/checkpoint/formats/denoiser-file'
import { openCheckpoint } from '../../../../../src-main/engine/checkpoint/open'
import { stateOf } from '../../../../../src-main/engine/files/reading/file-state'

const folder = mkdtempSync(join(tmpdir(), 'featurefusion-container-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A container of our own: a text that names nothing, then the numbers of every tensor. */
function writeContainer(path: string, tensors: Record<string, readonly [shape: number[], values: number[]]>) {
  const heading = Buffer.from('no safetensors header')
  const data = Object.values(tensors).map(([, values]) => Buffer.from(Float32Array.from(values).buffer))
  writeFileSync(path, Buffer.concat([heading, ...data]))
  const found = statSync(path, { bigint: true })
  let offset = heading.byteLength
  const container: WeightsContainer = {
    file: { path, size: Number(found.size), state: stateOf(found) },
    metadata: { 'modelspec.title': 'of our own' },
    leftAside: [],
    tensors: Object.entries(tensors).map(([name, [shape]], index) => {
      const byteLength = data[index]!.byteLength
      const stored = { name, elementType: 'F32' as const, shape, path, offset, byteLength }
      offset += byteLength
      return stored
    }),
  }
  return container
}

describe('a container that is not safetensors', () => {
  it('is a model by its names and shapes, and its weights are read', async () => {
    const path = join(folder, 'unet.container')
    const container = writeContainer(path, {
      'conv_in.weight': [
        [1, 4, 1, 1],
        [1, 2, 3, 4],
      ],
      'time_embedding.linear_1.weight': [[1, 1], [5]],
      'down_blocks.0.resnets.0.conv1.weight': [
        [1, 1, 1, 2],
        [6, 7],
      ],
    })
    const opened = await denoiserFile(unet).open(container)
    expect(opened).toMatchObject({
      path,
      layout: 'unet-file',
      metadata: { 'modelspec.title': 'of our own' },
      extras: [],
    })
    const view = opened!.components.get('unet')!.tensors.get('down_blocks.0.resnets.0.conv1.weight')!
    const reader = new TensorReader(opened!.files)
    const values = new Float32Array(2)
    reader.read(view.stored, view.start, new Uint8Array(values.buffer))
    reader.close()
    expect([...values]).toEqual([6, 7])
  })
})

it('says of a file in a component’s folder what it is, as of a file alone', async () => {
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'
  const component = join(folder, 'pointer', 'unet')
  mkdirSync(component, { recursive: true })
  writeFileSync(join(component, 'diffusion_pytorch_model.safetensors'), pointer)
  for (const path of [component, join(folder, 'pointer')]) {
    await expect(openCheckpoint(path)).rejects.toMatchObject({
      kind: 'unsupported',
      message: expect.stringContaining('is a Git LFS pointer') as string,
    })
  }
})
