"""Names of people in a text: those that are known, those that somebody says, and those that a list knows.

Beside the walk, inside `privacy`. A text becomes tokens once; each token is judged with its neighbours, from left to
right. Capitals count: "Will", "May" and "Grace" are people only where something else says so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

from replycheck.settings import shipped

_TOKEN = re.compile(r"[^\W\d_]++(?:['’-][^\W\d_]++){0,4}|\n|[^\w\s]|\S")
_PARTS = re.compile(r"[^\W\d_]{1,40}")

_ROLES = frozenset(
    """admin administrator agent anonymous anon answerer ask assistant bot chat circulation desk guest help helpdesk info
    librarian library operator patron queue reference services staff student support system team user visitor web unknown""".split()
)
"""Words that stand where a speaker's name would, and are nobody's."""
_SAID = re.compile(
    r"\b(?:name['’]?s?(?:\s{1,3}is)?|names\s{1,3}is|i\s{1,3}am\s{1,3}called|soy|je\s{1,3}suis)\s{0,3}[:,]?\s{1,3}(?:[\"“'])?"
    r"|\b(?:mr|mrs|ms|mx|miss|dr|prof|professor)\b\.?\s{1,3}",
    re.IGNORECASE,
)
"""What a name follows, however it is written."""
_HAILED = re.compile(
    r"(?:(?:^|[.!?,;:\n-])[ ]{0,3}+|\b(?:ok(?:ay)?|good|and|but|so)\s)(?=[bcdghmnostwy])"
    r"(?:hi|hello|hey|hiya|dear|salaam|hola|namaste|thanks(?:\s(?:again|so\smuch|a\slot))?|thank\syou|thx|ty|cheers|welcome(?:\sback)?"
    r"|good\s(?:morning|afternoon|evening|day)|morning|sorry|bye|yes|no|ok(?:ay)?)\s{0,3},?\s{1,3}"
    r"|\b(?:i['’]m|im|i\sam|this\sis|it['’]?s|speaking\s(?:to|with)|tell|ask)\s{1,3}",
    re.IGNORECASE,
)
"""What a name may follow: a listed one in any case, another only with a capital."""
_OPENING = re.compile(
    r"(?:(?:^|\n|[.!?]\s)[ ]{0,3}+(?=[bcklmrstwy])(?:(?:kind|best|warm|warmest|many|with)\s)?"
    r"(?:regards|wishes|best|cheers|thanks|thx|thank\syou|sincerely|yours|love|respectfully)"
    r"(?:\s(?:regards|wishes|sincerely|faithfully|truly|again|so\smuch|in\sadvance))?[ ]{0,3}[,.!]?\s{1,3}(?:[-–—~]\s?)?)"
    r"|(?:^|\n)[ ]{0,3}+(?=[acfnpstv–—~-])(?:(?:--?|[–—~])[ ]{0,3}\n?[ ]{0,3}|(?:from|to|cc|name|attn|attention|signed|patron|visitor):?[ ]{1,3})",
    re.IGNORECASE,
)
"""What opens a signature or a header, which a name with a capital follows."""
_RELATIVES = frozenset(
    """mother mom mum father dad son daughter sister brother wife husband partner friend roommate flatmate neighbour neighbor
    supervisor advisor adviser teacher tutor boss manager colleague assistant classmate cousin aunt uncle nephew niece mate
    parent child""".split()
)
_CUES = _RELATIVES | frozenset(
    """named called nicknamed attn under tell told ask asked met meet contact emailed mailed phoned rang with by between guy lady
    woman man said say thinks""".split()
)
"""Words that a name with a capital follows."""
_CUES_FIRST = _RELATIVES | frozenset(
    "spoke speak talked assigned transferred helped ask asked told next waiting".split()
)
_CUES_SECOND = frozenset("to with from by for of me".split())
"""Two words, one of each, that it follows."""
_PUBLIC = re.compile(
    r"\b(?:books?|novels?|poems?|articles?|papers?|works?|editions?|plays?|stories|biograph(?:y|ies)|something)\s(?:by|about)\s"
    r"|\bbooks\son\s|\bwho\swas\s",
    re.IGNORECASE,
)
"""What an author's or another public name follows, which is nobody's personal data."""
CUES = [_SAID, _HAILED, _OPENING, _PUBLIC]
_YEAR = re.compile(r"\s\(?(?:1[5-9]|20)\d\d\b")
_PERSON_DOES = frozenset(
    """says said told put puts asked is was has had will would helped sent gave wrote checks here speaking does did can could
    needs wants thinks and or joined left knows runs taught passed""".split()
)
_EPONYMS = frozenset(
    """library libraries hall room rooms building university college street road avenue school centre center branch wing
    tower house collection collections papers archive archives press prize award park lane square institute museum hospital
    terminal journal handbook test scale model theorem style citation revolution war act bible books database campus bridge
    bust benz eyre tree day lab office edition""".split()
)
_PARTICLES = frozenset(
    "de da di del della der den van von bin ibn ben bint al el la le ní nic mac o st ter dos du y".split()
)
_TITLES = frozenset("mr mrs ms miss mx dr prof professor sir madam sister father pastor dean the".split())
_NOT_NAMES = frozenset(
    """mr mrs ms miss mx dr prof professor sr sra parent parents outreach liaison residences conferences publishing monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september
    october november december english french german spanish chinese arabic italian latin greek hebrew russian polish japanese
    korean irish welsh scottish american british indian african asian european jewish christian muslim islamic christmas easter
    ramadan eid diwali thanksgiving ok okay hi hello hey dear thanks thank thx cheers sir madam everyone everybody all there again folks guys
    team librarian library libraries google microsoft windows mac macbook apple iphone ipad android chrome firefox safari edge
    outlook word excel powerpoint zotero endnote mendeley refworks scopus pubmed jstor ebsco proquest elsevier springer wiley
    sage nature science oxford cambridge harvard yale stanford princeton penguin canvas moodle blackboard zoom teams kindle
    libby overdrive wikipedia dewey marc alma primo summon sierra koha worldcat illiad libguides chicago turabian apa mla
    vancouver london paris berlin rome madrid dublin edinburgh glasgow manchester birmingham liverpool leeds bristol york
    boston houston dallas austin denver seattle phoenix detroit orlando atlanta miami philadelphia washington brooklyn
    california texas florida virginia carolina georgia nevada montana dakota arizona indiana tennessee kentucky africa asia
    europe america india china japan korea brazil mexico canada france germany spain italy ireland scotland wales england
    britain ghana nigeria kenya egypt israel jordan lebanon syria iraq iran turkey greece russia poland cuba chad mali niger
    lagos ibadan nairobi cairo delhi mumbai kolkata chennai beijing shanghai tokyo sydney melbourne brisbane perth adelaide
    toronto ottawa montreal victoria chelsea florence lincoln hastings shakespeare milton darwin newton einstein freud marx plato aristotle
    homer dante kafka bible quran koran torah beloved hamlet macbeth""".split()
)


def fold(word: str) -> str:
    """Lower case, without accents, with one kind of apostrophe, without what is contracted onto it."""
    if not word.isascii():
        word = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c)).replace("’", "'")
    word = word.lower()
    return _CONTRACTED.sub("", word) if "'" in word else word


_CONTRACTED = re.compile(r"'(?:s|m|d|ll|re|ve)?$")


@lru_cache(maxsize=1)
def lists() -> tuple[dict[str, str], frozenset[str]]:
    """(folded name → `g`iven or `f`amily, `?` also a word, `!` in any case; the common words), from `data/privacy`."""
    folder = shipped("data") / "privacy"
    names: dict[str, str] = {}
    for line in (folder / "names.txt").read_text(encoding="utf-8").splitlines():
        name, _, kind = line.partition("\t")
        key = fold(name)
        if key not in names or len(kind) < len(names[key]) or names[key][0] == "f":
            names[key] = kind
    return names, frozenset((folder / "words.txt").read_text(encoding="utf-8").split())


def parts(names: Iterable[str]) -> frozenset[str]:
    """What of known names may stand in a text: the folded words, of two letters or more, roles left out."""
    found = {fold(p) for name in names for p in _PARTS.findall(name)}
    return frozenset(p for p in found if len(p) > 1 and p not in _ROLES and p not in _PARTICLES)


class _Tokens:
    """The words of a text that are not claimed yet, with what each needs to be judged."""

    def __init__(self, text: str, taken: Iterable[tuple[int, int, bool]]) -> None:
        self.text = text
        self.at: list[tuple[int, int]] = []
        self.word: list[str] = []
        self.key: list[str] = []
        self.named: list[bool] = []
        at = 0
        for start, end, name in [*taken, (len(text), len(text), False)]:
            for match in _TOKEN.finditer(text, at, start):
                self._add(match.start(), match.end(), match.group())
            if start < end:
                self._add(start, end, "", named=name)
            at = end

    def _add(self, start: int, end: int, word: str, *, named: bool = False) -> None:
        self.at.append((start, end))
        self.word.append(word)
        self.key.append(fold(word))
        self.named.append(named)

    def capital(self, i: int) -> bool:
        """Begins with a capital, and is not an abbreviation."""
        word = self.word[i]
        return len(self.key[i]) > 1 and word[0].isupper() and not word.isupper()

    def beside(self, i: int, j: int) -> bool:
        """Two tokens that nothing but a blank, or nothing, parts."""
        gap = self.text[self.at[i][1] : self.at[j][0]]
        return gap in ("", " ")

    def opens(self, i: int) -> bool:
        """Begins a sentence, so that its capital says nothing."""
        return i == 0 or self.word[i - 1] in {"\n", ".", "!", "?", ":", "-", "–", '"', "“", "(", "…"}


def find(text: str, taken: Iterable[tuple[int, int, bool]], known: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Spans of names outside the spans `taken` (start, end, whether that is a name), which are in order."""
    tokens = _Tokens(text, taken)
    if not any(tokens.word):
        return
    _judge(tokens, known)
    for (start, end), word, named in zip(tokens.at, tokens.word, tokens.named, strict=True):
        if named and word:
            yield start, end - (2 if word[-2:].lower() in ("'s", "’s") else 0)


