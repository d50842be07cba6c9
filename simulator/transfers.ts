import { checkAppid, checkNotifyUrl, checkOpenid, compact } from './common';
import { oaepEncrypt } from './crypto';
import { ApiError, invalidRequest, paramError, SimulatorError, switchedError } from './errors';
import { magicOutcome } from './magic';
import { openSensitive } from './refunds';
import { array, canonical, checkFields, int, object, R, refuseEmoji, text } from './schema';
import type { Fields } from './schema';
import { DAY_MS, rfc3339, rfc3339Milli } from './time';
import type { Plain } from './types';
import type { ApiReply, ApiRequest, Route, World } from './world';

export type TransferState =
  | 'ACCEPTED'
  | 'PROCESSING'
  | 'WAIT_USER_CONFIRM'
  | 'TRANSFERING'
  | 'SUCCESS'
  | 'FAIL'
  | 'CANCELING'
  | 'CANCELLED';

export interface Transfer {
  readonly out_bill_no: string;
  readonly transfer_bill_no: string;
  readonly appid: string;
  readonly openid: string;
  readonly amount: number;
  readonly remark: string;
  readonly user_name: string | undefined;
  readonly notify_url: string;
  readonly package_info: string;
  readonly fingerprint: string;
  readonly createdMs: number;
  state: TransferState;
  updatedMs: number;
  fail_reason?: string;
}

const FINAL: readonly TransferState[] = ['SUCCESS', 'FAIL', 'CANCELLED'];
/** Of a magic amount: long enough to be seen accepted first. */
const MAGIC_FAILS_AFTER_MS = 3000;
const QUERY_AGE_MAX_MS = 30 * DAY_MS;
const USER_NAME_REQUIRED_FEN = 200_000;
const USER_NAME_MIN_FEN = 30;
const RED_PACKET_MAX_FEN = 20_000;

const FIELDS: Fields = {
  appid: text('商户AppID', 32, R),
  out_bill_no: text('商户单号', 32, { ...R, pattern: /^[0-9A-Za-z]+$/ }),
  transfer_scene_id: text('转账场景ID', 36, R),
  openid: text('收款用户OpenID', 64, R),
  user_name: text('收款用户姓名', 1024, { min: 1 }),
  transfer_amount: int('转账金额', { ...R, min: 1 }),
  transfer_remark: text('转账备注', 32, R),
  notify_url: text('通知地址', 256, { min: 1 }),
  user_recv_perception: text('用户收款感知', 64),
  transfer_scene_report_infos: array(
    '转账场景报备信息',
    object('报备信息', {
      // Characters: 采购商品名称 of scene 1009 has 18 bytes.
      info_type: text('信息类型', 45, { ...R, min: 1, maxChars: 15 }),
      info_content: text('信息内容', 32, { ...R, min: 1 }),
    }),
    R,
  ),
  user_recv_style: object('收款页样式', {
    type: text('样式', 32, { oneOf: ['CONFIRM_PAGE', 'RED_PACKET'] }),
  }),
};

/** The scenes whose report is documented; others are taken as they come. */
const SCENES: Record<string, { infos: string[]; perceptions?: string[] }> = {
  '1000': { infos: ['奖励说明', '活动名称'], perceptions: ['现金奖励', '活动奖励'] },
  '1005': { infos: ['岗位类型', '报酬说明'] },
  '1011': { infos: ['赔付原因'], perceptions: ['退款', '商家赔付'] },
};

interface TransferBody {
  appid: string;
  out_bill_no: string;
  transfer_scene_id: string;
  openid: string;
  user_name?: string;
  transfer_amount: number;
  transfer_remark: string;
  notify_url?: string;
  user_recv_perception?: string;
  transfer_scene_report_infos: { info_type: string }[];
  user_recv_style?: { type?: string };
}

function checkScene(body: TransferBody): void {
  const scene = SCENES[body.transfer_scene_id];
  if (body.transfer_scene_report_infos.length === 0) {
    throw paramError('需传入转账场景报备信息，请检查');
  }
  if (scene === undefined) return;
  const got = body.transfer_scene_report_infos.map((info) => info.info_type).sort();
  if (canonical(got) !== canonical([...scene.infos].sort())) {
    throw paramError('未传入完整且对应的转账场景报备信息，请检查后重新传入');
  }
  const { user_recv_perception: perception } = body;
  if (perception !== undefined && scene.perceptions?.includes(perception) === false) {
    throw invalidRequest('暂不支持展示当前传入的用户收款感知');
  }
}

