/** An object of JSON whose fields nobody has looked at yet. */
export type JsonObject = Record<string, unknown>

/** What a text of JSON holds; undefined where it is none. For texts of others, whose reader says what is wrong. */
export function parseJson(text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value where it is an object of JSON, else null. */
export function asObject(value: unknown): JsonObject | null {
  return isObject(value) ? value : null
}

/** The object that a text of JSON holds; null where it holds none. */
export function objectIn(text: string | undefined): JsonObject | null {
  return asObject(parseJson(text))
}
