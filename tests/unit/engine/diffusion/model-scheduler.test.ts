import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { loadPipeline } from '../../../../src-main/engine/diffusion/load-pipeline'
import { createScheduler } from '../../../../src-main/engine/schedulers/index'
import { family } from '../../demo-family'

const folder = mkdtempSync(join(tmpdir(), 'ff-model-scheduler-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The demo's base with another scheduler_config.json. */
function modelWith(config: Record<string, unknown>): string {
  const path = mkdtempSync(join(folder, 'model-'))
  for (const part of ['model_index.json', 'text_encoder', 'tokenizer', 'unet', 'vae'])
    symlinkSync(join(family.base.path, part), join(path, part))
  mkdirSync(join(path, 'scheduler'))
  writeFileSync(join(path, 'scheduler', 'scheduler_config.json'), JSON.stringify(config))
  return path
}

/** What diffusers 0.42.1 gives: StableDiffusionPipeline with that file, then `from_config` with the named class. */
const CASES = [
  {
    title: 'keys that the file lacks hold for its own class',
    file: { _class_name: 'DDIMScheduler' },
    name: undefined,
    timesteps: [876, 751, 626, 501],
    config: { steps_offset: 1, clip_sample: false },
  },
  {
    title: 'keys that the file lacks take the defaults of another class',
    file: { _class_name: 'PNDMScheduler' },
    name: 'DDIMScheduler',
    timesteps: [875, 750, 625, 500],
    config: {},
  },
  {
    title: 'keys of the file are corrected for every class',
    file: { _class_name: 'DPMSolverSinglestepScheduler', steps_offset: 0, clip_sample: true },
    name: 'ddim',
    timesteps: [876, 751, 626, 501],
    config: { steps_offset: 1, clip_sample: false },
  },
  {
    title: 'a wrong offset is corrected',
    file: { _class_name: 'PNDMScheduler', steps_offset: 3 },
    name: undefined,
    timesteps: [876, 813, 813, 751],
    config: { steps_offset: 1, clip_sample: false },
  },
]

describe("a model's scheduler, as StableDiffusionPipeline loads it", () => {
  it.each(CASES)('$title', async ({ file, name, timesteps, config }) => {
    const pipeline = await loadPipeline(await openCheckpoint(modelWith(file)), { device: 'cpu' })
    const chosen = pipeline.chooseScheduler(name === undefined ? {} : { scheduler: name })
    await pipeline.release()
    const { _class_name, ...rest } = chosen.config
    expect(rest).toEqual(config)
    expect(createScheduler(chosen.className, chosen.config, { steps: 8 }).timesteps.slice(0, 4)).toEqual(timesteps)
  })
})