function checkAmount(world: World, body: TransferBody): void {
  const { transferMinFen, transferMaxFen } = world.switches;
  const { transfer_amount: amount } = body;
  if (amount < transferMinFen || amount > transferMaxFen) {
    throw invalidRequest('超过单笔转账上下限，核实产品设置是否准确');
  }
  if (body.user_recv_style?.type === 'RED_PACKET' && amount > RED_PACKET_MAX_FEN) {
    throw invalidRequest('超过红包样式的金额上限');
  }
  if (amount >= USER_NAME_REQUIRED_FEN && body.user_name === undefined) {
    throw paramError('转账金额大于等于2000元时，收款用户姓名必填');
  }
  if (amount < USER_NAME_MIN_FEN && body.user_name !== undefined) {
    throw paramError('转账金额小于0.3元时，不支持传入收款用户姓名');
  }
}

function replay(world: World, request: ApiRequest, known: Transfer, fingerprint: string): ApiReply {
  if (known.fingerprint !== fingerprint) {
    throw switchedError(
      world.switches.transferChangedRepeat,
      '单号已存在但信息不一致，请查单后比较确认',
    );
  }
  request.replay = true;
  return { status: 200, body: createReply(known) };
}

function create(world: World, request: ApiRequest): ApiReply {
  checkFields(request.body, FIELDS);
  if (world.switches.emoji === 'refuse') refuseEmoji(request.body);
  const body = request.body as unknown as TransferBody;
  checkAppid(world, body.appid);
  checkNotifyUrl(world, body.notify_url);
  checkOpenid(world, body.openid, body.appid);
  checkScene(body);
  checkAmount(world, body);
  const user_name =
    body.user_name === undefined ? undefined : openSensitive(world, request, body.user_name);
  // The ciphertext differs at each encryption: what counts is the name inside.
  const fingerprint = canonical({ ...body, user_name: user_name ?? '' });
  const known = world.transfers.get(body.out_bill_no);
  if (known !== undefined) return replay(world, request, known, fingerprint);
  const transfer: Transfer = {
    out_bill_no: body.out_bill_no,
    transfer_bill_no: world.number('1330', 30),
    appid: body.appid,
    openid: body.openid,
    amount: body.transfer_amount,
    remark: body.transfer_remark,
    user_name,
    notify_url: body.notify_url ?? '',
    package_info: Buffer.from(`simulated-package|${world.random.text(96)}`).toString('base64'),
    fingerprint,
    createdMs: world.now(),
    updatedMs: world.now(),
    state: world.switches.transferCreateState,
  };
  world.transfers.set(transfer.out_bill_no, transfer);
  world.transfersByBill.set(transfer.transfer_bill_no, transfer);
  schedule(world, transfer);
  return { status: 200, body: createReply(transfer) };
}

/** Becomes confirmable soon, and is closed some time after 24 hours without confirmation. */
function schedule(world: World, transfer: Transfer): void {
  const now = world.now();
  if (transfer.state !== 'WAIT_USER_CONFIRM') {
    world.clock.schedule(now + world.switches.transferReadyMs, () => {
      if (transfer.state === 'ACCEPTED' || transfer.state === 'PROCESSING') {
        move(world, transfer, 'WAIT_USER_CONFIRM');
      }
    });
  }
  const failure = magicOutcome(world, 'transfer', transfer.amount);
  if (failure !== undefined) {
    world.clock.schedule(now + MAGIC_FAILS_AFTER_MS, () => {
      if (!FINAL.includes(transfer.state)) failTransfer(world, transfer, failure);
    });
  }
  world.clock.schedule(now + DAY_MS + world.switches.transferOverdueLagMs, () => {
    if (!FINAL.includes(transfer.state) && transfer.state !== 'CANCELING') {
      failTransfer(world, transfer, 'OVERDUE_CLOSE');
    }
  });
}

function move(world: World, transfer: Transfer, state: TransferState): void {
  transfer.state = state;
  transfer.updatedMs = world.now();
  if (FINAL.includes(state)) announce(world, transfer);
}

function announce(world: World, transfer: Transfer): void {
  world.notifier.announce('transfer', {
    no: transfer.out_bill_no,
    url: transfer.notify_url,
    plain: compact({
      [world.switches.transferIdField]: world.mchid,
      out_bill_no: transfer.out_bill_no,
      transfer_bill_no: transfer.transfer_bill_no,
      transfer_amount: transfer.amount,
      state: transfer.state,
      openid: transfer.openid,
      fail_reason: transfer.fail_reason,
      create_time: rfc3339(transfer.createdMs),
      update_time: rfc3339Milli(transfer.updatedMs),
    }),
  });
}

