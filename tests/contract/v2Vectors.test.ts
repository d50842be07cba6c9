/** Known answers of API v2: the same hashes as other implementations computed, on both sides of the wire. */
import { createHash } from 'node:crypto';
import { sign as simulatorSign, seal } from '../../simulator/v2/sign';
import { parseXml } from '../../simulator/v2/xml';
import { isAmbiguous, signV2, typeOfSign, holdsV2 } from '../../services/strategies/v2/sign';
import { openXml } from '../../services/strategies/v2/v2Notification';
import { readXml, writeXml } from '../../services/strategies/v2/xml';
import { directDialect } from '../helpers/dialects';
import { silentLogger } from '../../utils/logger';

const KEY = '192006250b4c09247ec02edce69f6a2d';
const COMMON = {
  appid: 'wxd930ea5d5a258f4f',
  mch_id: '10000100',
  nonce_str: '5K8264ILTKCH16CQ2502SI8ZNMTM67VS',
};
const ORDER = {
  ...COMMON,
  body: '测试商品',
  notify_url: 'https://example.com/wechatpay/v2/order',
  openid: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o',
  out_trade_no: 'T20240101000001',
  spbill_create_ip: '127.0.0.1',
  total_fee: '1',
  trade_type: 'JSAPI',
};
const { openid: _openid, ...PARTNER } = ORDER;
const NOTICE = {
  appid: 'wxd930ea5d5a258f4f',
  attach: 'a&b',
  bank_type: 'OTHERS',
  cash_fee: '1',
  fee_type: 'CNY',
  is_subscribe: 'N',
  mch_id: '10000100',
  nonce_str: 'ibuaiVcKdpRxkhJA',
  openid: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o',
  out_trade_no: 'T20240101000001',
  result_code: 'SUCCESS',
  return_code: 'SUCCESS',
  time_end: '20240101100003',
  total_fee: '1',
  trade_type: 'JSAPI',
  transaction_id: '4200000000202401010000000001',
};
const CLIENT = {
  appId: 'wxd930ea5d5a258f4f',
  nonceStr: '593BEC0C930BF1AFEB40B4A08C8FB242',
  package: 'prepay_id=wx201410272009395522657a690389285100',
  timeStamp: '1554208460',
};

