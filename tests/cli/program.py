"""Runs bench_shm and bench_mpi from outside, as a user does."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

BENCH = os.environ["SOUNDER_BENCH_SHM"]

# Eight examples that a linear model can tell apart, and ratings of three users.
GOOD = "".join(f"+1 1:1 {3 + i}:0.5\n-1 2:1 {3 + i}:0.5\n" for i in range(4))
RATINGS = "".join(f"{u}\t{i}\t{1 + (u + i) % 5}\n" for u in (1, 2, 3) for i in (10, 20, 30, 40))


class ProgramTest(unittest.TestCase):
    """Gives each test a folder of its own."""

    command = [BENCH]
    name = "bench_shm"
    environment = None  # inherited

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def run_bench(self, *flags, **options):
        return subprocess.run([*self.command, *map(str, flags)], capture_output=True, text=True, timeout=300, env=self.environment,
                              **options)

    def good(self, *flags):
        """Runs, must end well; returns the process."""
        process = self.run_bench(*flags)
        self.assertEqual(process.returncode, 0, process.stderr)
        return process

    def records(self, *flags):
        """The records of a good run, by kind."""
        return self.by_kind(self.good("--json", "-", *flags).stdout)

    def by_kind(self, text):
        kinds = {"run": [], "point": [], "summary": []}
        for line in text.splitlines():
            record = json.loads(line)
            kinds[record["kind"]].append(record)
        return kinds

    def bad(self, *flags, says, status=2):
        """Runs, must end with one sentence on stderr that names all of `says`, and nothing on stdout."""
        process = self.run_bench(*flags)
        self.assertEqual(process.returncode, status, process.stdout + process.stderr)
        self.assertEqual(process.stderr.count("\n"), 1, f"not one line: {process.stderr!r}")
        self.assertTrue(process.stderr.startswith(f"{self.name}: "), process.stderr)
        for part in [says] if isinstance(says, str) else says:
            self.assertIn(part, process.stderr)


# --- ranks -----------------------------------------------------------------------------------------------------------

BENCH_MPI = os.environ.get("SOUNDER_BENCH_MPI", "")
RANK_MODES = ["bsp", "ssp", "async", "local", "gossip", "backup", "adpsgd", "pushsum", "rma"]
ENVIRONMENT = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_mpi_yield_when_idle": "1",
                            "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
                            "ASAN_OPTIONS": "detect_leaks=0"}  # Open MPI keeps some memory to its end


def why_no_mpirun():
    """Why ranks cannot be processes here, or None."""
    if shutil.which("mpirun") is None:
        return "mpirun is not installed"
    shown = subprocess.run([BENCH_MPI, "--version"], capture_output=True, text=True, timeout=60).stdout
    return "MPI is not compiled in" if "not compiled in: --transport inproc" in shown else None


def mpirun(ranks, *flags):
    """A command: bench_mpi on so many ranks of this machine, however few cores it has."""
    return ["mpirun", "--quiet", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), BENCH_MPI, *map(str, flags)]


class RanksTest(ProgramTest):
    """bench_mpi by itself: one process."""

    command = [BENCH_MPI]
    name = "bench_mpi"
    environment = ENVIRONMENT

    def run_ranks(self, ranks, *flags, **options):
        return self.run_command(mpirun(ranks, *flags), **options)

    def run_command(self, command, **options):
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=ENVIRONMENT, **options)

    def good_ranks(self, ranks, *flags):
        process = self.run_ranks(ranks, *flags)
        self.assertEqual(process.returncode, 0, process.stdout + process.stderr)
        return process

    @staticmethod
    def said(text):
        """What bench_mpi says on stderr, without what mpirun adds and the remark that so few cores are no place for measuring."""
        return [line for line in text.splitlines() if line.startswith("bench_mpi: ") and "speeds will mislead" not in line]

    def says_once(self, process, says, status=2):
        """Whatever mpirun adds: one sentence of bench_mpi, that names all of `says`; the status is the ranks'."""
        self.assertEqual(process.returncode, status, process.stdout + process.stderr)
        said = self.said(process.stderr)
        self.assertEqual(len(said), 1, process.stderr)
        for part in [says] if isinstance(says, str) else says:
            self.assertIn(part, said[0])


needs_mpirun = unittest.skipIf(BENCH_MPI and why_no_mpirun(), f"ranks cannot be processes here: {BENCH_MPI and why_no_mpirun()}")
