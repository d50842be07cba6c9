/**
 * `--project project.config.json`: what only the Mini Program's own settings show. The FAQ's Q1 happens
 * in front of the service and Q4 is mostly this: the AppID in use is not the one that is set here.
 */
import { readFileSync } from 'node:fs';
import type { Credentials } from '../../config/types';
import { isJson } from '../http';
import { fault, ok, warn, type Finding } from './findings';

/** `wx.cloud.callHTTPFunction` came with it. */
const LIBRARY_MIN = '3.15.2';
/** What the developer tools offer instead of a number and is always newer. */
const NEWEST = new Set(['latest', 'trial']);
const FILE_BYTES_MAX = 1024 * 1024;
const RAISE = [
  `在 project.config.json 将 libVersion 设为 ${LIBRARY_MIN} 以上`,
  `set libVersion in project.config.json to ${LIBRARY_MIN} or later`,
] as const;

export function checkProject(path: string, credentials: Credentials): Finding[] {
  const project = read(path);
  if (project === undefined) {
    const words = ['--project 不是可读的 project.config.json', '--project cannot be read'] as const;
    const fix = ['请给出小程序的 project.config.json', 'give the Mini Program’s file'] as const;
    return [fault('project.unreadable', words, { fix })];
  }
  const findings = [...library(project['libVersion']), ...appid(project['appid'], credentials)];
  if (findings.length > 0) return findings;
  return [ok('project.fits', ['基础库与 AppID 合适', 'base library and AppID fit'])];
}

function read(path: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length > FILE_BYTES_MAX) return undefined;
    const value: unknown = JSON.parse(text.replace(/^\ufeff/, ''));
    return isJson(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Part by part: as text 3.9.0 would be newer than 3.15.2. */
function isOlder(version: string, than: string): boolean {
  const [a, b] = [version.split('.').map(Number), than.split('.').map(Number)];
  const at = b.findIndex((part, i) => part !== (a[i] ?? 0));
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
}

function library(version: unknown): Finding[] {
  const named = typeof version === 'string' ? version.trim() : '';
  if (NEWEST.has(named)) return [];
  if (!/^\d+(\.\d+)*$/.test(named)) {
    const words = [
      `project.config.json 没有指明基础库版本（须 ≥ ${LIBRARY_MIN}）`,
      `project.config.json names no base library (${LIBRARY_MIN} or later is needed)`,
    ] as const;
    return [warn('project.library_unset', words, { fix: RAISE, faq: 'Q1' })];
  }
  if (!isOlder(named, LIBRARY_MIN)) return [];
  const words = [
    `基础库 ${named} 过旧，没有 callHTTPFunction`,
    `the base library ${named} is too old: it has no callHTTPFunction`,
  ] as const;
  return [fault('project.library_old', words, { fix: RAISE, faq: 'Q1' })];
}

function appid(used: unknown, { appId, serviceAppId }: Credentials): Finding[] {
  if (used === appId || (serviceAppId !== undefined && used === serviceAppId)) return [];
  if (used === 'touristappid') {
    const words = [
      '小程序是游客模式，不能支付',
      'the Mini Program is a guest’s: it cannot pay',
    ] as const;
    const fix = [
      '使用已绑定商户号的 AppID',
      'use the AppID that is bound to the merchant',
    ] as const;
    return [fault('project.guest', words, { fix, faq: 'Q6' })];
  }
  const words = [
    'appId 与小程序的 AppID 不一致：openid 会被判为无效',
    'appId is not the AppID of the Mini Program: its openids will be refused as invalid',
  ] as const;
  const fix = [
    '集成中心的 appId 填小程序的 AppID，并绑定商户号',
    'set appId to that of the Mini Program, and bind it to the merchant id',
  ] as const;
  return [fault('project.appid_differs', words, { fix, faq: 'Q4' })];
}
