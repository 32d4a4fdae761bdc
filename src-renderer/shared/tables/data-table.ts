/** A column of a DataTable. One of them holds the names of the rows. */
export interface TableColumn {
  key: string
  title: string
  /** The title is for screen readers alone. */
  isTitleHidden?: boolean
  tooltip?: string
  /** Holds the rows' names and marks; such a column has no cells. */
  isRowHeader?: boolean
  /** Text starts at the left; without it, figures end at the right. */
  isText?: boolean
  /** Without the background that cells have in the look 'tiles'. */
  isBare?: boolean
  /** The title stands upright: long ones of many columns. */
  isTurned?: boolean
}

export interface TableCell {
  text: string
  /** Stands quietly below the text: how certain it is. */
  below?: string
  /** Stands above the text; null: there is room for one that is not there yet. */
  picture?: { url: string; alt: string } | null
  tooltip?: string | undefined
  style?: { background?: string; color?: string }
  /** 'unknown': a stripe; 'framed': the one to look at in its row. */
  look?: 'quiet' | 'unknown' | 'framed'
}

export interface TableRow {
  key: string
  name: string
  tooltip?: string
  /** Place of a model in the project, for its mark; -1: it has none. */
  place?: number
  /** After the name, for screen readers alone. */
  note?: string
  /** Stands quietly below the name. */
  below?: string
  look?: 'raised' | 'bold' | undefined
  /** By their columns; null where there is a message instead. */
  cells: Readonly<Record<string, TableCell>> | null
  message?: { text: string; tooltip?: string | undefined; look: 'error' | 'unknown' | 'quiet' }
}
