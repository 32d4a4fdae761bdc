import { inject, type InjectionKey, type Ref } from 'vue'

/** Short names of the project's models by their whole ones (distinct-names.ts), where they have one. */
export const shortNamesKey: InjectionKey<Readonly<Ref<ReadonlyMap<string, string>>>> = Symbol('short names')

/** What stands where names are cut: a text with the short names of the models that it names. */
export function useShortNames(): (text: string) => string {
  const names = inject(shortNamesKey, null)
  return (text) => shortText(text, names?.value ?? new Map())
}

/** A text with the models' short names in the place of their whole ones. */
export function shortText(text: string, names: ReadonlyMap<string, string>): string {
  const own = names.get(text)
  if (own !== undefined) return own
  // A name may be the beginning of another.
  const named = [...names].filter(([name]) => text.includes(name)).sort(([a], [b]) => b.length - a.length)
  return named.reduce((shorter, [name, short]) => shorter.replaceAll(name, () => short), text)
}
