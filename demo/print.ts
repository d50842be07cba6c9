/** The timeline on a terminal: one line an event, both languages, aligned also where characters are wide. */
import { ACTORS, type Actor, type Told, type Words } from './types';

export interface Out {
  write(text: string): unknown;
  readonly colours: boolean;
}

const TIME_WIDTH = 14;
const ROUTE_WIDTH = 43;
const RULE_WIDTH = 96;

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/;

/** Chinese characters and full-width signs take two columns. */
const widthOf = (text: string): number =>
  Array.from(text).reduce((width, char) => width + (WIDE.test(char) ? 2 : 1), 0);

const pad = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - widthOf(text)));

export const both = ({ zh, en, code = '' }: Words): string =>
  [zh, en, code].filter((part) => part !== '').join(' ');

const PAINT = { dim: 2, bold: 1, green: 32, red: 31, yellow: 33, cyan: 36, magenta: 35 } as const;
type Paint = keyof typeof PAINT;

const nameOf = (actor: Actor): string =>
  actor === 'pay' ? 'pay-common' : `${ACTORS[actor].zh} ${ACTORS[actor].en}`;

/** Beijing time of day, to the millisecond. */
const timeOf = (atMs: number): string => new Date(atMs + 8 * 3_600_000).toISOString().slice(11, 23);

export function printer(out: Out): (event: Told) => void {
  const paint = (text: string, ...paints: Paint[]): string =>
    out.colours
      ? `${paints.map((one) => `\u001b[${String(PAINT[one])}m`).join('')}${text}\u001b[0m`
      : text;
  let scene = 0;

  const line = (time: string, route: string, rest: string): void => {
    out.write(`${pad(time, TIME_WIDTH)}${route}${rest}\n`);
  };
  const blank = pad('', ROUTE_WIDTH);

  return (event) => {
    switch (event.type) {
      case 'scene': {
        if (event.act === true) {
          out.write(`\n\n${paint(`━━ ${both(event.title)} ━━`, 'bold')}\n`);
          return;
        }
        scene += 1;
        const title = `── ${String(scene)}  ${both(event.title)} `;
        const rule = '─'.repeat(Math.max(3, RULE_WIDTH - widthOf(title)));
        out.write(`\n${paint(title + rule, 'bold', 'cyan')}\n`);
        return;
      }
      case 'note':
        return line('', blank, paint(`… ${both(event.text)}`, 'dim'));
      case 'message': {
        const route = pad(`${nameOf(event.from)} → ${nameOf(event.to)}`, ROUTE_WIDTH);
        const status = event.status === undefined ? '' : `${String(event.status)} `;
        const text = `${status}${both(event.text)}`;
        line(timeOf(event.atMs), route, event.refused ? paint(text, 'yellow') : text);
        const glyph = event.to === 'pay' ? '◦' : '✓';
        for (const one of event.checks) line('', blank, paint(`  ${glyph} ${both(one)}`, 'dim'));
        return;
      }
      case 'record': {
        const moved = event.before === undefined ? event.state : `${event.before} → ${event.state}`;
        const head = pad('▣ 记录 record', ROUTE_WIDTH);
        const text = `${event.no}  ${moved}  v${String(event.version)}`;
        line('', paint(head, 'magenta'), paint(text, 'magenta', 'bold'));
        for (const change of event.changes) line('', blank, paint(`  · ${both(change)}`, 'dim'));
        return;
      }
      case 'check': {
        const text = `${event.ok ? '✔' : '✘'} ${both(event.text)}`;
        line('', blank, paint(text, event.ok ? 'green' : 'red'));
        if (event.ok) return;
        const miss = `期望 expected: ${event.expected ?? ''}   实际 actual: ${event.actual ?? ''}`;
        return line('', blank, paint(`  ${miss}`, 'red'));
      }
      case 'verdict': {
        const all = `${String(event.passed)}/${String(event.passed + event.failed)}`;
        const word = event.ok ? '通过 PASS' : '未通过 FAIL';
        const text = `${word} · ${all} 项检查 checks · ${event.seconds.toFixed(1)} 秒 s`;
        out.write(
          `\n${paint(`══ 结论 verdict: ${text} ══`, 'bold', event.ok ? 'green' : 'red')}\n`,
        );
      }
    }
  };
}
