import { expect, it } from 'vitest'
import { windowWords } from '../../../src-renderer/shared/window-words'

it.each([
  [
    'Their text encoders fit all the same: --include text_encoder merges these alone.',
    'Their text encoders fit all the same: “Parts to merge: text encoder” merges these alone.',
  ],
  ['To merge all parts: --include unet,text_encoder.', 'To merge all parts: “Parts to merge: unet, text encoder”.'],
  ['Leave vae out of --include, or leave --vae out.', 'Leave vae out of “Parts to merge”, or leave “VAE” out.'],
  ['Write it in its own layout (--layout same).', 'Write it in its own layout (“Layout: Same as the base”).'],
  [
    'Collect calibration data: in Tune, or with featurefusion calibrate and --calibration FILE.',
    'Collect calibration data: in Tune.',
  ],
  ['Choose a smaller model, or `--device cpu`.', 'Choose a smaller model, or “CPU” in Settings.'],
  ['A name--with dashes stays.', 'A name--with dashes stays.'],
])('%s', (told, shown) => expect(windowWords(told)).toBe(shown))