const VECTORS: readonly (readonly [string, Readonly<Record<string, string>>, string, string])[] = [
  [
    'an order',
    ORDER,
    '220FE8BE263361D03369A7EFC6A34B0C',
    '035769D17C0D55E6B1F499096CC0E5452932DD5330A52C66E6C47B96BFC932AF',
  ],
  [
    'an order with an empty element',
    { ...ORDER, attach: '' },
    '220FE8BE263361D03369A7EFC6A34B0C',
    '035769D17C0D55E6B1F499096CC0E5452932DD5330A52C66E6C47B96BFC932AF',
  ],
  [
    'an order that names its type',
    { ...ORDER, sign_type: 'HMAC-SHA256' },
    '676F07BCC58B202175B480BAE91A1CDC',
    'C65E0A20F404C41FAB6A95A954B75DEEABF79242F48CE693CE94C7847873C682',
  ],
  [
    'an order of a provider',
    {
      ...PARTNER,
      sub_appid: 'wx2222222222222222',
      sub_mch_id: '10000101',
      sub_openid: 'oUpF8uMuAJO_sub',
    },
    '2279984077A9FA5046B079E39A35D726',
    'D0AEFCCF030F3CB19D14316D86608135AEADA0AE45A2D6F83E82748CF2C010AB',
  ],
  [
    'a query',
    { ...COMMON, out_trade_no: 'T20240101000001' },
    '8EDD742D3F6C6A6D923B9E3A76BA3AE0',
    'B07F5CDFD3C6509DC5979B72ABD9301A1B30FFAE110A64A925F8E17B348B5800',
  ],
  [
    'a refund',
    {
      ...COMMON,
      notify_url: 'https://example.com/wechatpay/v2/refund',
      out_refund_no: 'R20240101000001',
      out_trade_no: 'T20240101000001',
      refund_fee: '1',
      total_fee: '1',
    },
    '5F0881FB07BDBCE18B2C8DDE8C2195F4',
    '630CE00BC856E3E54F73FC569513DC583EB89B3E98DB4292A7C616E2BEA1EBE8',
  ],
  [
    'a notice',
    NOTICE,
    'DD529FA2594132F7285DC1939A0ACB19',
    'AF77CDEA27827925CB24C26E97CBC07B1AFA922D16E7A1E43631E34CBE7DE267',
  ],
  [
    'wx.requestPayment, MD5',
    { ...CLIENT, signType: 'MD5' },
    'ADA93E2FCDF04C88B7834DFE2E7AE8D1',
    '09A8B05840B7CEA1B80CBD89279C74CCD6BD4DCE66D7B63E79A533C531B5BD25',
  ],
  [
    'wx.requestPayment, HMAC',
    { ...CLIENT, signType: 'HMAC-SHA256' },
    '37C8559A45F497EDC5E7A0CF09BF661D',
    '90770CD39DBC8C20AE67D1128AD93B761F4B379DBCACC70DF40E4523E425CB24',
  ],
  [
    'the App SDK',
    {
      appid: CLIENT.appId,
      noncestr: CLIENT.nonceStr,
      package: 'Sign=WXPay',
      partnerid: '10000100',
      prepayid: 'wx201410272009395522657a690389285100',
      timestamp: CLIENT.timeStamp,
    },
    '8D636E0324D82FE19B23EB028A332012',
    'A42C81890C164661EA23F3AD9D21BFEBF6CDC76C12D8FDA56B183EF4376A76F8',
  ],
  [
    'the sample of the documents',
    {
      appid: 'wxd930ea5d5a258f4f',
      body: 'test',
      device_info: '1000',
      mch_id: '10000100',
      nonce_str: 'ibuaiVcKdpRxkhJA',
    },
    '9A0A8659F005D6984697E2CA0A9CF3B7',
    '6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6',
  ],
];

test.each(VECTORS)('%s is signed alike by all', (_name, fields, md5, hmac) => {
  for (const sign of [
    simulatorSign,
    (f: typeof fields, k: string, t: 'MD5' | 'HMAC-SHA256') => signV2(Object.entries(f), k, t),
  ]) {
    expect(sign(fields, KEY, 'MD5')).toBe(md5);
    expect(sign(fields, KEY, 'HMAC-SHA256')).toBe(hmac);
  }
});

test('raw values are signed, not their escapes, and every element counts', () => {
  const sign = 'DD529FA2594132F7285DC1939A0ACB19';
  const read = (attach: string): ReadonlyMap<string, string> | undefined =>
    readXml(
      `<xml>${Object.entries({ ...NOTICE, sign })
        .map(([name, value]) => `<${name}>${name === 'attach' ? attach : value}</${name}>`)
        .join('')}</xml>`,
    );
  for (const written of ['a&amp;b', '<![CDATA[a&b]]>', 'a&#38;b', 'a&#x26;b']) {
    const fields = read(written);
    expect(fields?.get('attach')).toBe('a&b');
    expect(fields !== undefined && holdsV2(fields, KEY, 'MD5')).toBe(true);
  }
  const escaped = new Map(Object.entries({ ...NOTICE, attach: 'a&amp;b', sign }));
  expect(holdsV2(escaped, KEY, 'MD5')).toBe(false);
  const { is_subscribe: _left, ...fewer } = NOTICE;
  expect(holdsV2(new Map(Object.entries({ ...fewer, sign })), KEY, 'MD5')).toBe(false);
});

test('the length of a signature tells its type, and a named type must agree', () => {
  const of = (sign: string, sign_type = '') =>
    typeOfSign(
      new Map([
        ['sign', sign],
        ['sign_type', sign_type],
      ]),
    );
  expect(of('A'.repeat(32))).toBe('MD5');
  expect(of('A'.repeat(64))).toBe('HMAC-SHA256');
  expect(of('A'.repeat(64), 'MD5')).toBeUndefined();
  expect(of('A'.repeat(40))).toBeUndefined();
  expect(of('')).toBeUndefined();
});

