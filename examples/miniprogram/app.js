// 换成你的环境 ID 和函数名 / put your own here
const ENV_ID = 'your-env-id'; // 控制台 → 环境总览 / console → environment overview
const FUNCTION_NAME = 'pay-common'; // 集成中心生成的函数名 / the function's real name

App({
  globalData: { envId: ENV_ID, functionName: FUNCTION_NAME },

  onLaunch() {
    if (ENV_ID === 'your-env-id') {
      wx.showModal({
        title: '尚未配置',
        content: '请在 app.js 中填写 ENV_ID 和 FUNCTION_NAME',
        showCancel: false,
      });
      return;
    }
    wx.cloud.init({ env: ENV_ID, traceUser: true });
  },
});
