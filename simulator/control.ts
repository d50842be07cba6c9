import type { ServerResponse } from 'node:http';
import { SimulatorError } from './errors';
import type { Switches } from './switches';
import type {
  CallbackFault,
  CallbackMode,
  Fault,
  GatewayOptions,
  NotificationKind,
  Plain,
  Simulator,
} from './types';

/** One call of the control surface; the body's fields are those of the programmatic API. */
type Handler = (simulator: Simulator, body: Plain, query: URLSearchParams) => unknown;

const LIST_MAX = 1000;

function text(body: Plain, name: string): string {
  const value = body[name];
  if (typeof value !== 'string') throw new SimulatorError(`${name}: text expected`);
  return value;
}

/** `/pattern/` becomes a regular expression: JSON has none. */
function withRoute<F extends { route: RegExp | string }>(fault: F): F {
  const match = typeof fault.route === 'string' ? /^\/(.*)\/$/.exec(fault.route) : null;
  return match?.[1] === undefined ? fault : { ...fault, route: new RegExp(match[1]) };
}

function setFaults(simulator: Simulator, body: Plain): Plain {
  if (body.clear === true) {
    simulator.faults.clear();
    simulator.callbackFaults.clear();
  }
  const faults = (body.faults ?? (body.route === undefined ? [] : [body])) as Fault[];
  for (const fault of faults) simulator.faults.add(withRoute(fault));
  const callbacks = (body.callbackFaults ?? []) as CallbackFault[];
  for (const fault of callbacks) simulator.callbackFaults.add(withRoute(fault));
  return { faults: faults.length, callbackFaults: callbacks.length };
}

function setSwitches(simulator: Simulator, body: Plain): Switches {
  for (const name of Object.keys(body)) {
    if (!Object.hasOwn(simulator.switches, name)) throw new SimulatorError(`no switch ${name}`);
  }
  return Object.assign(simulator.switches, body);
}

function setDelivery(simulator: Simulator, body: Plain): Plain {
  if (body.callbackTarget !== undefined) {
    simulator.callbackTarget =
      body.callbackTarget === null ? undefined : text(body, 'callbackTarget');
  }
  if (body.mode !== undefined) simulator.mode = body.mode as CallbackMode;
  if (body.gateway !== undefined) simulator.gateway = body.gateway as GatewayOptions;
  if (body.autoDeliver !== undefined) simulator.autoDeliver = body.autoDeliver === true;
  const { callbackTarget, mode, gateway, autoDeliver } = simulator;
  return { callbackTarget, mode, gateway, autoDeliver };
}

function actOnRefund(simulator: Simulator, body: Plain): unknown {
  const no = text(body, 'out_refund_no');
  if (body.status === undefined) return simulator.refund(no);
  return simulator.settleRefund(no, body.status as 'SUCCESS', body);
}

function actOnTransfer(simulator: Simulator, body: Plain): unknown {
  const no = text(body, 'out_bill_no');
  if (body.action === 'confirm') return simulator.confirmTransfer(no);
  if (body.action === 'fail') return simulator.failTransfer(no, text(body, 'fail_reason'));
  return simulator.transfer(no);
}

async function moveClock(simulator: Simulator, body: Plain): Promise<Plain> {
  if (typeof body.advanceMs === 'number') await simulator.clock.advance(body.advanceMs);
  if (typeof body.setMs === 'number') await simulator.clock.set(body.setMs);
  return { nowMs: simulator.clock.now() };
}

function deliver(simulator: Simulator, body: Plain): unknown {
  const kind = (body.kind ?? 'payment') as NotificationKind;
  const { times, mode, url, ciphertext } = body;
  return simulator.deliver(kind, text(body, 'no'), {
    ...(typeof times === 'number' ? { times } : {}),
    ...(mode === undefined ? {} : { mode: mode as CallbackMode }),
    ...(typeof url === 'string' ? { url } : {}),
    ...(typeof ciphertext === 'boolean' ? { ciphertext } : {}),
  });
}

/** The newest `limit` of a list, oldest first. */
function latest<T>(list: readonly T[], query: URLSearchParams): T[] {
  const limit = Math.min(Number(query.get('limit') ?? 100) || 100, LIST_MAX);
  return list.slice(-limit);
}

const HANDLERS: Readonly<Record<string, Handler>> = {
  'GET /_sim/state': (simulator, _body, query) => ({
    url: simulator.url,
    nowMs: simulator.clock.now(),
    switches: simulator.switches,
    delivery: setDelivery(simulator, {}),
    orders: latest(simulator.orders(), query),
    refunds: latest(simulator.refunds(), query),
    transfers: latest(simulator.transfers(), query),
  }),
  'POST /_sim/pay': (simulator, body) => {
    const { out_trade_no: _no, ...o } = body;
    return simulator.pay(text(body, 'out_trade_no'), o);
  },
  'POST /_sim/deliver': deliver,
  'POST /_sim/delivery': setDelivery,
  'POST /_sim/refund': actOnRefund,
  'POST /_sim/transfer': actOnTransfer,
  'POST /_sim/clock': moveClock,
  'POST /_sim/faults': setFaults,
  'POST /_sim/switches': setSwitches,
  'POST /_sim/rotate': (simulator, body) =>
    simulator.rotateCertificate({ signWith: body.signWith === 'old' ? 'old' : 'new' }),
  'GET /_sim/requests': (simulator, _body, query) => latest(simulator.requests, query),
  'GET /_sim/callbacks': (simulator, _body, query) => latest(simulator.callbacks, query),
  'GET /_sim/bill': (simulator, _body, query) => simulator.bill(query.get('date') ?? ''),
};

/** The control surface for browsers and other processes. */
export async function control(
  simulator: Simulator,
  call: { method: string; parsed: URL; raw: Buffer },
  response: ServerResponse,
): Promise<void> {
  const answer = (status: number, value: unknown): void => {
    response.writeHead(status, {
      'Content-Type': 'application/json; charset=utf-8',
      // Only ever listens on loopback; the demo's page comes from another port.
      'Access-Control-Allow-Origin': '*',
      'Access-Control-Allow-Headers': 'content-type',
    });
    response.end(JSON.stringify(value));
  };
  if (call.method === 'OPTIONS') {
    answer(200, {});
    return;
  }
  const handler = HANDLERS[`${call.method} ${call.parsed.pathname}`];
  if (handler === undefined) {
    answer(404, { error: 'no such control call' });
    return;
  }
  try {
    const mchid = call.parsed.searchParams.get('mchid');
    const of = mchid === null ? simulator : simulator.merchant(mchid);
    const body = (call.raw.length === 0 ? {} : JSON.parse(call.raw.toString('utf8'))) as Plain;
    answer(200, (await handler(of, body, call.parsed.searchParams)) ?? null);
  } catch (error) {
    if (!(error instanceof SimulatorError || error instanceof SyntaxError)) throw error;
    answer(400, { error: error.message });
  }
}
