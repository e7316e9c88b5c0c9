"""`replycheck audit-sample` and `audit-estimate`: moments for a person to judge, and the share that follows from it.

An edge of the walk.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from replycheck.errors import UsageError

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder that an audit wrote.")]


def audit_sample(
    folder: Folder,
    n: Annotated[int, typer.Option("-n", min=20, max=5_000, help="How many moments to draw.")] = 100,
    out: Annotated[Path | None, typer.Option(help="Workbook to write; DIR/sample.xlsx unless given.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same findings and seed give the same moments.")] = 0,
) -> None:
    """Draw moments for a person to judge blind; `audit-estimate` makes the share of pushing runs of it."""
    from replycheck.estimate import draw_sample
    from replycheck.judging import read_findings, read_moments, write_sheet

    out = out or folder / "sample.xlsx"
    if out.exists():
        raise UsageError(f"{out}: is there already, perhaps with judgements; give another name with --out")
    findings = read_findings(folder)
    rows = draw_sample(findings.probability, n, seed).rows.tolist()
    write_sheet(out, findings, rows, read_moments(folder, [findings.key[i] for i in rows]), seed)
    print(f"{len(rows):,} of {len(findings):,} runs drawn, written to {out}")
    print(f"Judge each without the model's help, then: replycheck audit-estimate {folder} {out}")


def audit_estimate(
    folder: Folder,
    sheet: Annotated[Path, typer.Argument(metavar="SHEET", help="The workbook of audit-sample, filled in.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the estimates as JSON.")] = False,
) -> None:
    """The share of runs that push, from the judged moments, with its 95 % interval; needs no transcripts."""
    from replycheck.estimate import estimate_by_kind
    from replycheck.judging import read_findings, read_judged
    from replycheck.report import SUMMARY, write_estimate

    findings = read_findings(folder)
    judged = read_judged(sheet, findings)
    found = estimate_by_kind(findings.probability, findings.kind, judged.rows, judged.pushes)
    if (folder / SUMMARY).exists():
        write_estimate(folder, found)
    if as_json:
        import json
        from dataclasses import asdict

        print(json.dumps({name: e and asdict(e) for name, e in found.items()}, indent=2))
        return
    for name, e in found.items():
        if e is None:
            print(f"{name}: none of these was judged")
            continue
        print(
            f"{name}: {e.share:.1%} push, 95 % interval {e.interval[0]:.1%} to {e.interval[1]:.1%} "
            f"({e.judged:,} of {e.drawn:,} drawn were judged; {e.runs:,} in all)"
        )
        if e.judged < e.drawn:
            print(f"  whatever the others are: {e.worst_case[0]:.1%} to {e.worst_case[1]:.1%}")
    print(f"The model's count: {sum(findings.pushing) / len(findings):.1%} of all {len(findings):,} runs.")
    if judged.cant_tell or judged.empty or judged.lost:
        print(
            f"Not judged: {judged.cant_tell} can't tell, {judged.empty} empty, {judged.lost} lines lost; "
            "the interval takes them to be like the judged ones that the model saw alike."
        )
