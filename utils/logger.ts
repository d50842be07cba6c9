/**
 * Log events, not sentences: `logger.info({ out_trade_no, state }, 'order applied')`.
 * Implementations write one JSON object a line and keep only fields of an allow-list.
 */
export interface LogFields {
  readonly [field: string]: unknown;
}

export interface Logger {
  debug(fields: LogFields, event: string): void;
  info(fields: LogFields, event: string): void;
  warn(fields: LogFields, event: string): void;
  /** `alarm: true` in the fields marks a line that a person must look at. */
  error(fields: LogFields, event: string): void;
}

/** The same logger, with these fields in every line. */
export function withFields(logger: Logger, fields: LogFields): Logger {
  const at =
    (level: keyof Logger) =>
    (more: LogFields, event: string): void => {
      logger[level]({ ...fields, ...more }, event);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
