/**
 * `--project project.config.json`: what only the Mini Program's own settings show. Q1 of the FAQ happens in front of
 * the service. Q4 is mostly this: the AppID in use is not the one that is set here.
 */
import { readFileSync } from 'node:fs';
import type { Credentials } from '../../config/types';
import { isJson } from '../http';
import { found, type Finding } from './findings';

/** The first with `wx.cloud.callHTTPFunction`. */
const LIBRARY_MIN = '3.15.2';
/** The developer tools write these instead of a number; they are always newer. */
const NEWEST = new Set(['latest', 'trial']);
const FILE_BYTES_MAX = 1024 * 1024;

export function checkProject(path: string, credentials: Credentials): Finding[] {
  const project = read(path);
  if (project === undefined) return [found('project.unreadable')];
  const findings = [...library(project['libVersion']), ...appid(project['appid'], credentials)];
  return findings.length > 0 ? findings : [found('project.fits')];
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

/** Compared part by part: as text, 3.9.0 would be newer than 3.15.2. */
function isOlder(version: string, than: string): boolean {
  const [a, b] = [version.split('.').map(Number), than.split('.').map(Number)];
  const at = b.findIndex((part, i) => part !== (a[i] ?? 0));
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
}

function library(given: unknown): Finding[] {
  const version = typeof given === 'string' ? given.trim() : '';
  if (NEWEST.has(version)) return [];
  const params = { version, min: LIBRARY_MIN };
  if (!/^\d+(\.\d+)*$/.test(version)) return [found('project.library_unset', { params })];
  return isOlder(version, LIBRARY_MIN) ? [found('project.library_old', { params })] : [];
}

function appid(used: unknown, { appId, serviceAppId }: Credentials): Finding[] {
  if (used === appId || (serviceAppId !== undefined && used === serviceAppId)) return [];
  return [found(used === 'touristappid' ? 'project.guest' : 'project.appid_differs')];
}
