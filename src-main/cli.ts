#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import { CommanderError } from 'commander'
import { EXIT } from './cli/output/output'
import { createProgram } from './cli/program'
import { computeLayersIn } from './engine/merge/chains/layer-thread'

const built = new URL('./', import.meta.url)
const resource = (path: string): string => fileURLToPath(new URL(`../../resources/${path}`, built))

const workerFile = new URL('tensor-worker.js', built)
computeLayersIn(workerFile)

const program = createProgram({
  workerFile,
  clipVocabulary: resource('clip/bpe_simple_vocab_16e6.txt.gz'),
  demoFolder: resource('demo'),
  builtFolder: built,
  extractFile: new URL('extract-process.js', built),
})

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage
}
