import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FusionError } from '../../../../../../src-main/contract/errors'
import { readPickleFile } from '../../../../../../src-main/engine/checkpoint/containers/pickle-file'
import { temporaryFolder } from '../../../merge/models'
import { attacks, bombs } from './attacks'
import { dict, global, legacyFile, list, pickle, reduce, tensor, text, torchFile } from './build-pickles'

/** Ten times what the longest of them takes, for machines that are busy. */
const MOST_SECONDS = 10
/** What a pickle may cost beyond its own bytes. */
const MOST_EXTRA_BYTES = 500e6
const MARKER = '/tmp/featurefusion-attacked'

/** Reads a file as either kind of file of PyTorch holds it. */
function readBoth(data: Buffer): (FusionError | null)[] {
  const path = join(temporaryFolder(), 'a.ckpt')
  return [torchFile(data), legacyFile(data)].map((file) => {
    writeFileSync(path, file)
    const before = process.memoryUsage.rss()
    const started = performance.now()
    try {
      readPickleFile(path)
      return null
    } catch (error) {
      expect(error).toBeInstanceOf(FusionError)
      expect((error as FusionError).kind).not.toBe('internal')
      return error as FusionError
    } finally {
      expect(performance.now() - started).toBeLessThan(MOST_SECONDS * 1000)
      expect(process.memoryUsage.rss() - before).toBeLessThan(MOST_EXTRA_BYTES)
    }
  })
}

describe('pickles that attack who loads them', () => {
  it.each(Object.entries(attacks(`touch ${MARKER}`)))('%s is refused', (_, data) => {
    for (const error of readBoth(data)) expect(error).toBeInstanceOf(FusionError)
    expect(existsSync(MARKER)).toBe(false)
  })

  it('are called by the name of what they would run', () => {
    for (const error of readBoth(attacks('touch x')['os.system by REDUCE']!))
      expect(error).toMatchObject({ kind: 'unsupported', message: expect.stringMatching(/names os\.system/) })
  })
})

it('classes of a training are no attack, whatever its modules are called', () => {
  const classes = [
    'code.models',
    'trace',
    'pytorch_lightning.callbacks',
    'omegaconf.dictconfig',
    'pathlib',
    'functools',
  ]
  const objects = classes.map((module) => reduce(global(module, 'Thing'), text('a')))
  const value = reduce(global('builtins', 'getattr'), global('enum_module', 'Color'), text('RED')) // an Enum of Python 3.11
  const data = pickle(dict({ state_dict: dict({ a: tensor() }), callbacks: list(...objects, value) }))
  expect(readBoth(data)).toEqual([null, null])
})

describe('pickles that grow', () => {
  it.each(Object.entries(bombs()))('%s costs no more than others of its length', (_, data) => {
    readBoth(data)
  })
})
