/** The dialect of a merchant of its own, as `createDialect` puts it together. */
import { createDirectDialect } from '../../services/wechat/directDialect';
import type { Dialect, DialectSettings } from '../../services/wechat/dialect';
import { createV2Dialect } from '../../services/wechat/v2Dialect';
import { createVersionedDialect } from '../../services/wechat/versionedDialect';
import type { ApiVersion } from '../../services/strategies/strategy';

export const directDialect = (
  settings: DialectSettings,
  own: ApiVersion = 'v3',
  refundsByV3 = true,
): Dialect =>
  createVersionedDialect({
    own,
    refundsByV3,
    v3: createDirectDialect(settings),
    v2: createV2Dialect(settings),
  });
