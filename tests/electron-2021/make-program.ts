import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import vue from '@vitejs/plugin-vue'
import { build, type InlineConfig, type Plugin } from 'vite'
import { COMMANDS } from '../../src-main/contract/protocol/commands'

/** The language of Electron 9: its Node has the V8 of its Chromium. */
const LANGUAGE = 'chrome83'
const PRELOAD = 'src-main/preload.ts'
const STAND_INS = resolve('tests/electron-2021/stand-ins')

/**
 * Builds main process, preload script and interface for Electron 9 into a folder that Electron can start. What runs in
 * Node (the compute process) is that of out/.
 */
export async function makeProgram(folder: string): Promise<void> {
  const out = join(folder, 'out')
  await build(hostBuild(join(out, 'main')))
  await build(preloadBuild(join(out, 'preload')))
  await build(interfaceBuild(join(out, 'renderer')))
  for (const name of readdirSync('out/main')) {
    if (!existsSync(join(out, 'main', name))) symlinkSync(resolve('out/main', name), join(out, 'main', name))
  }
  for (const name of ['resources', 'node_modules']) symlinkSync(resolve(name), join(folder, name))
  cpSync(STAND_INS, join(folder, 'stand-ins'), { recursive: true })
  const { name, version } = JSON.parse(readFileSync('package.json', 'utf8')) as { name: string; version: string }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version, main: 'stand-ins/start.cjs' }))
}

const common = { configFile: false, logLevel: 'error' } satisfies InlineConfig

function hostBuild(outDir: string): InlineConfig {
  return {
    ...common,
    plugins: [kernelsWithoutSimd(), assetPaths(), withoutAwait()],
    // Packages are bundled as well: they are written for newer Nodes.
    ssr: { noExternal: true, external: ['electron', 'onnxruntime-node'] },
    build: {
      ssr: true,
      target: LANGUAGE,
      outDir,
      rollupOptions: {
        input: { main: resolve('src-main/main.ts') },
        output: { format: 'cjs', entryFileNames: '[name].cjs', codeSplitting: false },
      },
    },
  }
}

function preloadBuild(outDir: string): InlineConfig {
  return {
    ...common,
    define: { COMMAND_NAMES: JSON.stringify(Object.keys(COMMANDS)) },
    plugins: [withWebUtils()],
    build: {
      target: LANGUAGE,
      outDir,
      minify: false,
      rollupOptions: {
        input: { preload: resolve(PRELOAD) },
        external: (id, importer) => id === 'electron' && !importer?.endsWith(PRELOAD),
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  }
}

function interfaceBuild(outDir: string): InlineConfig {
  return {
    ...common,
    root: resolve('src-renderer'),
    plugins: [vue(), withPage()],
    build: {
      target: LANGUAGE,
      outDir,
      minify: false,
      cssMinify: 'lightningcss',
      chunkSizeWarningLimit: 10_000,
      rollupOptions: { input: resolve('src-renderer/index.html') },
    },
  }
}

/** `FILE?asset` is the file's path, as electron-vite makes it. */
function assetPaths(): Plugin {
  const suffix = '?asset'
  return {
    name: 'asset-paths',
    enforce: 'pre',
    load: (id) => (id.endsWith(suffix) ? `export default ${JSON.stringify(id.slice(0, -suffix.length))}` : null),
  }
}

/**
 * CommonJS cannot wait at the top of a module: the hashers, which the program waits for before it opens its window, are
 * filled in when they are there.
 */
function withoutAwait(): Plugin {
  return {
    name: 'without-await',
    transform: (code, id) =>
      id.endsWith('/checksums.ts')
        ? `${code.replaceAll('await createXXHash64()', 'filledIn(createXXHash64())')}
           function filledIn(promise) {
             const value = {}
             promise.then((settled) => Object.assign(value, settled))
             return value
           }`
        : null,
  }
}

/** The interface begins with what its Chromium lacks. */
function withPage(): Plugin {
  return {
    name: 'with-page',
    transform: (code, id) =>
      id === resolve('src-renderer/main.ts') ? `import ${JSON.stringify(join(STAND_INS, 'page.cjs'))}\n${code}` : null,
  }
}

/**
 * The last WebAssembly SIMD is of Chromium 91. The main process computes no weights, and gets the kernels' memory alone:
 * a call of one would fail.
 */
function kernelsWithoutSimd(): Plugin {
  // (module (memory (export "memory") 1))
  const wasm = '0061736d01000000' + '0503010001' + '070a01066d656d6f72790200'
  return {
    name: 'kernels-without-simd',
    enforce: 'pre',
    load: (id) =>
      id.endsWith('.as.ts?wasm')
        ? `export default ${JSON.stringify(Buffer.from(wasm, 'hex').toString('base64'))}`
        : null,
  }
}

/** The preload script's `electron` is Electron's with what is newer. */
function withWebUtils(): Plugin {
  return {
    name: 'with-web-utils',
    enforce: 'pre',
    resolveId: (id, importer) =>
      id === 'electron' && importer?.endsWith(PRELOAD) ? join(STAND_INS, 'preload-electron.cjs') : null,
  }
}
