import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildClipText } from '../../../src-main/engine/architecture/clip-text'
import type { BuiltNetwork, NetworkOptions } from '../../../src-main/engine/architecture/network-graph'
import { buildUnet } from '../../../src-main/engine/architecture/unet'
import { buildVaeDecoder, buildVaeEncoder } from '../../../src-main/engine/architecture/vae'
import type { ComponentName, TensorView } from '../../../src-main/engine/checkpoint/model/checkpoint'
import { openCheckpoint } from '../../../src-main/engine/checkpoint/open'
import { Network } from '../../../src-main/engine/runtime/network'
import type { Tensor } from '../../../src-main/engine/runtime/session'
import type { GoldenCase, GoldenSet, GoldenTensor } from '../golden-set'
import type { OpResult, OpRunner } from '../run-cases'

type Build = (
  config: Readonly<Record<string, unknown>>,
  tensors: ReadonlyMap<string, TensorView>,
  options: NetworkOptions,
) => BuiltNetwork

/** A golden input as a network takes it. */
export function toTensor({ dtype, shape, values }: GoldenTensor): Tensor {
  const data = values()
  return { data: dtype === 'I64' ? BigInt64Array.from(data, BigInt) : Float32Array.from(data), dims: shape }
}

/** Builds a component of the case's model, runs it once on the case's inputs, and gives its outputs by name. */
async function runComponent(
  goldenCase: GoldenCase,
  set: GoldenSet,
  part: ComponentName,
  build: Build,
  more: (inputs: Record<string, Tensor>) => Record<string, Tensor> = () => ({}),
): Promise<OpResult> {
  const model = String(goldenCase.params['model'] ?? Object.keys(set.manifest.models)[0])
  const component = (await openCheckpoint(set.modelPath(model))).components.get(part)
  if (!component) return { failures: [`${model} has no ${part}`] }
  const taps = Object.keys(goldenCase.outputs).flatMap((name) => (name.startsWith('tap/') ? [name.slice(4)] : []))
  const built = build(configOf(set, model, part) ?? component.config!, component.tensors, {
    computeType: 'F32',
    weights: 'initializers',
    attention: 'fused',
    taps,
  })
  const network = await Network.open(built, { provider: 'cpu' })
  const inputs = Object.fromEntries(Object.entries(goldenCase.inputs).map(([name, tensor]) => [name, toTensor(tensor)]))
  const results = await network.run({ ...inputs, ...more(inputs) }, Object.keys(goldenCase.outputs))
  await network.release()
  const outputs = Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data]))
  return { outputs, arithmetic: 'float32' }
}

/** A file alone says nothing of head counts and groups: its manifest names the pipeline that does, or a sibling has it. */
function configOf(set: GoldenSet, model: string, part: ComponentName): Record<string, unknown> | undefined {
  const named = set.manifest.models[model]!['config']
  const folders = typeof named === 'string' ? [join(set.folder, named, part)] : []
  if (set.manifest.models[model]!.path.endsWith('.safetensors'))
    folders.push(...Object.keys(set.manifest.models).map((name) => set.modelPath(name)))
  const file = folders.map((folder) => join(folder, 'config.json')).find((path) => existsSync(path))
  return file === undefined ? undefined : (JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>)
}

const unet: OpRunner = (goldenCase, set) =>
  runComponent(goldenCase, set, 'unet', buildUnet, ({ sample }) => {
    const [batch] = sample!.dims
    return { timestep: { data: new Float32Array(batch!).fill(Number(goldenCase.params['timestep'])), dims: [batch!] } }
  })

export const networkOps: Record<string, OpRunner> = {
  unet,
  text_encoder: (goldenCase, set) =>
    runComponent(goldenCase, set, goldenCase.params['part'] as ComponentName, buildClipText),
  vae_decode: (goldenCase, set) => runComponent(goldenCase, set, 'vae', buildVaeDecoder),
  vae_encode: (goldenCase, set) => runComponent(goldenCase, set, 'vae', buildVaeEncoder),
}
