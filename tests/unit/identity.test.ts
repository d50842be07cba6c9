/** Who is calling: each step of the decision, and that nothing else ever counts. */
import { createHash } from 'node:crypto';
import {
  createIdentity,
  type BearerVerdict,
  type IdentityDeps,
} from '../../services/access/identity';
import { AuthError, UpstreamError } from '../../utils/errors';

const KEY = 'operator-key-0123456789-0123456789-ab';
const READ_KEY = 'reading-key-0123456789-0123456789-abc';
const OPENID = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o';
const OTHER = 'oUpF8uN95-Ptaags6E_roPHg7AG0';
const APPID = 'wx0123456789abcdef';
const digest = (key: string): Buffer => createHash('sha256').update(key).digest();
const refused = { code: 'UNAUTHENTICATED', status: 401 };

const identityOf = (over: Partial<IdentityDeps> = {}) =>
  createIdentity({
    operatorKeys: [
      { scope: 'read', digest: digest(READ_KEY) },
      { scope: 'all', digest: digest(KEY) },
    ],
    operatorOpenids: [],
    appids: [APPID],
    trustWxHeaders: true,
    trustWxHeadersByHand: false,
    foreignBearer: 'refuse',
    verifyBearer: () => Promise.resolve({ kind: 'foreign' }),
    ...over,
  });

const says = (verdict: BearerVerdict) => () => Promise.resolve(verdict);
const ours = says({ kind: 'ours', openid: OPENID });

describe('1. X-API-Key', () => {
  test('a right one is an operator of its scope', async () => {
    const identity = identityOf();
    expect(await identity.identify({ 'x-api-key': KEY }, false)).toMatchObject({ scope: 'all' });
    expect(await identity.identify({ 'x-api-key': READ_KEY }, true)).toMatchObject({
      scope: 'read',
    });
  });

  test.each([
    ['wrong', 'x'.repeat(36)],
    ['empty', ''],
    ['with a blank', `${KEY} `],
    ['with its scope before it', `read:${READ_KEY}`],
    ['its digest', digest(KEY).toString('hex')],
    ['two, as Node joins them', `${KEY}, ${KEY}`],
    ['longer than any', 'x'.repeat(5000)],
  ])('%s: 401, and a good Bearer or header beside it is not even looked at', async (_name, key) => {
    const verifyBearer = jest.fn(ours);
    const headers = { 'x-api-key': key, authorization: 'Bearer t', 'x-wx-openid': OPENID };
    const asked = identityOf({ verifyBearer }).identify(headers, false);
    await expect(asked).rejects.toMatchObject(refused);
    expect(verifyBearer).not.toHaveBeenCalled();
  });

  test('no key set: none matches', async () => {
    const asked = identityOf({ operatorKeys: [] }).identify({ 'x-api-key': KEY }, false);
    await expect(asked).rejects.toMatchObject(refused);
  });
});

describe('2. Bearer', () => {
  test('ours: the openid of its claims, also on POST /', async () => {
    const identity = identityOf({ verifyBearer: ours, trustWxHeaders: false });
    const headers = { authorization: 'bearer  t' };
    for (const old of [true, false]) {
      expect(await identity.identify(headers, old)).toMatchObject({ openid: OPENID, via: 'token' });
    }
  });

  test('x-wx-openid that differs: 401; the same: taken', async () => {
    const identity = identityOf({ verifyBearer: ours });
    const authorization = 'Bearer t';
    const other = identity.identify({ authorization, 'x-wx-openid': OTHER }, false);
    await expect(other).rejects.toMatchObject(refused);
    expect(await identity.identify({ authorization, 'x-wx-openid': OPENID }, false)).toMatchObject({
      openid: OPENID,
    });
  });

  test('ours and bad, or not to be checked: thrown on, never fallen through to the header', async () => {
    for (const error of [
      new AuthError('UNAUTHENTICATED'),
      new UpstreamError('IDENTITY_UNAVAILABLE'),
    ]) {
      const verifyBearer = () => Promise.reject(error);
      const identity = identityOf({ verifyBearer, foreignBearer: 'ignore' });
      const asked = identity.identify({ authorization: 'Bearer t', 'x-wx-openid': OPENID }, false);
      await expect(asked).rejects.toBe(error);
    }
  });

  test.each(['Bearer t', 'Bearer', 'Bearer a b', 'BEARER t', 'Bearer\tt'])(
    'foreign (%j): 401 that names the setting; passed over with foreignBearer=ignore',
    async (authorization) => {
      const headers = { authorization, 'x-wx-openid': OPENID };
      const error: unknown = await identityOf()
        .identify(headers, false)
        .catch((e: unknown) => e);
      expect(error).toMatchObject(refused);
      expect(String(error)).toContain('foreignBearer');
      const lenient = identityOf({ foreignBearer: 'ignore' });
      expect(await lenient.identify(headers, false)).toMatchObject({ via: 'header' });
      const untrusting = identityOf({ foreignBearer: 'ignore', trustWxHeaders: false });
      await expect(untrusting.identify(headers, false)).rejects.toMatchObject(refused);
    },
  );
});

