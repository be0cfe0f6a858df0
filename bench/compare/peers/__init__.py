"""The peers: one adapter a file. Each says how it is installed, what of it is timed, at what settings, and why."""

from . import libmf, liblinear, scikit_learn, vowpal_wabbit

TEXT = [liblinear.PEER, *scikit_learn.PEERS, vowpal_wabbit.PEER]
RATINGS = [libmf.PEER]
