/** A text of a file's metadata, indented where it is JSON. */
export function prettyText(text: string): string {
  if (!/^\s*[[{]/.test(text)) return text
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

/** Whether a text of the metadata is a picture that can be shown. */
export function isPicture(text: string): boolean {
  return /^data:image\/(png|jpeg|webp);base64,/.test(text)
}

/** Everything as JSON, with JSON inside texts left as it is: what can be pasted elsewhere. */
export function metadataText(metadata: Readonly<Record<string, string>>): string {
  return JSON.stringify(metadata, null, 2)
}