test('a value that could be further fields makes a text ambiguous', () => {
  expect(isAmbiguous(new Map([['attach', 'a&b']]))).toBe(false);
  expect(isAmbiguous(new Map([['attach', 'a&total_fee=1']]))).toBe(true);
});

describe('a refund notice', () => {
  const INNER =
    '<root><out_refund_no><![CDATA[R20240101000001]]></out_refund_no><out_trade_no><![CDATA[T20240101000001]]></out_trade_no><refund_account><![CDATA[REFUND_SOURCE_RECHARGE_FUNDS]]></refund_account><refund_fee><![CDATA[1]]></refund_fee><refund_id><![CDATA[50000000382019052709732678859]]></refund_id><refund_recv_accout><![CDATA[支付用户零钱]]></refund_recv_accout><refund_request_source><![CDATA[API]]></refund_request_source><refund_status><![CDATA[SUCCESS]]></refund_status><settlement_refund_fee><![CDATA[1]]></settlement_refund_fee><settlement_total_fee><![CDATA[1]]></settlement_total_fee><success_time><![CDATA[2024-01-01 10:05:00]]></success_time><total_fee><![CDATA[1]]></total_fee><transaction_id><![CDATA[4200000000202401010000000001]]></transaction_id></root>';
  const credentials = {
    merchantId: '10000100',
    appId: 'wxd930ea5d5a258f4f',
    serviceAppId: undefined,
    apiKeyV2: KEY,
    signTypeV2: 'HMAC-SHA256',
    clientCertificate: undefined,
  } as const;
  const words = directDialect(
    {
      mchid: '10000100',
      appids: [],
      payNotifyUrl: '',
      refundNotifyUrl: '',
      transferNotifyUrl: undefined,
    },
    'v2',
  );
  const open = (req_info: string) =>
    openXml(
      { credentials, words, logger: silentLogger },
      {
        headers: {},
        raw: Buffer.from(
          writeXml(Object.entries({ return_code: 'SUCCESS', mch_id: '10000100', req_info })),
        ),
        deadline: 0,
      },
    );

  test('is sealed as others seal it', () => {
    expect(createHash('sha256').update(INNER).digest('hex')).toBe(
      '4727be10da25e039ea0ab95ec3ffced125d803116b232661f4c1910a81927ed2',
    );
    expect(seal('<root><refund_status>SUCCESS</refund_status></root>', KEY)).toBe(
      'bDP/xixH0hFEaZusu714Uyyh0dv8MPgMqVLeIkI0QHBoWJbCzCFX0olPqtxTh2q95uvewe45Es+0+iD/4no6Cg==',
    );
    expect(seal('<root><refund_id>1</refund_id></root>', KEY)).toBe(
      '4fMiDl0PUR5HfKwMuCzpjvE5LC9TY1bmfNlefJnfcjLUNOLzwWQwP8OfP89+t68M',
    );
    expect(seal(INNER, KEY).slice(0, 60)).toBe(
      'WBzGpzQuNpcFxIlFjUUD9BfnwwNUlVAs7bwvgHME4/RbYDxgIFt4h1/ChWvV',
    );
  });

  test('is opened, and proves nothing', () => {
    const opened = open(seal(INNER, KEY).replace(/(.{76})/g, '$1\n'));
    expect(opened).toMatchObject({
      proven: false,
      kind: 'refund',
      plaintext: {
        mchid: '10000100',
        out_refund_no: 'R20240101000001',
        refund_status: 'SUCCESS',
        success_time: '2024-01-01T10:05:00+08:00',
        user_received_account: '支付用户零钱',
        amount: { refund: 1, total: 1 },
      },
    });
  });

  test.each([
    ['of another key', seal(INNER, KEY.replace('1', '2'))],
    ['cut short', seal(INNER, KEY).slice(0, 64)],
    ['that is no base64', '***'],
    ['of another root', seal('<xml><refund_status>SUCCESS</refund_status></xml>', KEY)],
  ])('one %s is refused', (_name, sealed) => {
    expect(() => open(sealed)).toThrow(expect.objectContaining({ code: 'SIGNATURE_INVALID' }));
  });
});

