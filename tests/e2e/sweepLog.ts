/** A logger that keeps what it is told. */
import type { Logger } from '../../utils/logger';

export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function listening(): { logger: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: string) => (fields: unknown, event?: unknown) => {
    lines.push({ level, event: String(event), fields: fields as LogLine['fields'] });
  };
  const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  return { logger: logger, lines };
}
