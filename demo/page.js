/* global document, EventSource, fetch, localStorage, matchMedia, performance, requestAnimationFrame, setTimeout, clearTimeout */
'use strict';

/** Shows what the demo's server tells, and asks it to act. Text is only ever set as text. */

const TEXT = {
  zh: {
    tagline: '微信支付的全过程，在你的电脑上，不动真钱',
    actions: '操作',
    mode: '回调如何到达',
    modeSdk: 'sdk：微信直接回调',
    modeGateway: 'gateway：转发，含密文',
    modePlain: 'gateway：转发，仅明文',
    callbackComes: '下一次回调',
    now: '立即到',
    late: '迟到（6 秒后）',
    twice: '来两次',
    never: '不来',
    price: '金额（元）',
    place: '下单',
    transferAmount: '转账（元）',
    transfer: '转账',
    time: '时间与自愈',
    sweep: '运行巡检',
    minute: '+1 分钟',
    minutes: '+11 分钟',
    timeHint: '平时巡检自己运行，这里由你触发：查单、关单、投递业务事件。未付订单 10 分钟后到期。',
    attacks: '攻击（都会失败）',
    forge: '伪造“已支付”',
    selfRefund: '给自己退款',
    selfTransfer: '给自己转账',
    attackHint: '针对当前选中的订单；还没有就先下一单。',
    record: '记录',
    empty: '还没有记录。先下一单。',
    history: '经过',
    effects: '业务事件（巡检时投递给商家后台）',
    timeline: '时间线',
    live: '实时',
    run: '启动时的演示',
    footer: '仅限本机。密钥是现造的，页面上没有任何密钥，openid 只显示开头。',
    pay: '以用户身份支付',
    confirm: '确认收款',
    again: '再发一次回调',
    query: '查询',
    close: '关闭',
    refundPart: '退一部分',
    refundRest: '退余额',
    amount: '金额',
    refunded: '已退',
    payer: '用户',
    due: '待办时间',
    nothingDue: '无待办',
    none: '暂无',
    pass: '启动演示 通过',
    fail: '启动演示 未通过',
    roles: {
      app: '用户的手机',
      pay: '本服务 · 先记录再应答',
      wechat: '模拟的微信支付',
      center: '转发回调',
      shop: '接收事件、退款、转账',
      stranger: '什么都不该得到',
    },
    names: {
      app: '小程序',
      pay: 'pay-common',
      wechat: '微信支付',
      center: '集成中心',
      shop: '商家后台',
      stranger: '陌生人',
    },
    proofs: { signature: '验签', decryption: '解密', none: '' },
    sources: {
      payer: '用户',
      operator: '商家',
      reply: '微信应答',
      callback: '回调',
      query: '查询',
      sweep: '巡检',
      system: '系统',
    },
    effect: { pending: '待投递', delivered: '已投递', dead: '放弃', skipped: '未配置' },
  },
  en: {
    tagline: 'the whole life of a WeChat Pay order, on your machine, no real money',
    actions: 'Act',
    mode: 'How callbacks arrive',
    modeSdk: 'sdk, straight and signed',
    modeGateway: 'gateway, with ciphertext',
    modePlain: 'gateway, plaintext only',
    callbackComes: 'The next callback',
    now: 'comes at once',
    late: 'comes late (6 s)',
    twice: 'comes twice',
    never: 'never comes',
    price: 'Price (yuan)',
    place: 'Order',
    transferAmount: 'Transfer (yuan)',
    transfer: 'Transfer',
    time: 'Time and healing',
    sweep: 'Run the sweep',
    minute: '+1 min',
    minutes: '+11 min',
    timeHint:
      'In earnest the sweep runs by itself; here you run it. It queries, closes, delivers effects. ' +
      'Unpaid orders expire in 10 min.',
    attacks: 'Attacks (all fail)',
    forge: 'Forge a "paid"',
    selfRefund: 'Refund oneself',
    selfTransfer: 'Transfer to oneself',
    attackHint: 'Aimed at the order selected; place one first.',
    record: 'Record',
    empty: 'No records yet. Place an order.',
    history: 'History',
    effects: 'Effects (delivered to the shop by the sweep)',
    timeline: 'Timeline',
    live: 'Live',
    run: 'The run',
    footer:
      'For this machine alone. Keys are made up; none is on this page, and openids are cut short.',
    pay: 'Pay as the payer',
    confirm: 'Confirm receipt',
    again: 'Send the callback again',
    query: 'Query',
    close: 'Close',
    refundPart: 'Refund a part',
    refundRest: 'Refund the rest',
    amount: 'Amount',
    refunded: 'Refunded',
    payer: 'Payer',
    due: 'Due at',
    nothingDue: 'nothing to do',
    none: 'none yet',
    pass: 'The run: PASS',
    fail: 'The run: FAIL',
    roles: {
      app: "the user's phone",
      pay: 'records, then answers',
      wechat: 'simulated',
      center: 'forwards callbacks',
      shop: 'effects, refunds, transfers',
      stranger: 'should get nothing',
    },
    names: {
      app: 'Mini Program',
      pay: 'pay-common',
      wechat: 'WeChat Pay',
      center: 'Integration Center',
      shop: 'Shop',
      stranger: 'Stranger',
    },
    proofs: { signature: 'signature', decryption: 'decryption', none: '' },
    sources: {},
    effect: {},
  },
};

