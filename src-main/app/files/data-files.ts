/** Results that the program keeps in its data folder, by what they are of: the command line reads some of them, too. */
export const DATA_FILES = {
  evaluations: 'evaluations.json',
  history: 'history.jsonl',
  inspection: 'inspection.json',
  /** A folder. */
  pictures: 'previews',
} as const
