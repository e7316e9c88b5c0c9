"""Word classes for the cues and the delexicalised n-grams: a closed list of words, each in one class.

Third step of the walk, with `features`. A word that is in no class is known only by its shape, so that what the model
learns about *how* a sentence acts does not hang on the topic it acts on.
"""

from __future__ import annotations

import re

CLASSES: dict[str, str] = {
    # who acts
    "I": "i im i'm ive me my mine myself",
    "WE": "we us our ours ourselves weve",
    "YOU": "you your yours yourself yourselves u ur youre youve ya",
    "THEY": "they them their theirs he him his she her hers themselves someone somebody",
    "TEAM": """team staff colleague colleagues contractor contractors facilities estates engineer engineers electrician plumber
        technician technicians manager managers director dean supervisor supervisors supplier vendor publisher developers developer
        librarian librarians cleaners cleaner security maintenance committee council department board office management crew porter porters
        caretaker curator administration agent operator assistant assistants head chief volunteers""",
    # when
    "TIME": """monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thurs fri sat sun mondays tuesdays
        wednesdays thursdays fridays saturdays sundays january february march april may june july august september october november
        december jan feb apr jun jul aug sep sept oct nov dec today tomorrow tonight yesterday morning afternoon evening week weeks
        month months spring summer autumn fall winter noon midnight hour hours minute minutes day days year years term semester weekend
        soon shortly next last by until till ago now later already""",
    # what is done
    "HAVE": "have has had 've having",
    "BE": "is are was were be been being am 's 're 'm",
    "WILL": "will 'll shall gonna going plan plans planning hope hopes intend aim",
    "CAN": "can could may might able",
    "MUST": "must should need needs ought required obliged",
    "WOULD": "would 'd",
    "DO": "do does did done doing",
    "NOT": """not n't no never cannot cant wont dont doesnt didnt isnt unable none nothing neither nor without nobody""",
    "ACT": """ask raise move fix order check report pass write tell speak talk look put change repair add bring take send
        test try find call ring phone chase push replace sort remove start turn swap open follow forward investigate review discuss
        propose request arrange mend reset update correct restore refund cancel waive reserve hold let get make see walk meet show
        set print count clean install improve work share mention flag escalate email mail post apologise apologize reply keep give
        buy fetch dig copy scan run draft trial log note confirm adjust extend train remind stop sign""",
    "ACTED": """asked raised moved fixed ordered checked reported passed wrote written told spoke spoken talked looked changed repaired
        added brought took taken sent tested tried found called rang rung phoned chased pushed replaced sorted removed started turned
        swapped opened followed forwarded investigated reviewed discussed proposed requested arranged mended reset updated corrected
        restored refunded cancelled canceled waived reserved held got made saw seen walked met showed shown went gone counted cleaned
        installed improved shared mentioned flagged escalated emailed mailed posted replied kept gave given bought fetched dug copied
        scanned ran drafted trialled logged noted confirmed adjusted extended trained reminded stopped booked credited taped""",
    "ACTING": """asking raising moving fixing ordering checking reporting passing writing telling speaking talking looking changing
        repairing adding bringing taking sending testing trying finding calling ringing phoning chasing pushing replacing sorting
        removing starting turning swapping opening following forwarding investigating reviewing discussing proposing arranging
        working watching monitoring updating correcting restoring getting making keeping giving buying waiting exploring considering""",
    "DIRECT": """please use visit contact consult refer submit complete fill click log login go browse download clear restart reboot
        reinstall uninstall uninstalling reinstalling clearing using ensure remember register sign-up subscribe come stop explore discover
        enjoy attend join book booking plan allow avoid note bear pls kindly simply just direct select choose navigate enable disable
        upgrade subscribe follow dont""",
    "ASK": "know tell let ask wonder hear like prefer describe say happen happens happened happening help helps useful mean want wish",
    # what is presented
    "EXISTS": """available offer offers offered offering provide provides provided providing exists exist existing already always currently
        present includes include including free host hosts feature features featuring access accessible range wide variety full
        dedicated hundreds thousands numerous several plenty ample both many""",
    "SERVICE": """service services workshop workshops event events programme programmes program programs collection collections
        resource resources studio lab labs session sessions tutorial tutorials guide guides subscription subscriptions makerspace club
        tour tours app apps database databases e-books ebooks ebook e-book catalogue catalog tool tools newsletter blog podcast exhibition
        facilities appointment appointments consultation consultations class classes membership offerings training options option""",
    "CHANNEL": """form forms desk website webpage page pages link links portal address helpdesk counter enquiry
        enquiries survey surveys faq faqs forum ticket tickets inbox line hotline box reception email e-mail@ channel channels procedure
        procedures online site support feedback""",
    "POLICY": """policy policies rule rules regulation regulations terms conditions guidelines law legislation standard standards
        permitted allowed prohibited responsibility responsible expected accordance according subject entitled eligible code agreement licence
        license statutory mandatory strictly enforced reminded users patrons customers readers students visitors members borrowers
        residents public procedure""",
    # how it is heard
    "FEEL": """frustrating frustration annoying annoyed annoyance disappointing disappointed upset upsetting hard difficult awful
        horrible maddening infuriating unfair sad painful tiring exhausting worrying worry worried embarrassing miserable rotten rough
        lousy shame shameful pity silly wrong right fair true agree agreed fault mistake error ours blame admit point fault understand hear
        sounds sound lovely glad delighted pleased happy love loved kind miss missed deserve wretched ridiculous absurd nuisance
        unacceptable poor bad worse worst short failed fail fails broke broken""",
    "THANK": "thank thanks thankyou thx ta grateful gratitude appreciate appreciated appreciates value valued cheers",
    "SORRY": "sorry apologies apology apologise apologize regret regrets inconvenience unfortunately sadly alas afraid",
    "GREET": "hi hello hey dear hiya greetings good morning welcome",
    "CLOSE": "regards wishes best sincerely faithfully warmly kind yours cheers respectfully",
    # how it argues
    "WHAT": "what which how why when where who whose whether",
    "IF": "if unless once whenever should",
    "BUT": "but however though although while whilst yet nevertheless nonetheless instead despite rather",
    "BECAUSE": "because since due reason reasons so therefore cause caused hence thus means budget funding cost costs cut cuts",
    "MOST": "most majority everyone everybody all every others other nobody people generally usually normally typically never",
    "COMPARE": "more better than less fewer best largest longer fastest popular only even actually indeed simply perfectly easily",
    "PASSIVE": """considered reviewed noted monitored recorded forwarded aware under consideration regularly regular ongoing future continue
        continues constantly priority commitment committed strive endeavour endeavor various measures""",
    "THIS": "this that it these those its thats",
    "THERE": "there here",
    "MAYBE": "maybe perhaps probably likely possibly happily gladly",
    "OR": "or either",
    "AND": "and also plus too additionally moreover furthermore",
    "ARTICLE": "a an the any some each another such",
    "PREP": "in on at of to from with for by into onto over under between through about near behind after before during per via out off up down as",
    "YES": "yes yeah yep ok okay sure certainly",
}
"""Class name → its words. A word listed twice belongs to the first class that has it."""

