"""Hogwild!, section 5: run at a constant step, then back off; as fast as 1/k, and robust where 1/k is not.

Published: phases of a constant step, each 1/beta times as long as the one before at beta times its step (beta about 0.37),
reach f - f* ~ 1/work, as steps of 1/(curvature * k) do; and where the curvature is overestimated, 1/k steps become far
slower, the phases do not.
Here: `papers_slopes`, least squares on an endless stream of examples (no example comes twice, so that the noise is that of
the theory), f - f* in closed form, the mean over seeds, 2 lock-free threads. The schedules are those of --schedule. Phases
are 2.5 times as long as the contraction by beta needs, 5 units of work; curvature overestimated 5 times shortens them to
one, and divides the steps of 1/k by 5.
Must hold: log-log slopes of f - f* over the work, from the second phase on, in [-1.3, -0.8] for backoff and 1/k; a constant
step stalls (above -0.2); with the overestimate, backoff needs at most 1.2 times the work and 1/k at least 4 times.
"""

import math

from claims import required

SOURCE = "Hogwild! sec. 5"
TITLE = "backoff against constant and 1/k steps"

STEP, CURVATURE, BETA, PHASE, UNIT = 0.05, 0.05, 0.37, 5, 320
OVER = 5
PHASES = 6


def ends():
    """The work at the end of each phase."""
    total, length, result = 0.0, PHASE, []
    for _ in range(PHASES):
        total += length
        length /= BETA
        result.append(round(total))
    return result


def slope(curve, at):
    xs, ys = [math.log(k) for k in at], [math.log(curve[k]) for k in at]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys)) / sum((a - x) ** 2 for a in xs)


def work_to(curve, target):
    """The first work after which f - f* stays at the target over three points; infinite if there is none."""
    return next((k for k in range(1, len(curve) - 2) if max(curve[k:k + 3]) <= target), math.inf)


def run(lab):
    at = ends()
    inverse = STEP * UNIT * CURVATURE  # decay of step / (1 + decay * unit) that makes it 1 / (curvature * examples)
    schedules = {
        "constant": ("constant", 1, 1),
        "1/k": ("inverse", inverse, 1),
        "backoff": ("backoff", BETA, PHASE),
        "1/k over": ("inverse", OVER * inverse, 1),
        "backoff over": ("backoff", BETA, PHASE // OVER),
    }
    curves = {name: lab.program("slopes", "hogwild", min(2, lab.cores), word, STEP, decay, phase, CURVATURE, at[-1], lab.pick(16, 8))[0]["excess"]
              for name, (word, decay, phase) in schedules.items()}
    slopes = {name: slope(curves[name], at[1:]) for name in ("constant", "1/k", "backoff")}
    claims = [required(f"slope of f - f* with {name}: -1.3 to -0.8", f"{slopes[name]:.2f}", -1.3 <= slopes[name] <= -0.8)
              for name in ("backoff", "1/k")]
    claims.append(required("a constant step stalls: slope above -0.2", f"{slopes['constant']:.2f}", slopes["constant"] > -0.2))
    target = curves["backoff"][at[-2]]
    work = {name: work_to(curve, target) for name, curve in curves.items()}
    phases = work["backoff over"] / work["backoff"]
    steps = work["1/k over"] / work["1/k"]
    never = f"over {at[-1] / work['1/k']:.0f}x: not within the run"
    claims += [
        required("curvature overestimated 5x: backoff at most 1.2x the work", f"{phases:.2f}x", phases <= 1.2),
        required("the same with 1/k: at least 4x", never if math.isinf(steps) else f"{steps:.1f}x", steps >= 4),
    ]
    return claims