describe('3. x-wx-openid', () => {
  test('is believed where it is trusted, and nowhere else', async () => {
    const headers = { 'x-wx-openid': OPENID, 'x-wx-appid': APPID };
    expect(await identityOf().identify(headers, false)).toEqual({
      role: 'payer',
      via: 'header',
      openid: OPENID,
      operator: false,
    });
    const untrusting = identityOf({ trustWxHeaders: false });
    await expect(untrusting.identify(headers, false)).rejects.toMatchObject(refused);
  });

  test('is not believed on POST /, where an open route for callbacks may lead', async () => {
    const asked = identityOf().identify({ 'x-wx-openid': OPENID }, true);
    await expect(asked).rejects.toMatchObject(refused);
  });

  test.each([
    '',
    'short',
    `${OPENID}, ${OTHER}`,
    `${OPENID}\n`,
    'o'.repeat(65),
    "o' OR '1'='1' --0000",
  ])('of a wrong shape (%j): 401', async (openid) => {
    const asked = identityOf().identify({ 'x-wx-openid': openid }, false);
    await expect(asked).rejects.toMatchObject(refused);
  });

  test.each(['wxffffffffffffffff', '', `${APPID}, ${APPID}`])(
    'of another app (%j): 401',
    async (appid) => {
      const asked = identityOf().identify({ 'x-wx-openid': OPENID, 'x-wx-appid': appid }, false);
      await expect(asked).rejects.toMatchObject(refused);
    },
  );
});

describe('4. nobody', () => {
  test.each([
    'x-tcb-integration-id',
    'x-wx-source',
    'x-authmethod',
    'x-cloudbase-context',
    'x-forwarded-for',
    'x-openid',
    'cookie',
    'x-scf-request-id',
  ])('%s proves nothing', async (name) => {
    const asked = identityOf().identify({ [name]: OPENID }, false);
    await expect(asked).rejects.toMatchObject(refused);
  });

  test('another scheme than Bearer is no one', async () => {
    const asked = identityOf().identify({ authorization: 'Basic dTpw' }, false);
    await expect(asked).rejects.toMatchObject(refused);
  });
});

describe('operatorOpenids', () => {
  const operatorOpenids = [OPENID];

  test('by a verified token: an operator', async () => {
    const identity = identityOf({ verifyBearer: ours, operatorOpenids });
    const caller = await identity.identify({ authorization: 'Bearer t' }, false);
    expect(caller).toMatchObject({ operator: true });
  });

  test('by header: only where the trust was written by hand', async () => {
    const headers = { 'x-wx-openid': OPENID };
    const byDefault = identityOf({ operatorOpenids });
    expect(await byDefault.identify(headers, false)).toMatchObject({ operator: false });
    const byHand = identityOf({ operatorOpenids, trustWxHeadersByHand: true });
    expect(await byHand.identify(headers, false)).toMatchObject({ operator: true });
  });
});