describe('the XML reader', () => {
  const deep = `${'<a>'.repeat(5000)}${'</a>'.repeat(5000)}`;
  test.each([
    ['a document type', '<!DOCTYPE xml><xml><a>1</a></xml>'],
    ['an entity', '<!DOCTYPE xml [<!ENTITY e "1">]><xml><a>&e;</a></xml>'],
    [
      'an external entity',
      '<!DOCTYPE xml [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><a>&e;</a></xml>',
    ],
    ['an entity nobody declared', '<xml><a>&e;</a></xml>'],
    ['an HTML entity', '<xml><a>&nbsp;</a></xml>'],
    ['a third level', '<xml><a><b>1</b></a></xml>'],
    ['great depth', `<xml>${deep}</xml>`],
    ['a name twice', '<xml><a>1</a><a>1</a></xml>'],
    ['an attribute', '<xml><a b="1">1</a></xml>'],
    ['an attribute of the root', '<xml xmlns="x"><a>1</a></xml>'],
    ['a processing instruction', '<xml><?php 1?><a>1</a></xml>'],
    ['a stylesheet', '<?xml-stylesheet href="x"?><xml><a>1</a></xml>'],
    ['a comment', '<xml><a>1<!-- 2 --></a></xml>'],
    ['another encoding', '<?xml version="1.0" encoding="GBK"?><xml><a>1</a></xml>'],
    ['a late declaration', '<xml><?xml version="1.0"?><a>1</a></xml>'],
    ['a name with a dash', '<xml><a-b>1</a-b></xml>'],
    ['a prefix', '<xml><x:a>1</x:a></xml>'],
    ['a long name', `<xml><${'a'.repeat(65)}>1</${'a'.repeat(65)}></xml>`],
    ['two roots', '<xml><a>1</a></xml><xml><a>2</a></xml>'],
    ['another root', '<html><a>1</a></html>'],
    ['text beside elements', '<xml>x<a>1</a></xml>'],
    ['text after the root', '<xml><a>1</a></xml>x'],
    ['an end that is missing', '<xml><a>1</a>'],
    ['a control character', '<xml><a>\u0001</a></xml>'],
    ['nothing', ''],
    ['JSON', '{"a":1}'],
    ['more than 64 kB', `<xml><a>${'x'.repeat(65_536)}</a></xml>`],
    [
      'very many elements',
      `<xml>${Array.from({ length: 2000 }, (_, i) => `<a${String(i)}/>`).join('')}</xml>`,
    ],
  ])('refuses %s', (_name, text) => {
    expect(readXml(text)).toBeUndefined();
  });

  test('refuses bytes that are not UTF-8', () => {
    expect(
      readXml(Buffer.from([...Buffer.from('<xml><a>'), 0xff, ...Buffer.from('</a></xml>')])),
    ).toBeUndefined();
  });

  test('takes what WeChat writes, and names of prototypes as names', () => {
    const text =
      '\ufeff<?xml version="1.0" encoding="UTF-8"?>\n<xml>\n  <__proto__>1</__proto__>\n  <constructor><![CDATA[<b>&amp;]]></constructor>\n  <a>&lt;&#x4e2d;</a><b/></xml>\n';
    expect([...(readXml(text) ?? [])]).toEqual([
      ['__proto__', '1'],
      ['constructor', '<b>&amp;'],
      ['a', '<中'],
      ['b', ''],
    ]);
    expect(({} as Record<string, unknown>)['1']).toBeUndefined();
  });

  test('reads back what it writes, as the other side does', () => {
    const fields = [
      ['a', ']]>'],
      ['b', '<&>"\''],
      ['c', '中文 x'],
    ] as const;
    expect([...(readXml(writeXml(fields)) ?? [])]).toEqual(fields);
    expect(parseXml(writeXml(fields))).toEqual(Object.fromEntries(fields));
  });
});
