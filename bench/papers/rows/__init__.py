"""One file a row of the table of acceptance tests: rowNN_NAME.py, with SOURCE, TITLE and run(lab) -> [Claim].

Its docstring says where the result was published, how it is set up here, and what must hold.
"""

import importlib
import pathlib

NAMES = sorted(path.stem for path in pathlib.Path(__file__).parent.glob("row*.py"))


def load():
    """{number: module}"""
    return {int(name[3:5]): importlib.import_module(f"rows.{name}") for name in NAMES}
