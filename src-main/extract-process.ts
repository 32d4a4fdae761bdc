import { toErrorReport } from './contract/errors'
import { LayerFactorizer, type LayerToFactor } from './engine/extract/layer-factors'
import type { ProcessReply, ProcessSetup } from './engine/extract/layer-processes'
import { endWithHost } from './engine/runtime/host-watch'

// A process that factors layers: the sources first, then one layer in, one reply out. Argument: the host's process id.
endWithHost(Number(process.argv[2]))

let factorizer: LayerFactorizer | null = null
process.on('message', (message: ProcessSetup | LayerToFactor) => {
  if ('sources' in message) factorizer = new LayerFactorizer(message.sources, 1)
  else void reply(message)
})
process.on('disconnect', () => process.exit())

async function reply(layer: LayerToFactor): Promise<void> {
  let answer: ProcessReply
  try {
    answer = { factors: await factorizer!.factor(layer) }
  } catch (error) {
    answer = { error: toErrorReport(error) }
  }
  process.send!(answer)
}
