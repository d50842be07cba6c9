/** What the page does: a language alone, a list that is filtered, a link that opens what it names. Works without it, too. */
export const SCRIPT = `
(() => {
  const root = document.documentElement;
  const read = () => { try { return localStorage.getItem('docs-lang'); } catch { return null; } };
  const buttons = [...document.querySelectorAll('[data-pick]')];
  const pick = (lang) => {
    root.dataset.lang = lang;
    root.lang = lang;
    for (const one of buttons) one.setAttribute('aria-pressed', String(one.dataset.pick === lang));
    try { localStorage.setItem('docs-lang', lang); } catch { return; }
  };
  for (const one of buttons) one.addEventListener('click', () => pick(one.dataset.pick));
  pick(read() ?? (navigator.language.startsWith('zh') ? 'zh' : 'en'));
  const open = () => {
    const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (named instanceof HTMLDetailsElement) named.open = true;
    named?.scrollIntoView();
  };
  addEventListener('hashchange', open);
  open();
  const box = document.getElementById('filter');
  box.addEventListener('input', () => {
    const words = box.value.toLowerCase().split(/\\s+/);
    for (const item of document.querySelectorAll('nav li')) {
      item.hidden = !words.every((word) => item.textContent.toLowerCase().includes(word));
    }
    for (const list of document.querySelectorAll('nav ul')) {
      const none = [...list.children].every((item) => item.hidden);
      list.hidden = none;
      list.previousElementSibling.hidden = none;
    }
  });
  if (matchMedia('(max-width: 63.99rem)').matches) document.querySelector('nav details').open = false;
  for (const one of document.querySelectorAll('.tools')) one.hidden = false;
})();
`;
