import { blockedConv } from '../architecture/layers'
import { NetworkGraph } from '../architecture/network-graph'
import { GraphBuilder } from '../graph/onnx-builder'
import { createSession, type Session, type Tensor } from './session'

/** Widths that the CPU's kernels have: AVX-512 and NEON, AVX2 and SSE. */
const WIDTHS = [16, 8] as const
const CHANNELS = 32
const EDGE = 5
const TOLERANCE = 1e-4

let found: Promise<number | null> | undefined

/**
 * The width of the channel blocks in which this machine's CPU convolves fastest, found out by a convolution; null where
 * it does not. Constant filters are reordered into blocks by the runtime itself, filters that are fed have to come so.
 */
export function convolutionBlock(): Promise<number | null> {
  return (found ??= widestBlock())
}

async function widestBlock(): Promise<number | null> {
  for (const width of WIDTHS) if (await convolvesInBlocks(width)) return width
  return null
}

/** Whether this machine's CPU convolves in channel blocks of that width: one image, plainly and in blocks. */
export async function convolvesInBlocks(width: number): Promise<boolean> {
  const dims = [CHANNELS, CHANNELS, 3, 3]
  const filters = waves(...dims)
  const graph = new GraphBuilder('blocked convolution')
  const net = new NetworkGraph('probe', new Map(), { computeType: 'F32', weights: 'inputs', attention: 1 }, graph)
  const image = net.input('image', [1, CHANNELS, EDGE, EDGE])
  const window = { kernel: 3, stride: 1, pads: [1, 1, 1, 1] }
  const inputs = { blocked: graph.input('blocked', 'F32', dims), plain: graph.input('plain', 'F32', dims) }
  net.output('blocks', blockedConv(net, image, [inputs.blocked], CHANNELS, window), [1, CHANNELS, EDGE, EDGE])
  net.output('expected', net.node('Conv', [image, inputs.plain], { pads: window.pads }), [1, CHANNELS, EDGE, EDGE])
  let session: Session | undefined
  try {
    session = await createSession(graph.toBytes(), { provider: 'cpu' })
    const blocked = { data: blockFilters(filters.data, dims, width), dims }
    const { blocks, expected } = await session.run({ image: waves(1, CHANNELS, EDGE, EDGE), blocked, plain: filters })
    const reference = expected!.data as Float32Array
    return (blocks!.data as Float32Array).every((value, i) => Math.abs(value - reference[i]!) < TOLERANCE)
  } catch {
    return false // a runtime without these kernels, or without this width
  } finally {
    await session?.release()
  }
}

function waves(...dims: number[]): Tensor & { data: Float32Array } {
  const count = dims.reduce((product, size) => product * size, 1)
  return { data: Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898)), dims }
}

/**
 * Filters [outputs, inputs, height, width] in the order [outputs / block, inputs / block, height, width, block of
 * inputs, block of outputs] (ONNX Runtime's OIHWBiBo).
 * @param block divides outputs and inputs
 * @param into a place for the result, as long as `filters`
 */
export function blockFilters(
  filters: Float32Array,
  dims: readonly number[],
  block: number,
  into: Float32Array = new Float32Array(filters.length),
): Float32Array {
  const [outputs, inputs, height, width] = dims as [number, number, number, number]
  const area = height * width
  const filter = inputs * area
  let at = 0
  for (let output = 0; output < outputs; output += block)
    for (let input = 0; input < inputs; input += block)
      for (let place = 0; place < area; place++)
        for (let i = input; i < input + block; i++) {
          let from = output * filter + i * area + place
          for (const end = at + block; at < end; from += filter) into[at++] = filters[from]!
        }
  return into
}
