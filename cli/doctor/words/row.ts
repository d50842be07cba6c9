import type { Words } from '../../../config/faultWords';

export type { Words };

export type Severity = 'ok' | 'warn' | 'fault';

/** What is said of one code. `{x}` stands for a parameter of the finding. */
export interface Row {
  readonly severity: Severity;
  readonly says: Words;
  /** What to do about it. */
  readonly fix?: Words;
  /** The question of the FAQ that it answers (`doctor --faq`). */
  readonly faq?: `Q${number}`;
}

export type Rows = Readonly<Record<string, Row>>;
