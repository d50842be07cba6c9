/** `node bin/pay-common doctor`: what is wrong with this set-up, and what to do about each. */
import { resolve } from 'node:path';
import type { Config } from '../../config/types';
import { merchantLine, positionals, readArgs, wholeNumber } from '../args';
import { UsageError, type Command, type Env, type ExitCode, type Io } from '../io';
import { createProgress } from '../progress';
import { readSettings } from '../settings';
import { checkCertificate } from './certificate';
import { adviseOnSettings } from './settingAdvice';
import { checkDatabase } from './database';
import { checkEcho, type EchoOptions } from './echo';
import { FAQ } from './faq';
import { found, jsonOf, type Finding } from './findings';
import { languageOf } from './language';
import { answers, report } from './print';
import { checkMerchants } from './merchants';
import { checkProgram } from './program';
import { checkProject } from './project';
import { checkSettings } from './settings';
import { checkSink } from './sink';
import { askV2, checkV2 } from './v2';
import { callWechat } from './wechat';

const ECHO_PORT = 3999;
const ECHO_WAIT_SECONDS = 20;
const PORT_MAX = 65_535;

export interface DoctorOptions {
  readonly live: boolean;
  /** The key of a further merchant; undefined = the environment's own. */
  readonly merchant?: string | undefined;
  readonly cert: string | undefined;
  readonly project: string | undefined;
  readonly echo: EchoOptions;
}

/** All findings, the good ones too. */
export async function examine(io: Io, env: Env, options: DoctorOptions): Promise<Finding[]> {
  const own = checkSettings(env);
  const merchants =
    own.config === undefined
      ? undefined
      : checkMerchants(own.config, { key: options.merchant, cwd: io.cwd });
  const findings = [...own.findings, ...(merchants?.findings ?? [])];
  const { config, mchids = new Set<string>() } = merchants ?? {};
  const program = checkProgram(io.folder, process.versions.node);
  if (config === undefined) return [...program, ...findings, ...skipped(options.live)];
  return [
    ...program,
    ...findings,
    ...adviseOnSettings(config, env),
    ...(await checkV2({ config, clock: io.clock })),
    ...(options.cert === undefined || config.credentials.v3 === undefined
      ? []
      : checkCertificate(resolve(io.cwd, options.cert), config.credentials.v3, io.clock.now())),
    ...(options.project === undefined
      ? []
      : checkProject(resolve(io.cwd, options.project), config.credentials)),
    ...(await checkDatabase({ config, mchids, clock: io.clock, cwd: io.cwd })),
    ...(await checkSink(config.sink, io.cwd)),
    ...(options.live ? await live(config, io, options.echo) : []),
  ];
}

const skipped = (live: boolean): Finding[] => (live ? [found('live.skipped')] : []);

async function live(config: Config, io: Io, echo: EchoOptions): Promise<readonly Finding[]> {
  const { clock } = io;
  const inV2 = config.signMode === 'v2' ? await askV2({ config, clock }) : [];
  if (config.credentials.v3 === undefined) return inV2;
  const { findings: first, line } = await callWechat({ config, clock });
  const findings = [...inV2, ...first];
  if (line === undefined) return findings;
  try {
    return [...findings, ...(await checkEcho({ config, clock, line }, echo))];
  } finally {
    line.close();
  }
}

const isFault = ({ severity }: Finding): boolean => severity === 'fault';

export const doctor: Command = async (argv, io): Promise<ExitCode> => {
  const { values, positionals: given } = readArgs(argv, {
    live: { type: 'boolean' },
    faq: { type: 'boolean' },
    json: { type: 'boolean' },
    lang: { type: 'string' },
    progress: { type: 'boolean' },
    env: { type: 'string' },
    merchant: { type: 'string' },
    cert: { type: 'string' },
    project: { type: 'string' },
    'echo-url': { type: 'string' },
    'echo-port': { type: 'string' },
    'echo-wait': { type: 'string' },
  });
  positionals(given, 0);
  const language = languageOf(values.lang, io.env);
  if (values.faq === true) {
    io.out(values.json === true ? `${JSON.stringify(FAQ)}\n` : answers(FAQ, language));
    return 0;
  }
  const isLive = values.live ?? false;
  const url = values['echo-url'];
  if (url !== undefined && !isLive) {
    throw new UsageError('--echo-url 须与 --live 同用 / --echo-url goes with --live');
  }
  const port = wholeNumber(values['echo-port'], '--echo-port') ?? ECHO_PORT;
  if (port > PORT_MAX) throw new UsageError(`--echo-port ≤ ${PORT_MAX}`);
  const waitSeconds = wholeNumber(values['echo-wait'], '--echo-wait') ?? ECHO_WAIT_SECONDS;
  const progress = createProgress(io, values.progress ?? false);
  if (isLive) progress.wait('检查中 checking');
  const options = {
    live: isLive,
    merchant: values.merchant,
    cert: values.cert,
    project: values.project,
    echo: { url, port, waitMs: waitSeconds * 1000 },
  };
  let findings: Finding[];
  try {
    findings = await examine(io, readSettings(io, values.env), options);
  } finally {
    progress.end();
  }
  const failed = findings.some(isFault);
  const named = values.merchant === undefined ? {} : { merchant: values.merchant };
  if (values.json === true) {
    const shown = { ok: !failed, live: isLive, ...named, findings: findings.map(jsonOf) };
    io.out(`${JSON.stringify(shown)}\n`);
  } else io.out(merchantLine(values.merchant) + report(findings, language));
  return failed ? 1 : 0;
};
