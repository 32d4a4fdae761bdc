import { expect, it } from 'vitest'
import { withoutFolders } from '../../../../src-main/engine/checkpoint/mecha-places'

it('leaves names of files alone in recipes of sd-mecha, and files of one name apart', () => {
  const lines = [
    'version 0.1.0',
    'model "/home/me/models/a b.safetensors" model_config="sd1-ldm"',
    'model "C:\\\\models\\\\c \\"x\\".safetensors" model_config="sd1-ldm"',
    'model "/other/a b.safetensors"',
    'model "/home/me/models/a b.safetensors" merge_space="delta"',
    'model "folder/"',
    'merge "weighted_sum" &0 &1 "/kept"',
  ]
  expect(withoutFolders(lines.join('\n')).split('\n')).toEqual([
    'version 0.1.0',
    'model "a b.safetensors" model_config="sd1-ldm"',
    'model "c \\"x\\".safetensors" model_config="sd1-ldm"',
    'model "2/a b.safetensors"',
    'model "a b.safetensors" merge_space="delta"',
    'model "folder"',
    'merge "weighted_sum" &0 &1 "/kept"',
  ])
})

it('ends at once where quotes are not closed', () => {
  const open = `model "${'\\'.repeat(100_001)}`
  expect(withoutFolders(open)).toBe(open)
})
