"""Personal data that has a shape: addresses, numbers, user names, dates of birth; and what only looks like it.

Beside the walk, inside `privacy`. `find` gives spans; a span without a kind is something to keep (a call number, an ISBN, a
public page), and nothing later looks into it. Rules come in order: the first to claim a character has it. Every pattern
is linear: repeats are bounded or possessive, and a run of one character is entered once.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What was replaced; the value stands in brackets in its place."""

    NAME = "name"
    EMAIL = "email"
    PHONE = "phone"
    NUMBER = "number"
    USERNAME = "username"
    URL = "url"
    IP = "ip"
    ADDRESS = "address"
    BIRTH = "date of birth"

    @property
    def placeholder(self) -> str:
        """What is written instead."""
        return f"[{self}]"


PLACEHOLDER = re.compile(r"\[(?:" + "|".join(Kind) + r")\]")


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end`, exclusive; `kind` None means keep."""

    start: int
    end: int
    kind: Kind | None


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern, whose group `it` (or the whole) is of `kind`, or of what `judge` says; `judge` may also say False: no find."""

    pattern: re.Pattern[str]
    kind: Kind | None = None
    judge: Callable[[re.Match[str]], Kind | bool | None] | None = None


def _compile(pattern: str, *, cased: bool = False) -> re.Pattern[str]:
    return re.compile(pattern, re.VERBOSE | (re.NOFLAG if cased else re.IGNORECASE))


# --- judges: what a pattern alone can't say -----------------------------------------------------------------------

_IDENTIFYING = re.compile(
    r"[?&;#][^=]{1,40}=|@|/~|\d{6}|%40|(?<![\w-])(?=[\w-]{20})(?=(?:[^\W\d]|-)*+\d)(?=(?:[^\Wa-z]|-)*+[a-z])",
    re.IGNORECASE,
)


def _url(match: re.Match[str]) -> Kind | None:
    """A page that says who looks at it is personal; a public one is kept. DOIs are public whatever is in them."""
    address = match.group()[:2000]
    return (
        None if re.match(r"(?:https?://)?(?:dx\.)?doi\.org/", address) or not _IDENTIFYING.search(address) else Kind.URL
    )


def _ip(match: re.Match[str]) -> Kind | bool | None:
    """An address of one machine; a range of them (/24) is nobody's."""
    if match.groupdict().get("range"):
        return None
    try:
        ipaddress.ip_address(match.group())
    except ValueError:
        return False
    return Kind.IP


def _isbn(match: re.Match[str]) -> bool | None:
    """Kept if its check digit is right or the word ISBN stands before it; anything else may be a card."""
    digits = re.sub(r"[\s-]", "", match["it"]).upper()
    if match["cue"]:
        return None
    if len(digits) == 13 and digits.isdigit() and digits[:3] in ("978", "979"):
        right = sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(digits)) % 10 == 0
    elif len(digits) == 10 and match["it"].count("-") == 3:
        right = sum((10 - i) * (10 if d == "X" else int(d)) for i, d in enumerate(digits)) % 11 == 0
    else:
        return False
    return None if right else False


_YEARS = re.compile(r"(?:1\d|2[01])\d\d(?:\D{1,3}(?:1\d|2[01])\d\d)*")
_DAY = re.compile(r"\d{1,2}[/-]\d{1,2}")


def _digits(match: re.Match[str]) -> Kind | bool:
    """A long number: a telephone's if grouped or begun like one, else a card's or a record's; no find if short or years."""
    text = match["it"]
    count = sum(c.isdigit() for c in text)
    if count < 7 or _YEARS.fullmatch(text):
        return False
    groups = re.findall(r"\d+", text)
    if match["cue"] or text[0] in "+(" or (count <= 11 and (text[0] == "0" or len(groups) > 1)) or count == 10:
        return Kind.PHONE if count <= 15 else Kind.NUMBER
    return Kind.NUMBER


def _record(match: re.Match[str]) -> Kind | bool:
    """After "card", "ID" and the like: three digits or more that are no year or day, or a number plate."""
    text = match["it"]
    enough = sum(c.isdigit() for c in text) >= 3 and not _YEARS.fullmatch(text) and not _DAY.fullmatch(text)
    return Kind.NUMBER if enough or match["plate"] else False


def _login(match: re.Match[str]) -> Kind | bool:
    """A word after "username" is one if no English sentence goes on so."""
    word = match["it"]
    sure = match["sure"] is not None or any(not c.isalpha() for c in word)
    return Kind.USERNAME if sure and word.lower() not in _NO_LOGIN else False


_NO_LOGIN = frozenset(
    "and or is it in on at to the my was does doesn for not says page form field screen here too yet still but".split()
)

# --- the rules ----------------------------------------------------------------------------------------------------

_MONTH = r"(?=[adfjmnos])(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]{0,6}\.?"
DATE = rf"""(?:\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}
    | \d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH}(?:,?\s\d{{4}})?
    | {_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?(?!\d)(?:,?\s\d{{4}})?
    | {_MONTH},?\s\d{{4}} )"""

_STREET = r"""(?i:street|st|road|rd|avenue|ave|lane|ln|drive|dr|close|crescent|cres|court|ct|place|pl|square|sq|terrace|ter|way|
    boulevard|blvd|highway|hwy|gardens|grove|hill|row|walk|mews|parade|parkway|pkwy|circle|trail|park|crossing|quay)"""
_STREET_ABROAD = r"""(?i:rue|avenue|boulevard|chemin|impasse|allée|quai|calle|avenida|carrera|paseo|plaza|ronda|cuesta|camino|carretera|pasaje|
    via|viale|piazza|vicolo|corso|strada|largo|rua|travessa|praça|jalan|jl\.?|ulica|ul\.)"""
_STREET_JOINED = r"(?i:stra(?:ß|ss)e|str\.|allee|weg|platz|gasse|ring|damm|ufer|straat|laan|plein|gatan|vägen|gade|vej)"
_UNIT = r"(?i:(?:apt|apartment|flat|unit|suite|ste|studio|level|h\.no\.|appartamento|piso)(?!\w)\.?\s?\#?[\w-]{1,6}|\#\s?\d{1,5})"
_WORD = r"(?:[A-Z][^\W\d_][\w'’-]{0,24}(?<!\d)(?!\w)|St\.)"
_TOWN = rf"{_WORD}(?:[ ](?:(?:de|la|le|sur|upon|on|di)[ ])?{_WORD}){{0,3}}"
_POSTCODE = r"""(?:[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2} | (?:[A-Z]{2,3},?\s)?\d{4,6}(?:-\d{4})? | (?:[A-Z]{2}\s)?[A-Z]\d[A-Z]\s?\d[A-Z]\d
    | [A-Z]\d[\dW]\s?[A-Z\d]{4})\b"""
_TAIL = rf"""(?:,?\s{{1,2}}{_UNIT})? (?:\s?,\s?(?:\d{{4,6}},?\s)?{_TOWN}(?:\s{_POSTCODE})?){{0,3}} (?:\s?(?:,\s?|[ -]){_POSTCODE})?"""

_ID_CUE = r"""\b(?:library|student|staff|employee|reader|borrower|member(?:ship)?|account|card|patron|case|matric(?:ulation)?|
    enrol?lment|roll|registration|bar\s?code|passport|licen[cs]e|number\s?plate|personnel|insurance|social\ssecurity|visa|sid|
    i\.?d|ssn|pin)\b\.? (?:\s(?:library|card|id|i\.d|number|num|no|nr|plate|ticket|bar\s?code|code)\b\.?){0,4}+"""
_SAYS = r"(?:['’]s|\s(?:is|was|says|it['’]?s|i\sthink|be)|[:=\#,]|\s)"

RULES: tuple[Rule, ...] = (
    Rule(_compile(r"(?<![\w.])(?:https?://|www\.)[^\s<>\"“”]{1,2000}+"), judge=_url),
    Rule(_compile(r"(?<![\w.+*%'’-]) [\w.+*%'’-]{1,64}+ @ [\w-]{1,63}+ (?:\.[\w-]{1,63}+){1,8}"), Kind.EMAIL),
    Rule(
        _compile(
            r"""(?<![\w.+-]) [\w.+-]{1,64}+ [ ]?[(\[{][ ]?at[ ]?[)\]}][ ]? [\w-]{1,63}+
                (?: [ ]?(?:\.|[(\[{]?\bdot\b[)\]}]?)[ ]? [\w-]{1,63}+ ){1,4}"""
        ),
        Kind.EMAIL,
    ),
    Rule(_compile(r"(?<![\d.]) \d{1,3}+ (?:\.\d{1,3}+){3} (?!\.?\d)(?P<range>/\d{1,2})?"), judge=_ip),
    Rule(_compile(r"(?<![\w:]) (?:[0-9a-f]{0,4}+:){2,7}+ [0-9a-f]{0,4}+ (?![\w:])"), judge=_ip),
    Rule(_compile(r"\b10\.\d{4,9}/[^\s]{1,200}+")),
    Rule(
        _compile(r"(?P<cue>\bISBNs?(?:-1[03])?:?\s{0,2})?(?<![\w-])(?P<it>\d(?:[ -]?\d){8,11}[ -]?[\dX])(?![\w-])"),
        judge=_isbn,
    ),
    Rule(
        _compile(
            r"""\b(?:ISSN|OCLC|LCCN|PMID|reels?|vol(?:ume)?s?|pp?|pages?)\b[.:\#]?\s?(?:number\s)?
                \d[\d-]{0,14}+X?(?:\s(?:to|and)\s\d{1,9}+)?"""
        )
    ),
    Rule(
        _compile(
            rf"""\b(?:born|birth|birth\s?day|d\.?o\.?b)\b (?:\s(?:is|was|on|in|it|of|as|date)\b){{0,4}}+ \W{{0,3}}
                 (?P<it>{DATE})"""
        ),
        Kind.BIRTH,
    ),
    Rule(
        _compile(
            rf"""(?<![\w./-])(?P<it>{DATE}) [\"”')]{{0,2}}\s(?:as|is|was)\s(?:\w{{1,5}}\s)?
                 (?:date\sof\sbirth|dob|birthday)"""
        ),
        Kind.BIRTH,
    ),
    Rule(
        _compile(
            rf"""(?<![\w./-]) (?:{_UNIT},?\s)? \d{{1,5}}[A-Za-z]?(?:[/-]\d{{1,4}})?,?[ ] (?:[NSEW]\.?[ ])?
                 (?:[A-Z][\w'’-]{{0,24}}[ ]|\d{{1,3}}(?:st|nd|rd|th)[ ]){{1,4}} {_STREET}\b\.? {_TAIL}""",
            cased=True,
        ),
        Kind.ADDRESS,
    ),
    Rule(
        _compile(
            rf"""(?<![\w./-]) (?:{_UNIT},?\s)? \d{{1,5}}[A-Za-z]?(?:[/-]\d{{1,4}})?,?[ ] {_WORD} (?:[ ]{_WORD}){{0,3}} (?:[ ]{{1,2}}{_UNIT})?
                 (?:,\s{_TOWN}){{1,3}} (?:,\s|[ -]){_POSTCODE}""",
            cased=True,
        ),
        Kind.ADDRESS,
    ),
    Rule(
        _compile(
            rf"""(?<![\w-])[A-ZÄÖÜ][\w-]{{1,30}}{_STREET_JOINED}[ ]\d{{1,4}}[a-z]?(?:[-/]\d{{1,4}})?\b {_TAIL}""",
            cased=True,
        ),
        Kind.ADDRESS,
    ),
    Rule(
        _compile(
            rf"""(?<![\w./-]) (?:\d{{1,5}}[A-Za-z]?,?[ ])? {_STREET_ABROAD}[ ] (?:(?:de|des|du|la|las|los|del|di|da|dos)[ ]){{0,2}}
                 [A-Z][\w'’-]{{1,24}} (?:[ ][A-Z][\w'’-]{{1,24}}){{0,2}} (?:,?[ ]\d{{1,4}}\b)? {_TAIL}""",
            cased=True,
        ),
        Kind.ADDRESS,
        judge=lambda m: Kind.ADDRESS if any(c.isdigit() for c in m.group()) else False,
    ),
    Rule(
        _compile(
            rf"""\b(?i:liv(?:e|es|ed|ing)|stay(?:s|ed|ing)?|mov(?:e|ed|ing)|home|house|address)[ ](?i:(?:is|to|on|in|at|near|off)[ ]){{1,2}}
                 (?P<it>(?:\d{{1,5}}[ ])?(?:{_WORD}[ ]){{1,3}}{_STREET}\b\.?{_TAIL})""",
            cased=True,
        ),
        Kind.ADDRESS,
    ),
    # in chats nobody writes capitals
    Rule(
        _compile(
            rf"""\b(?:liv(?:e|es|ed|ing)|stay(?:s|ed|ing)?|mov(?:e|ed|ing)|address)[ ](?:(?:is|to|on|in|at)[ ]){{1,2}}
                 (?P<it>\d{{1,5}}[a-z]?[ ](?:(?!(?:on|in|at|by|to|of|off|the|from|down|along)[ ])[\w'’-]{{2,24}}[ ]){{1,2}}{_STREET}\b)"""
        ),
        Kind.ADDRESS,
    ),
    Rule(_compile(rf"\b(?i:p\.?[ ]?o\.?[ ]?box)[ ]\d{{1,7}}+ {_TAIL}", cased=True), Kind.ADDRESS),
    Rule(_compile(r"\b[A-Z]{1,2}\d[A-Z\d]?[ ]\d[A-Z]{2}\b", cased=True), Kind.ADDRESS),
    Rule(
        _compile(
            rf"""{_ID_CUE} {_SAYS}{{0,3}} [\s"'“]{{0,2}}
                 (?P<it>(?P<plate>[A-Z]{{2}}\d{{2}}\s[A-Z]{{3}}\b)|[A-Z]{{0,4}}-?\d[\w/-]{{1,24}}+(?:[ -]\d{{2,8}}+){{0,6}})"""
        ),
        judge=_record,
    ),
    Rule(
        _compile(
            r"""\b(?:user\s?(?:name|id)?|log\s?in(?:\s(?:name|id))?|net\s?id|onyen|unikey|uni\s?id|sso|account\sname|handle)\b
                (?P<sure>\s?[:=]|\s(?:is|was)\b)? \s{0,2}["'“]?(?P<it>[\w-]{2,40}+(?:\.[\w-]{1,40}+){0,3})"""
        ),
        judge=_login,
    ),
    Rule(_compile(r"(?<![\w@/.]) @(?P<it>\w{2,40}+)(?!\.\w)"), Kind.USERNAME),
    # money, counts, decimals, dates, times and what stands between two years are never anybody's number
    Rule(_compile(r"[$£€₦₹]\s?\d[\d,.]{0,20}+")),
    Rule(_compile(r"(?<![\w.,-]) (?:\d{1,3}(?:,\d{3})++|\d{1,20}+\.\d{1,20}+) (?![\w-]|\.\d)")),
    Rule(_compile(rf"(?<![\w./-]){DATE}(?![\w/-]|\.\d)")),
    Rule(_compile(r"(?<!\w) \d{1,2}[:.]\d{2}(?::\d{2})? (?:\s?[–-]\s?\d{1,2}[:.]\d{2})? (?!\w)")),
    Rule(
        _compile(
            r"""(?=[cfmprstw+(\d]) (?P<cue>\b(?:phone|tel(?:ephone)?|mobile|cell|fax|call|text|ring|whatsapp|sms)\b[\s.:]{1,3}(?:me\s)?(?:(?:at|on|is)\s)?)?
                (?<![\w.,/$£€-]) (?P<it>(?:\+\s?|\()?\d{1,20}+ (?:[ .()/–-]{1,3}+\d{1,20}+){0,7}
                (?:\s?(?:ext|extension|x)\.?\s?\d{1,6}+)? ) (?![\w/]|[.,-]\d)"""
        ),
        judge=_digits,
    ),
    Rule(_compile(r"(?<![\w-]) [A-Z]{1,3}-?\d{6,12} (?![\w-])"), Kind.NUMBER),
    Rule(
        _compile(r"(?<![\w@./-]) (?:[a-z]{2,3}\d{4,5} | [a-z]{2,3}\d[a-z]{1,3}(?<!mp\ds)) (?![\w/-])", cased=True),
        Kind.USERNAME,
    ),
)


def find(text: str, first: Sequence[Span] = ()) -> list[Span]:
    """Spans in order, none overlapping, those to keep among them; `first` go before every rule but placeholders."""
    taken = bytearray(len(text))
    found: list[Span] = []
    values: dict[str, Kind] = {}

    def claim(start: int, end: int, kind: Kind | None) -> None:
        if start < end and not any(taken[start:end]):
            taken[start:end] = b"\x01" * (end - start)
            found.append(Span(start, end, kind))

    for match in PLACEHOLDER.finditer(text):
        claim(*match.span(), None)
    for span in first:
        claim(span.start, span.end, span.kind)
    for rule in RULES:
        for match in rule.pattern.finditer(text):
            kind = rule.judge(match) if rule.judge else rule.kind
            if kind is False:
                continue
            start, end = match.span("it") if "it" in rule.pattern.groupindex and kind else match.span()
            claim(start, end, kind if isinstance(kind, Kind) else None)
            if kind in (Kind.USERNAME, Kind.NUMBER) and len(values) < _REPEATED:
                values[text[start:end]] = kind
    if values:
        again = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, sorted(values, key=len, reverse=True))) + r")(?!\w)")
        for match in again.finditer(text):
            claim(*match.span(), values[match.group()])
    return sorted(found, key=lambda s: s.start)


_REPEATED = 20
"""So many numbers and user names of a text are looked for again where nothing announces them."""
