"""The look of HTML views: one small style sheet, scoped to `.cnb`, that follows the theme around it.

Colours come from JupyterLab's variables, else from VS Code's, else from our own light and dark pair. Text always
has the foreground colour; a tone colours only its sign, a border and a faint ground, so that contrast never depends on
it. The ground is painted too: in a page that defines no theme, the reader's dark mode must not give white on white.
"""

from __future__ import annotations

_SHEET = """
.cnb{
--cnb-fg0:#1f2328;--cnb-mute0:#59636e;--cnb-bg0:#fff;--cnb-line0:#d9dde2;
--cnb-good0:#1a7f37;--cnb-warn0:#b35900;--cnb-bad0:#cf222e;--cnb-info0:#0969da;
--cnb-fg:var(--jp-ui-font-color1,var(--vscode-editor-foreground,var(--cnb-fg0)));
--cnb-mute:var(--jp-ui-font-color2,var(--vscode-descriptionForeground,var(--cnb-mute0)));
--cnb-bg:var(--jp-layout-color0,var(--vscode-editor-background,var(--cnb-bg0)));
--cnb-line:var(--jp-border-color2,var(--vscode-panel-border,var(--cnb-line0)));
--cnb-soft:color-mix(in srgb,var(--cnb-fg) 5%,transparent);
--cnb-good:var(--jp-success-color1,var(--vscode-charts-green,var(--cnb-good0)));
--cnb-warn:var(--jp-warn-color1,var(--vscode-charts-orange,var(--cnb-warn0)));
--cnb-bad:var(--jp-error-color1,var(--vscode-charts-red,var(--cnb-bad0)));
--cnb-info:var(--jp-brand-color1,var(--vscode-charts-blue,var(--cnb-info0)));
--cnb-mono:var(--jp-code-font-family,var(--vscode-editor-font-family,ui-monospace,SFMono-Regular,Menlo,Consolas,monospace));
box-sizing:border-box;padding:4px 6px;background:var(--cnb-bg);color:var(--cnb-fg);overflow-wrap:break-word;
font:13px/1.5 var(--jp-ui-font-family,var(--vscode-font-family,
system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif))}
@media (prefers-color-scheme:dark){.cnb{
--cnb-fg0:#e6e8eb;--cnb-mute0:#9aa4af;--cnb-bg0:#16181c;--cnb-line0:#343a41;
--cnb-good0:#4ac26b;--cnb-warn0:#e3a03c;--cnb-bad0:#ff7b72;--cnb-info0:#6cb6ff}}
.cnb *{box-sizing:border-box}
.cnb .cnb-good{--tone:var(--cnb-good)}.cnb .cnb-warn{--tone:var(--cnb-warn)}
.cnb .cnb-bad{--tone:var(--cnb-bad)}.cnb .cnb-info{--tone:var(--cnb-info)}
.cnb .cnb-plain{--tone:var(--cnb-mute)}
.cnb .cnb-sign{color:color-mix(in srgb,var(--tone) 72%,var(--cnb-fg));font-weight:700}
.cnb p,.cnb dl,.cnb ul,.cnb figure,.cnb blockquote,.cnb pre,.cnb table,.cnb details{margin:0;padding:0;border:0}
.cnb-body>*+*{margin-top:10px!important}
.cnb-head{margin-bottom:8px!important}
.cnb .cnb-title{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 8px;font-size:14px;line-height:1.4}
.cnb .cnb-title strong{font-weight:600;min-width:0;overflow-wrap:anywhere}
.cnb .cnb-sub,.cnb .cnb-cut,.cnb figcaption,.cnb caption{color:var(--cnb-mute);font-size:12px;font-style:normal}
.cnb .cnb-sub{overflow-wrap:anywhere}
.cnb .cnb-text{max-width:84ch;overflow-wrap:anywhere}
.cnb .cnb-sep{display:none}
.cnb .cnb-badge{display:inline-block;max-width:100%;padding:0 7px;border-radius:9px;font-size:12px;line-height:18px;
overflow-wrap:break-word;font-weight:400;
border:1px solid color-mix(in srgb,var(--tone) 45%,transparent);
background:color-mix(in srgb,var(--tone) 11%,transparent)}
.cnb dl{display:grid;grid-template-columns:fit-content(13em) minmax(0,1fr);gap:3px 16px}
.cnb dt{float:none;width:auto;margin:0;padding:0;color:var(--cnb-mute);font-weight:400}
.cnb dd{float:none;width:auto;margin:0;padding:0;overflow-wrap:anywhere}
.cnb .cnb-scroll{max-width:100%;overflow-x:auto}
.cnb table.cnb-table{border-collapse:collapse;width:auto;max-width:none;margin:0;font-size:13px;
table-layout:auto;color:inherit}
.cnb .cnb-table caption{caption-side:top;padding:0 0 4px;text-align:left}
.cnb .cnb-table tr,.cnb .cnb-table tbody tr:nth-child(n),.cnb .cnb-table tbody tr:nth-child(n):hover{background:none}
.cnb .cnb-table tr>*{padding:4px 16px 4px 0;border:0;border-bottom:1px solid var(--cnb-line);text-align:left;
vertical-align:baseline;max-width:36em;white-space:normal;font-weight:400}
.cnb .cnb-table thead{border:0}
.cnb .cnb-table tr>*:last-child{padding-right:2px}
.cnb .cnb-table thead th{color:var(--cnb-mute);font-size:12px;vertical-align:bottom}
.cnb .cnb-table tr>.cnb-num{text-align:right;font-variant-numeric:tabular-nums}
.cnb .cnb-table td.cnb-num,.cnb .cnb-table .cnb-short{white-space:nowrap}
.cnb .cnb-table tfoot td{border:0;color:var(--cnb-mute);font-size:12px}
.cnb ul.cnb-bars{display:grid;gap:4px;list-style:none;max-width:760px;margin:0;padding:0}
.cnb .cnb-bars li{display:grid;grid-template-columns:minmax(0,2fr) minmax(3em,3fr) 4em;
gap:0 12px;align-items:center;margin:0}
.cnb .cnb-label{min-width:0;overflow-wrap:anywhere}
.cnb .cnb-track{height:8px;border-radius:4px;background:color-mix(in srgb,var(--cnb-fg) 9%,transparent);overflow:hidden}
.cnb .cnb-fill{display:block;height:100%;border-radius:4px;background:var(--tone)}
.cnb .cnb-share{text-align:right;font-variant-numeric:tabular-nums}
.cnb blockquote{padding:2px 0 2px 12px;border-left:3px solid var(--cnb-line);max-width:84ch;overflow-wrap:anywhere;
font-style:normal;font-size:inherit;color:inherit;background:none}
.cnb blockquote,.cnb dd,.cnb .cnb-text{white-space:pre-wrap}
.cnb .cnb-quote figcaption{padding-left:15px}
.cnb pre{font:12px/1.55 var(--cnb-mono);white-space:pre-wrap;overflow-wrap:anywhere;color:inherit;background:none}
.cnb .cnb-pre{max-height:32em;overflow:auto;padding:8px 10px;border-radius:4px;background:var(--cnb-soft)}
.cnb mark{color:inherit;border-radius:2px;background:color-mix(in srgb,var(--cnb-warn) 22%,transparent)}
.cnb .cnb-diff{border:1px solid var(--cnb-line);border-radius:4px;overflow:hidden}
.cnb figure>figcaption:first-child{margin-bottom:4px}
.cnb ins,.cnb del,.cnb .cnb-same{display:block;padding:0 10px 0 calc(10px + 2ch);text-indent:-2ch;
text-decoration:none;color:inherit}
.cnb ins{background:color-mix(in srgb,var(--cnb-good) 15%,transparent);box-shadow:inset 3px 0 var(--cnb-good)}
.cnb del{background:color-mix(in srgb,var(--cnb-bad) 13%,transparent);box-shadow:inset 3px 0 var(--cnb-bad)}
.cnb .cnb-diff summary,.cnb .cnb-none{padding:1px 10px;background:var(--cnb-soft);color:var(--cnb-mute);font-size:12px}
.cnb summary{cursor:pointer}
.cnb .cnb-fold>.cnb-view{margin:6px 0 2px 5px;padding-left:12px;border-left:1px solid var(--cnb-line)}
.cnb .cnb-cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,270px),1fr));gap:10px}
.cnb .cnb-cards>.cnb-view{min-width:0;padding:9px 12px 11px;border:1px solid var(--cnb-line);border-radius:6px}
.cnb a{color:inherit;text-decoration:underline;overflow-wrap:anywhere}
.cnb img{max-width:100%;height:auto}
@media print{.cnb .cnb-pre{max-height:none}}
"""

STYLE = _SHEET.replace("\n", "")
"""The style sheet, without line feeds."""
