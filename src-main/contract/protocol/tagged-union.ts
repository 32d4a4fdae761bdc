import { z } from 'zod'

type Table<Field extends string> = Readonly<Record<string, Readonly<Record<Field, z.ZodObject>>>>

/** What `taggedUnion` accepts. */
export type TaggedUnion<Tag extends string, Entries extends Table<Field>, Field extends string> = {
  [Name in keyof Entries & string]: z.output<
    z.ZodObject<Entries[Name][Field]['shape'] & { [Key in Tag]: z.ZodLiteral<Name> }>
  >
}[keyof Entries & string]

/**
 * The union of the objects that stand in a field of every entry of a table; the name of the entry is in `tag`.
 * taggedUnion('kind', { hash: { result: z.object({ files }) } }, 'result') accepts { kind: 'hash', files }.
 */
export function taggedUnion<Tag extends string, Entries extends Table<Field>, Field extends string>(
  tag: Tag,
  table: Entries,
  field: Field,
): z.ZodType<TaggedUnion<Tag, Entries, Field>> {
  const members = Object.entries<Record<Field, z.ZodObject>>({ ...table }).map(([name, entry]) =>
    entry[field].extend({ [tag]: z.literal(name) }),
  )
  // The types of zod lose the keys on the way through Object.entries.
  const union: z.ZodType<unknown> = z.discriminatedUnion(tag, members as unknown as [z.core.$ZodTypeDiscriminable])
  return union as z.ZodType<TaggedUnion<Tag, Entries, Field>>
}
