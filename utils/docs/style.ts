/** The page's own style: two columns on a wide screen, one on a phone, light and dark as the reader has it. */
export const STYLE = `
:root{--ink:#1b1f23;--soft:#59636e;--line:#d8dee4;--paper:#fff;--tint:#f5f7f9;--link:#0757c2;--good:#0a6b34;
--bad:#b3261e;--get:#0757c2;--mark:#6b3fa0;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--ink:#e4e8ec;--soft:#a3adb8;--line:#353c44;--paper:#14181c;--tint:#1d2228;
--link:#82b7ff;--good:#5fd38d;--bad:#ff8f86;--get:#82b7ff;--mark:#c9a6f5}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI","PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif}
a{color:var(--link)}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.875em}
:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:3px}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.5rem;background:var(--paper);padding:.3rem .6rem;z-index:2}
.layout{display:grid;grid-template-columns:minmax(0,1fr);max-width:84rem;margin:0 auto}
nav,main{padding:1rem}
nav{border-bottom:1px solid var(--line);font-size:.9375rem}
nav summary{font-weight:600;cursor:pointer}
nav h2{font-size:.8125rem;margin:1rem 0 .25rem;color:var(--soft);text-transform:uppercase;letter-spacing:.04em}
nav ul{list-style:none;margin:0;padding:0}
nav li a{display:block;padding:.2rem .4rem;border-radius:4px;text-decoration:none;color:var(--ink);overflow-wrap:anywhere}
nav li a:hover{background:var(--tint)}
.tools{display:flex;flex-wrap:wrap;gap:.5rem;margin:0 0 .75rem}details>.tools{margin-top:.75rem}
nav small{display:block;color:var(--soft)}nav li code{font-size:.8125rem}
.tools input{flex:1 1 9rem;min-width:0}
.tools input,.tools button{font:inherit;color:inherit;background:var(--paper);border:1px solid var(--soft);
border-radius:6px;padding:.3rem .6rem;min-height:2.25rem}
.tools button[aria-pressed=true]{background:var(--link);color:var(--paper);border-color:var(--link)}
h1{font-size:1.75rem;margin:.25rem 0 .5rem;line-height:1.2}
h1 small{font-size:1rem;color:var(--soft);font-weight:400}
main>h2{margin:2.5rem 0 .25rem;font-size:1.375rem}
main>h2+p{margin:.1rem 0 .75rem;color:var(--soft)}
h4{margin:1.5rem 0 .4rem;font-size:1rem}
h4 small{color:var(--soft);font-weight:400}
.op{border:1px solid var(--line);border-radius:8px;margin:.5rem 0;background:var(--paper)}
.op>summary{cursor:pointer;padding:.6rem .75rem;display:flex;flex-wrap:wrap;gap:.25rem .6rem;align-items:baseline;list-style:none}
.op>summary::-webkit-details-marker{display:none}
.op[open]>summary{border-bottom:1px solid var(--line);background:var(--tint);border-radius:8px 8px 0 0}
.method{font-size:.75rem;font-weight:700;letter-spacing:.03em;color:var(--good);min-width:2.75rem}
.method.get{color:var(--get)}
.path{font-weight:600;overflow-wrap:anywhere}
.what{color:var(--soft)}
.inner{padding:.25rem .75rem 1rem}
.who b{margin-right:.4rem}
table{border-collapse:collapse;width:100%;font-size:.9375rem;margin:.25rem 0 .75rem}
th{text-align:left;font-size:.8125rem;color:var(--soft);font-weight:600}
th,td{border-top:1px solid var(--line);padding:.4rem .75rem .4rem 0;vertical-align:top}
thead th{border-top:0}
td:first-child{width:28%}td.type{width:22%}
.name{font-weight:600;overflow-wrap:anywhere}
.name i{font-style:normal;font-weight:400;color:var(--soft)}
.must{color:var(--bad);margin-left:.2rem}
.mark{font-size:.75rem;color:var(--mark);border:1px solid;border-radius:9px;padding:0 .4rem;margin-left:.4rem;white-space:nowrap}
.type code{overflow-wrap:anywhere}
.type small,.pattern{display:block;color:var(--soft)}
.pattern code{overflow-wrap:anywhere;font-size:.75rem}
.status{font-weight:700;color:var(--good)}.status.bad{color:var(--bad)}
.failures th{width:4rem}.failures td{width:auto;line-height:1.8}.failures a{text-decoration:none;margin-right:.4rem}
figure{margin:.75rem 0;border:1px solid var(--line);border-radius:8px;overflow:hidden}
figcaption{padding:.35rem .75rem;font-size:.875rem;color:var(--soft);border-bottom:1px solid var(--line);background:var(--tint)}
pre{margin:0;padding:.75rem;overflow:auto;max-height:26rem;line-height:1.45}
:root:not([data-lang]) span[lang=en]+span[lang=zh]{color:var(--soft)}
:root[data-lang=en] span[lang=zh],:root[data-lang=zh] span[lang=en],[hidden]{display:none}
@media(max-width:40rem){
thead{position:absolute;left:-99rem}
table,tbody,tr,td,.failures th{display:block;width:auto}
tr{border-top:1px solid var(--line);padding:.4rem 0}
td,td:first-child,td.type,th,.failures th,.failures td{border:0;padding:.1rem 0;width:auto}
.type small{display:inline;margin-left:.5rem}}
@media(min-width:64rem){
.layout{grid-template-columns:21rem minmax(0,1fr)}
nav{border:0;border-right:1px solid var(--line);position:sticky;top:0;max-height:100vh;overflow:auto}
main{padding:1rem 2rem 6rem}}
`;
