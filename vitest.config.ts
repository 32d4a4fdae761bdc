import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'
import { assemblyscript } from './build/assemblyscript-plugin.ts'

const ROOM = 'tests/unit'
/** Rooms whose tests call functions, and leave nothing behind in their process. */
const FUNCTIONS = ['contract', 'docs', 'engine', 'project', 'renderer'].map((room) => `${ROOM}/${room}/`)

const files = readdirSync(ROOM, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => `${ROOM}/${name.replaceAll('\\', '/')}`)

/** Whether a test may use a process after others: loading the modules anew took a fifth of the whole run's time. */
function sharesProcess(file: string): boolean {
  const isReplacing = /\bvi\.\w/.test(readFileSync(file, 'utf8'))
  return FUNCTIONS.some((room) => file.startsWith(room)) && !isReplacing
}

const together = files.filter(sharesProcess)

export default defineConfig({
  plugins: [assemblyscript(), vue()],
  resolve: { alias: { electron: fileURLToPath(new URL('tests/unit/electron-alias.ts', import.meta.url)) } },
  test: {
    projects: [
      { extends: true, test: { name: 'functions', include: together, isolate: false } },
      { extends: true, test: { name: 'programs', include: files.filter((file) => !together.includes(file)) } },
    ],
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
