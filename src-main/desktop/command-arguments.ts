/** Makes a command line of the packaged program, whose binary does not run as Node (fuse RunAsNode). */
const SWITCH = '--cli'

/**
 * The arguments of `featurefusion` among those of the packaged program, where it was started as a command line:
 * `PROGRAM [CHROMIUM SWITCH …] --cli [--] ARGUMENT …`. Chromium reads no switches behind the two dashes.
 * @returns null where a window is meant
 */
export function commandArguments(argv: readonly string[]): string[] | null {
  const at = argv.indexOf(SWITCH)
  if (at < 1 || argv.slice(1, at).some((argument) => !argument.startsWith('-'))) return null
  const args = argv.slice(at + 1)
  return args[0] === '--' ? args.slice(1) : args
}
