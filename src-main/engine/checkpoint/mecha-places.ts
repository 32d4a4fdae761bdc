/** A line of sd-mecha's recipes that names a file; in quotes a backslash is two. */
const MODEL = /^model "((?:[^"\\]|\\.)*)"/gm
const SEPARATOR = /\/|\\\\/

/** A recipe of sd-mecha with names of files in the place of their paths, which are whoever made it's own. */
export function withoutFolders(recipe: string): string {
  const names = new Map<string, string>()
  const counts = new Map<string, number>()
  return recipe.replace(MODEL, (_, place: string) => {
    const name = names.get(place) ?? numbered(place.split(SEPARATOR).findLast((part) => part !== '') ?? '', counts)
    names.set(place, name)
    return `model "${name}"`
  })
}

/** Files of one name in two folders are still two. */
function numbered(name: string, counts: Map<string, number>): string {
  const count = (counts.get(name) ?? 0) + 1
  counts.set(name, count)
  return count === 1 ? name : `${count}/${name}`
}
