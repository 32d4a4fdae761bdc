import { basename, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { licenceNotices } from '../../../build/licence-notices'
import { productionFolders } from '../../../build/licences-plugin'

const one = { name: 'one', version: '1.0.0', licence: 'MIT', texts: ['MIT\r\nof one'] }

describe('the notices of licences', () => {
  it('list all packages and say each text once', () => {
    const notices = licenceNotices([
      { ...one, name: 'two' },
      one,
      { ...one, name: 'three', licence: 'ISC', texts: ['ISC', 'NOTICE'] },
    ])
    expect(notices).toMatch(/one 1\.0\.0 {2}MIT\nthree 1\.0\.0 {2}ISC\ntwo 1\.0\.0 {2}MIT\n/)
    expect(notices.split('MIT\nof one')).toHaveLength(2)
    expect(notices).toContain('\none 1.0.0\ntwo 1.0.0\n')
    expect(notices).toContain('ISC\n\nNOTICE')
  })

  it.each([
    ['no licence', { ...one, licence: undefined }],
    ['no text', { ...one, texts: [] }],
  ])('are refused for a package with %s', (_what, wrong) => {
    expect(() => licenceNotices([wrong])).toThrow('one 1.0.0')
  })
})

it('production packages are those of the lock file, and no others', () => {
  const names = productionFolders(resolve('.')).map((folder) => basename(folder))
  expect(names).toEqual(expect.arrayContaining(['commander', 'onnxruntime-node', 'onnxruntime-common', 'ws']))
  expect(names).not.toContain('vite')
  expect(names).not.toContain('zod')
})
