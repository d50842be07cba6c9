/** Who is signed in, and in which language. The key lives in this state and nowhere else. */
import { createContext, use } from 'react';
import { stateWord, word, type Language, type Word } from './words';

export interface Session {
  readonly key: string;
  readonly language: Language;
}

export const SessionContext = createContext<Session>({ key: '', language: 'zh' });

export const useSession = (): Session => use(SessionContext);

export interface Say {
  (name: Word): string;
  readonly language: Language;
  state(state: string): string;
}

export function useSay(): Say {
  const { language } = useSession();
  return Object.assign((name: Word) => word(name, language), {
    language,
    state: (state: string) => stateWord(state, language),
  });
}
