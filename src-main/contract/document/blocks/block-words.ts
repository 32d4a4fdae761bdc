/** Blocks whose label says something else to people: 'BASE' is no base model. */
const WORDS: Readonly<Record<string, string>> = { BASE: 'embeddings' }
const HELP: Readonly<Record<string, string>> = {
  BASE: 'Embeddings of time and text, outside the numbered blocks. Other mergers call this block BASE.',
}

/** A block as it is shown: labels of the field, but for those that mean something else here. */
export function blockWords(label: string): string {
  return WORDS[label] ?? label
}

/** What a block is, where its label does not say it. */
export function blockHelp(label: string): string | undefined {
  return HELP[label]
}
