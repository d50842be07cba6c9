/**
 * The settings as the service itself judges them. `readConfig` judges, so the doctor never accepts what the service
 * refuses.
 */
import { readConfig } from '../../config/config';
import type { ConfigFault } from '../../config/faultWords';
import type { Config } from '../../config/types';
import type { Env } from '../io';
import { found, type Finding } from './findings';

type Severity = Finding['severity'];

function severityOf({ code, name }: ConfigFault, given: Severity): Severity {
  // A merchant on platform certificates has neither of the pair.
  if (code === 'pair_absent') return 'warn';
  // A name in camelCase was meant for us, and may be a protection; one in capitals may be another program's.
  return code === 'misspelt' && /[a-z]/.test(name) ? 'fault' : given;
}

/** @param given  What the service makes of it: `fault` where it refuses to work. */
export function findingOf(fault: ConfigFault, given: Severity): Finding {
  const { name: setting, code, params } = fault;
  return {
    code,
    setting,
    severity: severityOf(fault, given),
    ...(params === undefined ? {} : { params }),
  };
}

/** The settings, and all that is wrong with them; no settings where the service would refuse them. */
export function checkSettings(env: Env): {
  readonly config: Config | undefined;
  readonly findings: readonly Finding[];
} {
  const { config, faults, warnings } = readConfig(env);
  const findings = [
    ...(config === undefined
      ? faults.map((fault) => findingOf(fault, 'fault'))
      : [found('settings.complete')]),
    ...warnings.map((warning) => findingOf(warning, 'warn')),
  ];
  return { config, findings };
}
