"""The tools for browsers, Thunderbird and Outlook: what is in them, and that they read drafts where people write them."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from browsing import ARGUMENTS, CHROMIUM, serving
from replycheck.checker import Checker
from replycheck.settings import Settings
from replycheck_api import create_app

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "integrations" / "build.py"
NAMES = ("browser", "thunderbird", "outlook")
in_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium: the mail tools were not tried in a browser (apt-get install chromium)"
)
MESSAGE = "My students can't film their projects, they've nothing to film on."
PUSHES = "We have cameras to borrow at the tech desk. Please book through our equipment page."
QUOTE = f"<div class='gmail_quote'><div class='gmail_attr'>On Mon, 2 Mar 2026 at 10:12, Ines &lt;ines@example.org&gt; wrote:<br></div><blockquote class='gmail_quote'>{MESSAGE}</blockquote></div>"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("integrations")
    done = subprocess.run(
        [sys.executable, str(BUILD), "--service", "desk.example.org", "--out", str(out)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return out


# --- what is in them ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_file_that_is_named_is_there(built: Path, name: str) -> None:
    folder = built / name
    for file in folder.rglob("*.js"):
        for named in re.findall(r'from "(\./[^"]+)"', file.read_text(encoding="utf-8")):
            assert (file.parent / named).is_file(), (file, named)
    page = (folder / "panel.html").read_text(encoding="utf-8")
    for named in re.findall(r'(?:src|href)="(?!https:)([^"]+)"', page):
        assert (folder / named).is_file(), named
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=", page)
    hosts = set(re.findall(r"https?://([^\s\"'/]+)", page + "".join(f.read_text() for f in folder.rglob("*.js"))))
    allowed = {"www.w3.org", "127.0.0.1:8766", *(["appsforoffice.microsoft.com"] if name == "outlook" else [])}
    assert {h for h in hosts if not h.startswith("*")} <= allowed


@pytest.mark.parametrize("name", ["browser", "thunderbird"])
def test_the_extensions_ask_for_little_and_are_packed_whole(built: Path, name: str) -> None:
    manifest = json.loads((built / name / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["manifest_version"] == 3
    asked = {"browser": {"activeTab", "scripting", "storage"}, "thunderbird": {"compose", "storage"}}
    assert set(manifest["permissions"]) == asked[name]
    assert set(manifest["host_permissions"]) == {"http://127.0.0.1/*", "http://localhost/*"}
    assert "content_scripts" not in manifest  # nothing runs in a page before somebody asks
    for icon in manifest["icons"].values():
        assert (built / name / icon).read_bytes().startswith(b"\x89PNG")
    archive = built / runpy.run_path(str(BUILD))["PACKED"][name]
    with zipfile.ZipFile(archive) as packed:
        assert set(packed.namelist()) == {
            str(f.relative_to(built / name)) for f in (built / name).rglob("*") if f.is_file()
        }


def test_the_same_code_is_in_all_three_and_in_the_page(built: Path) -> None:
    for module in ("client.js", "view.js", "view.css"):
        ours = (ROOT / "api" / "replycheck_api" / "web" / module).read_bytes()
        assert all((built / name / "web" / module).read_bytes() == ours for name in NAMES)
    assert len({(built / name / "panel.js").read_bytes() for name in NAMES}) == 1


ORDER = [
    "Id Version ProviderName DefaultLocale DisplayName Description IconUrl HighResolutionIconUrl SupportUrl AppDomains Hosts",
    "Requirements FormSettings Permissions Rule DisableEntityHighlighting VersionOverrides",
]


def test_the_manifest_for_outlook_has_the_form_that_its_schema_asks_for(built: Path) -> None:
    """The order of elements and what must be there, from Microsoft's description of the schema (MS-OWEMXML)."""
    root = ElementTree.parse(built / "outlook" / "manifest.xml").getroot()
    assert [child.tag.partition("}")[2] for child in root] == " ".join(ORDER).split()
    app, mail, basic = (
        "{http://schemas.microsoft.com/office/appforoffice/1.1}",
        "{http://schemas.microsoft.com/office/mailappversionoverrides}",
        "{http://schemas.microsoft.com/office/officeappbasictypes/1.0}",
    )
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", root.findtext(f"{app}Id") or "")
    assert re.fullmatch(r"\d+(\.\d+){1,3}", root.findtext(f"{app}Version") or "")
    assert root.findtext(f"{app}Permissions") == "ReadItem"
    overrides = root.find(f"{mail}VersionOverrides")
    assert overrides is not None
    assert [child.tag.partition("}")[2] for child in overrides] == ["Requirements", "Hosts", "Resources"]
    names = {e.get("id") for e in overrides.find(f"{mail}Resources").iter() if e.get("id")}  # type: ignore[union-attr]
    wanted = {e.get("resid") for e in overrides.iter() if e.get("resid")}
    assert wanted == names
    assert {e.get("size") for e in overrides.iter(f"{basic}Image") if e.get("size")} == {"16", "32", "80"}
    for kind, most in (("ShortStrings", 125), ("LongStrings", 250)):
        texts = [e.get("DefaultValue") or "" for e in overrides.iter(f"{basic}{kind}") for e in e]
        assert texts
        assert all(0 < len(t) <= most for t in texts)
    urls = [v for e in root.iter() for k, v in e.attrib.items() if k == "DefaultValue" and "://" in v]
    assert urls
    for url in urls:
        assert url.startswith("https://desk.example.org/")
        rest = url.removeprefix("https://desk.example.org/outlook/")
        assert rest == "https://desk.example.org/" or (built / "outlook" / rest).is_file(), url


