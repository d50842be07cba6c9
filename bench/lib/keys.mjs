/**
 * Keys, credentials and genuine notifications of a merchant that exists for the length of one run.
 */
import crypto from 'node:crypto';

const PEM = {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
};

export function createMerchant() {
  return {
    own: crypto.generateKeyPairSync('rsa', PEM),
    platform: crypto.generateKeyPairSync('rsa', PEM),
    appId: 'wx0123456789abcdef',
    mchId: '1900000001',
    keyId: 'PUB_KEY_ID_0119000000012026010100000000000000',
    apiV3Key: crypto.randomBytes(16).toString('hex'),
    operatorKey: crypto.randomBytes(24).toString('hex'),
  };
}

export const AMOUNT_FEN = 20;
const PAID_AT = '2026-01-02T20:00:00+08:00';

/** What WeChat says of a paid order, in a callback and in the answer to a query alike. */
export function paidContent({ appId, mchId }, { no, payer }) {
  return {
    appid: appId,
    mchid: mchId,
    out_trade_no: no,
    transaction_id: `42${crypto.createHash('md5').update(no).digest('hex').slice(0, 26)}`,
    trade_state: 'SUCCESS',
    trade_type: 'JSAPI',
    bank_type: 'OTHERS',
    amount: { total: AMOUNT_FEN, payer_total: AMOUNT_FEN, currency: 'CNY', payer_currency: 'CNY' },
    success_time: PAID_AT,
    payer: { openid: payer },
  };
}

function seal(apiV3Key, content) {
  const nonce = crypto.randomBytes(6).toString('hex');
  const cipher = crypto.createCipheriv('aes-256-gcm', apiV3Key, nonce);
  cipher.setAAD(Buffer.from('transaction'));
  const parts = [cipher.update(JSON.stringify(content)), cipher.final(), cipher.getAuthTag()];
  return {
    original_type: 'transaction',
    algorithm: 'AEAD_AES_256_GCM',
    ciphertext: Buffer.concat(parts).toString('base64'),
    associated_data: 'transaction',
    nonce,
  };
}

export function signatureHeaders({ privateKey, keyId }, text) {
  const at = String(Math.floor(Date.now() / 1000));
  const nonce = crypto.randomBytes(16).toString('hex');
  const signed = Buffer.from(`${at}\n${nonce}\n${text}\n`);
  return {
    'wechatpay-timestamp': at,
    'wechatpay-nonce': nonce,
    'wechatpay-serial': keyId,
    'wechatpay-signature': crypto.sign('RSA-SHA256', signed, privateKey).toString('base64'),
  };
}

function envelope(merchant, content) {
  return {
    id: crypto.randomUUID(),
    create_time: PAID_AT,
    resource_type: 'encrypt-resource',
    event_type: 'TRANSACTION.SUCCESS',
    summary: '支付成功',
    resource: seal(merchant.apiV3Key, content),
  };
}

/** As WeChat sends it: sealed and signed. */
export function notification(merchant, order) {
  const body = JSON.stringify(envelope(merchant, paidContent(merchant, order)));
  const signer = { privateKey: merchant.platform.privateKey, keyId: merchant.keyId };
  return { body, headers: signatureHeaders(signer, body) };
}

/**
 * As Integration Center forwards it: no signature; with the ciphertext, or with the plaintext
 * alone.
 */
export function forwarded(merchant, order, { ciphertext }) {
  const content = paidContent(merchant, order);
  const { resource, ...labels } = envelope(merchant, content);
  const parts = {
    ParsedContent: content,
    ParsedNotify: { ...labels, resource: { original_type: resource.original_type } },
    Plaintext: JSON.stringify(content),
    rawData: ciphertext ? { ...labels, resource } : labels,
  };
  return { body: JSON.stringify(parts), headers: {} };
}
