"""The pictures in docs/ (`make pictures`): the page, and the panel beside made-up compose windows, in headless Chromium.

The mail programs are stand-ins, drawn here; the panel and its verdicts are real.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

import replycheck
from browsing import chromium, serving
from replycheck.settings import Settings
from replycheck_api import create_app

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "pictures"
MESSAGE = "My students can't film their projects, they've nothing to film on."
PUSHES = (
    "Thanks so much for your message! We have cameras to borrow at the tech desk, as well as tripods and microphones. "
    "Please book through our equipment page. What would you like them to make? Have a great week!"
)
LISTENS = (
    "I love that you have them filming. What should they take away from it, and what have they tried so far? "
    "If it suits you I could walk you through what the tech desk lends before the next project is due."
)
DRAFT = f"<p>{PUSHES}</p><p>Priya</p><blockquote type='cite'><p>{MESSAGE}</p></blockquote>"
HOSTS = f"""
const kept = {{ storage: {{ local: {{ get: async () => ({{ base: new URL("/", location).href }}) }} }}, tabs: {{ query: async () => [{{ id: 1 }}] }} }};
window.messenger = {{ ...kept, compose: {{ getComposeDetails: async () => ({{ isPlainText: false, body: {json.dumps(DRAFT)} }}) }} }};
if (location.pathname.startsWith("/browser")) {{
  delete window.messenger;
  window.browser = {{ ...kept, scripting: {{ executeScript: async () => [{{ result: [{{ rank: 1, html: {json.dumps(DRAFT)} }}] }}] }} }};
}}
window.Office = {{ onReady: async () => ({{}}), CoercionType: {{ Html: "html" }}, AsyncResultStatus: {{ Succeeded: 1 }},
  context: {{ mailbox: {{ item: {{ body: {{ getAsync: (_, done) => done({{ status: 1, value: {json.dumps(DRAFT)} }}) }} }} }} }} }};
"""
STAGE = """<!doctype html><style>
body {{ margin: 0; display: grid; grid-template-columns: 1fr 27rem; height: 46rem; font: 16px/1.5 system-ui, sans-serif; background: #dfe3e6; }}
.compose {{ margin: 1.2rem; background: #fff; border-radius: 6px; box-shadow: 0 1px 6px #0003; overflow: hidden; }}
.bar {{ background: {colour}; color: #fff; padding: .5rem 1rem; }} .head {{ padding: .5rem 1rem; border-bottom: 1px solid #ddd; color: #555; }}
.text {{ padding: .6rem 1rem; }} blockquote {{ border-left: 3px solid #9ab; margin: 1rem 0; padding-left: .8rem; color: #456; }}
iframe {{ border: 0; border-left: 1px solid #aaa; width: 100%; height: 100%; }}</style>
<div class="compose"><div class="bar">{title}</div><div class="head">To: Ines</div><div class="head">Subject: Re: filming</div><div class="text">{draft}</div></div>
<iframe src="/{name}/panel.html" title="replycheck"></iframe>"""
WINDOWS = {
    "browser": ("#3f4a52", "New message (a web mail)"),
    "thunderbird": ("#2b5b8f", "Write: Re: filming"),
    "outlook": ("#1f5f8b", "Re: filming: Message"),
}


def draw_workbook(target: Path) -> None:
    """A sheet to label in, as `label-next` writes it, with the first labels put in, drawn by LibreOffice."""
    from openpyxl import load_workbook
    from openpyxl.worksheet.page import PageMargins
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "to-label.xlsx"
        rows = ROOT / "data" / "examples" / "labels.csv"
        bare = Path(folder) / "replies.csv"
        with rows.open(encoding="utf-8", newline="") as given, bare.open("w", encoding="utf-8", newline="") as taken:
            found = list(csv.DictReader(given))
            table = csv.DictWriter(taken, ["reply", "patron_message"], extrasaction="ignore")
            table.writeheader()
            table.writerows(found)
        call = [sys.executable, "-m", "replycheck.cli", "label-next", str(bare), "-n", "9", "-o", str(file)]
        subprocess.run(call, check=True)
        book = load_workbook(file)
        sheet = book["replies"]
        heads = [c.value for c in sheet[1]]
        labels = {" ".join(r["reply"].split()): r["label"] for r in found}
        for row in sheet.iter_rows(min_row=2, max_row=6):
            reply = " ".join(str(row[heads.index("reply")].value).split())
            row[heads.index("label")].value = labels.get(reply, "can't tell")
        sheet.page_setup.orientation = "landscape"
        sheet.page_setup.fitToHeight = 0
        sheet.sheet_properties.pageSetUpPr.fitToPage = True
        sheet.print_options.gridLines = sheet.print_options.headings = True
        sheet.page_margins = PageMargins(0.2, 0.2, 0.2, 0.2, 0, 0)
        del book["codebook"]
        book.save(file)
        subprocess.run(
            ["soffice", "--headless", "--convert-to", "pdf", "--outdir", folder, str(file)],
            check=True,
            capture_output=True,
        )
        drawn = file.with_suffix(".png")
        call = [
            "pdftoppm",
            "-r",
            "130",
            "-png",
            "-singlefile",
            str(file.with_suffix(".pdf")),
            str(drawn.with_suffix("")),
        ]
        subprocess.run(call, check=True)
        picture = Image.open(drawn)
        inside = picture.convert("L").point([255] * 250 + [0] * 6).getbbox()
        picture.crop(inside).quantize(32).save(target, optimize=True)


def main() -> int:
    if shutil.which("soffice") and shutil.which("pdftoppm"):
        draw_workbook(OUT / "workbook.png")
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder)
        subprocess.run([sys.executable, str(ROOT / "integrations" / "build.py"), "--out", folder], check=True)
        app = create_app(Settings(feedback=built / "feedback.sqlite"), replycheck.load())

        def stage(request: Any) -> HTMLResponse:
            colour, title = WINDOWS[request.path_params["name"]]
            return HTMLResponse(STAGE.format(colour=colour, title=title, draft=DRAFT, name=request.path_params["name"]))

        app.router.routes.append(Route("/stage/{name}", stage))
        for name in WINDOWS:
            app.mount(f"/{name}", StaticFiles(directory=built / name))
        with serving(app) as base, chromium() as browser:
            for name in WINDOWS:
                page = browser.new_page(viewport={"width": 1120, "height": 736})
                page.add_init_script(HOSTS)
                page.route(
                    "https://appsforoffice.microsoft.com/**", lambda r: r.fulfill(content_type="text/javascript")
                )
                page.goto(f"{base}stage/{name}")
                page.frame_locator("iframe").locator("#verdict[aria-busy=false] .headline").wait_for()
                page.wait_for_timeout(800)
                page.screenshot(path=OUT / f"{name}.png")
            for scheme, name, reply in (("light", "page", PUSHES), ("dark", "page-dark", LISTENS)):
                page = browser.new_page(viewport={"width": 1240, "height": 1010}, color_scheme=scheme)
                page.goto(base)
                page.fill("#message", MESSAGE)
                page.fill("#reply", reply)
                page.locator("#verdict[aria-busy=false] .headline").wait_for()
                page.wait_for_timeout(800)
                page.screenshot(path=OUT / f"{name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
