"""CPU time of one run of each graph of bench/fixtures/recurrence in onnxruntime alone, one thread: medians of turns, in microseconds, and
times the LSTM's. CPU time hardly sees what else the machine does. Usage: python recurrence_timing.py [--turns 15]"""
import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime as ort

FIXTURES = Path(__file__).parents[1] / "bench" / "fixtures" / "recurrence"
KINDS = ("lstm", "gru", "mingru", "minlstm", "mingru-scan")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=15)
    turns = parser.parse_args().turns
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    graphs = {k: ort.InferenceSession(str(FIXTURES / k / "1" / "model.onnx"), options, providers=["CPUExecutionProvider"]) for k in KINDS}
    rng = np.random.default_rng(0)
    print("| rows | steps | " + " | ".join(KINDS) + " |\n|---|---|" + "---|" * len(KINDS))
    for rows in (1, 64):
        for steps in (16, 64, 256, 1024):
            feeds = {"x": rng.normal(size=(rows, steps, 4)).astype(np.float32), "lengths": np.full(rows, steps)}
            repeat = max(1, 2000 // (rows * steps))
            taken = {k: [] for k in KINDS}
            for graph in graphs.values():
                graph.run(None, feeds)
            for _ in range(turns):
                for kind, graph in graphs.items():
                    start = time.process_time()
                    for _ in range(repeat):
                        graph.run(None, feeds)
                    taken[kind].append((time.process_time() - start) / repeat * 1e6)
            base = median(taken["lstm"])
            print(f"| {rows} | {steps} | " + " | ".join(f"{median(v):,.0f} ({median(v) / base:.2f})" for v in taken.values()) + " |", flush=True)


if __name__ == "__main__":
    main()
