/** One item of each key, the last one, in the order of the first. */
export function distinctBy<Item, Key>(items: Iterable<Item>, keyOf: (item: Item) => Key): Item[] {
  return [...new Map(Array.from(items, (item) => [keyOf(item), item])).values()]
}
