"""Sums up ctest runs: report.py JUNIT.xml...

Prints every skip with its reason, every failure with its name and the end of what it printed, and last 'N passed, N failed, N skipped'.
A missing or unreadable file (a build that failed, a ctest that was killed) is one failure. Exit status 1 if any failed.
"""

import pathlib
import sys
import xml.etree.ElementTree as xml


def reason(output):
    """The line that tells why: printed by skip() or by unittest."""
    lines = [line.strip() for line in output.splitlines() if "skipped: " in line or "... skipped " in line]
    return "; ".join(lines) or "no reason printed"


def end_of(output, lines=30, columns=400):
    """What a failure printed last, indented: of a long run often only the last lines are at hand."""
    return "".join(f"\n    {line[:columns]}" for line in output.rstrip().splitlines()[-lines:])


passed = failed = skipped = 0
for path in map(pathlib.Path, sys.argv[1:]):
    preset = path.parent.name
    try:
        cases = list(xml.parse(path).getroot().iter("testcase"))
    except (OSError, xml.ParseError) as error:
        print(f"FAILED {preset}: no test ran ({error})")
        failed += 1
        continue
    for case in cases:
        name = f"{preset}: {case.get('name')}"
        if case.get("status") == "run":
            passed += 1
        elif case.find("skipped") is not None and "SKIP_RETURN_CODE" in case.find("skipped").get("message", ""):
            skipped += 1
            print(f"skipped {name} ({reason(case.findtext('system-out', ''))})")
        else:  # failed, timed out, or could not be started
            failed += 1
            print(f"FAILED {name}{end_of(case.findtext('system-out', ''))}")

print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(1 if failed else 0)
