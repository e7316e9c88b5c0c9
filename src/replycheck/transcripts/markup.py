"""HTML of a message → its plain text, and text → text fit to be judged: entities decoded, NUL bytes and half characters gone.

Used by every reader in `transcripts`.
"""

from __future__ import annotations

import html
import re

_TAG = re.compile(
    r"<(?=[/!a-z])(?:/?(?:a|abbr|b|big|blockquote|body|br|center|code|dd|div|dl|dt|em|font|h[1-6]|head|hr|html|i|img|li|meta|o:p|ol|p|pre|s|script|small"
    r"|span|strong|style|sub|sup|table|tbody|td|th|title|tr|tt|u|ul)\b[^<>]{0,20000}>|!--|!DOCTYPE)",
    re.I,
)
_BLOCKS = frozenset(
    "address article blockquote br center dd div dl dt h1 h2 h3 h4 h5 h6 hr li ol p pre table tr ul section".split()
)
_SILENT = frozenset(["script", "style", "head", "title", "meta", "template"])
_LONE = re.compile("[\ud800-\udfff]")
_BLANK = re.compile(r"[ \t\xa0\u2007\u202f]+")
_LINES = re.compile(r" ?\n ?")
_GAPS = re.compile(r"\n{3,}")
MAX_MESSAGE = 2_000_000
"""Longest message in characters; what is longer is no message, and is cut."""


def has_markup(text: str) -> bool:
    """Whether a text holds HTML tags (and not just a smaller-than sign)."""
    return "<" in text and _TAG.search(text) is not None


def plain(text: str) -> str:
    """HTML or plain text → plain text; link text kept, and the address behind it where that says something else."""
    text = text[:MAX_MESSAGE]
    if has_markup(text):
        text = _from_html(text)
    elif "&" in text:
        text = html.unescape(text)
    return tidy(text)


def tidy(text: str) -> str:
    """Text without what no one typed: NUL bytes, half characters, blanks at the ends of lines, gaps of many lines."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        text = _LONE.sub("\ufffd", text)
    text = _BLANK.sub(" ", text)
    if "\n" in text:
        text = _GAPS.sub("\n\n", _LINES.sub("\n", text))
    return text.strip()


def _from_html(text: str) -> str:
    from lxml import etree
    from lxml import html as parser

    try:
        root = parser.fragment_fromstring(
            text.replace("\x00", ""),
            create_parent="div",
            parser=parser.HTMLParser(no_network=True, remove_comments=True),
        )
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        # not even libxml2 sees a tree in it: what stands between the tags is still what somebody wrote
        return html.unescape(_TAG.sub(" ", text))
    pieces: list[str] = []
    silent = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = element.tag if isinstance(element.tag, str) else ""
        if event == "start":
            silent += tag in _SILENT
            if tag in _BLOCKS:
                pieces.append("\n")
            if tag == "li":
                pieces.append("- ")
            if tag == "img" and not silent and element.get("alt"):
                pieces.append(element.get("alt"))
            if element.text and not silent and tag:
                pieces.append(element.text)
        else:
            if tag == "a" and not silent:
                pieces.append(_address(element.get("href") or "", "".join(element.itertext())))
            silent -= tag in _SILENT
            if tag in _BLOCKS and tag != "br":
                pieces.append("\n")
            if element.tail and not silent and element is not root:
                pieces.append(element.tail)
    return "".join(pieces)


def _address(href: str, shown: str) -> str:
    """The address of a link in brackets, where the link's text does not already say it."""
    href, shown = href.strip(), shown.strip()
    bare = re.sub(r"^(?:https?://|mailto:)", "", href).rstrip("/")
    if not href.startswith(("http://", "https://", "mailto:")) or bare in shown.rstrip("/") or shown.startswith("http"):
        return ""
    return f" ({href.removeprefix('mailto:')})"
