import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'
import { assemblyscript } from './build/assemblyscript-plugin.ts'

export default defineConfig({
  plugins: [assemblyscript(), vue()],
  resolve: { alias: { electron: fileURLToPath(new URL('tests/unit/electron-alias.ts', import.meta.url)) } },
  test: {
    include: ['tests/unit/**/*.test.ts'],
    globalSetup: ['tests/unit/remove-built-cli.ts'],
    setupFiles: ['tests/unit/setup.ts'],
    // Only what hangs: a busy machine is slow, not wrong.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: 'forks',
    // Vitest leaves one core free; on two cores that is half of the machine.
    maxWorkers: availableParallelism(),
  },
})
