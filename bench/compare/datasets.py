"""The data that all trainers share: read once, transformed once, written once, so that all read the very same file."""

import dataclasses
import gzip
import lzma
import pathlib

import numpy as np


class BadData(Exception):
    """One sentence: which file, where, what is wrong."""


def open_text(path):
    opener = {".xz": lzma.open, ".gz": gzip.open}.get(path.suffix, open)
    return opener(path, "rt", encoding="utf-8")


@dataclasses.dataclass
class Text:
    """Examples with labels -1 and +1 in libsvm text, and the same in memory."""

    name: str
    path: pathlib.Path
    labels: np.ndarray
    ids: np.ndarray
    values: np.ndarray
    starts: np.ndarray  #: example i is ids[starts[i]:starts[i + 1]]

    def __post_init__(self):
        self.owners = np.repeat(np.arange(len(self)), np.diff(self.starts))
        self.features = int(self.ids.max()) + 1 if len(self.ids) else 1

    def __len__(self):
        return len(self.labels)

    def objective(self, weights, intercept, l2):
        """Mean logistic loss + l2/2 |w|^2 in double precision, the intercept excluded: the judge of every model."""
        weights = np.asarray(weights, dtype=np.float64)
        products = self.values.astype(np.float64) * weights[self.ids]
        margins = self.labels * (np.bincount(self.owners, products, len(self)) + intercept)
        return float(np.logaddexp(0, -margins).mean() + l2 / 2 * np.square(weights).sum())


def load_text(source, folder, transform, normalize):
    labels, ids, values, starts = [], [], [], [0]
    try:
        with open_text(source) as file:
            for number, line in enumerate(file, 1):
                words = line.split("#", 1)[0].split()
                if not words:
                    continue
                try:
                    labels.append(1.0 if float(words[0]) > 0 else -1.0)
                    pairs = [word.split(":") for word in words[1:]]
                    ids += [int(pair[0]) for pair in pairs]
                    values += [float(pair[1]) for pair in pairs]
                except (ValueError, IndexError):
                    raise BadData(f"{source}:{number}: not libsvm text (label id:value id:value ...)") from None
                starts.append(len(ids))
    except (OSError, EOFError, UnicodeDecodeError, lzma.LZMAError) as error:
        raise BadData(f"{source}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if len(set(labels)) < 2:
        raise BadData(f"{source}: needs examples of two classes, found {len(set(labels))}")
    values, starts = np.array(values), np.array(starts)
    if transform == "log1p":
        values = np.log1p(values)
    if normalize == "l2":
        owners = np.repeat(np.arange(len(labels)), np.diff(starts))
        lengths = np.sqrt(np.bincount(owners, values * values, len(labels)))
        values = values / np.maximum(lengths, 1e-30)[owners]
    text = Text(_plain_name(source), folder / "train.svm", np.array(labels), np.array(ids, dtype=np.int32),
                values.astype(np.float32), starts.astype(np.int32))
    with open(text.path, "w", encoding="utf-8") as out:
        for i, label in enumerate(text.labels):
            span = slice(starts[i], starts[i + 1])
            pairs = (f"{j}:{v:.9g}" for j, v in zip(text.ids[span].tolist(), text.values[span].tolist()))
            out.write(f"{label:.0f} {' '.join(pairs)}\n")
    return text


@dataclasses.dataclass
class Ratings:
    """Ratings (user, item, rating), split as `part=train` and `part=test` of the shipped set are."""

    name: str
    train_path: pathlib.Path
    test_path: pathlib.Path
    train: np.ndarray  #: (n, 3) float32
    test: np.ndarray


def load_ratings(source, folder):
    try:
        with open_text(source) as file:
            table = np.loadtxt(file, dtype=np.float64, usecols=(0, 1, 2), ndmin=2)
    except (OSError, EOFError, UnicodeDecodeError, lzma.LZMAError) as error:
        raise BadData(f"{source}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    except (ValueError, IndexError) as error:
        raise BadData(f"{source}: not a table of user, item, rating ({error})") from None
    if len(table) < 10:
        raise BadData(f"{source}: {len(table)} ratings are too few, at least 10 are needed")
    held_out = np.arange(len(table)) % 10 == 9
    ratings = Ratings(_plain_name(source), folder / "train.tsv", folder / "test.tsv",
                      table[~held_out].astype(np.float32), table[held_out].astype(np.float32))
    for path, part in ((ratings.train_path, ratings.train), (ratings.test_path, ratings.test)):
        np.savetxt(path, part, fmt=["%d", "%d", "%.9g"], delimiter="\t")
    return ratings


def _plain_name(path):
    return path.name.removesuffix(".xz").removesuffix(".gz").rsplit(".", 1)[0]
