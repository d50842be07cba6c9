/**
 * Cuts a bill into rows, over bytes and in one buffer: of a million rows no string, array or object is made
 * on the way. What is made and dropped is what fills V8's young generation, and that stays with the process:
 * with strings a bill of a million rows took 164 MiB, whatever of it was kept.
 *
 * Free text (商品名称, 商户数据包, 备注) may hold commas, even the separator itself or a line break: payers
 * choose it. What is left and right of it is counted from the ends, so that no text can shift a number into
 * another column; and a line begins a row only where the row before has all its columns and a time stands first.
 *
 * Source: 微信支付《账单格式》.
 */
import { UpstreamError } from '../../utils/errors';
import { bytesToFen, bytesToMilliFen, type Bytes } from '../../utils/money';

/** The row at hand, by column: good until the next one, so whatever is kept must be copied. */
export interface RowBytes {
  /** The same object each time: good until the next question. */
  bytes(column: number): Bytes;
  is(column: number, value: Buffer): boolean;
  /** Whether it holds these bytes anywhere. */
  has(column: number, part: Buffer): boolean;
  text(column: number): string;
  /** Whether the bill has the column at all. */
  known(column: number): boolean;
  /** @throws UpstreamError where it is no amount. */
  fen(column: number): number;
  milli(column: number): number;
}

export interface Column {
  /** Its names over the years: the first one that the bill has. */
  readonly names: readonly string[];
  readonly optional?: boolean;
}

export interface Layout {
  /** What the bill is called, in Chinese and English. */
  readonly title: readonly [zh: string, en: string];
  /** A column is known by its place in this list, wherever it stands in the bill. */
  readonly columns: readonly Column[];
  /** Of the free-text columns, which lie side by side: the first one there is. */
  readonly text: string;
  /** What the line with the names of the sums begins with. */
  readonly summary: string;
}

export interface BillReader {
  push(chunk: Buffer): void;
  end(): void;
}

const ROW_BYTES_MAX = 512 * 1024;
const ROOM_FIRST = 128 * 1024;
const LINES_JOINED_MAX = 100;
const CUTS_FIRST = 64;
const [LF, CR, TICK, COMMA, ZERO, NINE] = [10, 13, 96, 44, 48, 57];
/** What every row begins with: a digit for each 9, all else as it stands. */
const TIME = Buffer.from('`9999-99-99 99:99:99,');

export interface BillFault {
  /** From 1, without the line of names; undefined where it is no row's fault. */
  readonly row?: number | undefined;
  readonly column?: string | undefined;
  readonly zh: string;
  readonly en: string;
}

/** Says where a bill cannot be read. Never a value: texts are the payers'. */
export function billUnreadable(title: Layout['title'], fault: BillFault): UpstreamError {
  const { row, column, zh, en } = fault;
  const at = [
    row === undefined ? '' : `第 ${String(row)} 行`,
    column === undefined ? '' : `「${column}」`,
  ];
  const where = [row === undefined ? '' : `row ${String(row)}`, column ?? ''].filter(
    (x) => x !== '',
  );
  return new UpstreamError('BILL_UNREADABLE', {
    detail: `${title[0]}${at.join('')}${zh} / ${[title[1], ...where].join(', ')}: ${en}`,
  });
}

/** Names of columns → where they stand. */
const placesOf = (line: string): ReadonlyMap<string, number> =>
  new Map(
    line
      .replace(/^\ufeff/, '')
      .split(',')
      .map((name, i) => [name.trim(), i]),
  );

function startsWithTime(bytes: Buffer, from: number, to: number): boolean {
  if (to - from < TIME.length) return false;
  for (let i = 0; i < TIME.length; i++) {
    const byte = bytes[from + i] ?? 0;
    const isDigit = byte >= ZERO && byte <= NINE;
    if (TIME[i] === NINE ? !isDigit : byte !== TIME[i]) return false;
  }
  return true;
}