const GOOD = new Set(['PAID', 'SUCCESS']);
const BACK = new Set(['REFUNDING', 'PARTIALLY_REFUNDED', 'REFUNDED']);
const BAD = new Set(['CLOSED', 'REJECTED', 'MISMATCH', 'FAIL', 'CANCELLED']);
const PAYABLE = new Set(['PENDING', 'CREATED']);
const REFUNDABLE = new Set(['PAID', 'REFUNDING', 'PARTIALLY_REFUNDED']);
const SPARK_MS = 420;
const QUEUE_MAX = 12;
/** As in page.css: all cards in one column. */
const NARROW = matchMedia('(max-width: 1080px)');

const $ = (id) => document.getElementById(id);
const all = (selector) => [...document.querySelectorAll(selector)];

const page = {
  lang: localStorage.getItem('lang') === 'en' ? 'en' : 'zh',
  view: 'live',
  items: [],
  selected: undefined,
  live: [],
  run: [],
  nowMs: 0,
  busy: false,
};

const t = (name) => TEXT[page.lang][name] ?? name;
const say = (words) =>
  [page.lang === 'zh' ? words.zh : words.en, words.code ?? ''].filter(Boolean).join(' ');
const yuan = (fen) => `¥${(fen / 100).toFixed(2)}`;
const timeOf = (ms) => new Date(ms + 8 * 3600000).toISOString().slice(11, 19);
const fenOf = (input) => Math.round(Number(input.value) * 100);

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

// ---- acting

let toastTimer;
function toast(text) {
  $('toast').textContent = text;
  $('toast').hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => ($('toast').hidden = true), 4000);
}

