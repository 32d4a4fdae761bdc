import { identityPairs, NameTable, type Naming } from './name-table'

/** Names that are canonical as they stand. */
export const identity: Naming = {
  fromStored: (names) => new NameTable(identityPairs(names)),
  fromCanonical: (names) => new NameTable(identityPairs(names)),
}
