import type { OutputSettings } from '../../../../contract/document/project'

/** What people say of an export, by the keys of Stability's standard (modelspec); what they do not say is absent. */
export function describedMetadata(output: OutputSettings): Record<string, string> {
  const said: Record<string, string | undefined> = {
    'modelspec.title': output.title,
    'modelspec.author': output.author,
    'modelspec.license': output.license,
    'modelspec.description': output.notes,
    'modelspec.thumbnail': output.thumbnail,
  }
  return Object.fromEntries(Object.entries(said).flatMap(([key, text]) => (text === undefined ? [] : [[key, text]])))
}
