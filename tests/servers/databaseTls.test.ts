/**
 * TLS to a database server, as the URL asks for it: a private server with a certificate made here answers whom it
 * should, and is refused where its certificate, its name or its silence about TLS do not fit.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../services/stores';
import { systemClock } from '../../utils/clock';
import { silentLogger } from '../../utils/logger';
import type { ServerKind } from '../helpers/databases';
import {
  hasPrivateServer,
  PRIVATE_KINDS,
  startPrivateServer,
  type PrivateServer,
} from '../helpers/privateServer';
import { anOrder } from '../helpers/storeRecords';

const KINDS = PRIVATE_KINDS.filter(hasPrivateServer);
const describeKinds = KINDS.length === 0 ? describe.skip.each(PRIVATE_KINDS) : describe.each(KINDS);

const openssl = (...args: readonly string[]): void => {
  execFileSync('openssl', args, { stdio: 'ignore' });
};

/** An authority of its own: `NAME.pem` and `NAME.key`. */
function makeCa(folder: string, name: string): string {
  const [pem, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2'];
  openssl(...request, '-subj', `/CN=${name}`, '-keyout', key, '-out', pem);
  return pem;
}

interface Wanted {
  readonly ca: string;
  readonly owner: string;
  readonly name: string;
}

/** A certificate for that name by that authority: `server.pem` and `server.key`, the owner's alone. */
function makeServerCertificate(folder: string, { ca, owner, name }: Wanted): void {
  const [key, request, pem] = ['server.key', 'server.csr', 'server.pem'].map((n) =>
    join(folder, n),
  ) as [string, string, string];
  const names = join(folder, 'names.cnf');
  writeFileSync(names, `subjectAltName=DNS:${name}\n`);
  const make = ['req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`];
  openssl(...make, '-keyout', key, '-out', request);
  const sign = ['x509', '-req', '-in', request, '-days', '2', '-CA', ca, '-CAcreateserial'];
  openssl(...sign, '-CAkey', ca.replace('.pem', '.key'), '-extfile', names, '-out', pem);
  execFileSync('chown', [`${owner}:${owner}`, key, pem]);
  execFileSync('chmod', ['600', key]);
}

const TLS: Readonly<Record<ServerKind, (folder: string) => readonly string[]>> = {
  postgres: (folder) => [
    ...['-c', 'ssl=on', '-c', `ssl_cert_file=${join(folder, 'server.pem')}`],
    ...['-c', `ssl_key_file=${join(folder, 'server.key')}`],
  ],
  mysql: (folder) => [
    ...[`--ssl-cert=${join(folder, 'server.pem')}`, `--ssl-key=${join(folder, 'server.key')}`],
    `--ssl-ca=${join(folder, 'server.pem')}`,
  ],
};

/** Asks who answers, with that authority. */
const VERIFIED: Readonly<Record<ServerKind, (ca: string) => string>> = {
  postgres: (ca) => `sslmode=verify-full&sslrootcert=${ca}`,
  mysql: (ca) => `ssl=true&sslca=${ca}`,
};
const UNVERIFIED = 'sslmode=require';

const ENCRYPTED: Readonly<Record<ServerKind, string>> = {
  postgres: 'SELECT COUNT(*) AS n FROM pg_stat_ssl WHERE ssl AND pid <> pg_backend_pid()',
  mysql:
    "SELECT VARIABLE_VALUE AS n FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'SSL_FINISHED_ACCEPTS'",
};

describeKinds('TLS to %s', (kind) => {
  const certificates = mkdtempSync(join(tmpdir(), 'pay-common-ca-'));
  let ca = '';
  let foreignCa = '';
  let server: PrivateServer;
  /** Its certificate is by our authority, and for another host. */
  let other: PrivateServer;
  let plain: PrivateServer;
  let url = '';

  beforeAll(async () => {
    ca = makeCa(certificates, 'ours');
    foreignCa = makeCa(certificates, 'foreign');
    const start = (name: string) =>
      startPrivateServer(kind, {
        setUp: (folder) => {
          makeServerCertificate(folder, { ca, owner: kind, name });
          return TLS[kind](folder);
        },
      });
    [server, other, plain] = await Promise.all([
      start('localhost'),
      start('db.example.com'),
      startPrivateServer(kind),
    ]);
    url = await server.databases.create();
  });
  afterAll(async () => {
    for (const one of [server, other, plain]) await one.close();
    rmSync(certificates, { recursive: true, force: true });
  });

  const at = (host: string, query: string, base = url): string => {
    const address = new URL(base);
    address.hostname = host;
    return `${address.href}?${query}`;
  };
  const open = (address: string) =>
    openStore({ url: address, clock: systemClock, logger: silentLogger });
  const refusal = async (address: string): Promise<string> => {
    const error: unknown = await open(address).then(
      async (store) => store.close(),
      (reason: unknown) => reason,
    );
    const { code, cause } = (error ?? {}) as { code?: string; cause?: unknown };
    return `${String(code)}: ${String(cause)}`;
  };

  test('a proven server is written to, encrypted', async () => {
    const store = await open(at('localhost', VERIFIED[kind](ca)));
    expect(await store.insert(anOrder('TLS1'))).toBe('inserted');
    const [row] = await server.databases.run(url, ENCRYPTED[kind]);
    expect(Number(row?.['n'])).toBeGreaterThan(0);
    await store.close();
  });

  test('another authority, or another name, is refused', async () => {
    const foreign = await refusal(at('localhost', VERIFIED[kind](foreignCa)));
    expect(foreign).toMatch(/^STORE_UNAVAILABLE: .*(certificate|self-signed)/i);
    const elsewhere = await other.databases.create();
    const name = await refusal(at('localhost', VERIFIED[kind](ca), elsewhere));
    expect(name).toMatch(/^STORE_UNAVAILABLE: .*altnames/i);
    // An address proves no name: MySQL's driver cannot compare it, so the URL is refused.
    const address = await refusal(at('127.0.0.1', VERIFIED[kind](ca)));
    expect(address).toMatch(kind === 'mysql' ? /^CONFIG_INVALID/ : /altnames/i);
    const store = await open(at('127.0.0.1', `sslmode=verify-ca&sslrootcert=${ca}`, elsewhere));
    await store.close();
  });

  test('`require` encrypts without asking; without its authority a proof fails', async () => {
    const store = await open(at('127.0.0.1', UNVERIFIED));
    await store.close();
    const query = kind === 'mysql' ? 'ssl=true' : 'sslmode=verify-full';
    expect(await refusal(at('localhost', query))).toMatch(/^STORE_UNAVAILABLE: .*certificate/i);
  });

  test('a server without TLS is refused where TLS is demanded', async () => {
    const bare = await plain.databases.create();
    for (const query of [UNVERIFIED, VERIFIED[kind](ca)]) {
      expect(await refusal(at('localhost', query, bare))).toMatch(
        /^STORE_UNAVAILABLE: .*(does not support|secure)/i,
      );
    }
    const store = await open(bare);
    expect(await store.insert(anOrder('TLS2'))).toBe('inserted');
    await store.close();
  });
});
