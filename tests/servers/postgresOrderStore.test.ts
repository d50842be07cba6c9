import { openPostgresDriver } from '../../services/stores/sql/postgresDriver';
import { systemClock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import { describeServerStore } from '../contract/describeServerStore';

describeServerStore('postgres', (url) =>
  openPostgresDriver({ url, clock: systemClock, logger: silentLogger }),
);
