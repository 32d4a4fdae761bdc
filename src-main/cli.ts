#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import { exitCodeOf } from './cli/program'
import { computeLayersIn } from './engine/merge/chains/layer-thread'

const built = new URL('./', import.meta.url)
const resource = (path: string): string => fileURLToPath(new URL(`../../resources/${path}`, built))

const workerFile = new URL('tensor-worker.js', built)
computeLayersIn(workerFile)

const files = {
  workerFile,
  clipVocabulary: resource('clip/bpe_simple_vocab_16e6.txt.gz'),
  demoFolder: resource('demo'),
  builtFolder: built,
  extractFile: new URL('extract-process.js', built),
}

process.exitCode = await exitCodeOf(files, process.argv.slice(2))
