import type { HistoryEntry } from '../../../src-main/contract/history'
import { settingsOf, settingText, SETTING_GROUPS, type Setting, type SettingGroup } from './entry-settings'

/** A setting in which two entries differ; null where one of them does not have it. */
export interface Difference {
  key: string
  group: SettingGroup
  label: string
  a: string | null
  b: string | null
}

/** What differs between two entries, in groups that both have: nothing between an entry and itself. */
export function differencesOf(a: HistoryEntry, b: HistoryEntry): Difference[] {
  const [one, other] = [settingsOf(a), settingsOf(b, a.merge?.models)]
  const groups = SETTING_GROUPS.filter((group) => [one, other].every((all) => all.some((own) => own.group === group)))
  const ofB = new Map(other.map((setting) => [setting.key, setting]))
  const ofA = new Set(one.map(({ key }) => key))
  const pairs = [
    ...one.map((setting) => [setting, ofB.get(setting.key)] as const),
    ...other.filter(({ key }) => !ofA.has(key)).map((setting) => [undefined, setting] as const),
  ]
  const found = pairs.flatMap(([mine, its]) => differenceOf(mine, its))
  return groups.flatMap((group) => found.filter((difference) => difference.group === group))
}

function differenceOf(a: Setting | undefined, b: Setting | undefined): Difference[] {
  const { key, group, label, isOptional = false } = (a ?? b)!
  if ((a && b && valueOf(a) === valueOf(b)) || (isOptional && !(a && b))) return []
  return [{ key, group, label, a: a ? ownWords(a, b) : null, b: b ? ownWords(b, a) : null }]
}

function valueOf({ text, value }: Setting): string {
  return value ?? JSON.stringify(text)
}

/** Of a list, what the other one does not have; all of it where they have the same in another order. */
function ownWords(setting: Setting, other: Setting | undefined): string {
  const { text } = setting
  if (typeof text === 'string' || other === undefined || typeof other.text === 'string') return settingText(setting)
  const theirs = new Set(other.text)
  const mine = new Set(text)
  const own = text.filter((one) => !theirs.has(one))
  const hasSame = own.length === 0 && other.text.every((one) => mine.has(one))
  return hasSame ? settingText(setting) : own.length === 0 ? 'none of these' : settingText({ text: own })
}
