import { readFileSync } from 'node:fs'
import asc from 'assemblyscript/asc'
import type { Plugin } from 'vite'

const SUFFIX = '.as.ts?wasm'

/**
 * Compiles an imported `*.as.ts` file (AssemblyScript) to WebAssembly with SIMD; the module's default export is the
 * binary as a base64 string, so that bundles, worker threads and tests load it alike, without a file beside them.
 */
export function assemblyscript(): Plugin {
  return {
    name: 'assemblyscript',
    enforce: 'pre',
    async load(id) {
      if (!id.endsWith(SUFFIX)) return null
      const path = id.slice(0, -'?wasm'.length)
      const source = readFileSync(path, 'utf8')
      let binary: Uint8Array | undefined
      const { error, stderr } = await asc.main(
        ['module.ts', '--outFile', 'module.wasm', '-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd'],
        {
          readFile: (name) => (name === 'module.ts' ? source : null),
          writeFile: (_name, contents) => {
            if (typeof contents !== 'string') binary = contents
          },
          listFiles: () => [],
        },
      )
      if (error || !binary) this.error(`${path}: ${stderr.toString()}`)
      return { code: `export default ${JSON.stringify(Buffer.from(binary!).toString('base64'))}`, map: null }
    },
  }
}
