/**
 * Reads what WeChat says to a service provider (服务商). Two appids and two openids stand side by side there: of the
 * provider, and of the shop's own app where the payment opened in it. A record knows the one app that it opened in.
 */
import type { DialectReaders, From, PayerFacts } from './dialect';
import { partsOf, readCombination, type CombinationFacts } from './readCombination';
import { asObject, asText, readRefund, readTransaction, type TransactionFacts } from './readFacts';
import type { Json } from '../../utils/json';

/** The same object in the words of a merchant of its own. */
function plainly(body: Json): Json {
  const payer = payerIn(asObject(body.payer), asText(body.sub_appid), 'sp_openid');
  return {
    ...body,
    appid: asText(body.sub_appid) ?? body.sp_appid,
    mchid: body.sp_mchid,
    payer,
  };
}

/** An openid of the provider's app says nothing of who pays in the shop's own. */
const payerIn = (
  payer: Json | undefined,
  subAppid: string | undefined,
  own: 'sp_openid' | 'openid',
): Json => ({ openid: subAppid === undefined ? payer?.[own] : payer?.sub_openid });

/** A combination in the words of a merchant of its own. All its parts open in one app. */
function plainCombination(body: Json): Json {
  const sub = asText(partsOf(body)[0]?.sub_appid);
  return {
    ...body,
    combine_appid: sub ?? body.combine_appid,
    combine_payer_info: payerIn(asObject(body.combine_payer_info), sub, 'openid'),
  };
}

/** Money of nobody's shop is not understood: it would be the provider's own. */
function readPartnerTransaction(body: Json, from: From): TransactionFacts | undefined {
  const facts = readTransaction(plainly(body), from);
  return facts?.is === 'paid' && facts.payment.sub_mchid === undefined ? undefined : facts;
}

function readPartnerCombination(body: Json, from: From): CombinationFacts | undefined {
  const facts = readCombination(plainCombination(body), from);
  const paid = facts?.is === 'paid' ? facts.parts : [];
  return paid.some(({ payment }) => payment.sub_mchid === undefined) ? undefined : facts;
}

function readPartnerPayer(body: Json): PayerFacts {
  const combined = body.combine_mchid !== undefined;
  const plain = combined ? plainCombination(body) : plainly(body);
  const payer = asObject(combined ? plain.combine_payer_info : plain.payer);
  return {
    appid: asText(combined ? plain.combine_appid : plain.appid),
    openid: asText(payer?.openid),
    ...(combined
      ? { sub_orders: partsOf(body).map((part) => ({ sub_mchid: asText(part?.sub_mchid) })) }
      : { sub_mchid: asText(body.sub_mchid) }),
  };
}

export const PARTNER_READERS: Omit<DialectReaders, 'readTransfer'> = {
  readTransaction: readPartnerTransaction,
  readCombination: readPartnerCombination,
  readPayer: readPartnerPayer,
  readRefund(body) {
    const facts = readRefund(body);
    const sub_mchid = asText(body.sub_mchid);
    return facts === undefined || sub_mchid === undefined ? facts : { ...facts, sub_mchid };
  },
};
