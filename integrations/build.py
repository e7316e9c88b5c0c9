"""Put the tools for browsers, Thunderbird and Outlook together: `python integrations/build.py --service replycheck.example.org`.

All three are the same panel and the page's own modules, copied, with a `source.js` each that reads the draft. Nothing is
compiled. Writes `dist/integrations/{browser,thunderbird,outlook}`, and the first two also packed.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
WEB = HERE.parent / "api" / "replycheck_api" / "web"
MODULES = ("client.js", "view.js", "view.css")
PACKED = {"browser": "replycheck-browser.zip", "thunderbird": "replycheck-thunderbird.xpi"}
OFFICE = '<script src="https://appsforoffice.microsoft.com/lib/1/hosted/office.js"></script>'
"""Office hands its objects only to pages that load them from there."""


def build(out: Path, service: str) -> None:
    """The three tools under `out`; `service` is the host (and port) that Outlook reaches the service and the panel at."""
    for name in ("browser", "thunderbird", "outlook"):
        target = out / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(HERE / "shared", target)
        shutil.copytree(HERE / name, target, dirs_exist_ok=True)
        shutil.copytree(HERE / "icons", target / "icons")
        (target / "web").mkdir()
        for module in MODULES:
            shutil.copy(WEB / module, target / "web")
        panel = target / "panel.html"
        text = panel.read_text(encoding="utf-8")
        panel.write_text(
            re.sub(" *<!-- host -->\n", f"    {OFFICE}\n" if name == "outlook" else "", text), encoding="utf-8"
        )
        if name in PACKED:
            _pack(target, out / PACKED[name])
    (out / "outlook" / "stored.js").unlink()
    manifest = out / "outlook" / "manifest.xml"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace("SERVICE", service), encoding="utf-8")


def _pack(folder: Path, archive: Path) -> None:
    """The folder as an archive whose bytes depend on its files alone."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(f for f in folder.rglob("*") if f.is_file()):
            packed.writestr(zipfile.ZipInfo(str(file.relative_to(folder)), (2020, 1, 1, 0, 0, 0)), file.read_bytes())


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Put the tools for browsers, Thunderbird and Outlook together.")
    parser.add_argument(
        "--service", default="replycheck.example.org", help="host that Outlook reaches the service at, by https"
    )
    parser.add_argument("--out", type=Path, default=HERE.parent / "dist" / "integrations")
    options = parser.parse_args()
    if not re.fullmatch(r"[A-Za-z0-9.-]+(:\d+)?", options.service):
        sys.stderr.write(f"--service {options.service!r}: expected a host, such as replycheck.example.org\n")
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    build(options.out, options.service)
    sys.stdout.write(f"written to {options.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
