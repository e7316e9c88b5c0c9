"""The pictures in docs/ (`make pictures`): the page, and the panel beside made-up compose windows, in headless Chromium.

The mail programs are stand-ins, drawn here; the panel and its verdicts are real.
"""

from __future__ import annotations

import json
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


def main() -> int:
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
