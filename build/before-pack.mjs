import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Arch } from 'electron-builder'

/**
 * Refuses a package for a system that ONNX Runtime has no library for, such as Macs with Intel's processors: onnxruntime-node
 * has had none for them since 1.24, and with 1.23's the text encoders do not run.
 * @param {import('electron-builder').BeforePackContext} context
 */
export default function beforePack({ electronPlatformName, arch, packager }) {
  const require = createRequire(join(packager.projectDir, 'package.json'))
  const bin = join(dirname(require.resolve('onnxruntime-node/package.json')), 'bin')
  const target = join(electronPlatformName, Arch[arch])
  if (readdirSync(bin).some((api) => existsSync(join(bin, api, target, 'onnxruntime_binding.node')))) return
  throw new Error(`No package for ${electronPlatformName} ${Arch[arch]}: onnxruntime-node has no library for it.`)
}
