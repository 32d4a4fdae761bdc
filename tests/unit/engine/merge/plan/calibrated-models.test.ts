import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import type { AdapterStrengths } from '../../../../../src-main/contract/document/project'
import { openModel, openSpecialist } from '../../../../../src-main/engine/merge/open-model'
import {
  calibratedModel,
  denoiserFiles,
  recordedAs,
} from '../../../../../src-main/engine/merge/plan/calibration/calibrated-models'
import { BASE } from '../../adapters/adapter-models'
import { projectOf, sha256, temporaryFolder } from '../models'

const LORA = 'tests/golden/lora/sd1-kohya.safetensors'

const namesOf = (checkpoint: Awaited<ReturnType<typeof openModel>>): string[] =>
  recordedAs(checkpoint, denoiserFiles(checkpoint).map(sha256))

async function adapted(strengths?: AdapterStrengths, base = BASE): Promise<string[]> {
  return namesOf(await openSpecialist(LORA, () => openModel(base), { strengths }))
}

it('a calibration is of an adapter at its strengths, on its base', async () => {
  const record = { models: [{ sha256: await adapted() }] }
  expect(calibratedModel(record, await adapted({ unet: 1, textEncoder: 1 }))).toBe(0)
  expect(calibratedModel(record, await adapted({ unet: 0.5, textEncoder: 1 }))).toBe(-1)
  expect(calibratedModel(record, await adapted({ unet: 1, textEncoder: 0 }))).toBe(-1)
  const other = join(temporaryFolder(), 'base')
  cpSync(BASE, other, { recursive: true })
  const weights = join(other, 'unet', 'diffusion_pytorch_model.safetensors')
  const bytes = readFileSync(weights)
  bytes[bytes.length - 1]! ^= 1
  writeFileSync(weights, bytes)
  expect(calibratedModel(record, await adapted(undefined, other))).toBe(-1)
})

it('a calibration is of a project as it was, with all models that it is made from', async () => {
  const folder = temporaryFolder()
  const path = join(folder, 'merge.fusion.json')
  const write = (weight: number): void =>
    writeFileSync(path, JSON.stringify(projectOf([resolve(BASE), { path: resolve(LORA), weight }], { name: 'soup' })))
  write(1)
  const before = namesOf(await openModel(path))
  const opened = await openModel(path)
  expect(denoiserFiles(opened)).toEqual(opened.files.map((file) => file.path))
  expect(denoiserFiles(opened)).toContain(resolve(LORA))
  write(0.5)
  expect(namesOf(await openModel(path))).not.toEqual(before)
})
