/**
 * Reads an unsigned notification as Integration Center forwards it. Its sender is not proven: each text in it is
 * parsed at most once, within one budget for all of them, and the plaintext only where there is no ciphertext.
 */
import { jsonBudget, type JsonBudget } from '../../utils/jsonScan';
import { parseUnproven, partOf, textOf, type JsonObject } from './readJsonObject';
import type { Labels } from './labels';
import type { NotificationInput } from './strategy';

const ID_MAX = 64;

export interface Forward {
  readonly id: string | undefined;
  readonly labels: Labels;
  /** The envelope part that holds a ciphertext, if any does. */
  readonly resource: JsonObject | undefined;
  readonly underRawData: boolean;
  /** Integration Center's plaintext, which proves nothing. */
  readonly readParsed: () => JsonObject | undefined;
}

/** @returns undefined where the body is no JSON object within the bounds. */
export function readForward(input: NotificationInput): Forward | undefined {
  const budget = jsonBudget();
  const body = input.body ?? parseUnproven(input.raw, budget);
  return body === undefined ? undefined : readParts(body, budget);
}

function readParts(body: JsonObject, budget: JsonBudget): Forward {
  const rawData = partOf(body['rawData'], budget);
  const notify = partOf(body['ParsedNotify'], budget);
  const [inner, notified, outer] = [rawData, notify, body].map((part) =>
    partOf(part?.['resource'], budget),
  );
  const resource = sealed(inner) ?? sealed(outer);
  const envelopes = [rawData, notify, body].filter((part) => part !== undefined);
  const resources = [inner, notified, outer].filter((part) => part !== undefined);
  return {
    id: idOf(envelopes),
    labels: { ...labelsOf(envelopes, resources), associatedData: resource?.['associated_data'] },
    resource,
    underRawData: resource !== undefined && resource === inner,
    readParsed: () => partOf(body['ParsedContent'], budget) ?? partOf(body['Plaintext'], budget),
  };
}

export function idOf(envelopes: readonly JsonObject[]): string | undefined {
  const ids = envelopes.map((part) => textOf(part, 'id'));
  return ids.find((id) => id !== undefined && id.length <= ID_MAX);
}

/** A `resource` with a `ciphertext` of whatever kind: once someone claims one it must open. */
const sealed = (resource: JsonObject | undefined): JsonObject | undefined =>
  resource !== undefined && Object.hasOwn(resource, 'ciphertext') ? resource : undefined;

/** Every label that is present, of whatever type: one that is no text agrees with nothing. */
export function labelsOf(
  envelopes: readonly JsonObject[],
  resources: readonly JsonObject[],
): Labels {
  const present = (parts: readonly JsonObject[], key: string): readonly unknown[] =>
    parts.map((part) => part[key]).filter((label) => label !== undefined && label !== null);
  return {
    eventTypes: present(envelopes, 'event_type'),
    originalTypes: present(resources, 'original_type'),
    associatedData: resources[0]?.['associated_data'],
  };
}
