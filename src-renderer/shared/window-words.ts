/** Options of the command line as the window has them; where they have a value, with it. */
const PLACES: readonly (readonly [RegExp, string | ((...found: string[]) => string)])[] = [
  [/,? or with featurefusion calibrate and --calibration FILE/g, ''],
  [/\(featurefusion calibrate, --calibration FILE\)/g, '(in Tune)'],
  [/featurefusion unfinished --remove \S+ removes it/g, '“Remove the partial file” in Export removes it'],
  [/--include ([\w,]+\w)/g, (_all, parts) => `“Parts to merge: ${words(parts!)}”`],
  [/--include\b/g, '“Parts to merge”'],
  [/--vae FILE/g, '“VAE”'],
  [/--vae\b/g, '“VAE”'],
  [/--layout single-file/g, '“Layout: One .safetensors file”'],
  [/--layout same/g, '“Layout: Same as the base”'],
  [/--prediction (\w+)/g, (_all, type) => `“The models predict: ${type}”`],
  [/--ema use/g, '“EMA copies” of the base in Models'],
  [/`?--device cpu`?/g, '“CPU” in Settings'],
  [/\(--block-weights [^)]*\)/g, '(in Tune)'],
]

function words(parts: string): string {
  return parts.replaceAll('_', ' ').split(',').join(', ')
}

/** A message of the engine for people who look at a window: options of the command line are called what they are there. */
export function windowWords(text: string): string {
  return PLACES.reduce((now, [option, place]) => now.replace(option, place as string), text)
}
