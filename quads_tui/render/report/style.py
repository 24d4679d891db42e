"""The look of the HTML report. Nothing in it comes from outside, and it refers to nothing outside."""

STYLE = """
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1b2733;--soft:#5a6b7b;--line:#d9dfe5;--good:#0b6e4f;--bad:#b3261e;
--warn:#8a5300;--armed:#7d1007;--armed-page:#ffe7e3;--a:#1769c2;--b:#c2570c;--c:#0b7a75;--d:#8b4fb0;--e:#7f9f3c}
@media(prefers-color-scheme:dark){:root{--page:#11161c;--card:#1a2129;--ink:#e3e9ef;--soft:#9aabba;--line:#323d48;--good:#59c79b;
--bad:#ff8a7d;--warn:#f0b45a;--armed:#ffd9d3;--armed-page:#5b150d;--a:#6cb0ff;--b:#ff9d57;--c:#4fd0c7;--d:#cf9df0;--e:#a9d05c}}
*{box-sizing:border-box}
body{margin:0 auto;padding:24px;max-width:1240px;background:var(--page);color:var(--ink);font:15px/1.45 system-ui,"Segoe UI",
"DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums}
h1{margin:0 0 4px;font-size:26px}h2{margin:0 0 10px;font-size:18px}h3{margin:16px 0 6px;font-size:15px}
section p,section h3{margin:6px 0}section h3{margin-top:14px}
section,header{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:16px 20px;margin:0 0 16px;
overflow-wrap:anywhere}
.state{margin:0;font-weight:600}.done{color:var(--good)}.running{color:var(--a)}.failed,.stopped,.unfinished,.unplanned{color:var(--bad)}
.ended,.skipped,.held,.warning{color:var(--warn)}.error{color:var(--bad)}
.tag{display:inline-block;padding:0 8px;border:1px solid currentColor;border-radius:4px;font-size:13px;font-weight:600}
.armed{background:var(--armed-page);color:var(--armed);border-color:currentColor}.armed h2{font-size:20px}
.tiles{display:flex;flex-wrap:wrap;gap:12px;margin-top:14px}.tiles div{min-width:92px}.tiles b{display:block;font-size:24px;
line-height:1.2}.tiles span,.soft,figcaption{color:var(--soft);font-size:13px}
table{border-collapse:collapse;font-size:13px}th,td{padding:4px 24px 4px 0;border-bottom:1px solid var(--line);
text-align:left;vertical-align:top}th{color:var(--soft);font-weight:600}.n{text-align:right;white-space:nowrap}
.scroll{overflow-x:auto}.scroll table{overflow-wrap:normal}.hosts td,.hosts th{white-space:nowrap;padding-right:12px}
.hosts td:last-child{white-space:normal;min-width:260px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(400px,1fr));gap:16px}
figure{margin:0 0 8px}figcaption b{color:var(--ink)}svg{display:block;width:100%;height:auto}
.grid{stroke:var(--line);stroke-width:1;fill:none}.axis{fill:var(--soft);font-size:12px}
.resume{stroke:var(--soft);stroke-dasharray:4 3;fill:none}.line{fill:none;stroke-width:2}.bar{fill:none}
.a{stroke:var(--a)}.b{stroke:var(--b)}.c{stroke:var(--c)}.d{stroke:var(--d)}.e{stroke:var(--e)}
.area{stroke:none;opacity:.16}.a.area{fill:var(--a)}.b.area{fill:var(--b)}.c.area{fill:var(--c)}
.key{display:inline-block;width:14px;height:0;border-top:3px solid;margin:0 5px 4px 12px}
.key.a{color:var(--a)}.key.b{color:var(--b)}.key.c{color:var(--c)}.key.d{color:var(--d)}.key.e{color:var(--e)}
details{margin:6px 0}summary{cursor:pointer}code{font:13px/1.4 ui-monospace,"DejaVu Sans Mono",monospace}
pre{margin:4px 0 10px;padding:8px;border:1px solid var(--line);border-radius:4px;white-space:pre-wrap;
font:12px/1.45 ui-monospace,"DejaVu Sans Mono",monospace}
@media print{body{max-width:none;padding:0}section,header{break-inside:avoid-page}}
"""
