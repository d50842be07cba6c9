/** A bill must be ours and of the day asked for: WeChat's offer of it names neither. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { createBillService } from '../../services/reconcile/billService';
import { createBillIdentity } from '../../services/reconcile/billIdentity';
import type { WechatApi } from '../../services/wechat/wechatApi';

const HEAD = '\uFEFF交易时间,公众账号ID,商户号,特约商户号,微信订单号\r\n';
const row = (date: string, mchid: string): string =>
  `\`${date} 10:01:02,\`wx0000000000000001,\`${mchid},\`0,\`4200\r\n`;
const SUMS = '总交易单数\r\n`20\r\n';
const OURS = '1900000001';
const asked = { bill_date: '2026-01-02', mchid: OURS };

function judged(text: string, chunkBytes: number): string | undefined {
  const identity = createBillIdentity(asked);
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    identity.push(bytes.subarray(at, at + chunkBytes));
  }
  return identity.end();
}

describe('whose bill it is', () => {
  test.each([
    ['ours, of that day', row('2026-01-02', OURS), undefined],
    [
      'with a row of another day beside ours',
      row('2026-01-01', OURS) + row('2026-01-02', OURS),
      undefined,
    ],
    [
      'with another merchant beside us',
      row('2026-01-02', '1900000009') + row('2026-01-02', OURS),
      undefined,
    ],
    ['without rows', '', undefined],
    ['of another day', row('2026-01-01', OURS), 'bill_date'],
    ['of another merchant', row('2026-01-02', '1900000009'), 'mchid'],
    ['of a merchant whose number begins like ours', row('2026-01-02', `${OURS}1`), 'mchid'],
  ])('a bill %s, in pieces of any size', (_what, rows, wrong) => {
    for (const size of [1, 7, 64, 100_000]) expect(judged(HEAD + rows + SUMS, size)).toBe(wrong);
  });
});

const OPERATOR = { role: 'operator', via: 'key', scope: 'all', name: '#1' } as const;

describe('a bill that is handed on', () => {
  const text = HEAD + row('2026-01-01', OURS) + SUMS;
  const hash_value = createHash('sha1').update(text).digest('hex');
  const service = createBillService({
    mchid: OURS,
    shops: { viewOf: () => undefined },
    api: {
      bill: () =>
        Promise.resolve({
          kind: 'bill',
          hash: hash_value,
          open: () => Promise.resolve(Readable.from([Buffer.from(text)])),
        }),
    } as unknown as WechatApi,
  });

  const read = async (bill_date: string): Promise<string> => {
    const { stream } = await service.open({ bill_date }, OPERATOR);
    let all = '';
    for await (const chunk of stream) all += String(chunk);
    return all;
  };

  test('of the day asked for comes whole', async () => {
    expect(await read('2026-01-01')).toBe(text);
  });

  test('of another day breaks off', async () => {
    await expect(read('2026-01-02')).rejects.toMatchObject({ code: 'WECHATPAY_UNPROVEN' });
  });
});
