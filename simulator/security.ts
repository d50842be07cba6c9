import { checkNotifyUrl, compact } from './common';
import { aesGcmEncrypt, oaepEncrypt } from './crypto';
import { ApiError, invalidRequest, paramError } from './errors';
import { openSensitive } from './refunds';
import { checkFields, R, text } from './schema';
import { rfc3339 } from './time';
import type { ApiReply, ApiRequest, Route, World } from './world';

/** Platform certificates, each encrypted with the APIv3 key; all that are alive. */
function certificates(world: World, request: ApiRequest): ApiReply {
  if (world.scheme === 'publicKey') {
    if (world.switches.certificatesForPublicKey === '403 NOT_ENOUGH') {
      throw new ApiError(403, 'NOT_ENOUGH', '平台证书已过期失效，请联系微信支付技术支持');
    }
    throw new ApiError(
      404,
      'RESOURCE_NOT_EXISTS',
      '无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥。可查看指引https://pay.weixin.qq.com',
    );
  }
  const algorithm = request.query.get('algorithm_type');
  if (algorithm !== null && !['RSA', 'ALL'].includes(algorithm)) {
    if (algorithm !== 'SM2') throw paramError('algorithm_type不合法');
    return { status: 200, body: { data: [] } };
  }
  const live = world.keys.certificates.filter((c) => c.notAfterMs > world.now());
  const data = live.map((certificate) => {
    const nonce = world.random.text(12);
    return {
      serial_no: certificate.id,
      effective_time: rfc3339(certificate.notBeforeMs),
      expire_time: rfc3339(certificate.notAfterMs),
      encrypt_certificate: {
        algorithm: 'AEAD_AES_256_GCM',
        nonce,
        associated_data: 'certificate',
        ciphertext: aesGcmEncrypt(certificate.pem, {
          key: world.keys.apiV3Key,
          nonce,
          associatedData: 'certificate',
        }),
      },
    };
  });
  return { status: 200, body: { data } };
}

/** Self-test of keys. The shapes of reply and plaintext are a guess (unconfirmed). */
function echo(world: World, request: ApiRequest): ApiReply {
  checkFields(request.body, {
    echo_message: text('回显消息', 1024, R),
    encrypted_echo_message: text('加密的回显消息', 1024),
    notify_url: text('通知地址', 255),
  });
  const body = request.body as {
    echo_message: string;
    encrypted_echo_message?: string;
    notify_url?: string;
  };
  checkNotifyUrl(world, body.notify_url);
  if (request.serial === '') throw invalidRequest('请求头Wechatpay-Serial缺失');
  const secret =
    body.encrypted_echo_message === undefined
      ? undefined
      : openSensitive(world, request, body.encrypted_echo_message);
  const answer = (): Record<string, unknown> =>
    compact({
      mchid: world.mchid,
      echo_message: body.echo_message,
      encrypted_echo_message:
        secret === undefined ? undefined : oaepEncrypt(secret, world.keys.merchant.publicKey),
    });
  if (body.notify_url !== undefined) {
    const no = body.echo_message;
    world.notifier.announce('echo', { no, plain: answer(), url: body.notify_url });
  }
  return { status: 200, body: answer() };
}

export const securityRoutes: readonly Route[] = [
  { method: 'GET', path: '/v3/certificates', handle: certificates },
  { method: 'POST', path: '/v3/security/echo', handle: echo },
];
