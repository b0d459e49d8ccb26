"""The signals that stop a run, and the exit status that each leads to.   This module imports nothing of size."""

import signal

__all__ = ["PREEMPTED", "statuses"]

PREEMPTED = 75
"""What a scheduler takes for "try again later" (`EX_TEMPFAIL` of sysexits.h)."""

ASKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def statuses(preemption: str = "none") -> dict[int, int]:
    """Signal -> exit status: 128 + its number, and 75 for the signal that is named, by which a scheduler takes the
    machine away. SIGHUP is not among them where it is ignored: under `nohup` a run outlives its terminal.
    """
    found = {int(asked): 128 + asked for asked in ASKED}
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        del found[signal.SIGHUP]
    return found if preemption == "none" else found | {int(signal.Signals[preemption]): PREEMPTED}
