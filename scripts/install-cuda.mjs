// npm run install:cuda: fetches ONNX Runtime's CUDA libraries (hundreds of MB, from NuGet) for an NVIDIA card under Linux
// x64. This repository's .npmrc skips that download, since CPU and WebGPU need nothing; here onnxruntime-node's own
// install script runs with the skip overridden. The driver, CUDA 12 and cuDNN 9 themselves must be installed already.
// Afterwards `featurefusion devices` says whether CUDA works, and if not, why. Remove node_modules and run npm ci to undo.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, run } from './ready.mjs'

const platform = `${process.platform}/${process.arch}`
if (platform !== 'linux/x64') {
  console.error(
    `onnxruntime-node has CUDA for linux/x64 only; this is ${platform}. DirectML or WebGPU need no download.`,
  )
  process.exit(1)
}
const script = join(ROOT, 'node_modules', 'onnxruntime-node', 'script', 'install.js')
if (!existsSync(script)) {
  console.error('onnxruntime-node is not installed yet. Run npm ci first.')
  process.exit(1)
}
// In the environment, where it goes before what npm hands on from .npmrc.
run(process.execPath, [script], { ONNXRUNTIME_NODE_INSTALL: 'true' })