MARKS = "QUESTION EXCLAIM STOP COMMA COLON DASH QUOTE BRACKET BULLET".split()
"""Classes of punctuation."""
SHAPES = ["NAME", "NUM", "MONEY", "URL", "EMOJI", *MARKS, *"ED ING LY PLURAL WORD SYMBOL FOREIGN".split()]
"""Classes of words that are in no list, by shape."""

NAMES: list[str] = [*CLASSES, *SHAPES]
CODES: dict[str, int] = {name: 0xA1 + i for i, name in enumerate(NAMES)}
"""Class → code, which is also the (Latin-1) character that stands for it in the string that the cue patterns read."""

_WORDS: dict[str, str] = {}
for _name, _words in CLASSES.items():
    for _word in _words.split():
        _WORDS.setdefault(_word, _name)

_NUMBER = re.compile(r"\d[\d.,:/\u2013-]*(?:st|nd|rd|th|am|pm|h|%|k|m)?", re.I)
_URL = re.compile(
    r"(?:https?://|www\.)\S+|\S[^\s@]*+@\S+\.\S+|[\w-]+\.(?:org|com|edu|net|ac\.uk|gov|io|ly|la|gl)\b\S*", re.I
)
_PUNCTUATION = {
    **dict.fromkeys("?", "QUESTION"),
    **dict.fromkeys("!", "EXCLAIM"),
    **dict.fromkeys([".", "...", "\u2026"], "STOP"),
    **dict.fromkeys([",", ";"], "COMMA"),
    ":": "COLON",
    **dict.fromkeys(["-", "--", "\u2013", "\u2014", "~", "/"], "DASH"),
    **dict.fromkeys(['"', "'", "''", "``", "\u2018", "\u2019", "\u201c", "\u201d"], "QUOTE"),
    **dict.fromkeys("()[]{}", "BRACKET"),
    **dict.fromkeys(["*", "\u2022", "\u00b7"], "BULLET"),
    **dict.fromkeys("$\u00a3\u20ac", "MONEY"),
}


def word_class(word: str) -> str:
    """The one class of a token."""
    lower = word.lower().replace("\u2019", "'")
    if name := _WORDS.get(lower):
        return name
    if name := _PUNCTUATION.get(word):
        return name
    if word[0].isdigit() and _NUMBER.fullmatch(word):
        return "NUM"
    if word[0] in "$\u00a3\u20ac":
        return "MONEY"
    if ("." in word or "@" in word) and _URL.match(word):
        return "URL"
    if not any(c.isalnum() for c in word):
        return "EMOJI" if any(ord(c) > 0x2190 for c in word) or word[:2] in (":)", ":(", ":-", ";)", ":D") else "SYMBOL"
    if word[0].isalpha() and ord(word[0]) > 0x24F:
        return "FOREIGN"
    if word[0].isupper():
        return "NAME"
    for ending, name in (("ing", "ING"), ("ed", "ED"), ("ly", "LY"), ("s", "PLURAL")):
        if len(lower) > len(ending) + 2 and lower.endswith(ending):
            return name
    return "WORD"


def delexicalised(word: str) -> str:
    """The word itself when it is in a list, else its class: what the delexicalised n-grams are made of."""
    lower = word.lower().replace("\u2019", "'")
    return lower if lower in _WORDS else word_class(word)
