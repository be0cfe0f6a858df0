"""What bench_mpi is told: help, and one sentence, said once, for every wrong flag."""

import unittest

from program import BENCH_MPI, GOOD, RANK_MODES, RATINGS, RanksTest, mpirun, needs_mpirun

FLAGS = ("--mode --node-mode --staleness --visibility --topology --allow-disconnected --servers --architecture --reducer --deterministic "
         "--compensate --dc-lambda --local-rounds --weight --participation --outer-momentum --backup --evict-after --partition --balance --pad --straggler --audit "
         "--deadline --transport --ranks --verbose --model --data --test --transform --normalize --factors --hidden --tile --threads --team "
         "--pin --epochs --batch --step --schedule --decay --phase --l2 --l1 --rule --seed --hot-rows --flush --target-loss --telemetry "
         "--curve --json --predict --save --load --checkpoint --every --resume --quiet --version --help").split()


class Words(RanksTest):
    def test_help_lists_every_flag_and_mode(self):
        shown = self.good("--help").stdout
        for flag in FLAGS:
            self.assertRegex(shown, rf"[\s,]{flag}\s")
        for mode in RANK_MODES + ["hogwild", "cached", "hypercube", "one-peer"]:
            self.assertRegex(shown, rf"\n +{mode} +\w")  # each with its line

    def test_version_names_the_library_and_the_modes(self):
        shown = self.good("--version").stdout
        self.assertRegex(shown, r"\nmpi +\S")
        self.assertIn("ranks     " + ", ".join(RANK_MODES), shown)

    @needs_mpirun
    def test_many_ranks_answer_once(self):
        self.assertEqual(self.good_ranks(3, "--version").stdout.count("sounder "), 1)


class BadFlags(RanksTest):
    def setUp(self):
        super().setUp()
        self.data = ("--data", self.file("good.svm", GOOD), "--quiet")

    def test_values(self):
        for flag, value in (
            ("--mode", "fast"), ("--mode", ""), ("--mode", "bsp,,ssp"), ("--mode", "hogwild"), ("--node-mode", "bsp"), ("--node-mode", "auto"),
            ("--staleness", "-1"), ("--staleness", "x"), ("--staleness", "2000000"), ("--staleness", "3..1"), ("--staleness", "1.."), ("--staleness", "..2"), ("--visibility", "all"), ("--architecture", "star"),
            ("--reducer", "tree"), ("--compensate", "all"), ("--dc-lambda", "-1"), ("--dc-lambda", "nan"), ("--servers", "many"),
            ("--servers", "dedicated:"), ("--servers", "dedicated:0"), ("--servers", "dedicated:x"), ("--local-rounds", "0"),
            ("--backup", "-1"), ("--backup", "x"), ("--evict-after", "-1"), ("--weight", "half"), ("--participation", "0"), ("--participation", "1.5"), ("--outer-momentum", "1"), ("--partition", "name"),
            ("--balance", "even"), ("--pad", "-1"), ("--pad", "x"), ("--straggler", "rank:1"), ("--straggler", "often"), ("--deadline", "0"),
            ("--deadline", "inf"), ("--transport", "tcp"), ("--ranks", "0"), ("--ranks", "x"), ("--threads", "0"),
            ("--step", "0"), ("--every", "-1"), ("--epochs", "-1"), ("--curve", "curve.txt"),
        ):
            with self.subTest(flag=flag, value=value):
                self.bad(*self.data, flag, value, says=flag)

    def test_flags_that_need_others(self):
        self.bad(*self.data, "--ranks", "2", says=["--ranks", "--transport inproc", "mpirun -n 2"])
        self.bad(*self.data, "--mode", "local", "--transport", "inproc", "--ranks", "3", "--servers", "dedicated:1", says=["--servers", "local"])
        self.bad(*self.data, "--mode", "async", "--transport", "inproc", "--ranks", "2", "--servers", "dedicated:2", says="--servers")
        self.bad(*self.data, "--mode", "gossip", "--topology", "nowhere", "--transport", "inproc", "--ranks", "2", says="--topology")
        self.bad(*self.data, "--mode", "ssp", "--staleness", "1..3", "--visibility", "exact", says=["--staleness", "--visibility"])
        self.bad(*self.data, "--mode", "backup", "--backup", "2", "--transport", "inproc", "--ranks", "2", says="--backup")
        self.bad(*self.data, "--mode", "backup", "--backup", "1", "--balance", "fixed", "--transport", "inproc", "--ranks", "2", says="--balance")
        self.bad(*self.data, "--node-mode", "cached", "--rule", "adam", says=["cached", "adam"])
        self.bad(says="--data")
        self.bad("--model", "mf", "--data", self.file("good.tsv", RATINGS), "--normalize", "l2", says="--normalize")

    def test_flags_of_other_programs_are_unknown(self):
        for flag in "--record", "--replay", "--simulate-workers", "--inspect", "--backoff", "--bogus":
            with self.subTest(flag=flag):
                self.bad(*self.data, flag, "1", says=flag)

    def test_one_model_per_file(self):
        for flag in "--save", "--predict":
            target = self.folder / "out"
            self.bad(*self.data, "--mode", "bsp,ssp", flag, target, says=flag)
            self.bad(*self.data, "--node-mode", "serial,hogwild", flag, target, says=flag)
            self.assertFalse(target.exists())

    @needs_mpirun
    def test_ranks_say_it_once(self):
        for flags, says in (((*self.data, "--mode", "fast"), "--mode"), ((*self.data, "--bogus"), "--bogus"), ((), "--data"),
                            ((*self.data, "--transport", "inproc", "--ranks", "2"), "mpirun"),
                            (("--data", self.folder / "nowhere.svm"), "nowhere.svm"),
                            (("--data", self.file("bad.svm", GOOD + "+1 3:x\n")), "bad.svm:9")):
            with self.subTest(flags=flags):
                self.says_once(self.run_ranks(2, *flags), says)

    @needs_mpirun
    def test_ranks_must_be_told_the_same(self):
        for flag, one, other in (("--epochs", "2", "3"), ("--staleness", "1", "2"), ("--node-mode", "hogwild", "atomic")):
            with self.subTest(flag=flag):
                first, second = (mpirun(1, *self.data, "--mode", "ssp", flag, value) for value in (one, other))
                self.says_once(self.run_command([*first, ":", *second[second.index("-n"):]]), flag)
        # A flag that only a later rank cannot read is said by that rank.
        first, second = mpirun(1, *self.data), ["-n", "1", BENCH_MPI, *self.data, "--bogus"]
        self.says_once(self.run_command([*first, ":", *second]), "--bogus")


