"""The sets of figure 2 of Hogwild!, generated, and the runs on them that several rows look at."""

DECAY, EPOCHS = 0.9, 20
MODES = {"hogwild": "hogwild", "AIG": "locked", "RR": "roundrobin"}  # the paper's names and ours


def text(lab):
    size = lab.pick("", ",examples=4000,features=1000,nonzeros=30")
    return ("--model", "svm", "--data", f"synthetic:rcv1{size}", "--l2", "1e-5")


def ratings(lab):
    size = lab.pick("", ",examples=20000,users=1000,items=200,hottest=0.03")
    return ("--model", "mf", "--data", f"synthetic:netflix{size}", "--l2", "0.05")


def grid(lab):
    size = lab.pick("width=256,height=256", "width=40,height=40")
    return ("--model", "cut", "--data", f"synthetic:grid-cut,{size}")


def simplex(lab):
    size = lab.pick("width=40,height=40,labels=256", "width=12,height=12,labels=64")
    return ("--model", "cut", "--data", f"synthetic:grid-cut,{size}")


SETS = {"RCV1-like": text, "Netflix-like": ratings, "grid cut": grid, "simplex cut": simplex}


def runs(lab, name):
    """{discipline: runs} of serial and of the paper's three on 2 threads, taken by turns."""

    def take():
        common = (*SETS[name](lab), "--epochs", EPOCHS, "--decay", DECAY, "--telemetry", "off")
        modes = {"serial": (*common, "--mode", "serial")}
        modes |= {ours: (*common, "--mode", mode, "--threads", 2) for ours, mode in MODES.items()}
        if name == "RCV1-like":
            modes["cached"] = (*common, "--mode", "cached", "--threads", 2)
        return lab.side_by_side(modes, repeats=lab.pick(min(3, lab.repeats), 1))

    return lab.once(name, take)


def seconds(results):
    return [run.seconds for run in results]


def loss(results):
    """The mean over repetitions: lock-free runs differ a little from one to the next."""
    return sum(run.loss for run in results) / len(results)
