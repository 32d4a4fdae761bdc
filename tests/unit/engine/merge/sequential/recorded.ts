import { join, resolve } from 'node:path'
import type { CalibrationRecord } from '../../../../../src-main/contract/document/calibration'
import { RunRecorder } from '../../../../../src-main/engine/calibrate/run-recorder'
import { CalibrationWriter } from '../../../../../src-main/engine/merge/plan/calibration/calibration-file'
import type { Tensor } from '../../../../../src-main/engine/runtime/session'
import { noise } from '../../tensor/inputs'
import { sha256 } from '../models'

const FOLDER = resolve('tests/golden/checkpoints')
/** Tiny UNets of one architecture, base first. */
export const MODELS = ['base', 'style', 'object'].map((name) => ({ name, path: join(FOLDER, name) }))

/** Inputs of the tiny UNets for some runs; the text is one of two. */
export function unetInputs(runs: number, seed: number): Record<string, Tensor> {
  const texts = [0, 1].map((index) => noise(7 * 16, 900 + index))
  const states = new Float32Array(runs * 7 * 16)
  for (let run = 0; run < runs; run++) states.set(texts[run % 2]!, run * 7 * 16)
  return {
    sample: { data: noise(runs * 4 * 8 * 8, seed), dims: [runs, 4, 8, 8] },
    timestep: { data: Float32Array.from({ length: runs }, (_, run) => 100 + 150 * run), dims: [runs] },
    encoder_hidden_states: { data: states, dims: [runs, 7, 16] },
  }
}

/** Writes a calibration file that has runs of these models, and no columns. */
export async function writeRuns(path: string, names: readonly string[], runs = 4): Promise<void> {
  const chosen = MODELS.filter(({ name }) => names.includes(name))
  const record: CalibrationRecord = {
    ...{ format: 'featurefusion-calibration', version: 1, samples: 1, seed: 0 },
    models: chosen.map(({ name, path: folder }) => ({
      name,
      sha256: [sha256(join(folder, 'diffusion_pytorch_model.safetensors'))],
      source: { kind: 'data', domains: [], pictures: 1, timesteps: [] },
    })),
  }
  const writer = await CalibrationWriter.create(path, [], record, true)
  for (const model of chosen.keys()) {
    const recorder = new RunRecorder(0n)
    recorder.add(unetInputs(runs, 40 + model))
    recorder.recorded().forEach((inputs, shape) => writer.addRuns(model, shape, inputs))
  }
  await writer.finish()
}
