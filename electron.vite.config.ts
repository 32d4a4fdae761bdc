import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'electron-vite'
import { assemblyscript } from './build/assemblyscript-plugin'
import { ShippedPackages } from './build/licences-plugin'
import { COMMANDS } from './src-main/contract/protocol/commands'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

const shipped = new ShippedPackages(at('.'))

export default defineConfig({
  main: {
    plugins: [assemblyscript(), shipped.note()],
    build: {
      outDir: 'out/main',
      // Bundled are development dependencies, such as zod: hundreds of small files, which Node would open all at once.
      externalizeDeps: true,
      rollupOptions: {
        input: {
          main: at('src-main/main.ts'),
          cli: at('src-main/cli.ts'),
          'compute-process': at('src-main/compute-process.ts'),
          'extract-process': at('src-main/extract-process.ts'),
          'tensor-worker': at('src-main/tensor-worker.ts'),
        },
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
      },
    },
  },
  preload: {
    plugins: [shipped.note()],
    // A sandboxed preload script is one CommonJS file: nothing of it may stay outside.
    define: { COMMAND_NAMES: JSON.stringify(Object.keys(COMMANDS)) },
    build: {
      outDir: 'out/preload',
      externalizeDeps: false,
      rollupOptions: {
        input: { preload: at('src-main/preload.ts') },
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: at('src-renderer'),
    plugins: [vue(), shipped.note(), shipped.write()],
    build: {
      // electron-vite leaves it out; the first paint waits for every byte that has to be parsed.
      minify: true,
      // In kB. It is read from the disk or from this machine, in one piece.
      chunkSizeWarningLimit: 1000,
      outDir: at('out/renderer'),
      rollupOptions: { input: at('src-renderer/index.html') },
    },
  },
})
