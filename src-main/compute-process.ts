import { fileURLToPath } from 'node:url'
import type { TaskContext } from './compute/task'
import { heldBytes } from './compute/resident-model'
import { runTask } from './compute/tasks'
import { computeRequestSchema, LINKS_INSIDE, type ComputeMessage } from './contract/protocol/compute'
import type { ComputeTask } from './contract/protocol/compute-tasks'
import { FusionError, toErrorReport } from './contract/errors'
import { limitLinks } from './engine/files/reading/links'
import { computeLayersIn } from './engine/merge/chains/layer-thread'
import { endWithHost } from './engine/runtime/host-watch'

// The process for heavy work: one task at a time comes in, events and one result go out. It may end at any moment.
// Arguments: the host's process id; LINKS_INSIDE and folders, where links may not lead everywhere.

/** Electron's utilityProcess talks through parentPort, child_process.fork through process. */
interface ParentPort {
  on(event: 'message', listener: (event: { data: unknown }) => void): void
  postMessage(message: ComputeMessage): void
}
const { parentPort } = process as typeof process & { parentPort?: ParentPort }

// Links in models may lead no further here than in the host.
const [, , host, option, ...folders] = process.argv
if (option === LINKS_INSIDE) limitLinks(folders)

const workerFile = new URL('./tensor-worker.js', import.meta.url)
computeLayersIn(workerFile)

let running: { id: number; abort: AbortController } | null = null

// A native call blocks the loop that would hear of the host's end.
endWithHost(Number(host))

if (parentPort) parentPort.on('message', ({ data }) => receive(data))
else process.on('message', receive).on('disconnect', () => process.exit())
send({ type: 'ready' })

function send(message: ComputeMessage): void {
  if (parentPort) parentPort.postMessage(message)
  else process.send?.(message)
}

function receive(raw: unknown): void {
  const request = computeRequestSchema.parse(raw)
  if (request.type === 'run') void run(request.id, request.task)
  else if (running?.id === request.id) running.abort.abort()
}

async function run(id: number, task: ComputeTask): Promise<void> {
  const abort = new AbortController()
  const context: TaskContext = {
    signal: abort.signal,
    emit: (event) => send({ type: 'event', id, event }),
    workerFile,
    clipVocabulary: fileURLToPath(new URL('../../resources/clip/bpe_simple_vocab_16e6.txt.gz', import.meta.url)),
  }
  try {
    if (running) throw new FusionError('internal', 'Two tasks at once in the compute process.')
    running = { id, abort }
    const result = await runTask(task, context)
    send({ type: 'done', id, result, memory: process.memoryUsage.rss(), held: heldBytes() })
  } catch (error) {
    send({ type: 'failed', id, error: toErrorReport(error), memory: process.memoryUsage.rss(), held: heldBytes() })
  } finally {
    if (running?.id === id) running = null
  }
}
