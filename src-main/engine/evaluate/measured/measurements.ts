/** What was measured, by the key of all that it depends on. */
export interface Measurements<Stored> {
  find(key: string): Promise<Stored | null>
  /** @param unit what was measured, for people. @throws what writing throws; NotKept in a folder of results */
  keep(key: string, stored: Stored, unit: string): Promise<void>
}
