import { boft } from './rotations/boft'
import type { AdapterForm } from './form'
import type { FormName } from './settings'
import { full } from './full'
import { glora } from './glora'
import { ia3 } from './ia3'
import { loha } from './loha'
import { lokr } from './lokr'
import { lora } from './lora'
import { oft } from './rotations/oft'
import { peftBoft } from './rotations/peft-boft'
import { peftOft } from './rotations/peft-oft'

/** Every form that is read, by its name. */
export const FORMS: Readonly<Record<FormName, AdapterForm>> = {
  lora,
  loha,
  lokr,
  full,
  oft,
  boft,
  'peft-oft': peftOft,
  'peft-boft': peftBoft,
  glora,
  ia3,
}