def test_a_service_that_is_no_host_is_refused(tmp_path: Path) -> None:
    for wrong in ("https://desk.example.org", 'x"/><Evil/>', ""):
        done = subprocess.run(
            [sys.executable, str(BUILD), "--service", wrong, "--out", str(tmp_path)], capture_output=True, text=True
        )
        assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []


# --- where people write ------------------------------------------------------------------------------------------

PAGES = {
    # a box one can write in inside a deep nest of blocks, with the quoted mail folded into it, and a search box beside
    "gmail": "<input aria-label='Search mail'><div role='main'><p>a mail that is read</p><div contenteditable='true'>old</div></div>"
    f"<div role='dialog'><div id='draft' role='textbox' aria-label='Message Body' contenteditable='true' class='editable' style='width:600px;height:200px'><div>We have <b>cameras</b> to borrow at the tech desk.</div><div>Please book through our equipment page.</div><br>{QUOTE}</div></div>",
    # the question above, and an editor in a frame of the page's own making
    "libanswers": f"<div class='ticket'><p id='question'>{MESSAGE}</p></div><textarea style='display:none'>hidden</textarea><iframe id='editor' style='width:600px;height:250px'></iframe>"
    "<script>const d = document.getElementById('editor').contentDocument; d.open(); d.write(\"<body contenteditable='true'><p>We have cameras to borrow at the tech desk.</p><p>Please book through our equipment page.</p></body>\"); d.close();</script>",
    "textarea": f"<textarea style='width:50px;height:20px'>a note</textarea><textarea id='draft' style='width:500px;height:200px'>{PUSHES}\n\nOn Mon, 2 Mar 2026 at 10:12, Ines wrote:\n&gt; {MESSAGE}</textarea>",
    "design": f"<iframe id='editor' style='width:600px;height:250px' srcdoc='<p>{PUSHES}</p><script>document.designMode = &quot;on&quot;</script>'></iframe>",
    "empty": "<p>nothing to write in</p><textarea style='width:500px;height:100px'></textarea>",
}


@pytest.fixture(scope="module")
def base(checker: Checker, built: Path) -> Iterator[str]:
    app = create_app(Settings(), checker)

    def page(request: Any) -> HTMLResponse:
        return HTMLResponse(f"<!doctype html><title>there</title>{PAGES[request.path_params['name']]}")

    app.router.routes.append(Route("/pages/{name}", page))
    for name in NAMES:
        app.mount(f"/{name}", StaticFiles(directory=built / name))
    with serving(app) as it:
        yield it


