import { inject, type InjectionKey, type Ref } from 'vue'

/** Short names of the project's models by their whole ones (distinct-names.ts), where they have one. */
export const shortNamesKey: InjectionKey<Readonly<Ref<ReadonlyMap<string, string>>>> = Symbol('short names')

/** What stands where names are cut: a text with the short name of the model that it names. */
export function useShortNames(): (text: string) => string {
  const names = inject(shortNamesKey, null)
  return (text) => shortText(text, names?.value ?? new Map())
}

/** A text with a model's short name in the place of its whole one. */
export function shortText(text: string, names: ReadonlyMap<string, string>): string {
  const own = names.get(text)
  if (own !== undefined) return own
  const named = [...names.keys()].filter((name) => text.includes(name)).sort((a, b) => b.length - a.length)[0]
  return named === undefined ? text : text.replace(named, () => names.get(named)!)
}
