/** A package of others that ships, or of which something is in a bundle. */
export interface ShippedPackage {
  name: string
  version: string
  /** Its SPDX expression. */
  licence: unknown
  /** What its licence files say. */
  texts: readonly string[]
}

const RULE = '-'.repeat(80)
const INTRODUCTION = `What FeatureFusion Studio is made of, beside its own source (MIT, see LICENSE): packages of others, with their licences.
What is shipped as data is in NOTICE. Electron's and Chromium's licences are in the files LICENSE.electron.txt and
LICENSES.chromium.html of the packaged program.`

/**
 * The licences of all packages as one text: first a list, then each text with the packages that have it.
 * @throws Error for packages that name no licence, or have no text of it
 */
export function licenceNotices(packages: readonly ShippedPackage[]): string {
  const sorted = packages.toSorted((a, b) => (titleOf(a) < titleOf(b) ? -1 : 1))
  const unlicensed = sorted.filter(({ licence, texts }) => typeof licence !== 'string' || texts.length === 0)
  if (unlicensed.length > 0)
    throw new Error(`No licence, or no text of it: ${unlicensed.map(titleOf).join(', ')}. Put it into build/licences.`)
  const owners = new Map<string, string[]>()
  for (const one of sorted) {
    const text = one.texts.map((part) => part.replaceAll('\r\n', '\n').trim()).join('\n\n')
    owners.set(text, [...(owners.get(text) ?? []), titleOf(one)])
  }
  const list = sorted.map((one) => `${titleOf(one)}  ${String(one.licence)}`)
  const texts = [...owners].map(([text, names]) => `${RULE}\n${names.join('\n')}\n${RULE}\n\n${text}`)
  return `${INTRODUCTION}\n\n${list.join('\n')}\n\n${texts.join('\n\n')}\n`
}

function titleOf({ name, version }: ShippedPackage): string {
  return `${name} ${version}`
}
