import { createWaitingRoom } from '../../services/stores/sql/sqliteThread';

const someone = () => ({ resolve: () => undefined, reject: () => undefined });

describe('the waiting room of SQLite’s thread', () => {
  it('gives each answer to who asked, in whatever order they come', () => {
    const room = createWaitingRoom();
    const people = Array.from({ length: 5 }, someone);
    const ids = people.map(room.enter);
    expect(room.size()).toBe(5);
    for (const i of [3, 0, 4, 1, 2]) expect(room.leave(ids[i] ?? -1)).toBe(people[i]);
    expect(room.size()).toBe(0);
  });

  it('never gives a second answer to who came after', () => {
    const room = createWaitingRoom();
    const first = room.enter(someone());
    room.leave(first);
    const next = someone();
    const second = room.enter(next);
    expect(second).not.toBe(first);
    expect(room.leave(first)).toBeUndefined();
    expect(room.size()).toBe(1);
    expect(room.leave(second)).toBe(next);
  });

  it('uses places again, so that it does not grow with what was asked', () => {
    const room = createWaitingRoom();
    const places = new Set<number>();
    for (let i = 0; i < 1000; i++) {
      const ids = [room.enter(someone()), room.enter(someone())];
      for (const id of ids) places.add(id % 2 ** 20);
      ids.forEach(room.leave);
    }
    expect(places.size).toBe(2);
  });

  it('lets all go at once when the thread ends, and knows no one after', () => {
    const room = createWaitingRoom();
    const people = Array.from({ length: 3 }, someone);
    const ids = people.map(room.enter);
    room.leave(ids[1] ?? -1);
    expect(room.empty()).toEqual([people[0], people[2]]);
    expect(room.size()).toBe(0);
    expect(ids.map(room.leave)).toEqual([undefined, undefined, undefined]);
    expect(room.size()).toBe(0);
  });
});
