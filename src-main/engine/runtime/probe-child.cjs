// Runs in a process of its own (providers.ts), because a provider that does not fit this machine may end the process.
// Arguments: path of onnxruntime-node, provider, a model of y = x · x in base64. Prints 'ok' or 'failed: REASON'.
const [library, provider, model] = process.argv.slice(1)
const { InferenceSession, Tensor } = require(library)

async function probe() {
  const session = await InferenceSession.create(Buffer.from(model, 'base64'), {
    executionProviders: [provider],
    logSeverityLevel: 4,
    extra: provider === 'cpu' ? {} : { 'session.disable_cpu_ep_fallback': '1' },
  })
  const { y } = await session.run({ x: new Tensor('float32', [1, 2, 3, 4], [2, 2]) })
  if (y.data.join() !== '7,10,15,22') throw new Error(`it computes wrong results (${y.data.join()})`)
}

probe().then(
  () => process.stdout.write('ok', () => process.exit(0)),
  (error) => process.stdout.write(`failed: ${error.message}`, () => process.exit(1)),
)
