/** Help, in Chinese and English side by side. */

const COMMON = `  --env FILE     设置取自 FILE 而非 .env，优先于环境变量   settings from FILE, not .env; they win over the environment
  --merchant KEY merchantsFile 中的此商户   this merchant of merchantsFile
  --url URL      询问运行中的服务；密钥取自 PAY_COMMON_KEY   ask a running service, key in PAY_COMMON_KEY
  --json         供程序读取   for machines
  --progress     始终显示进度   progress also without a terminal
`;

export const HELP = `node bin/pay-common <命令 command> [选项 options]

  doctor                检查设置、数据库、证书与回调   checks settings, database, keys, callbacks
  migrate               升级数据库表结构   brings the tables up to date
  sweep                 处理到期的记录   does what is due
  reconcile DATE        核对某日账单   compares a day with WeChat's bills
  records               查看与重投递   lists, shows, delivers again
  trigger EVENT         经模拟器发送一次回调   sends a notification through the simulator
  replay                重新发送模拟器发过的回调   sends the simulator's callbacks again
  dev                   本地联调：模拟器、服务与手机页   local work: simulator, service and a phone page
  simulator             启动模拟的微信支付   starts a simulated WeChat Pay
  help [命令 command]   说明   help
  --version             版本   version

退出码 exit codes: 0 正常 fine · 1 有问题或失败 findings or failure · 2 用法错误 usage
`;

export const COMMAND_HELP: Readonly<Record<string, string>> = {
  dev: `node bin/pay-common dev [--mode sdk|gateway] [--port N] [--sim-port N] [--phone-port N] [--host H] [--env FILE]
  模拟的微信支付（8080）、本服务（3000）与付款的手机页（8081），共用一个时钟；设置写入 .env.local
  a simulated WeChat Pay (8080), this service (3000) and a phone page that pays (8081) on one clock; settings go to .env.local
  --mode M       sdk（默认 default）| gateway：经集成中心转发   forwarded as by Integration Center
  --host H       监听地址，默认 127.0.0.1；真机联调用 0.0.0.0   address to listen on; 0.0.0.0 for a real phone
  --env FILE     其中的设置优先，如 requirePreparedOrders=true   settings that win over those made here
  单号从头开始，数据在内存中；某些金额触发各种异常：docs/local.md
  starts empty each time, in memory; some amounts provoke errors: docs/local.md
`,
  doctor: `node bin/pay-common doctor [--merchant KEY] [--live] [--faq] [--json] [--lang L] [--progress] [--env FILE] [--cert FILE] [--project FILE]
  --lang L         zh | en | both：输出语言，默认随系统   language; by default that of the system
  --merchant KEY   检查 merchantsFile 中的此商户   looks at this merchant of merchantsFile
  --live           向微信支付发送一次无害的签名请求   signs a harmless call to WeChat Pay
  --cert FILE      apiclient_cert.pem：离线核对序列号与私钥   checks serial and key offline
  --project FILE   小程序的 project.config.json：核对基础库版本与 AppID
                   of the Mini Program: checks its base library and AppID
  --echo-url URL   与 --live 同用：回显回调的公网地址，须转发到本机 --echo-port
                   with --live: public URL of the echo callback, forwarded to --echo-port here
  --echo-port N    本机监听端口，默认 3999   port to listen on, default 3999
  --echo-wait N    等待回调的秒数，默认 20   seconds to wait for it, default 20
  --faq            常见问题 Q1–Q10 的解答   answers to the FAQ
`,
  migrate: `node bin/pay-common migrate [--seal [--dry-run]] [--json] [--env FILE]
  只读取数据库设置，无需商户密钥   reads the settings of the database alone
  --seal         以 recordKey 封存尚未封存的记录，并换用首个密钥；之前写入的内容从此被信任
                 seals with recordKey what is not sealed yet, and reseals with its first key;
                 what was written before is trusted from then on
  --dry-run      与 --seal 同用：只计数   with --seal: only counts
`,
  sweep: `node bin/pay-common sweep [--once | --until-done] [options]
  --once         一轮：至多 500 条、10 秒（默认）   one round (default): ≤ 500 records, ≤ 10 s
  --until-done   直到没有到期的记录   until nothing is due
${COMMON}`,
  reconcile: `node bin/pay-common reconcile DATE [--csv FILE] [options]
  DATE           YYYY-MM-DD 或 or yesterday（北京时间的一天 a Beijing day）
  --csv FILE     差异导出   differences as CSV
${COMMON}`,
  records: `node bin/pay-common records [list] [--kind K] [--state S] [--payer OPENID] [--from T] [--to T]
                           [--limit N] [--after CURSOR] [options]
node bin/pay-common records dead [--kind K] [--from T] [--to T]   已放弃的事件 effects that were given up
node bin/pay-common records damaged [--kind K] [--from T] [--to T]   不可信的记录 records that are not believed
node bin/pay-common records get KIND NO
node bin/pay-common records redeliver KIND NO [EFFECT]
  KIND           order | combination | transfer | report
${COMMON}`,
  trigger: `node bin/pay-common trigger payment --order NO | refund --refund NO | transfer --bill NO
  --sim URL      模拟器地址，默认 wxPayBaseUrl   the simulator, default wxPayBaseUrl
  --to URL       服务地址，默认由模拟器决定   the service, default as the simulator is set
  --times N      次数   how often
  --mode M       direct | gateway
  --json         供程序读取   for machines
  --env FILE     设置取自 FILE   settings from FILE
  只使用模拟器自己的密钥   uses no keys but the simulator's own
`,
  replay: `node bin/pay-common replay [--sim URL] [--to URL] [--kind K] [--no NO] [--failed] [--limit N] [options]
  --kind K       payment | refund | transfer | echo
  --failed       只重发未成功的   only those that were not accepted
  --limit N      最近 N 条，默认 100，至多 1000   the latest N, default 100, at most 1000
  --json         供程序读取   for machines
  --progress     始终显示进度   progress also without a terminal
  --env FILE     设置取自 FILE   settings from FILE
  按原顺序重发，重新签名与加密   in their order, signed and encrypted again
`,
};