/** The row that is open: where it lies, and where its values begin, counted from its own beginning. */
function createRow(layout: Layout) {
  let number = 0;
  let bytes: Buffer = Buffer.alloc(0);
  let start = -1;
  let end = 0;
  let cuts = new Int32Array(CUTS_FIRST);
  let parts = 0;
  let places: readonly number[] = [];
  let named: readonly (string | undefined)[] = [];
  let width = 0;
  let textAt = 0;
  const at = { bytes, from: 0, to: 0 };

  const fault = (what: BillFault): UpstreamError =>
    billUnreadable(layout.title, { row: number === 0 ? undefined : number, ...what });

  function cut(place: number): void {
    if (parts === cuts.length) {
      const wider = new Int32Array(cuts.length * 2);
      wider.set(cuts);
      cuts = wider;
    }
    cuts[parts++] = place - start;
  }

  function span(column: number): Bytes {
    const place = places[column] ?? 0;
    const i = place < textAt ? place : place + parts - width;
    at.bytes = bytes;
    at.from = start + (cuts[i] ?? 0);
    // The next value begins behind its comma and back-tick.
    at.to = i + 1 < parts ? start + (cuts[i + 1] ?? 0) - 2 : end;
    return at;
  }

  function amount(column: number, read: (text: Bytes) => number): number {
    const value = read(span(column));
    if (!Number.isNaN(value)) return value;
    throw fault({ column: named[column], zh: '不是金额', en: 'no amount' });
  }

  function isAt(place: number, value: Buffer): boolean {
    for (let i = 0; i < value.length; i++) if (bytes[place + i] !== value[i]) return false;
    return true;
  }

  const values: RowBytes = {
    bytes: span,
    has(column, part) {
      const { from, to } = span(column);
      for (let i = from; i + part.length <= to; i++) if (isAt(i, part)) return true;
      return false;
    },
    is(column, value) {
      const { from, to } = span(column);
      return to - from === value.length && isAt(from, value);
    },
    known: (column) => (places[column] ?? -1) >= 0,
    text(column) {
      const { from, to } = span(column);
      return bytes.toString('utf8', from, to);
    },
    fen: (column) => amount(column, bytesToFen),
    milli: (column) => amount(column, bytesToMilliFen),
  };

  return {
    values,
    fault,
    begin(names: ReadonlyMap<string, number>): void {
      named = layout.columns.map((column) => column.names.find((name) => names.has(name)));
      for (const [i, { names: accepted, optional }] of layout.columns.entries()) {
        if (named[i] !== undefined || optional === true) continue;
        throw fault({ column: accepted.join('/'), zh: '一列缺失', en: 'the column is missing' });
      }
      places = named.map((name) => names.get(name ?? '') ?? -1);
      width = names.size;
      textAt = names.get(layout.text) ?? width;
    },
    isOpen: (): boolean => start >= 0,
    isWhole: (): boolean => parts >= width,
    parts: (): number => parts,
    start: (): number => start,
    /** Opens a row with the line, whose first byte is a back-tick, or adds a line to the open one. */
    add(buffer: Buffer, from: number, to: number): void {
      bytes = buffer;
      end = to;
      let i = from;
      if (start < 0) {
        start = from;
        number++;
        parts = 0;
        cut(++i);
      }
      for (; i + 1 < to; i++) if (bytes[i] === COMMA && bytes[i + 1] === TICK) cut(i + 2);
    },
    /** The bytes now lie elsewhere. */
    move(buffer: Buffer, by: number): void {
      bytes = buffer;
      start -= by;
      end -= by;
    },
    close(): void {
      start = -1;
    },
  };
}

/**
 * Reads a bill as it comes: BOM, column names, rows whose values each begin with a back-tick, names and
 * values of the sums.
 *
 * @param onRow  A row is whole when the next thing begins. Not to be acted upon before `end`.
 * @param onSums The values of the sums, by name; undefined for a name the bill does not have.
 * @throws UpstreamError BILL_UNREADABLE where the file contradicts itself.
 */
