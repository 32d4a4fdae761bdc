import { toErrorReport } from '../contract/errors'
import type { AppEvent } from '../contract/protocol/events'
import { settingsSchema, type Settings } from '../contract/state'
import { readJsonFile, writeJsonFile } from './files/json-file'
import type { PathAccess } from './files/path-access'

interface OpenOptions {
  access: PathAccess
  /** Told of every folder that is left out. */
  warn: (message: string) => void
}

/** The person's settings, on disk at once. */
export class SettingsStore {
  private constructor(
    private readonly file: string,
    private current: Settings,
    private readonly emit: (event: AppEvent) => void,
  ) {}

  /** What was set in an earlier session holds as far as this one may use the folders. */
  static async open(file: string, emit: (event: AppEvent) => void, options: OpenOptions): Promise<SettingsStore> {
    const stored = (await readJsonFile(file, settingsSchema)) ?? settingsSchema.parse({})
    return new SettingsStore(file, await usable(stored, options), emit)
  }

  get value(): Settings {
    return this.current
  }

  async set(changes: Partial<Settings>): Promise<Settings> {
    this.current = { ...this.current, ...changes }
    await writeJsonFile(this.file, this.current)
    this.emit({ type: 'settings', settings: this.current })
    return this.current
  }
}

async function usable(settings: Settings, { access, warn }: OpenOptions): Promise<Settings> {
  const orNull = (folder: string, check: (path: string) => Promise<string>): Promise<string | null> =>
    check(folder).catch((error: unknown) => {
      warn(`A folder of the settings is left out: ${toErrorReport(error).message}`)
      return null
    })
  const { cacheFolder, modelFolders } = settings
  const found = await Promise.all(modelFolders.map((folder) => orNull(folder, (path) => access.check(path))))
  return {
    ...settings,
    cacheFolder: cacheFolder === null ? null : await orNull(cacheFolder, (path) => access.checkFolder(path)),
    modelFolders: found.filter((folder) => folder !== null),
  }
}
