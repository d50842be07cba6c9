/** `/m/<key>` in front of a path names a merchant of `merchantsFile`; without it, it is the environment's own. */
export interface MerchantPath {
  readonly key: string;
  /** What follows, with its query; `/` where nothing does. */
  readonly rest: string;
}

const MERCHANT = /^\/m\/([a-z0-9-]{1,32})(?=[/?]|$)/;

/** Whether there is such a merchant is not checked here. `basePath` may stand in front. */
export function merchantPath(url: string, basePath: string): MerchantPath | undefined {
  const inner = basePath !== '' && url.startsWith(basePath) ? url.slice(basePath.length) : url;
  const [found = '', key] = inner.startsWith('/m/') ? (MERCHANT.exec(inner) ?? []) : [];
  if (key === undefined) return undefined;
  const rest = inner.slice(found.length);
  return { key, rest: rest.startsWith('/') ? rest : `/${rest}` };
}