export function createBillReader(
  layout: Layout,
  onRow: (values: RowBytes) => void,
  onSums: (values: (name: string) => string | undefined) => void,
): BillReader {
  const row = createRow(layout);
  const summary = Buffer.from(layout.summary);
  let room = Buffer.allocUnsafeSlow(ROOM_FIRST);
  let used = 0;
  let lineStart = 0;
  let begun = false;
  /** Whether rows begin with a time, as documented. Decided at the first row, so that other bills can be read too. */
  let timed: boolean | undefined;
  let joined = 0;
  let sums: ReadonlyMap<string, number> | undefined;
  let summed = false;

  function finish(): void {
    if (!row.isOpen()) return;
    if (!row.isWhole()) {
      const columns = String(row.parts());
      throw row.fault({ zh: `只有 ${columns} 列`, en: `has ${columns} columns only` });
    }
    onRow(row.values);
    row.close();
    joined = 0;
  }

  function summarise(line: string, known: ReadonlyMap<string, number>): void {
    if (line === '') return;
    if (summed)
      throw row.fault({ row: undefined, zh: '汇总之后还有内容', en: 'text after the sums' });
    const parts = line.slice(1).split(',`');
    if (!line.startsWith('`') || parts.length < known.size) {
      throw row.fault({ row: undefined, zh: '汇总行不完整', en: 'the sums are not whole' });
    }
    onSums((name) => parts[known.get(name) ?? -1]);
    summed = true;
  }

  const isSummary = (from: number, to: number): boolean =>
    to - from >= summary.length && summary.compare(room, from, from + summary.length) === 0;

  /**
   * Text with a line break may hold as many separators as a row has, and the next line a back-tick: then only
   * the time tells. Text that forges that too makes one row more than the sums count, and the bill is refused.
   */
  function isRow(from: number, to: number): boolean {
    if (to === from || room[from] !== TICK) return false;
    timed ??= startsWithTime(room, from, to);
    return !timed || startsWithTime(room, from, to);
  }

  function line(from: number, to: number): void {
    if (!begun) {
      row.begin(placesOf(room.toString('utf8', from, to)));
      begun = true;
      return;
    }
    if (sums !== undefined) {
      summarise(room.toString('utf8', from, to), sums);
      return;
    }
    const between = !row.isOpen() || row.isWhole();
    if (between && isRow(from, to)) {
      finish();
      row.add(room, from, to);
    } else if (between && isSummary(from, to)) {
      finish();
      sums = placesOf(room.toString('utf8', from, to));
    } else if (!row.isOpen() || ++joined > LINES_JOINED_MAX) {
      throw row.fault({ zh: '之后有无法归入任何行的内容', en: 'is followed by a stray line' });
    } else row.add(room, from, to);
  }

  function take(from: number, to: number): void {
    line(from, to > from && room[to - 1] === CR ? to - 1 : to);
  }

  /** Room for a chunk behind what is still open, which moves to the front. */
  function makeRoom(bytes: number): void {
    const keep = row.isOpen() ? row.start() : lineStart;
    const rest = used - keep;
    if (rest > ROW_BYTES_MAX) throw row.fault({ zh: '过长', en: 'has no end' });
    let next = room;
    if (rest + bytes > room.length) next = Buffer.allocUnsafeSlow(2 * (rest + bytes));
    room.copy(next, 0, keep, used);
    room = next;
    used = rest;
    lineStart -= keep;
    if (row.isOpen()) row.move(room, keep);
  }

  return {
    push(chunk) {
      makeRoom(chunk.length);
      let search = used;
      chunk.copy(room, used);
      used += chunk.length;
      const end = used;
      for (;;) {
        const at = room.indexOf(LF, search);
        // The room behind the bytes holds what was there before.
        if (at < 0 || at >= end) return;
        const from = lineStart;
        lineStart = at + 1;
        search = at + 1;
        take(from, at);
      }
    },
    end() {
      if (used > lineStart) take(lineStart, used);
      if (!summed) throw row.fault({ row: undefined, zh: '没有汇总行', en: 'cut short, no sums' });
    },
  };
}
