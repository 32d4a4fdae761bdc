// Runs in a process of its own (providers.ts), because a provider that does not fit this machine may end the process.
// Arguments: path of onnxruntime-node, provider, models in base64 as JSON, source of host-watch.cjs, process id of the
// host. Prints what works as JSON.
// See onnxruntime.ts: without this, loading the library starts its telemetry.
process.env.ORT_DISABLE_TELEMETRY = '1'
const { Worker } = require('node:worker_threads')

const [library, provider, models, hostWatch, host] = process.argv.slice(-5)
new Worker(hostWatch, { eval: true, workerData: Number(host) }).unref()
const { InferenceSession, Tensor } = require(library)

const LARGEST_ERROR = 1e-2

async function run(model, dims) {
  const session = await InferenceSession.create(Buffer.from(model, 'base64'), {
    executionProviders: [provider],
    logSeverityLevel: 4,
    extra: provider === 'cpu' ? {} : { 'session.disable_cpu_ep_fallback': '1' },
  })
  const size = dims.reduce((product, length) => product * length, 1)
  const x = new Tensor(
    'float32',
    Float32Array.from({ length: size }, (_, i) => Math.sin(i * i + 1)),
    dims,
  )
  const { y, expected } = await session.run({ x })
  return Math.max(...y.data.map((value, i) => Math.abs(value - expected.data[i])))
}

async function probe() {
  const { basic, float16, attention } = JSON.parse(models)
  const works = async ({ model, dims }) => (await run(model, dims)) < LARGEST_ERROR
  if (!(await works(basic))) throw new Error('it computes wrong results')
  const quietly = (model) => works(model).catch(() => false)
  return { available: true, float16: await quietly(float16), fusedAttention: await quietly(attention) }
}

probe().then(
  (result) => process.stdout.write(JSON.stringify(result), () => process.exit(0)),
  (error) => process.stdout.write(JSON.stringify({ reason: error.message }), () => process.exit(0)),
)
