const { pay, untilPaid } = require('../../pay');

const SAYS = {
  paid: '支付成功',
  cancelled: '已取消，可再次支付',
  closed: '订单已关闭，请重新下单',
  unknown: '正在确认，请稍候再查',
};

Page({
  data: { out_trade_no: '', price: 20, yuan: '', busy: false, says: '' },

  onLoad(query) {
    // 正式使用：单号由商家后台预下单后带入，价格不由小程序决定
    // In earnest: the shop prepares the order and passes its number; the price is not chosen here.
    const prepared = query.out_trade_no || '';
    this.prepared = prepared !== '';
    // 预下单的金额由微信的支付界面显示 / of a prepared order WeChat's own screen shows the price.
    const yuan = this.prepared ? '' : `¥${(this.data.price / 100).toFixed(2)}`;
    this.setData({ out_trade_no: prepared || `TRY_${Date.now()}`, yuan });
  },

  async onPay() {
    if (this.data.busy) return;
    this.setData({ busy: true, says: '' });
    const { out_trade_no, price } = this.data;
    const order = this.prepared
      ? { out_trade_no }
      : { out_trade_no, description: '测试商品', amount: { total: price, currency: 'CNY' } };
    await this.show(pay(order));
  },

  async onCheck() {
    await this.show(untilPaid(this.data.out_trade_no, [0]));
  },

  async show(work) {
    try {
      const verdict = await work;
      this.setData({ says: SAYS[verdict] });
      // 关闭的单号不能再用 / a closed number cannot be used again.
      if (verdict === 'closed' && !this.prepared) this.onLoad({});
    } catch (error) {
      this.setData({ says: error.message });
    } finally {
      this.setData({ busy: false });
    }
  },
});
