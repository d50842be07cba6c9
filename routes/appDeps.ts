/** What the app is made of. */
import type { OperatorSettings } from './access';
import type { Controllers } from './payRoutes';
import type { ListenConfig } from '../config/types';
import type { NotifyController } from '../controllers/notifyController';
import type { MerchantStatus, StatusController } from '../controllers/statusController';
import type { Identity } from '../services/access/identity';
import type { RequestsUnderWay } from '../services/access/requestsUnderWay';
import type { Abilities } from '../services/strategies/strategy';
import type { ConfigError } from '../utils/errors';
import type { Logger } from '../utils/logger';
import type { Metrics } from '../utils/metrics';
import type { Ours } from '../utils/normalizeInput';
import type { Validate } from '../utils/validate';

/** Everything that needs complete settings. */
export interface Ready {
  readonly identity: Identity;
  readonly controllers: Controllers;
  readonly notify: NotifyController;
  readonly operators: OperatorSettings;
  readonly underWay: RequestsUnderWay;
  readonly validate: Validate;
  readonly ours: Ours;
  /** Which calls the merchant's way of speaking to WeChat offers. */
  readonly can: Abilities;
}

/** Who serves the paths below `/m/<key>`. */
export interface Served {
  /** A ConfigError: this merchant's settings are refused. The other merchants are served. */
  readonly ready: Ready | ConfigError;
  readonly status: MerchantStatus;
}

/** A file of the operator's page; undefined where there is none of that name. */
export type ConsoleFiles = (name: string) => Promise<Buffer | undefined>;

export interface AppDeps {
  readonly listen: ListenConfig;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly status: StatusController;
  /** A ConfigError instead: the process still listens, and says what is missing. */
  readonly ready: Ready | ConfigError;
  /** Who serves what is below `/m/<key>`; undefined = there is no such merchant. */
  readonly merchant?: (key: string) => Served | undefined;
  /** undefined: the operator's page is switched off. */
  readonly consoleFiles?: ConsoleFiles;
  /** Keys of the merchants that may be asked for. */
  readonly merchantKeys?: readonly string[];
  /**
   * After an answered request: where no timer runs, this is the time to process due records of its merchant.
   * @param merchant  Its key; undefined = the environment's own.
   */
  readonly afterRequest?: (merchant: string | undefined) => void;
}
