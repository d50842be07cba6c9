import { Button } from '@mantine/core';
import { useEffect, useMemo, useState } from 'react';
import { Link, Redirect, Route, Router, Switch, useLocation } from 'wouter';
import { useHashLocation } from 'wouter/use-hash-location';
import { Collect } from './pages/Collect';
import { Deliveries } from './pages/Deliveries';
import { Health } from './pages/Health';
import { Reconcile } from './pages/Reconcile';
import { Record } from './pages/Record';
import { Records } from './pages/Records';
import { SignIn } from './pages/SignIn';
import { Today } from './pages/Today';
import { Transfer } from './pages/Transfer';
import type { Kind } from './records';
import { SessionContext, useSay } from './session';
import { word, type Language, type Word } from './words';

const PAGES: readonly (readonly [path: string, name: Word])[] = [
  ['/', 'today'],
  ['/records', 'records'],
  ['/collect', 'collect'],
  ['/transfer', 'transfer'],
  ['/reconcile', 'reconcile'],
  ['/effects', 'effects'],
  ['/health', 'health'],
];

const KEPT = 'pay-common.language';

/** The language of an earlier visit, else the browser's. */
function languageAtFirst(): Language {
  const kept = localStorage.getItem(KEPT);
  if (kept === 'zh' || kept === 'en') return kept;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

export function App() {
  const [key, setKey] = useState('');
  const [language, setLanguage] = useState(languageAtFirst);
  const session = useMemo(() => ({ key, language }), [key, language]);
  useEffect(() => {
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  }, [language]);
  function switchLanguage(): void {
    const other = language === 'zh' ? 'en' : 'zh';
    localStorage.setItem(KEPT, other);
    setLanguage(other);
  }
  return (
    <SessionContext value={session}>
      <Router hook={useHashLocation}>
        <a className="skip" href="#content" onClick={toContent}>
          {word('skip', language)}
        </a>
        <header className="bar">
          <strong>pay-common</strong>
          {key === '' ? null : <Pages />}
          <span className="grow" />
          <Button variant="default" size="compact-md" onClick={switchLanguage}>
            {word('language', language)}
          </Button>
          {key === '' ? null : (
            <Button
              variant="default"
              size="compact-md"
              onClick={() => {
                setKey('');
              }}
            >
              {word('signOut', language)}
            </Button>
          )}
        </header>
        {key === '' ? <SignIn onKey={setKey} /> : <Content />}
      </Router>
    </SessionContext>
  );
}

/** The hash is the page's own route: the link moves the focus and leaves the route alone. */
function toContent(event: { preventDefault: () => void }): void {
  event.preventDefault();
  document.getElementById('content')?.focus();
}

function Pages() {
  const say = useSay();
  const [path] = useLocation();
  return (
    <nav aria-label={say('menu')}>
      {PAGES.map(([to, name]) => {
        const isHere = to === '/' ? path === '/' : path.startsWith(to);
        return (
          <Link key={to} href={to} aria-current={isHere ? 'page' : undefined}>
            {say(name)}
          </Link>
        );
      })}
    </nav>
  );
}

function Content() {
  return (
    <main id="content" tabIndex={-1}>
      <Switch>
        <Route path="/" component={Today} />
        <Route path="/records" component={Records} />
        <Route path="/records/:kind/:no">
          {({ kind, no }) => <Record kind={kind as Kind} no={decodeURIComponent(no)} />}
        </Route>
        <Route path="/collect" component={Collect} />
        <Route path="/transfer" component={Transfer} />
        <Route path="/reconcile" component={Reconcile} />
        <Route path="/effects" component={Deliveries} />
        <Route path="/health" component={Health} />
        <Route>
          <Redirect to="/" />
        </Route>
      </Switch>
    </main>
  );
}