def introduced(text: str) -> frozenset[str]:
    """Names that somebody gives or is called by in this text: the folded words."""
    tokens = _Tokens(text, ())
    _judge(tokens, frozenset())
    at = {end for cue in (_SAID, _HAILED, _OPENING) for end in (m.end() for m in cue.finditer(text))}
    found: set[str] = set()
    going = False
    for i, named in enumerate(tokens.named):
        going = named and (going or tokens.at[i][0] in at)
        if going and len(tokens.key[i]) > 2:
            found.add(tokens.key[i])
    return frozenset(found)


def _judge(tokens: _Tokens, known: frozenset[str]) -> None:
    names, words = lists()
    said, hailed, opening = ({m.end() for m in cue.finditer(tokens.text)} for cue in (_SAID, _HAILED, _OPENING))
    public = {m.end() for m in _PUBLIC.finditer(tokens.text)}
    count = len(tokens.word)

    def common(key: str) -> bool:
        return key in words or key in _NOT_NAMES or key in _EPONYMS or names.get(key, "").endswith("?")

    def after(i: int) -> str:
        return tokens.key[i + 1] if i + 1 < count else ""

    def is_known(i: int) -> bool:
        key = tokens.key[i]
        if key not in known:
            if not (len(key) > 4 and key.endswith("s") and key[:-1] in known):
                return False
            key = key[:-1]
        if key not in words and not names.get(key, "").endswith("?"):
            return True
        beside = (i and tokens.capital(i) and tokens.named[i - 1] and tokens.beside(i - 1, i)) or (
            after(i) in known and tokens.beside(i, i + 1)
        )
        if beside or tokens.at[i][0] in said or tokens.at[i][0] in hailed:
            return True
        if not tokens.word[i][0].isupper():
            return False
        return not tokens.opens(i) or after(i) in _PERSON_DOES - {"and", "or"} or not after(i)[:1].isalpha()

    def cued(i: int) -> bool:
        if tokens.at[i][0] in opening:
            return True
        one = tokens.key[i - 1] if i else ""
        two = tokens.key[i - 2] if i > 1 else ""
        return (
            one in _CUES
            or (one in _CUES_SECOND and two in _CUES_FIRST)
            or (one in (",", ":", "(") and two in _RELATIVES)
        )

    def listed(i: int) -> bool:
        """The second of "Ada and Grace", "Ada? or Grace", "Ada, Grace"."""
        j = i - 1
        while j > 0 and i - j <= 2 and (tokens.key[j] in ("and", "or") or tokens.word[j] in (",", "?", "/", "&")):
            j -= 1
        return 0 <= j < i - 1 and tokens.named[j]

    def is_name(i: int) -> bool:
        word, key, start = tokens.word[i], tokens.key[i], tokens.at[i][0]
        if is_known(i):
            return True
        kind = names.get(key, "")
        if start in public and tokens.capital(i):
            if i + 1 < count and tokens.beside(i, i + 1) and tokens.capital(i + 1):
                public.add(tokens.at[i + 1][0])
            return False
        if key in _NOT_NAMES or ((i + 1 == count or not after(i)) and _YEAR.match(tokens.text, tokens.at[i][1])):
            return False
        if not tokens.capital(i):
            if not word[0].islower() or common(key):
                return False
            if start in said:
                return bool(kind) or len(key) > 2
            if i and tokens.at[i - 1][0] in said and tokens.named[i - 1] and tokens.beside(i - 1, i):
                return bool(kind) or (len(key) > 4 and not key.endswith(("ing", "ed", "ly", "nt")))
            after_name = i > 0 and tokens.named[i - 1] and tokens.beside(i - 1, i) and tokens.word[i - 1].islower()
            return kind == "g!" or (bool(kind) and (start in hailed or after_name) and len(key) > 2)
        if after(i) in _EPONYMS and tokens.beside(i, i + 1) and start not in said:
            return False
        if i and tokens.named[i - 1] and tokens.beside(i - 1, i):
            return bool(kind) or not common(key)
        if kind and not kind.endswith("?"):
            return key not in words or start in said or start in hailed or cued(i)
        if start in said or start in hailed or cued(i) or listed(i):
            ends = not after(i)[:1].isalpha() or after(i) in _PERSON_DOES or (i + 1 < count and tokens.capital(i + 1))
            return (bool(kind) and (ends or start in said)) or not common(key)
        follows = i + 1 < count and tokens.beside(i, i + 1) and tokens.capital(i + 1)
        return kind == "g?" and follows and not common(after(i)) and after(i) not in _NOT_NAMES

    for i, word in enumerate(tokens.word):
        if word and word[0].isalpha():
            tokens.named[i] = is_name(i)
    _join(tokens)


