/** The parts of a `mysql:` or `postgres:` URL. Faults are named without the URL: it holds a password. */
import { readFileSync } from 'node:fs';
import { ConfigError } from '../../../utils/errors';

const CONNECTIONS_DEFAULT = 10;
const CONNECTIONS_MAX = 100;
const MODES: readonly string[] = ['true', 'require', 'verify-ca', 'verify-full'];

export interface Tls {
  readonly rejectUnauthorized: boolean;
  readonly minVersion: 'TLSv1.2';
  readonly ca?: string;
  /** Must the certificate be for this host, not only by a trusted authority? */
  readonly checksName: boolean;
}

export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly connectionsMax: number;
  /** undefined = not encrypted. `checksName` is for the driver, the rest for Node.js. */
  readonly tls: Tls | undefined;
}

export const urlFault = (text: string): ConfigError =>
  new ConfigError('CONFIG_INVALID', [`databaseUrl: ${text}`]);

/**
 * `mysql://user:password@host:3306/database?ssl=true&sslca=/path/ca.pem&connections=10`
 * `postgres://user:password@host:5432/database?sslmode=require|verify-ca|verify-full&sslrootcert=/path/ca.pem`
 *
 * As in libpq, `require` encrypts without asking who answers, `verify-ca` asks for a certificate of a trusted authority,
 * `verify-full` for one that names the host, too; so does MySQL's `ssl=true`. Either way of writing fits both databases.
 * @throws ConfigError CONFIG_INVALID
 */
export function readDatabaseUrl(text: string, portDefault: number): DatabaseAddress {
  let url: URL;
  let parts: readonly string[];
  try {
    url = new URL(text);
    parts = [url.username, url.password, url.pathname.slice(1)].map(decodeURIComponent);
  } catch {
    throw urlFault('is not a URL; letters like @ : / % in the password must be percent-encoded');
  }
  const [user = '', password = '', database = ''] = parts;
  if (url.hostname === '') throw urlFault('names no host');
  if (database === '' || database.includes('/')) throw urlFault('names no database after the host');
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? portDefault : Number(url.port),
    user,
    password,
    database,
    connectionsMax: connectionsOf(url.searchParams),
    tls: tlsOf(url.searchParams),
  };
}

function connectionsOf(params: URLSearchParams): number {
  const text = params.get('connections');
  if (text === null) return CONNECTIONS_DEFAULT;
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > CONNECTIONS_MAX) {
    throw urlFault(`connections must be 1 to ${String(CONNECTIONS_MAX)}`);
  }
  return count;
}

function tlsOf(params: URLSearchParams): Tls | undefined {
  const mode = params.get('sslmode') ?? params.get('ssl') ?? 'disable';
  const caPath = params.get('sslrootcert') ?? params.get('sslca');
  if (mode === 'disable' || mode === 'false') {
    if (caPath !== null) throw urlFault('names a CA but no ssl=true or sslmode=verify-full');
    return undefined;
  }
  if (!MODES.includes(mode)) {
    throw urlFault('ssl must be true or false, sslmode disable, require, verify-ca or verify-full');
  }
  return {
    // libpq: a given root certificate makes `require` ask for the authority, too.
    rejectUnauthorized: mode !== 'require' || caPath !== null,
    checksName: mode === 'true' || mode === 'verify-full',
    minVersion: 'TLSv1.2',
    ...(caPath === null ? {} : { ca: readCa(caPath) }),
  };
}

function readCa(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw urlFault('the CA file cannot be read');
  }
}
