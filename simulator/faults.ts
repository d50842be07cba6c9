import type { Random } from './random';

interface Matchable {
  route: RegExp | string;
  times?: number;
  probability?: number;
}

/** Turns `POST /v3/x/{no}/*` into a pattern; a regular expression stays as it is. */
function patternOf(route: RegExp | string): RegExp {
  if (route instanceof RegExp) return new RegExp(route.source, route.flags.replace(/[gy]/g, ''));
  const escaped = route.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{[^}]*\}/g, '[^/ ?]+');
  return new RegExp(`^${escaped.replace(/\\\*$/, '.*')}(\\?.*)?$`);
}

/** Faults wait here until a request or callback matches; each is used up after `times`. */
export class Faults<F extends Matchable> {
  private readonly waiting: { fault: F; pattern: RegExp; left: number }[] = [];

  constructor(private readonly random: Random) {}

  add(fault: F): void {
    this.waiting.push({ fault, pattern: patternOf(fault.route), left: fault.times ?? 1 });
  }

  clear(): void {
    this.waiting.length = 0;
  }

  list(): F[] {
    return this.waiting.map((w) => ({ ...w.fault, route: String(w.fault.route), times: w.left }));
  }

  /**
   * Takes what applies to one event. `texts` are the ways a route may name it. Those for which
   * `goesOn` holds (a mere delay) let a further fault apply; the first other one ends the search.
   */
  take(texts: readonly string[], goesOn: (fault: F) => boolean): F[] {
    const taken: F[] = [];
    for (const entry of [...this.waiting]) {
      if (!texts.some((text) => entry.pattern.test(text))) continue;
      const { probability } = entry.fault;
      if (probability !== undefined && this.random.next() >= probability) continue;
      entry.left -= 1;
      if (entry.left <= 0) this.waiting.splice(this.waiting.indexOf(entry), 1);
      taken.push(entry.fault);
      if (!goesOn(entry.fault)) break;
    }
    return taken;
  }
}
