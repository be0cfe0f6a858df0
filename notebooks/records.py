"""Reads the records of the bench programs: JSON lines, as runs with their points."""

import dataclasses
import json
import pathlib


class BadRecord(Exception):
    """One sentence: which file, which line, what is wrong."""


@dataclasses.dataclass
class Run:
    """A record of kind run with the points and the summary that belong to it."""

    head: dict
    points: list = dataclasses.field(default_factory=list)
    summary: dict = dataclasses.field(default_factory=dict)

    @property
    def mode(self):
        return self.head.get("mode") or "?"

    @property
    def node_mode(self):
        """The discipline inside each rank; None: there are no ranks."""
        return self.head.get("node_mode")

    @property
    def ranks(self):
        return self.head.get("ranks") or 1

    @property
    def threads(self):
        return self.head.get("threads") or 1

    @property
    def data(self):
        return self.head.get("data") or {}

    @property
    def data_name(self):
        """`spam` for builtin:spam,part=train; the name of a file without its folders."""
        name = str(self.data.get("name", "?")).removesuffix(",part=train")
        return name.removeprefix("builtin:") if ":" in name else pathlib.Path(name).name

    @property
    def label(self):
        if self.node_mode is None:
            return f"{self.mode} \N{MULTIPLICATION SIGN} {self.threads}"
        return f"{self.mode}/{self.node_mode} {self.ranks}\N{MULTIPLICATION SIGN}{self.threads}"

    def column(self, name):
        """The values of one field over the points; what was not measured or not finite is NaN."""
        values = (point.get(name) for point in self.points)
        return [float("nan") if value is None else float(value) for value in values]


def read(path):
    """The runs of one file of JSON lines, in its order."""
    runs = {}
    try:
        lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise BadRecord(f"{path}: cannot be read ({reason})") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            kind, run = record["kind"], record["run"]
            if kind == "run":
                runs[run] = Run(record)
            elif kind == "point":
                for field in ("epoch", "seconds", "train_loss", "test_loss"):
                    float(record.get(field) or 0)
                runs[run].points.append(record)
            elif kind == "summary":
                runs[run].summary = record
        except (ValueError, TypeError, KeyError):
            raise BadRecord(f"{path}:{number}: not a record that a bench program wrote (--curve FILE.jsonl)") from None
    if not runs:
        raise BadRecord(f"{path}: holds no run")
    return list(runs.values())


def read_all(paths):
    return [run for path in paths for run in read(path)]
