import { openMysqlDriver } from '../../services/stores/sql/mysqlDriver';
import { systemClock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import { describeServerStore } from '../contract/describeServerStore';

describeServerStore('mysql', (url) =>
  openMysqlDriver({ url, clock: systemClock, logger: silentLogger }),
);
