/** Words of the field and of the method, as the views use them. */
export const GLOSSARY: readonly (readonly [word: string, meaning: string])[] = [
  ['Base', 'The model that all others were trained from. A merge changes it.'],
  ['Specialist', 'A model that learnt something of its own from the base: a style, a subject. An adapter is one too.'],
  ['Change (Δ)', 'What a specialist has learnt: its weights minus those of the base.'],
  [
    'Layer, block',
    'A layer is one matrix of weights. IN, M and OUT are the network’s blocks, in their order; embeddings are the rest (BASE in other programs).',
  ],
  ['Correlation (P)', 'How alike two rows answer to the same inputs: 1 alike, 0 unrelated, −1 opposed.'],
  ['Slope (S)', 'How much a row of another model moves when the base’s row moves by one.'],
  ['Conflict', 'Specialists whose correlations are low or negative: an average of them loses what each has learnt.'],
  [
    'Coefficient',
    'The part that a row of one model has in the merged row. FeatureFusion takes it from the correlations.',
  ],
  [
    'Normaliser (Z)',
    'What coefficients are divided by, so that merged weights keep their size. Its choice “aligned” is the safe one.',
  ],
  ['Condition number (κ)', 'How much cancels in the paper’s normaliser: rows with a large one are blown up.'],
  ['Threshold (τ)', 'Correlations below it count as none.'],
  [
    'Weight, share',
    'A weight says how much of a specialist you want. Its share is what comes of all weights together.',
  ],
  ['Contributions', 'What every model adds to a merged layer, kept on the disk: other weights then cost only a sum.'],
  ['Unlearning', 'Taking one specialist out of a merge, and what of it is still there afterwards.'],
  ['Alignment', 'Hidden units of the specialists are put into the order of the base’s before they are compared.'],
  ['Calibration', 'Real inputs of every layer, gathered while a model draws; some methods learn from them.'],
  ['Loss', 'How far a model’s guess of the noise is off, on pictures that it has not seen: less is better.'],
  ['Recipe', 'What made a file: models with their hashes, method, weights. It is written into every export.'],
  ['EMA', 'A running average of weights during training, which some files have beside the weights.'],
]
