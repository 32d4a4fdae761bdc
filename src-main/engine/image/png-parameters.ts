/** What the field's programs write into a picture: how it was made. */
export interface GenerationParameters {
  prompt: string
  negativePrompt: string
  /** `Steps`, `Sampler`, `CFG scale`, `Seed`, `Size`, `Model hash` and others, in order. */
  settings: ReadonlyMap<string, string>
}

const NEGATIVE = 'Negative prompt:'
const SETTING = /\s*(\w[\w \-/]{0,200}):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)/gu
/** Fewer settings than this in the last line make it a part of the prompt. */
const FEWEST_SETTINGS = 3
/** A longer last line is no list of settings; the pattern's time grows with its square. */
const LONGEST_SETTINGS = 20_000

/**
 * The text of a PNG's `parameters`, as A1111's web UI writes it: prompt, a line `Negative prompt: …`, a line of
 * `Key: value` with commas between; values with comma, colon or line break are quoted as JSON.
 */
export function formatParameters({ prompt, negativePrompt, settings }: GenerationParameters): string {
  const lines = [prompt]
  if (negativePrompt) lines.push(`${NEGATIVE} ${negativePrompt}`)
  const line = Array.from(settings, ([key, value]) => `${key}: ${quoted(value)}`).join(', ')
  if (line) lines.push(line)
  return lines.join('\n')
}

/** Reads what `formatParameters` and other programs write; any text has a reading, at worst as a prompt alone. */
export function parseParameters(text: string): GenerationParameters {
  const lines = text.trim().split(/\r?\n/)
  const last = lines.at(-1)!
  const found = last.length > LONGEST_SETTINGS ? [] : [...last.matchAll(SETTING)]
  const isSettings = found.length >= FEWEST_SETTINGS
  const prompt: string[] = []
  const negative: string[] = []
  let target = prompt
  for (const raw of isSettings ? lines.slice(0, -1) : lines) {
    const line = raw.trim()
    if (target === prompt && line.startsWith(NEGATIVE)) {
      target = negative
      target.push(line.slice(NEGATIVE.length).trim())
    } else {
      target.push(line)
    }
  }
  const settings = new Map(isSettings ? found.map(([, key, value]) => [key!, unquoted(value!.trim())] as const) : [])
  return { prompt: prompt.join('\n'), negativePrompt: negative.join('\n'), settings }
}

/** Width and height of a `Size: 512x768`, or undefined. */
export function sizeOf(settings: ReadonlyMap<string, string>): { width: number; height: number } | undefined {
  const match = /^(\d{1,6})x(\d{1,6})$/.exec(settings.get('Size') ?? '')
  return match ? { width: Number(match[1]), height: Number(match[2]) } : undefined
}

function quoted(value: string): string {
  return /[,\n:"]/.test(value) ? JSON.stringify(value) : value
}

function unquoted(value: string): string {
  if (!value.startsWith('"')) return value
  try {
    const parsed: unknown = JSON.parse(value)
    return typeof parsed === 'string' ? parsed : value
  } catch {
    return value
  }
}