@pytest.fixture(scope="module")
def extended(built: Path) -> Iterator[Any]:
    """A Chromium with the extension in it."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=CHROMIUM,
            args=[
                *ARGUMENTS,
                f"--disable-extensions-except={built / 'browser'}",
                f"--load-extension={built / 'browser'}",
            ],
            ignore_default_args=["--disable-extensions"],
        )
        yield context
        context.close()


def address_of(context: Any) -> str:
    page = context.new_page()
    page.goto("chrome://extensions")
    found = page.evaluate(
        "async () => (await chrome.developerPrivate.getExtensionsInfo()).map((e) => [e.name, e.id, e.manifestErrors.length])"
    )
    page.close()
    ((id, faults),) = [(id, faults) for name, id, faults in found if name == "replycheck"]
    assert faults == 0
    return f"chrome-extension://{id}/"


@in_browser
def test_the_extension_reads_the_draft_of_the_page_that_one_is_on(extended: Any, base: str) -> None:
    address = address_of(extended)
    there = extended.pages[0]
    panel = extended.new_page()
    faults: list[str] = []
    panel.on("pageerror", lambda fault: faults.append(str(fault)))
    # as a popup the panel lies over the page; here it is a tab of its own, so it is told which page it lies over
    panel.add_init_script(
        "const all = chrome.tabs.query; chrome.tabs.query = () => all.call(chrome.tabs, {title: 'there'});"
    )
    panel.goto(f"{address}panel.html")
    panel.evaluate("base => chrome.storage.local.set({base})", base)
    for name in ("gmail", "libanswers", "textarea", "design"):
        there.goto(f"{base}pages/{name}")
        if name == "libanswers":
            there.evaluate("() => getSelection().selectAllChildren(document.getElementById('question'))")
        panel.reload()
        panel.wait_for_selector("#verdict[aria-busy=false] .headline")
        shown = panel.inner_text("#verdict")
        surely = "probably " if name == "design" else ""  # there it quotes no message
        assert f"This reply {surely}pushes services." in shown, name
        assert panel.locator(".sentences li").count() == 2, (name, shown)
        assert "Please book through our equipment page." in shown
        assert MESSAGE not in shown
        if name != "design":  # there it quotes nothing
            assert "The message was read as input" in shown, name
    assert panel.input_value("#message") == ""
    there.goto(f"{base}pages/empty")
    panel.reload()
    panel.get_by_text("No box to write in was found").wait_for()
    there.goto(f"{base}pages/textarea")
    there.click("textarea >> nth=0")  # the box with the caret goes before a larger one
    panel.get_by_role("button", name="Check again").click()
    panel.wait_for_selector("#verdict[aria-busy=false] .headline")
    assert "a note" in panel.inner_text("#verdict")
    panel.evaluate("chrome.storage.local.set({base: 'http://127.0.0.1:9/'})")
    panel.reload()
    panel.get_by_text("can't be reached").wait_for()
    panel.fill("#base", "http://elsewhere.example.org")
    panel.get_by_role("button", name="Save").click()
    panel.get_by_text("needs an address that starts with https:").wait_for()
    assert faults == []


THUNDERBIRD = """
window.messenger = {
  tabs: { query: async () => [{ id: 7 }] },
  storage: { local: { get: async () => window.kept ?? { base: BASE }, set: async (given) => { window.kept = given; } } },
  permissions: { request: async ({ origins }) => { window.asked = origins; return true; } },
  compose: { getComposeDetails: async (id) => id === 7 ? window.details ?? DETAILS : null },
};
"""


@in_browser
@pytest.mark.parametrize("plain", [True, False])
def test_the_thunderbird_panel_reads_the_compose_window(extended: Any, base: str, plain: bool) -> None:
    body = f"<html><body><p>{PUSHES}</p><div class='moz-cite-prefix'>On 02/03/2026 10:12, Ines wrote:<br></div><blockquote type='cite'><p>{MESSAGE}</p></blockquote></body></html>"
    text = f"{PUSHES}\n\nOn 02/03/2026 10:12, Ines wrote:\n> {MESSAGE}\n\n-- \nPriya\nSubject desk"
    details = {"isPlainText": plain, "body": body, "plainTextBody": text}
    page = extended.new_page()
    page.add_init_script(THUNDERBIRD.replace("BASE", json.dumps(base)).replace("DETAILS", json.dumps(details)))
    page.goto(f"{base}thunderbird/panel.html")
    page.wait_for_selector("#verdict[aria-busy=false] .headline")
    shown = page.inner_text("#verdict")
    assert "This reply pushes services." in shown
    assert "The message was read as input" in shown
    assert page.locator(".sentences li").count() == 2
    page.evaluate(
        "details => { window.details = details; }",
        details | {"body": "<p>What would help?</p>", "plainTextBody": "What would help?"},
    )
    page.get_by_role("button", name="Check again").click()
    page.locator(".sentences", has_text="What would help?").wait_for()
    page.locator("#settings > summary").click()
    page.fill("#base", "https://desk.example.org/replycheck")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("can't be reached").wait_for()
    assert page.evaluate("window.asked") == ["https://desk.example.org/*"]
    assert page.evaluate("window.kept.base") == "https://desk.example.org/replycheck/"
    page.close()


OFFICE = """
window.Office = {
  onReady: async () => ({ host: "Outlook" }), CoercionType: { Html: "html", Text: "text" },
  AsyncResultStatus: { Succeeded: "succeeded", Failed: "failed" },
  context: { mailbox: { item: { body: { getAsync: (type, done) => setTimeout(() => done(
    window.broken ? { status: "failed", error: { message: "5001" } } : { status: "succeeded", value: type === "html" ? HTML : "" }), 20) } } } },
};
"""


@in_browser
def test_the_outlook_panel_reads_what_office_hands_out(extended: Any, base: str) -> None:
    html = (
        f"<html><body><div class='elementToProof'>{PUSHES}</div><div id='Signature'><p>Priya</p></div><div id='appendonsend'></div>"
        f"<hr><div id='divRplyFwdMsg'><b>From:</b> Ines &lt;ines@example.org&gt;<br><b>Sent:</b> Monday<br><b>To:</b> desk<br><b>Subject:</b> film</div><div>{MESSAGE}</div></body></html>"
    )
    page = extended.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.route(
        "https://appsforoffice.microsoft.com/**",
        lambda route: route.fulfill(body=OFFICE.replace("HTML", json.dumps(html)), content_type="text/javascript"),
    )
    page.goto(f"{base}outlook/panel.html")
    page.wait_for_selector("#verdict[aria-busy=false] .headline")
    shown = page.inner_text("#verdict")
    assert "This reply pushes services." in shown
    assert "The message was read as input" in shown
    assert page.locator(".sentences li").count() == 2
    assert {re.sub(r"(//[^/]+/).*", r"\1", url) for url in asked} == {base, "https://appsforoffice.microsoft.com/"}
    assert page.locator("#base-row").is_hidden()
    page.evaluate("window.broken = true")
    page.get_by_role("button", name="Check again").click()
    page.get_by_text("Outlook did not hand out the draft: 5001").wait_for()
    page.close()


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_panel(base: str, scheme: str, extended: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = extended.new_page()
    page.emulate_media(color_scheme=scheme)
    page.add_init_script(
        THUNDERBIRD.replace("BASE", json.dumps(base)).replace(
            "DETAILS", json.dumps({"isPlainText": True, "plainTextBody": PUSHES})
        )
    )
    page.goto(f"{base}thunderbird/panel.html")
    page.wait_for_selector("#verdict[aria-busy=false] .headline")
    page.evaluate("() => document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    page.wait_for_timeout(900)
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    found = Axe().run(page, options=rules).response["violations"]
    assert [(v["id"], [n["html"][:90] for n in v["nodes"]]) for v in found] == []
    page.close()
