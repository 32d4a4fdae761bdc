import { expect, it } from 'vitest'
import { modelNames } from '../../../../src-main/contract/document/names/model-names'

const namesOf = (paths: string[], taken?: string[]): string[] =>
  modelNames(
    paths.map((path) => ({ path })),
    taken,
  )

it.each([
  ['/m/style.safetensors', 'style'],
  ['/m/style.v2.safetensors', 'style.v2'],
  ['/m/epoch=10-step=1000.safetensors', 'epoch=10-step=1000'],
  ['/m/model@2', 'model@2'],
  ['/m/style/unet', 'style'],
  ['/m/style/unet/', 'style'],
  ['/m/style/transformer', 'style'],
  ['/m/style/text_encoder_2', 'style'],
  ['/m/style/diffusion_pytorch_model.safetensors', 'style'],
  ['/m/style/unet/diffusion_pytorch_model.fp16.safetensors', 'style'],
  ['/m/style/diffusion_pytorch_model-00001-of-00002.safetensors', 'style'],
  ['/m/style/model.safetensors', 'style'],
  ['/m/style/vae/model.fp16.safetensors', 'style'],
  ['C:\\m\\style\\unet', 'style'],
  ['/m/models', 'models'],
  ['/unet', 'unet'],
  ['/model.safetensors', 'model'],
])('%s is %s', (path, name) => expect(namesOf([path])).toEqual([name]))

it('tells apart what is named alike by more of the path', () => {
  expect(namesOf(['/m/a/unet', '/m/b/unet'])).toEqual(['a', 'b'])
  expect(namesOf(['/m/a/style', '/m/b/style.safetensors', '/m/c'])).toEqual(['a/style', 'b/style', 'c'])
  expect(namesOf(['/m/x/a/style', '/m/y/a/style'])).toEqual(['x/a/style', 'y/a/style'])
  expect(namesOf(['/m/a/style'], ['style'])).toEqual(['a/style'])
  expect(namesOf(['/a/s', '/a/s', '/s'], ['s'])).toEqual(['a/s', 'a/s 2', 's 2'])
})

it('leaves names that were given as they are', () => {
  expect(modelNames([{ name: 'x/y.safetensors', path: '/m/a' }, { path: '/m/a' }])).toEqual(['x/y.safetensors', 'a'])
  expect(modelNames([{ name: 'a', path: '/m/z' }, { path: '/m/a' }])).toEqual(['a', 'm/a'])
})
