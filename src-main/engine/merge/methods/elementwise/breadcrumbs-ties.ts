import { breadcrumbsTies as descriptor } from '../../../../contract/methods/elementwise/breadcrumbs-ties'
import type { ElementwiseMethod } from '../method'
import { startBreadcrumbs } from './breadcrumbs'
import { sumOfAgreeing } from './sign-consensus'

/** Breadcrumbs-TIES (mergekit's breadcrumbs_ties): Breadcrumbs' selection, then TIES' election of a sign per entry. */
export const breadcrumbsTies = {
  ...descriptor,
  start: (context) => startBreadcrumbs(context, sumOfAgreeing),
} satisfies ElementwiseMethod
