import { closeSync, cpSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Project } from '../../../../src-main/contract/document/project'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { predictionNotices, schedulerConfigOf } from '../../../../src-main/engine/diffusion/pipeline-parts'
import { merge, projectOf, readModel, temporaryFolder } from '../merge/models'
import { writeSparse } from './files'
import { SD14_UNET, SD2_UNET, SDXL_UNET, unetShapes, type UnetSettings } from './network-shapes'

const SD1 = resolve('tests/golden/sd1/pipeline')
const SDXL = resolve('tests/golden/layouts/sdxl-ldm-fp16.safetensors')

/** A UNet file with marker tensors, metadata, and a configuration beside it. */
function unetFile(
  settings: UnetSettings,
  { markers = [], metadata, yaml }: { markers?: string[]; metadata?: Record<string, string>; yaml?: string } = {},
): string {
  const folder = temporaryFolder()
  const path = join(folder, 'model.v1.safetensors')
  const marked = markers.map((name): [string, number[]] => [name, [0]])
  writeSparse(path, new Map([...unetShapes(settings), ...marked]), metadata && { metadata })
  if (yaml !== undefined) writeFileSync(join(folder, 'model.v1.yaml'), yaml)
  return path
}

/** A folder with nothing but a scheduler's file, as a base lends it. */
function schedulerFolder(config: Record<string, unknown>): string {
  const folder = temporaryFolder()
  writeSparse(join(folder, 'unet', 'diffusion_pytorch_model.safetensors'), unetShapes(SD14_UNET))
  mkdirSync(join(folder, 'scheduler'))
  writeFileSync(join(folder, 'scheduler', 'scheduler_config.json'), JSON.stringify(config))
  return folder
}

describe('what a file says that it predicts', () => {
  it.each([
    ['a v_pred tensor', { markers: ['v_pred'] }, 'v_prediction', false],
    ['a ztsnr tensor too', { markers: ['v_pred', 'ztsnr'] }, 'v_prediction', true],
    ['modelspec.prediction_type', { metadata: { 'modelspec.prediction_type': 'v' } }, 'v_prediction', false],
    ['modelspec.predict_key (ComfyUI)', { metadata: { 'modelspec.predict_key': 'v' } }, 'v_prediction', false],
    [
      "modelspec's architecture",
      { metadata: { 'modelspec.architecture': 'stable-diffusion-v2-768-v' } },
      'v_prediction',
      false,
    ],
    ['ss_v_parameterization (kohya)', { metadata: { ss_v_parameterization: 'True' } }, 'v_prediction', false],
    ['not ss_v_parameterization False', { metadata: { ss_v2: 'True', ss_v_parameterization: 'False' } }, null, false],
    [
      "kohya's version",
      { metadata: { ss_base_model_version: 'sd_v2_v', ss_zero_terminal_snr: 'True' } },
      'v_prediction',
      true,
    ],
    ['the configuration beside it', { yaml: 'model:\n  params:\n    parameterization: "v"\n' }, 'v_prediction', false],
    [
      'its comments aside',
      { yaml: 'model:\n  params:\n    # parameterization: "v"\n    timesteps: 1000\n' },
      'epsilon',
      false,
    ],
    [
      'a tensor before metadata',
      { markers: ['v_pred'], metadata: { 'modelspec.predict_key': 'epsilon' } },
      'v_prediction',
      false,
    ],
    ['nothing', {}, null, false],
  ] as const)('%s', async (_, given, type, zeroTerminalSnr) => {
    const opened = await openCheckpoint(
      unetFile(SD2_UNET, { ...given, markers: [...('markers' in given ? given.markers : [])] }),
    )
    expect(opened.stated).toMatchObject({ type, zeroTerminalSnr, edm: false })
    expect(opened.architecture).toBe(type === 'v_prediction' ? 'sd2-v' : 'sd2')
  })

  it('is overridden by what a person says', async () => {
    const path = unetFile(SD2_UNET, { markers: ['v_pred'] })
    expect(await openCheckpoint(path, { prediction: 'epsilon' })).toMatchObject({
      architecture: 'sd2',
      predictionType: 'epsilon',
    })
    expect(schedulerConfigOf(await openCheckpoint(SD1, { prediction: 'sample' }))).toMatchObject({
      prediction_type: 'sample',
    })
  })

  it('is guessed by a bias where Stable Diffusion 2 does not say it, and that is said', async () => {
    const path = unetFile(SD2_UNET)
    const opened = await openCheckpoint(path)
    expect(predictionNotices(opened)).toEqual([expect.stringContaining('--prediction v_prediction')])
    expect(schedulerConfigOf(opened)).toMatchObject({ _class_name: 'PNDMScheduler' })
    // ComfyUI takes a standard deviation above 0.09 for that of a model which predicts v.
    for (const [halves, type] of [
      [[0x36b8, 0x38a4], 'epsilon'], // 0.42 and 0.58
      [[0x3666, 0x38cd], 'v_prediction'], // 0.4 and 0.6
    ] as const) {
      const { stored } = opened.components
        .get('unet')!
        .tensors.get('up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias')!
      const values = Uint16Array.from({ length: stored.shape[0]! }, (_, i) => halves[i % 2]!)
      const file = openSync(path, 'r+')
      writeSync(file, values, 0, stored.byteLength, stored.offset)
      closeSync(file)
      const spoken = await openCheckpoint(path)
      expect(predictionNotices(spoken)).toEqual([expect.stringContaining(`${type} is assumed`)])
      const { prediction_type = 'epsilon' } = schedulerConfigOf(spoken)
      expect(prediction_type).toBe(type)
    }
    expect(predictionNotices(await openCheckpoint(path, { prediction: 'epsilon' }))).toEqual([])
    expect(predictionNotices(await openCheckpoint(unetFile(SD14_UNET)))).toEqual([])
  })
})

