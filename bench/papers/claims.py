"""What a row says: claims of a paper, each with what it is here."""

import dataclasses
import re


@dataclasses.dataclass
class Claim:
    """`holds` is None where nothing is judged: a figure that is only reported, or one that could not be taken here."""

    says: str  #: what was published, or what must hold
    ours: str
    holds: bool | None
    required: bool = False  #: convergence is; speed depends on the machine
    why: str = ""  #: of a difference, or of what is left out

    @property
    def verdict(self):
        if self.holds is None:
            return "reported" if self.ours != "-" else "skipped"
        return "holds" if self.holds else "FAILS" if self.required else "differs"


@dataclasses.dataclass
class Row:
    """One row of the report: a module of rows/, and what came out of it."""

    module: object
    claims: list = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    error: str = ""  #: why it ended early
    skipped: str = ""  #: why it did not run

    @property
    def number(self):
        return int(re.search(r"row(\d+)", self.module.__name__).group(1))

    @property
    def failed(self):
        return bool(self.error) or any(claim.verdict == "FAILS" for claim in self.claims)


def required(says, ours, holds, why=""):
    return Claim(says, ours, bool(holds), required=True, why=why)


def stale_claim(lab, few_vertices, says, apart):
    """A convergence claim that a small graph cannot make: with few vertices every gradient is stale in what matters."""
    ours = f"{100 * apart:+.2g} %"
    if lab.small and few_vertices:
        return reported(says, ours, why="small scale: so few vertices that a gradient that misses one update misses much")
    return required(says, ours, abs(apart) <= 0.02)


def reported(says, ours, why=""):
    return Claim(says, ours, None, why=why)
