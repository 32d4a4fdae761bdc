import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pathsInArguments } from '../../../src-main/desktop/open-paths'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'open-'))
  for (const name of ['a.fusion.json', 'b c.safetensors', 'other.json']) writeFileSync(join(folder, name), '')
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('what was double-clicked', () => {
  it('takes projects and checkpoints that are there, relative ones too', () => {
    const args = ['--demo', '.', 'a.fusion.json', join(folder, 'b c.safetensors'), 'other.json', 'gone.safetensors']
    expect(pathsInArguments(args, folder)).toEqual([join(folder, 'a.fusion.json'), join(folder, 'b c.safetensors')])
  })

  it('takes no option for a path', () => {
    writeFileSync(join(folder, '--x.safetensors'), '')
    expect(pathsInArguments(['--x.safetensors'], folder)).toEqual([])
  })
})
