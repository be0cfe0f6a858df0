"""The two tasks: who takes part in each, and what counts as having arrived."""

import dataclasses
import pathlib
import typing

import datasets
import peers
import sounder
from contest import Failed, NotThere, passes_to, say


@dataclasses.dataclass
class TextTask:
    data: datasets.Text
    folder: pathlib.Path
    l2: float
    threads: int
    epochs: int  #: of the rate
    most_epochs: int  #: on the way to the target
    optimum: float | None = None
    target: float = float("-inf")


@dataclasses.dataclass
class RatingsTask:
    data: datasets.Ratings
    folder: pathlib.Path
    l2: float
    threads: int
    epochs: int
    factors: int
    target: float = float("-inf")


@dataclasses.dataclass
class Field:
    """Everyone who could be entered, and the peers who could not, with the reason."""

    entries: list = dataclasses.field(default_factory=list)
    present: list = dataclasses.field(default_factory=list)
    absent: list = dataclasses.field(default_factory=list)
    failed: list = dataclasses.field(default_factory=list)

    def invite(self, peer, enter: typing.Callable[[], list]):
        say(f"tuning {peer.name}")
        try:
            found = enter()
        except NotThere:
            self.absent.append(peer)
            return []
        except Exception as error:  # a peer that breaks must not take the others with it
            self.failed.append((peer, f"{type(error).__name__}: {error}".splitlines()[0]))
            return []
        self.present.append(peer)
        return found


def text_field(bench, task, slack):
    field = Field()
    say("solving for f*")
    try:
        task.optimum = peers.liblinear.optimum(task)
        task.target = task.optimum * (1 + slack)
    except (NotThere, Failed):
        pass  # the report says that there is no target
    say("tuning Sounder")
    field.entries += sounder.text_entries(bench, task)
    for peer in peers.TEXT:
        field.entries += field.invite(peer, lambda peer=peer: peer.enter(task))
    return field


def ratings_field(bench, task, slack):
    """The target is the lowest RMSE that all of them reach, and a little more: nobody is left behind by its model."""
    field = Field()
    say("tuning Sounder")
    contenders = sounder.mf_contenders(bench, task)
    for peer in peers.RATINGS:
        contenders += field.invite(peer, lambda peer=peer: peer.enter(task))
    task.target = (1 + slack) * max(min(min(curve) for curve in curves.values()) for curves, _ in contenders)
    for curves, finish in contenders:
        field.entries.append(finish(soonest(curves, task.target), task.target))
    return field


def soonest(curves, target):
    """The setting that is at the target after the fewest passes; of several, the one that ends lowest."""

    def key(setting):
        passes = passes_to(curves[setting], target)
        return (float("inf") if passes is None else passes, curves[setting][-1])

    return min(curves, key=key)
