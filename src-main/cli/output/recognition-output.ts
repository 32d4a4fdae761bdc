import { ALL_DOMAINS, cellsOf } from '../../contract/evaluate/losses'
import type { Confusion, Recognition, RecognisedModel } from '../../contract/evaluate/scores/recognition'
import { table } from './output'

/** Confusions of a model that are listed for people; data have all. */
const LISTED = 8

/** What was recognised, for people: shares by domain, and what was drawn as something else. */
export function recognitionInWords({ by, settings, domains, references, models }: Recognition): string {
  const rows = models.map((model) => [model.name, ...cellsOf(model).map(({ value }) => percent(value)), rangeOf(model)])
  const like = by === 'clip' ? "by CLIP's image embedding" : "in the VAE's latents"
  const drawn = `${settings.seeds === 1 ? 'one picture' : `${settings.seeds} pictures`} per caption, ${settings.steps === 1 ? '1 step' : `${settings.steps} steps`}, guidance ${settings.guidance}`
  return [
    `Recognition: drawn pictures that are nearer to a picture of their own caption than to any other of ${references} (${like}; ${drawn}):`,
    '',
    table([['', ...domains.map(({ name }) => name), ALL_DOMAINS, '95 % interval'], ...rows]),
    '',
    ...models.flatMap(confusedInWords),
  ].join('\n')
}

/** The confusions of a model in the domains where it recognises something; elsewhere it was not taught. */
function confusedInWords({ name, confusions }: RecognisedModel): string[] {
  if (confusions.length === 0) return [`${name}: nothing is confused.`]
  const more = confusions.length - LISTED
  const listed = confusions.slice(0, LISTED).map(confusionInWords).join('; ')
  return [`${name} draws ${listed}${more > 0 ? `; and ${more} more (--json, --csv)` : ''}.`]
}

function confusionInWords({ caption, as, pictures }: Confusion): string {
  const times = pictures > 1 ? ` (${pictures} times)` : ''
  return as ? `'${caption}' most like '${as.caption}'${times}` : `'${caption}' as NaN${times}`
}

function rangeOf({ mean: { interval } }: RecognisedModel): string {
  return interval ? `${percent(interval.low)} … ${percent(interval.high)}` : ''
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}
