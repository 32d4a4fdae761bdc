import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { LibraryListing } from '../../../../src-main/contract/library'
import { DataLock } from '../../../../src-main/app/files/data-lock'
import { put, putText, SHAPES } from '../../engine/library/library-trees'
import { BuiltCli, type Ended } from '../built-cli'

let cli: BuiltCli
let root: string
beforeAll(async () => {
  cli = await BuiltCli.build()
  root = mkdtempSync(join(tmpdir(), 'featurefusion-library-cli-'))
  process.env['FEATUREFUSION_DATA'] = join(root, 'data')
  process.env['HF_HUB_CACHE'] = join(root, 'hub')
  put(root, 'webui/models/Stable-diffusion/dream.safetensors')
  put(root, 'webui/models/Lora/Style one.safetensors', SHAPES.lora)
  put(root, 'webui/models/Lora/style two.safetensors', SHAPES.sdxlLora)
  putText(root, 'webui/models/Lora/broken.safetensors', '<html>')
}, 120_000)
afterAll(() => {
  delete process.env['FEATUREFUSION_DATA']
  delete process.env['HF_HUB_CACHE']
  cli.remove()
  rmSync(root, { recursive: true, force: true })
})

function library(...args: string[]): Promise<Ended> {
  return cli.run('library', ...args)
}

async function names(...args: string[]): Promise<string[]> {
  const { code, stdout } = await library(join(root, 'webui'), '--json', ...args)
  expect(code, stdout).toBe(0)
  return (JSON.parse(stdout) as LibraryListing).entries.map(({ name }) => name)
}

it('lists in a table, with what cannot be read below it', async () => {
  const { code, stdout } = await library(join(root, 'webui'))
  expect(code).toBe(0)
  const [header, ...rows] = stdout.split('\n')
  expect(header).toMatch(/^name +kind +base +size +modified +hash +path$/)
  expect(rows[0]).toMatch(/^dream +Checkpoint +SD 1\.x /)
  expect(rows[1]).toMatch(/^Style one +LoRA, rank 8 +SD 1\.x /)
  expect(rows[2]).toMatch(/^style two +LoRA, rank 16 +SDXL /)
  expect(stdout).toMatch(/Unreadable:\n {2}.*broken\.safetensors is a web page/)
  expect(stdout).toMatch(/4 of 4 models in .*webui \(A1111's web UI\)\.\n$/)
}, 60_000)

it('filters, searches and sorts', async () => {
  expect(await names('--kind', 'adapter')).toEqual(['Style one', 'style two'])
  expect(await names('--kind', 'adapter', '--kind', 'unreadable')).toEqual(['broken', 'Style one', 'style two'])
  expect(await names('--base', 'sdxl')).toEqual(['style two'])
  expect(await names('--base', 'unknown')).toEqual(['broken'])
  expect(await names('--search', 'STYLE sdxl')).toEqual(['style two'])
  expect(await names('--search', 'dream lora')).toEqual([])
  expect((await names('--sort', 'size'))[0]).toBe('dream')
  expect((await library('--kind', 'nothing')).code).toBe(2)
}, 60_000)

it('computes hashes once, and finds models by them', async () => {
  const hashed = JSON.parse((await library(join(root, 'webui'), '--hash', '--kind', 'adapter', '--json')).stdout) as {
    entries: { sha256: string; shortHash: string }[]
  }
  const [{ sha256, shortHash }] = hashed.entries as [{ sha256: string; shortHash: string }]
  expect(sha256).toMatch(/^[0-9a-f]{64}$/)
  expect(shortHash).toBe(sha256.slice(0, 10))
  expect(await names('--search', shortHash)).toEqual(['Style one'])
}, 60_000)

it('keeps folders for the next time, but not while another program has the settings', async () => {
  const none = await library()
  expect(none).toMatchObject({ code: 1, stderr: expect.stringMatching(/no folders yet/) })
  const lock = await DataLock.acquire(join(root, 'data'), 'a test', { hint: '' })
  expect(await library(join(root, 'webui'), '--remember')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/a test/),
  })
  await lock.release()
  expect((await library(join(root, 'webui'), '--remember')).code).toBe(0)
  expect((await library()).stdout).toMatch(/4 of 4 models/)
  put(root, 'hub/models--org--name/snapshots/0/a.safetensors', SHAPES.lora)
  expect((await library()).stdout).toMatch(/5 of 5 models in .*Hugging Face's cache/)
}, 60_000)

it('says which folder cannot be listed, and fails where none can', async () => {
  const nothing = join(root, 'nothing')
  expect(await library(nothing)).toMatchObject({ code: 1, stderr: expect.stringMatching(/nothing is not there/) })
  const some = await library(nothing, join(root, 'webui'))
  expect(some).toMatchObject({ code: 0, stderr: expect.stringMatching(/Note: .*nothing is not there/) })
  expect(existsSync(nothing)).toBe(false)
}, 60_000)
