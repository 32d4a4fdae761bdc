import type { AppEvent } from '../contract/events'
import { settingsSchema, type Settings } from '../contract/state'
import { readJsonFile, writeJsonFile } from './json-file'

/** The person's settings, on disk at once. */
export class SettingsStore {
  private constructor(
    private readonly file: string,
    private current: Settings,
    private readonly emit: (event: AppEvent) => void,
  ) {}

  static async open(file: string, emit: (event: AppEvent) => void): Promise<SettingsStore> {
    return new SettingsStore(file, (await readJsonFile(file, settingsSchema)) ?? settingsSchema.parse({}), emit)
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