async function act(name, body = {}) {
  if (page.busy) return;
  page.busy = true;
  document.body.dataset.busy = 'true';
  try {
    const response = await fetch(`act/${name}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) toast((await response.json()).error);
  } catch {
    toast('demo: no answer');
  } finally {
    page.busy = false;
    document.body.dataset.busy = 'false';
  }
}

// ---- the flow picture

const EDGES = new Map(all('[data-edge]').map((path) => [path.dataset.edge, path]));
const sparks = [];
let sparking = false;

function edgeOf(from, to) {
  const there = EDGES.get(`${from}-${to}`);
  return there ? [there, false] : [EDGES.get(`${to}-${from}`), true];
}

function light(event) {
  const [path, reversed] = edgeOf(event.from, event.to);
  if (!path) return;
  if (sparks.length < QUEUE_MAX) sparks.push({ event, path, reversed });
  if (!sparking) nextSpark();
}

function nextSpark() {
  const spark = sparks.shift();
  sparking = spark !== undefined;
  if (!spark) return;
  const { event, path, reversed } = spark;
  const ends = [event.from, event.to].map((name) =>
    document.querySelector(`[data-actor="${name}"]`),
  );
  for (const one of [path, ...ends]) one.classList.add('on');
  path.classList.toggle('refused', event.refused === true);
  path.setAttribute(reversed ? 'marker-start' : 'marker-end', 'url(#tip)');
  $('spark').classList.toggle('refused', event.refused === true);
  const { names } = TEXT[page.lang];
  $('saying').textContent = `${names[event.from]} → ${names[event.to]} · ${sayOf(event)}`;
  travel(path, reversed, () => {
    for (const one of [path, ...ends]) one.classList.remove('on');
    path.removeAttribute('marker-start');
    path.removeAttribute('marker-end');
    nextSpark();
  });
}

function travel(path, reversed, done) {
  const length = path.getTotalLength();
  const started = performance.now();
  const step = () => {
    const share = Math.min(1, (performance.now() - started) / SPARK_MS);
    const at = path.getPointAtLength(length * (reversed ? 1 - share : share));
    $('spark').setAttribute('cx', share < 1 ? at.x : -20);
    $('spark').setAttribute('cy', share < 1 ? at.y : -20);
    if (share < 1) requestAnimationFrame(step);
    else done();
  };
  step();
}

// ---- the timeline

const sayOf = (event) => `${event.status ? `${event.status} ` : ''}${say(event.text)}`;

function messageLine(li, event) {
  const { names } = TEXT[page.lang];
  const body = element('div');
  body.append(element('span', `${names[event.from]} → ${names[event.to]}  `, 'route'));
  body.append(element('span', sayOf(event), event.refused ? 'refused' : ''));
  li.append(element('time', timeOf(event.atMs)), body);
  const glyph = event.to === 'pay' ? '◦' : '✓';
  for (const check of event.checks) li.append(element('div', `${glyph} ${say(check)}`, 'small'));
}

function recordLine(li, event) {
  const moved = event.before ? `${event.before} → ${event.state}` : event.state;
  const text = `▣ ${event.no}  ${moved}  v${event.version}`;
  li.append(element('time', timeOf(event.atMs)), element('div', text, 'recorded'));
  for (const change of event.changes) li.append(element('div', `· ${say(change)}`, 'small'));
}

function lineOf(event) {
  const li = element('li');
  if (event.type === 'scene') {
    li.className = event.act ? 'scene act' : 'scene';
    li.textContent = say(event.title);
  } else if (event.type === 'note') {
    li.append(element('time', timeOf(event.atMs)), element('div', say(event.text), 'note'));
  } else if (event.type === 'message') messageLine(li, event);
  else if (event.type === 'record') recordLine(li, event);
  else if (event.type === 'check') {
    const miss = event.ok ? '' : ` (${event.expected} ≠ ${event.actual})`;
    const text = `${event.ok ? '✔' : '✘'} ${say(event.text)}${miss}`;
    li.append(element('span'), element('div', text, event.ok ? 'ok' : 'refused'));
  } else return undefined;
  return li;
}

function drawTimeline() {
  const lines = page[page.view].map(lineOf).filter(Boolean);
  $('timeline').replaceChildren(...lines);
  $('timeline').scrollTop = page.view === 'live' ? $('timeline').scrollHeight : 0;
}

function addLine(event) {
  const list = $('timeline');
  if (page.view !== 'live') return;
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  const li = lineOf(event);
  if (!li) return;
  li.classList.add('new');
  list.append(li);
  if (atEnd) list.scrollTop = list.scrollHeight;
}

// ---- the record

const toneOf = (state) => {
  if (GOOD.has(state)) return 'good';
  if (BACK.has(state)) return 'back';
  return BAD.has(state) ? 'bad' : 'wait';
};

function drawTabs() {
  const tabs = page.items.map((item) => {
    const tab = element('button', `${item.no} · ${item.state}`, toneOf(item.state));
    tab.type = 'button';
    tab.setAttribute('role', 'tab');
    tab.setAttribute('aria-selected', String(item.no === page.selected));
    tab.addEventListener('click', () => {
      page.selected = item.no;
      drawRecord();
    });
    return tab;
  });
  $('tabs').replaceChildren(...tabs.reverse());
}

function move(name, id, handler, enabled = true) {
  const button = element('button', t(name));
  button.type = 'button';
  button.id = id;
  button.disabled = !enabled;
  button.addEventListener('click', handler);
  return button;
}

const refundedOf = (item) =>
  item.refunds.reduce((sum, one) => (one.status === 'CLOSED' ? sum : sum + one.fen), 0);

function movesOf(item) {
  const { no } = item;
  const again = item.callbacks.at(-1);
  const resend = () => act('callback', { no, kind: again, when: $('when').value });
  if (item.kind === 'transfer') {
    const waiting = item.state === 'WAIT_USER_CONFIRM';
    return [
      move('confirm', 'confirm', () => act('confirm', { no, when: $('when').value }), waiting),
      ...(again ? [move('again', 'again', resend)] : []),
    ];
  }
  const rest = item.totalFen - refundedOf(item);
  const refund = (fen) => act('refund', { no, fen, when: $('when').value });
  const part = Math.max(1, Math.floor(item.totalFen / 4));
  const refundable = REFUNDABLE.has(item.state);
  const moves = [
    move('pay', 'pay', () => act('pay', { no, when: $('when').value }), PAYABLE.has(item.state)),
    move('query', 'query', () => act('query', { no })),
    move('close', 'close', () => act('close', { no }), PAYABLE.has(item.state)),
    move('refundPart', 'refund-part', () => refund(part), refundable && rest > part),
    move('refundRest', 'refund-rest', () => refund(rest), refundable && rest > 0),
  ];
  if (again) moves.push(move('again', 'again', resend));
  moves[0].className = 'primary';
  return moves;
}

function facts(item) {
  const refunded = refundedOf(item);
  const rows = [
    ['amount', yuan(item.totalFen)],
    ...(refunded > 0 ? [['refunded', yuan(refunded)]] : []),
    ['payer', item.payer || '—'],
    ['due', item.dueAt ? item.dueAt.slice(11, 19) : t('nothingDue')],
  ];
  return rows.flatMap(([name, value]) => [element('dt', t(name)), element('dd', value)]);
}

function historyLine(entry) {
  const { sources, proofs } = TEXT[page.lang];
  const li = element('li');
  li.append(element('time', entry.at.slice(11, 19)), element('span', entry.what[page.lang]));
  li.append(element('span', sources[entry.source] ?? entry.source, 'quiet'));
  const proof = proofs[entry.proof] ?? entry.proof;
  if (proof) li.append(element('span', `✓ ${proof}`, 'badge good'));
  return li;
}

const EFFECT_TONE = { delivered: 'good', pending: 'wait', dead: 'bad', skipped: '' };

function effectLine(effect) {
  const li = element('li');
  li.append(element('span', effect.type));
  const state = TEXT[page.lang].effect[effect.state] ?? effect.state;
  li.append(element('span', state, `badge ${EFFECT_TONE[effect.state] ?? ''}`));
  return li;
}

function drawRecord() {
  const item = page.items.find((one) => one.no === page.selected);
  drawTabs();
  $('empty').hidden = item !== undefined;
  $('record').hidden = item === undefined;
  for (const button of all('[data-attack]')) button.disabled = item?.kind !== 'order';
  if (!item) return;
  $('no').textContent = item.no;
  $('state').textContent = item.state;
  $('state').className = `pill ${toneOf(item.state)}`;
  $('version').textContent = `v${item.version}`;
  $('mode-of').textContent = `signMode ${item.mode}`;
  $('facts').replaceChildren(...facts(item));
  $('moves').replaceChildren(...movesOf(item));
  $('history').replaceChildren(...item.history.map(historyLine));
  const effects = item.effects.map(effectLine);
  $('effects').replaceChildren(...(effects.length ? effects : [element('li', t('none'), 'quiet')]));
}

// ---- the whole

function drawVerdict() {
  const verdict = page.run.find((event) => event.type === 'verdict');
  $('verdict').hidden = !verdict;
  if (!verdict) return;
  const count = `${verdict.passed}/${verdict.passed + verdict.failed}`;
  $('verdict').textContent = `${verdict.ok ? t('pass') : t('fail')} ${count}`;
  $('verdict').className = `badge ${verdict.ok ? 'good' : 'bad'}`;
}

function drawAll() {
  document.documentElement.lang = page.lang === 'zh' ? 'zh-CN' : 'en';
  for (const one of all('[data-t]')) one.textContent = t(one.dataset.t);
  for (const one of all('[data-lang]')) {
    one.setAttribute('aria-pressed', String(one.dataset.lang === page.lang));
  }
  for (const one of all('[data-view]')) {
    one.setAttribute('aria-pressed', String(one.dataset.view === page.view));
  }
  for (const one of all('[data-actor]')) {
    one.querySelector('.name').textContent = t('names')[one.dataset.actor];
    one.querySelector('.role').textContent = t('roles')[one.dataset.actor];
  }
  drawVerdict();
  drawTimeline();
  drawRecord();
}

function receiveState(message) {
  const known = new Set(page.items.map((item) => item.no));
  page.items = message.items;
  page.nowMs = message.nowMs;
  $('clock').textContent = timeOf(message.nowMs);
  const added = page.items.findLast((item) => !known.has(item.no));
  if (added && (known.size > 0 || page.selected === undefined)) page.selected = added.no;
  drawRecord();
  // In one column the record lies below what was pressed: without this nothing seems to happen.
  if (added && page.busy && NARROW.matches) $('record-title').scrollIntoView();
}

function receive(message) {
  if (message.run) {
    page.run = message.run;
    page.live = message.live;
    // Before anything was done here, what the run told is more to look at than an empty list.
    if (!page.live.length && page.run.length) page.view = 'run';
    receiveState(message);
    drawAll();
  } else if (message.items) receiveState(message);
  else if (message.told) {
    page.live.push(message.told);
    if (page.live.length === 1) {
      page.view = 'live';
      drawAll();
    } else addLine(message.told);
    if (message.told.type === 'message') light(message.told);
  }
}

function wire() {
  for (const one of all('[data-lang]')) {
    one.addEventListener('click', () => {
      page.lang = one.dataset.lang;
      localStorage.setItem('lang', page.lang);
      drawAll();
    });
  }
  for (const one of all('[data-view]')) {
    one.addEventListener('click', () => {
      page.view = one.dataset.view;
      drawAll();
    });
  }
  $('place').addEventListener('click', () =>
    act('place', { mode: $('mode').value, fen: fenOf($('yuan')) }),
  );
  $('transfer').addEventListener('click', () =>
    act('transfer', { mode: $('mode').value, fen: fenOf($('transfer-yuan')) }),
  );
  $('sweep').addEventListener('click', () => act('sweep'));
  for (const one of all('[data-pass]')) {
    one.addEventListener('click', () => act('pass', { minutes: Number(one.dataset.pass) }));
  }
  for (const one of all('[data-attack]')) {
    one.addEventListener('click', () =>
      act('attack', { no: page.selected, how: one.dataset.attack }),
    );
  }
  new EventSource('events').onmessage = ({ data }) => receive(JSON.parse(data));
}

drawAll();
wire();