const confirmable = (transfer: Transfer): boolean =>
  transfer.state === 'WAIT_USER_CONFIRM' || transfer.state === 'TRANSFERING';

/** The user presses the button on his phone; after 24 hours the page no longer opens. */
export function confirmTransfer(world: World, transfer: Transfer): Plain {
  if (!confirmable(transfer) || world.now() >= transfer.createdMs + DAY_MS) {
    throw new SimulatorError(`${transfer.out_bill_no} cannot be confirmed: ${transfer.state}`);
  }
  move(world, transfer, 'SUCCESS');
  return transferOf(world, transfer);
}

export function failTransfer(world: World, transfer: Transfer, reason: string): Plain {
  if (FINAL.includes(transfer.state)) {
    throw new SimulatorError(`${transfer.out_bill_no} is final: ${transfer.state}`);
  }
  transfer.fail_reason = reason;
  move(world, transfer, 'FAIL');
  return transferOf(world, transfer);
}

const packageOf = (transfer: Transfer): string | undefined =>
  transfer.state === 'WAIT_USER_CONFIRM' ? transfer.package_info : undefined;

function createReply(transfer: Transfer): Plain {
  return compact({
    out_bill_no: transfer.out_bill_no,
    transfer_bill_no: transfer.transfer_bill_no,
    create_time: rfc3339(transfer.createdMs),
    state: transfer.state,
    fail_reason: transfer.fail_reason,
    package_info: packageOf(transfer),
  });
}

/** Answer of the queries; user_name is encrypted for the merchant. */
export function transferOf(world: World, transfer: Transfer): Plain {
  const { user_name } = transfer;
  return compact({
    mch_id: world.mchid,
    out_bill_no: transfer.out_bill_no,
    transfer_bill_no: transfer.transfer_bill_no,
    appid: transfer.appid,
    state: transfer.state,
    transfer_amount: transfer.amount,
    transfer_remark: transfer.remark,
    fail_reason: transfer.fail_reason,
    openid: transfer.openid,
    user_name:
      user_name === undefined ? undefined : oaepEncrypt(user_name, world.keys.merchant.publicKey),
    create_time: rfc3339(transfer.createdMs),
    update_time: rfc3339(transfer.updatedMs),
    package_info: packageOf(transfer),
  });
}

function found(world: World, transfer: Transfer | undefined): Transfer {
  if (transfer === undefined || world.now() > transfer.createdMs + QUERY_AGE_MAX_MS) {
    throw switchedError(world.switches.transferNotFound, '记录不存在');
  }
  return transfer;
}

function cancel(world: World, request: ApiRequest): ApiReply {
  const transfer = found(world, world.transfers.get(request.params.no ?? ''));
  if (transfer.state === 'SUCCESS' || transfer.state === 'FAIL') {
    throw new ApiError(400, 'INVALID_REQUEST', '当前单据状态不支持撤销');
  }
  if (transfer.state === 'CANCELING' || transfer.state === 'CANCELLED') {
    request.replay = true;
  } else {
    move(world, transfer, 'CANCELING');
    world.clock.schedule(world.now() + world.switches.cancelSettleMs, () => {
      if (transfer.state === 'CANCELING') move(world, transfer, 'CANCELLED');
    });
  }
  return {
    status: 200,
    body: {
      out_bill_no: transfer.out_bill_no,
      transfer_bill_no: transfer.transfer_bill_no,
      state: transfer.state,
      update_time: rfc3339(transfer.updatedMs),
    },
  };
}

const BASE = '/v3/fund-app/mch-transfer/transfer-bills';

export const transferRoutes: readonly Route[] = [
  { method: 'POST', path: BASE, handle: create },
  {
    method: 'GET',
    path: `${BASE}/out-bill-no/{no}`,
    handle: (world, request) => ({
      status: 200,
      body: transferOf(world, found(world, world.transfers.get(request.params.no ?? ''))),
    }),
  },
  {
    method: 'GET',
    path: `${BASE}/transfer-bill-no/{no}`,
    handle: (world, request) => ({
      status: 200,
      body: transferOf(world, found(world, world.transfersByBill.get(request.params.no ?? ''))),
    }),
  },
  { method: 'POST', path: `${BASE}/out-bill-no/{no}/cancel`, handle: cancel },
];
