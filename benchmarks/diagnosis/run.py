# SPDX-License-Identifier: Apache-2.0
"""Scores the diagnosis rules: `python -m benchmarks.diagnosis.run` from the root of the repository.

Every program of the development set is trained with every seed, once watched by the recorder and once by
the rules of three other tools. Findings of severity error or warning are alarms. Runs are labelled by their
outcome (see `tests/diagnosis/outcomes.py`).
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import multiprocessing
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks.diagnosis.development_set import BY_NAME, PROGRAMS, Outcome, Program
from benchmarks.diagnosis.jobs import ANCHORS, NOBODY, OURS, Job, Result, begin_worker, work
from benchmarks.diagnosis.report import as_json, markdown
from benchmarks.diagnosis.score import judge


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.diagnosis.run", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0 … N − 1")
    parser.add_argument("--first-seed", type=int, default=0, help="start with this seed instead of 0")
    parser.add_argument(
        "--only", action="append", help="a program's name or a pattern such as 'R *'; repeatable"
    )
    parser.add_argument("--framework", choices=("torch", "keras"), help="only its programs")
    parser.add_argument("--no-anchors", action="store_true", help="leave the other tools out")
    parser.add_argument("--no-ours", action="store_true", help="leave the recorder out")
    parser.add_argument("--json", type=Path, help="write figures and runs there")
    parser.add_argument("--markdown", type=Path, help="write the report there as well")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--list", action="store_true", help="list the programs and stop")
    return parser.parse_args(arguments)


def select(patterns: list[str] | None, framework: str | None) -> list[Program]:
    """The programs that match a pattern (all without one); Keras's come last.

    Raises:
        SystemExit: if a pattern matches nothing.
    """
    for pattern in patterns or ():
        if not fnmatch.filter(BY_NAME, pattern):
            sys.exit(f"no program {pattern!r}; --list shows them")
    fits = [p for p in PROGRAMS if not patterns or any(fnmatch.fnmatch(p.name, q) for q in patterns)]
    return sorted((p for p in fits if framework in (None, p.framework)), key=lambda p: p.framework == "keras")


def plan(programs: list[Program], seeds: range, ours: bool, anchors: bool) -> list[Job]:
    """All jobs: the programs under every monitor, and references that are not among them under none."""
    jobs = []
    for program in programs:
        if ours:
            jobs += [Job(program.name, seed, OURS) for seed in seeds]
        if anchors and program.framework == "torch":
            jobs += [Job(program.name, seed, ANCHORS) for seed in seeds]
    covered = {job.program for job in jobs}
    missing = dict.fromkeys(p.reference for p in programs if p.reference and p.reference not in covered)
    return [*(Job(name, seed, NOBODY) for name in missing for seed in seeds), *jobs]


def perform(jobs: list[Job], workers: int) -> list[Result]:
    """Run the jobs in processes; progress goes to stderr."""
    context = multiprocessing.get_context("spawn")
    results = []
    with context.Pool(workers, begin_worker) as pool:
        for result in pool.imap(work, jobs):
            results.append(result)
            print(
                f"\r{len(results)}/{len(jobs)} {result.job.program:32.32}",
                end="",
                file=sys.stderr,
                flush=True,
            )
    print(file=sys.stderr)
    return results


def references(results: Iterable[Result]) -> dict[tuple[str, int], Outcome]:
    """The outcomes of healthy programs by name and seed."""
    return {
        (result.job.program, result.job.seed): result.outcome
        for result in results
        if result.outcome is not None and BY_NAME[result.job.program].kind == "healthy"
    }


def show(programs: list[Program]) -> None:
    """One line a program."""
    for program in programs:
        about = program.fault or f"healthy, score of {program.good_score} or more"
        causes = f" [{' '.join(program.causes)}]" if program.causes else ""
        print(f"{program.framework:6}{program.name:28}{about}{causes}")
    healthy = sum(program.kind == "healthy" for program in programs)
    print(f"{healthy} healthy, {len(programs) - healthy} faulty")


def main() -> None:
    """Run the bench and print its report."""
    options = parse()
    programs = select(options.only, options.framework)
    if options.list:
        show(programs)
        return
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    results = perform(plan(programs, seeds, not options.no_ours, not options.no_anchors), options.workers)
    watched = [result for result in results if result.job.monitor != NOBODY]
    judged = judge(watched, references(results))
    failed = [result for result in results if result.error]
    report = markdown(judged, failed, options.seeds)
    print(report)
    if options.markdown:
        options.markdown.write_text(report)
    if options.json:
        options.json.write_text(json.dumps(as_json(judged, failed), indent=1))


if __name__ == "__main__":
    main()
