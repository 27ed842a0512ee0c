"""The runs of a study: each is done once, whichever of several processes takes it first, and written at once."""
import contextlib
import fcntl
import json
import os
import time


def read(path):
    return json.loads(path.read_text()) if path.exists() else {"runs": []}


@contextlib.contextmanager
def locked(path):
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def add(path, run):
    """Adds one finished run to the results file."""
    with locked(path):
        results = read(path)
        results["runs"] = sorted([*results["runs"], run], key=lambda r: (r["name"], r["seed"]))
        part = path.with_suffix(".part")
        part.write_text(json.dumps(results, indent=1) + "\n")
        part.replace(path)


def taken(folder, name, seed):
    """Whether this process is the first to take the run."""
    try:
        os.close(os.open(folder / f"{name} {seed}".replace("/", " "), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def work(path, plan, run, most=1, alike=None, minutes=None, say=print):
    """Does the runs of `plan`, (name, seed, what), that the results file does not hold and no other process has taken: one at a time,
    or up to `most` whose `alike(what)` are equal. `run` of a list of them yields (name, seed, figures), of these and of runs that follow
    from them. With `minutes`, nothing is begun that would hardly be done by then."""
    began, longest = time.monotonic(), 0.0
    folder = path.with_suffix(".taken")
    folder.mkdir(parents=True, exist_ok=True)
    while not minutes or time.monotonic() - began + longest < 60 * minutes:
        held, some = {(r["name"], r["seed"]) for r in read(path)["runs"]}, []
        for name, seed, what in plan:
            fits = not some or len(some) < most and alike(what) == alike(some[0][2])
            if fits and (name, seed) not in held and taken(folder, name, seed):
                some.append((name, seed, what))
        if not some:
            return
        start = time.monotonic()
        for name, seed, figures in run(some):
            add(path, {"name": name, "seed": seed, **figures})
            say(name, seed, figures, flush=True)
        longest = max(longest, time.monotonic() - start)


def ordered(groups, seeds, plan):
    """The runs of all groups, a group's first seed first; `plan(group, seed)` gives (name, what)."""
    return [(name, seed, what) for group in groups for seed in seeds for name, what in plan(group, seed)]
