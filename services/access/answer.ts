/** What a service answers a caller: `status` as WeChat's, 202 while the outcome is not known. */
export interface Answer<D> {
  readonly status: number;
  readonly data: D;
}
