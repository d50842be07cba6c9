import type { LogFields, Logger } from '../../utils/logger';

export interface LogLine {
  readonly level: keyof Logger;
  readonly fields: LogFields;
  readonly event: string;
}

/** Keeps what was logged, so that a test can say what must, and what must never, stand there. */
export function createLogBook(): { logger: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: keyof Logger) => (fields: LogFields, event: string) => {
    lines.push({ level, fields, event });
  };
  return {
    lines,
    logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
  };
}