describe('the scheduler of a file with a base', () => {
  const ofBase = async (config: Record<string, unknown>, ...markers: string[]) =>
    schedulerConfigOf(
      await openCheckpoint(unetFile(SD14_UNET, { markers })),
      await openCheckpoint(schedulerFolder(config)),
    )

  it('predicts what the file says', async () => {
    const base = { _class_name: 'PNDMScheduler', beta_start: 0.001 }
    expect(await ofBase(base, 'v_pred')).toEqual({ ...base, prediction_type: 'v_prediction' })
    expect(await ofBase(base)).toEqual(base)
    // PNDM cannot begin at no signal.
    expect(await ofBase(base, 'v_pred', 'ztsnr')).toEqual({
      _class_name: 'DDIMScheduler',
      beta_start: 0.001,
      prediction_type: 'v_prediction',
      rescale_betas_zero_snr: true,
      timestep_spacing: 'trailing',
    })
  })

  it('is the base’s where the file says nothing', async () => {
    const base = {
      _class_name: 'EulerDiscreteScheduler',
      prediction_type: 'v_prediction',
      rescale_betas_zero_snr: true,
    }
    expect(await ofBase(base)).toEqual(base)
  })

  it.each(['edm_mean', 'edm_vpred.sigma_max'])('is refused for EDM’s parametrisation (%s)', async (marker) => {
    const opened = await openCheckpoint(unetFile(SDXL_UNET, { markers: [marker] }))
    expect(() => schedulerConfigOf(opened)).toThrow(expect.objectContaining({ kind: 'unsupported' }))
    expect(() => schedulerConfigOf(opened)).toThrow(/EDM/)
  })
})

describe('a merge', () => {
  const merged = async (base: string, out: string, more: Partial<Project> = {}, output = {}) => {
    const project = projectOf([base, SDXL], { name: 'soup' }, { layout: 'single-file', ...output })
    await merge({ ...project, ...more }, out)
    return readModel(out)
  }

  it('carries what a folder’s scheduler says as tensors, and a file’s tensors as a folder’s scheduler', async () => {
    const folder = temporaryFolder()
    const marked = join(folder, 'marked.safetensors')
    const keys = (tensors: ReadonlyMap<string, unknown>) => ['v_pred', 'ztsnr'].filter((key) => tensors.has(key))
    expect(keys(await merged(resolve('tests/golden/sdxl/pipeline'), join(folder, 'plain.safetensors')))).toEqual([])
    const said = await merged(resolve('tests/golden/sdxl/pipeline'), marked, { prediction: 'v_prediction' })
    expect(keys(said)).toEqual(['v_pred'])
    expect(said.get('v_pred')).toMatchObject({ type: 'F32', shape: [0] })

    const out = join(folder, 'pipeline')
    await merge(projectOf([marked, SDXL], { name: 'soup' }, { layout: 'diffusers' }), out)
    const opened = await openCheckpoint(out)
    expect(opened).toMatchObject({ predictionType: 'v_prediction', stated: { zeroTerminalSnr: false } })
    expect(keys(await merged(out, join(folder, 'back.safetensors')))).toEqual(['v_pred'])
    // A UNet alone, in its own names, too: what lies beside its file does not come along.
    const alone = join(folder, 'unet.safetensors')
    cpSync(resolve('tests/golden/sdxl/pipeline/unet/diffusion_pytorch_model.safetensors'), alone)
    const saidOfAlone = { prediction: 'v_prediction' } as const
    const written = await merged(alone, join(folder, 'alone.safetensors'), saidOfAlone, { layout: 'same' })
    expect(keys(written)).toEqual(['v_pred'])
    // Taken back.
    expect(keys(await merged(marked, join(folder, 'epsilon.safetensors'), { prediction: 'epsilon' }))).toEqual([])
  })
})
