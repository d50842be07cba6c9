/**
 * 微搭页面方法：完整支付 / a WeDa page method: the whole payment.
 * 粘贴到 页面 → 方法 → 自定义方法；调用时传 { out_trade_no }（商家后台已预下单），
 * 或 { out_trade_no, description, amount: { total } }（分）。
 * Paste into page → methods. `data` is the order: its number alone when the shop prepared it.
 * 返回 / returns：'paid' | 'cancelled' | 'closed' | 'unknown'
 */
export default async function ({ data }) {
  const ENV_ID = 'your-env-id'; // 换成你的 / put your own
  const FUNCTION_NAME = 'pay-common'; // 集成中心生成的函数名 / the function's real name
  const QUERY_WAITS_MS = [500, 1000, 2000, 3000, 5000, 10000];
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  if (!wx.cloud || typeof wx.cloud.callHTTPFunction !== 'function') {
    wx.showToast({ title: '请升级微信（基础库 3.15.2）', icon: 'none' });
    return 'unknown';
  }

  const call = (action, body) =>
    new Promise((resolve, reject) => {
      wx.cloud.callHTTPFunction({
        name: FUNCTION_NAME,
        config: { env: ENV_ID },
        path: `/wx-pay/${action}`,
        method: 'POST',
        header: { 'Content-Type': 'application/json' },
        timeout: 15000,
        data: body,
        success(res) {
          let reply = res.data;
          try {
            if (typeof reply === 'string') reply = JSON.parse(reply);
          } catch (_) {
            reply = undefined; // 网关的网页 / a page of the gateway
          }
          if (reply && reply.code === 0) resolve(reply.data.data);
          else reject(reply || {});
        },
        fail: reject,
      });
    });

  /** 是否已支付以查询为准 / whether it is paid, the query says. */
  async function verdict(waitsMs) {
    for (const ms of waitsMs) {
      const order = await call('wxpay_query_order_by_out_trade_no', {
        out_trade_no: data.out_trade_no,
      }).catch(() => ({}));
      if (order.trade_state === 'SUCCESS' || order.trade_state === 'REFUND') return 'paid';
      if (order.trade_state === 'CLOSED') return 'closed';
      await wait(ms);
    }
    return 'unknown';
  }

  let params;
  try {
    params = await call('wxpay_order', data);
  } catch (reply) {
    if (reply.error === 'ORDER_PAID') return 'paid';
    wx.showToast({ title: reply.msg || '下单失败，请用同一单号重试', icon: 'none' });
    return 'unknown';
  }

  const done = await new Promise((resolve) => {
    wx.requestPayment({
      timeStamp: params.timeStamp,
      nonceStr: params.nonceStr,
      package: params.package,
      signType: params.signType,
      paySign: params.paySign,
      success: () => resolve(true),
      fail(error) {
        // 不是用户取消时显示原因 / what is no cancelling is shown.
        if (!/cancel/.test(error.errMsg)) wx.showToast({ title: error.errMsg, icon: 'none' });
        resolve(false);
      },
    });
  });
  const result = await verdict(done ? QUERY_WAITS_MS : [0]);
  return !done && result === 'unknown' ? 'cancelled' : result;
}
