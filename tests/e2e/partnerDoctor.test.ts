/** `doctor --live` for a service provider (服务商): each shop of the list is asked about, and each reason is told apart. */
import type { ShownFinding } from '../../cli/doctor/findings';
import { APP_A, PROVIDER, SHOP_A, SHOP_B, SHOP_C, startProvider } from '../helpers/partner';
import { OPERATOR_KEY, serviceEnv, temporaryDatabase } from '../helpers/service';
import type { Simulator } from '../../simulator';
import { cli } from './cliSupport';

async function examine(
  sim: Simulator,
  more: Readonly<Record<string, string | undefined>> = {},
): Promise<readonly ShownFinding[]> {
  const env = serviceEnv(sim, { databaseUrl: temporaryDatabase(), operatorKeys: OPERATOR_KEY });
  const { out } = await cli(['doctor', '--json', '--live'], { env: { ...env, ...more } });
  return (JSON.parse(out) as { findings: ShownFinding[] }).findings;
}

const ofShops = (findings: readonly ShownFinding[]) =>
  findings
    .filter(({ code }) => code.startsWith('partner.'))
    .map(({ code, setting, params }) => [code, setting, params?.['sub_mchid']]);

test('a sound provider has nothing wrong with its shops', async () => {
  const findings = await examine(await startProvider());
  expect(ofShops(findings)).toEqual([]);
  expect(findings.map(({ code }) => code)).toEqual(expect.arrayContaining(['wechat.accepted']));
});

test.each(['403 NO_AUTH', '400 INVALID_REQUEST'] as const)(
  'a shop that has not authorised the provider is named (%s)',
  async (relationError) => {
    const sim = await startProvider({
      switches: { relationError },
      subMerchants: [
        { sub_mchid: SHOP_A, sub_appid: APP_A },
        { sub_mchid: SHOP_B, related: false },
        { sub_mchid: SHOP_C, related: false },
      ],
    });
    expect(ofShops(await examine(sim))).toEqual([
      ['partner.no_relation', 'subMerchants', SHOP_B],
      ['partner.no_relation', 'subMerchants', SHOP_C],
    ]);
  },
);

test("the number of a service provider in a merchant's own place is named", async () => {
  const findings = await examine(await startProvider(), { subMerchants: undefined });
  expect(ofShops(findings)).toEqual([['partner.is_provider', 'merchantId', '']]);
});

test('faults of the list are told before anybody is asked', async () => {
  const sim = await startProvider();
  const cases = [
    [`${SHOP_A}:${sim.credentials.appId}`, 'sub_appid_is_own'],
    [`${SHOP_A},${SHOP_A}`, 'repeated'],
    [PROVIDER, 'sub_is_provider'],
    ['shop-a', 'sub_merchant'],
  ] as const;
  for (const [subMerchants, code] of cases) {
    const findings = await examine(sim, { subMerchants });
    expect(findings.filter(({ setting }) => setting === 'subMerchants')).toMatchObject([{ code }]);
  }
  expect(sim.requests).toEqual([]);
});
