import { UsageError, type Env } from '../io';

export type Language = 'zh' | 'en' | 'both';

const CHOICES: readonly string[] = ['zh', 'en', 'both'] satisfies readonly Language[];
const isLanguage = (text: string): text is Language => CHOICES.includes(text);

/**
 * `--lang`, else Chinese alone in a Chinese locale, else both. An English locale says little here: most servers in
 * China run in one.
 */
export function languageOf(given: string | undefined, env: Env): Language {
  if (given === undefined) {
    const locale = [env['LC_ALL'], env['LC_MESSAGES'], env['LANG']].find(
      (text) => text !== undefined && text !== '',
    );
    return locale?.startsWith('zh') === true ? 'zh' : 'both';
  }
  if (isLanguage(given)) return given;
  throw new UsageError('--lang 应为 zh、en 或 both / --lang is zh, en or both');
}
