import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { assemblyscript } from '../../build/assemblyscript-plugin.ts'

/** The attacks of docs/security.md, against the program as it is built (`npm run test:attack`). */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  plugins: [assemblyscript()],
  resolve: { alias: { electron: fileURLToPath(new URL('../unit/electron-alias.ts', import.meta.url)) } },
  test: {
    include: ['tests/attack/**/*.test.ts'],
    globalSetup: ['tests/attack/support/build-program.mjs'],
    setupFiles: ['tests/unit/setup.ts'],
    // Only what hangs: a busy machine is slow, not wrong.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: 'forks',
  },
})
