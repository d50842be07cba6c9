import { openPostgresDriver } from '../../services/stores/postgresDriver';
import { systemClock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import { describeServerStore } from './describeServerStore';

describeServerStore('postgres', (url) =>
  openPostgresDriver({ url, clock: systemClock, logger: silentLogger }),
);
