import { computed, type ComputedRef } from 'vue'
import { useTheme } from '../../../shared/charts/theme-colours'
import type { ColourScale } from '../../../../src-main/contract/values/colour-scales'
import { useInspectedMap } from './map-store'
import { fittedScale } from '../../../../src-main/contract/report/measures'

/** The colours of the cells that are shown. */
export function useMapScale(): ComputedRef<ColourScale> {
  const theme = useTheme()
  const map = useInspectedMap()
  return computed(() => fittedScale(theme.value, map.measure, map.shownValues))
}
