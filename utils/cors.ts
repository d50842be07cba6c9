/** CORS exactly as `corsAllowOrigin` says: nothing without it, `*`, or a comma list that the Origin must be in. */

const ALLOW = [
  ['access-control-allow-methods', 'GET,POST,OPTIONS'],
  ['access-control-allow-headers', 'content-type,authorization,x-api-key'],
  ['access-control-max-age', '600'],
] as const;

export function corsHeaders(
  setting: string | undefined,
  origin: string | undefined,
): readonly (readonly [string, string])[] {
  if (setting === undefined || setting === '') return [];
  if (setting === '*') return [['access-control-allow-origin', '*'], ...ALLOW];
  const allowed = setting.split(',').map((s) => s.trim());
  const vary = ['vary', 'Origin'] as const;
  if (origin === undefined || !allowed.includes(origin)) return [vary];
  return [['access-control-allow-origin', origin], vary, ...ALLOW];
}
