/**
 * Characters that a name of a file, a tensor or a model may hold, and that do more than show: control characters (an
 * escape starts a terminal's commands, C1 has its own), line and paragraph separators, marks that turn the direction of
 * text round, and halves of surrogate pairs.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu

/** A name in one line: what does more than show is written as its code, `\u{1b}`. */
export function oneLine(text: string): string {
  return text.replace(UNPRINTABLE, escaped)
}

/** Text of several lines, as a program lays it out. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => (character === '\n' ? character : escaped(character)))
}

/** JSON that stands for the same value, with nothing in it that a terminal would act on. */
export function printableJson(value: unknown): string {
  const escape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(value, null, 2).replace(UNPRINTABLE, (found) => (found === '\n' ? found : escape(found)))
}

/** Whether a text has neither line breaks nor control characters. */
export function isOneLine(text: string): boolean {
  return !/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(text)
}

function escaped(character: string): string {
  return `\\u{${character.codePointAt(0)!.toString(16)}}`
}
