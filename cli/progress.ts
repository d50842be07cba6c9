/** Says on standard error that long work goes on: on a terminal one line that changes, else lines. */
import type { Io } from './io';

const TICK_MS = 1000;

export interface Progress {
  say(text: string): void;
  /**
   * Shows `text` and the seconds that went by, until it is called again or ended.
   * @param detail  How far it has got, asked for with each second.
   */
  wait(text: string, detail?: () => string): void;
  end(): void;
}

export function createProgress(io: Io, asked: boolean): Progress {
  if (!io.terminal && !asked) return { say: nothing, wait: nothing, end: nothing };
  let timer: NodeJS.Timeout | undefined;
  const show = (text: string): void => {
    io.err(io.terminal ? `\r\u001b[K${text}` : `${text}\n`);
  };
  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
  };
  return {
    say(text) {
      stop();
      show(text);
    },
    wait(text, detail = () => '') {
      stop();
      const start = io.clock.now();
      show(text);
      if (!io.terminal) return;
      timer = setInterval(() => {
        const seconds = Math.round((io.clock.now() - start) / 1000);
        show(`${text} ${seconds} s ${detail()}`.trimEnd());
      }, TICK_MS);
      timer.unref();
    },
    end() {
      stop();
      if (io.terminal) io.err('\r\u001b[K');
    },
  };
}

const nothing = (): void => undefined;
