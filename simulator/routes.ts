import { billRoutes } from './bills';
import { codepayRoutes } from './codepay';
import { combineRoutes } from './combine';
import { orderRoutes } from './orders';
import { partnerRoutes } from './partner';
import { refundRoutes } from './refunds';
import { securityRoutes } from './security';
import { transferRoutes } from './transfers';
import type { Route } from './world';

/** Every call this gateway knows. */
export const allRoutes: readonly Route[] = [
  ...billRoutes,
  ...codepayRoutes,
  ...combineRoutes,
  ...orderRoutes,
  ...partnerRoutes,
  ...refundRoutes,
  ...transferRoutes,
  ...securityRoutes,
];
