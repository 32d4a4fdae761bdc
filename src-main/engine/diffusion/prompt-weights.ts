import { TOKEN_LIMIT, type ClipTokenizer } from '../tokenizer/tokenizer'

/** A stretch of a prompt with one weight, or a place where a new chunk begins. */
export type PromptPart = { text: string; weight: number } | 'break'

/** One input of a text encoder: 77 ids, and the weight of each place. */
export interface PromptChunk {
  ids: number[]
  weights: number[]
}

const MORE = 1.1
const CHUNK_SIZE = TOKEN_LIMIT - 2
/** A chunk that fills up is cut after its last comma, if that is among its last tokens, so that no phrase is torn. */
const COMMA_BACKTRACK = 20
const TOKENS = /\\[()[\]\\]|\\|[()[\]]|:\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*\)|:|[^\\()[\]:]+/gu
const BREAK = /\bBREAK\b/u

/**
 * Reads `--prompt-syntax weighted`, the syntax of A1111's web UI: `(word)` is 1.1 times, `[word]` 1 / 1.1, `(word:1.3)`
 * 1.3 times, nested brackets multiply, a backslash takes a bracket as text, BREAK begins a new chunk. Brackets that are
 * never closed count to the end; any text has a reading.
 */
export function parseWeightedPrompt(prompt: string): PromptPart[] {
  const parts: PromptPart[] = []
  const open: Record<'(' | '[', number[]> = { '(': [], '[': [] }
  const multiply = (from: number, factor: number): void => {
    for (const part of parts.slice(from)) if (part !== 'break') part.weight *= factor
  }
  const close = (bracket: '(' | '[', factor: number): boolean => {
    const from = open[bracket].pop()
    if (from !== undefined) multiply(from, factor)
    return from !== undefined
  }
  for (const [token, weight] of prompt.matchAll(TOKENS)) {
    if (token === '(' || token === '[') open[token].push(parts.length)
    else if (weight !== undefined && close('(', Number(weight))) continue
    else if (token === ')' && close('(', MORE)) continue
    else if (token === ']' && close('[', 1 / MORE)) continue
    else if (token.startsWith('\\')) parts.push({ text: token.slice(1), weight: 1 })
    else {
      const pieces = token.split(BREAK)
      pieces.forEach((piece, i) => {
        if (i > 0) parts.push('break')
        const text = i > 0 ? piece.trimStart() : piece
        parts.push({ text: i < pieces.length - 1 ? text.trimEnd() : text, weight: 1 })
      })
    }
  }
  for (const from of open['(']) multiply(from, MORE)
  for (const from of open['[']) multiply(from, 1 / MORE)
  return joined(parts)
}

/** Neighbours of one weight become one part, so that words split by brackets meet the tokenizer whole. */
function joined(parts: readonly PromptPart[]): PromptPart[] {
  const result: PromptPart[] = []
  for (const part of parts) {
    const last = result.at(-1)
    if (part !== 'break' && last !== undefined && last !== 'break' && last.weight === part.weight)
      last.text += part.text
    else result.push(part === 'break' ? part : { ...part })
  }
  return result
}

/**
 * A weighted prompt as inputs of a text encoder: as many chunks of 75 tokens as it needs, at least one, each with its
 * ends and padding; cut at commas as A1111's web UI does.
 */
export function weightedChunks(prompt: string, tokenizer: ClipTokenizer): PromptChunk[] {
  const [comma] = tokenizer.tokens(',')
  const chunks: PromptChunk[] = []
  let ids: number[] = []
  let weights: number[] = []
  let lastComma = -1
  const finish = (keep = ids.length): void => {
    chunks.push(framed(ids.slice(0, keep), weights.slice(0, keep), tokenizer))
    ids = ids.slice(keep)
    weights = weights.slice(keep)
    lastComma = -1
  }
  for (const part of parseWeightedPrompt(prompt)) {
    if (part === 'break') {
      finish()
      continue
    }
    for (const id of tokenizer.tokens(part.text)) {
      const isFull = ids.length === CHUNK_SIZE
      if (id === comma) lastComma = ids.length
      else if (isFull && lastComma >= 0 && ids.length - lastComma <= COMMA_BACKTRACK) finish(lastComma + 1)
      if (ids.length === CHUNK_SIZE) finish()
      ids.push(id)
      weights.push(part.weight)
    }
  }
  if (ids.length > 0 || chunks.length === 0) finish()
  return chunks
}

/** The same chunks, filled up with empty ones: both prompts of a guided run need the same number. */
export function padChunks(chunks: readonly PromptChunk[], count: number, tokenizer: ClipTokenizer): PromptChunk[] {
  const missing = Math.max(0, count - chunks.length)
  return [...chunks, ...Array.from({ length: missing }, () => framed([], [], tokenizer))]
}

function framed(ids: readonly number[], weights: readonly number[], tokenizer: ClipTokenizer): PromptChunk {
  const padding = CHUNK_SIZE - ids.length
  const pads = Array.from({ length: padding }, () => tokenizer.padId)
  return {
    ids: [tokenizer.startId, ...ids, tokenizer.endId, ...pads],
    weights: [1, ...weights, ...Array.from({ length: padding + 1 }, () => 1)],
  }
}

/**
 * Text states [77, width] of a chunk, each place times its weight, then all scaled so that their mean is what it was.
 */
export function applyWeights(states: Float32Array, weights: readonly number[]): Float32Array {
  if (weights.every((weight) => weight === 1)) return states
  const width = states.length / weights.length
  const weighted = states.map((value, i) => value * weights[Math.floor(i / width)]!)
  const ratio = mean(states) / mean(weighted)
  return Number.isFinite(ratio) ? weighted.map((value) => value * ratio) : weighted
}

function mean(values: Float32Array): number {
  let sum = 0
  for (const value of values) sum += value
  return sum / values.length
}
