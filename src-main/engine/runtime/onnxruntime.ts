import { createRequire } from 'node:module'
import type * as OnnxRuntime from 'onnxruntime-node'

export type { InferenceSession, Tensor as OnnxTensor } from 'onnxruntime-node'

/*
 * The only place that loads ONNX Runtime. Its builds for Linux and macOS carry a telemetry client (OneCollector), which
 * writes a database of events into the user's cache folder and sends it to Microsoft. This variable keeps it from
 * starting, whatever the user's environment says; no session option and no function of onnxruntime-node does so. The
 * library reads it when it is loaded, and `import` would load it before the first line here: hence `require`.
 */
process.env['ORT_DISABLE_TELEMETRY'] = '1'

/** ONNX Runtime, with its telemetry off. */
export const ort = createRequire(import.meta.url)('onnxruntime-node') as typeof OnnxRuntime