def _join(tokens: _Tokens) -> None:
    """Initials, particles and unlisted words with a capital that stand right beside a name."""
    names, words = lists()
    count = len(tokens.word)

    def initial(i: int) -> bool:
        return len(tokens.word[i]) == 1 and tokens.word[i].isupper() and tokens.word[i] not in "I"

    def unlisted(i: int) -> bool:
        return tokens.capital(i) and tokens.key[i] not in words and tokens.key[i] not in _NOT_NAMES | _TITLES

    for i in range(1, count):
        if not tokens.named[i] and tokens.word[i] and tokens.named[i - 1] and tokens.beside(i - 1, i):
            follows = i + 1 < count and (tokens.named[i + 1] or tokens.capital(i + 1)) and tokens.beside(i, i + 1)
            abbreviated = initial(i) and i + 1 < count and tokens.word[i + 1] == "."
            particle = tokens.key[i] in _PARTICLES and follows
            tokens.named[i] = abbreviated or particle or (unlisted(i) and tokens.key[i] not in _EPONYMS)
    for i in range(count - 2, -1, -1):
        if not tokens.named[i] and tokens.word[i] and tokens.named[i + 1] and tokens.beside(i, i + 1):
            abbreviated = initial(i) or (tokens.word[i] == "." and i > 0 and initial(i - 1))
            listed = names.get(tokens.key[i], "").startswith("g")
            tokens.named[i] = abbreviated or (unlisted(i) and (listed or not tokens.opens(i)))
