/**
 * 小程序端支付助手 / what a Mini Program needs to pay through pay-common.
 *
 * 三条规矩 / three rules:
 * 1. 单号来自商家后台，一笔生意一个号，出错重试时不换号。
 *    The number comes from the shop, one a purchase; a retry keeps it.
 * 2. requestPayment 的 success 只说明界面走完，是否已支付以查询为准。
 *    Its success is about the screen; whether it is paid, the query says.
 * 3. 不传 openid：平台注入身份。 No openid is sent: the platform adds it.
 */
const CALL_TIMEOUT_MS = 15000;
const ORDER_TRIES_MAX = 3;
const RETRY_WAIT_MS = 1000;
/** 支付后轮询间隔，合计约 30 秒 / pauses between queries after paying, about 30 s in all. */
const QUERY_WAITS_MS = [500, 1000, 1000, 2000, 2000, 3000, 5000, 5000, 10000];

const PAID = ['SUCCESS', 'REFUND'];
const NOT_TO_BE_PAID = ['CLOSED', 'REVOKED', 'PAYERROR'];

/** `code`：pay-common 的错误码（docs/errors.md），或本文件的三个 / its error code, or one of the three here. */
class PayError extends Error {
  constructor(code, message, status) {
    super(message);
    this.code = code;
    this.status = status;
    /** 同一单号可以再试 / may be tried again with the same number. */
    this.retryable = status === 0 || status === 429 || status >= 500;
  }
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const parsed = (data) => {
  if (typeof data !== 'string') return data || {};
  try {
    return JSON.parse(data);
  } catch (_) {
    return {};
  }
};

/**
 * 调用一个路由 / calls one route: `callPayCommon('wxpay_order', {…})`.
 * @returns 微信侧的应答内容 / WeChat's body (`data.data` of the envelope).
 */
function callPayCommon(action, data) {
  const { envId, functionName } = getApp().globalData;
  if (!wx.cloud || typeof wx.cloud.callHTTPFunction !== 'function') {
    const message = '基础库低于 3.15.2，请升级微信 / needs base library 3.15.2';
    return Promise.reject(new PayError('BASE_LIBRARY_TOO_OLD', message, 400));
  }
  return new Promise((resolve, reject) => {
    wx.cloud.callHTTPFunction({
      name: functionName,
      config: { env: envId },
      path: `/wx-pay/${action}`,
      method: 'POST',
      header: { 'Content-Type': 'application/json' },
      timeout: CALL_TIMEOUT_MS,
      data,
      // 非 2xx 也进 success / other statuses land here, too.
      success({ statusCode, data: body }) {
        const reply = parsed(body);
        if (statusCode >= 200 && statusCode < 300 && reply.code === 0) {
          resolve((reply.data && reply.data.data) || {});
          return;
        }
        reject(new PayError(reply.error || 'HTTP', reply.msg || `HTTP ${statusCode}`, statusCode));
      },
      fail: (error) => reject(new PayError('NETWORK', error.errMsg || 'network', 0)),
    });
  });
}

/** 下单；结果不明时用同一单号重试 / places the order; unknown outcomes are tried again, same number. */
async function placeOrder(order) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await callPayCommon('wxpay_order', order);
    } catch (error) {
      if (!error.retryable || tries >= ORDER_TRIES_MAX) throw error;
      await wait(RETRY_WAIT_MS * tries);
    }
  }
}

/** 调起支付；true = 界面报告成功，false = 用户取消 / true: the screen reports success; false: cancelled. */
function requestPayment(params) {
  return new Promise((resolve, reject) => {
    wx.requestPayment({
      timeStamp: params.timeStamp,
      nonceStr: params.nonceStr,
      package: params.package,
      signType: params.signType,
      paySign: params.paySign,
      success: () => resolve(true),
      fail: (error) => {
        const message = error.errMsg || '';
        if (/cancel/.test(message)) resolve(false);
        else reject(new PayError('REQUEST_PAYMENT', message, 400));
      },
    });
  });
}

/**
 * 查询直到有定论 / queries until there is a verdict.
 * @returns `paid` · `closed` · `unknown`（稍后再查 / ask again later）
 */
async function untilPaid(out_trade_no, waitsMs = QUERY_WAITS_MS) {
  for (const ms of waitsMs) {
    try {
      const order = await callPayCommon('wxpay_query_order_by_out_trade_no', { out_trade_no });
      if (PAID.includes(order.trade_state)) return 'paid';
      if (NOT_TO_BE_PAID.includes(order.trade_state)) return 'closed';
    } catch (error) {
      if (!error.retryable) throw error;
    }
    await wait(ms);
  }
  return 'unknown';
}

/**
 * 完整支付 / the whole payment.
 * @param order  预下单时只需 `{out_trade_no}` / a prepared order needs the number alone;
 *               否则 / else `{out_trade_no, description, amount: {total}}`，单位分 / in fen.
 * @returns `paid` · `cancelled` · `closed` · `unknown`
 */
async function pay(order) {
  let params;
  try {
    params = await placeOrder(order);
  } catch (error) {
    // 已付过：不再付第二次 / paid before: not a second time.
    if (error.code === 'ORDER_PAID') return 'paid';
    throw error;
  }
  if (await requestPayment(params)) return untilPaid(order.out_trade_no);
  // 取消也查一次：可能已在别处付款 / cancelled here may be paid elsewhere.
  const verdict = await untilPaid(order.out_trade_no, [0]);
  return verdict === 'unknown' ? 'cancelled' : verdict;
}

/**
 * 收款人确认商家转账 / the receiver confirms a transfer.
 * @param transfer  商家后台 wxpay_transfer 的应答 / the shop's reply of wxpay_transfer: `{mchId, package_info}`
 */
function confirmTransfer({ mchId, package_info }) {
  if (!wx.canIUse('requestMerchantTransfer')) {
    const message = '微信版本过低，请升级 / please update WeChat';
    return Promise.reject(new PayError('BASE_LIBRARY_TOO_OLD', message, 400));
  }
  return new Promise((resolve, reject) => {
    wx.requestMerchantTransfer({
      mchId,
      appId: wx.getAccountInfoSync().miniProgram.appId,
      package: package_info,
      // 到账与否以商家后台为准 / whether it has arrived, the shop's record says.
      success: () => resolve(true),
      fail: (error) => {
        const message = error.errMsg || '';
        if (/cancel/.test(message)) resolve(false);
        else reject(new PayError('REQUEST_TRANSFER', message, 400));
      },
    });
  });
}

module.exports = { callPayCommon, pay, untilPaid, confirmTransfer, PayError };
