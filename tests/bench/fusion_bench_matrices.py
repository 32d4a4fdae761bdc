"""fusion_bench's merges of matrices, for matrix-methods.ts: fusion_bench_matrices.py METHOD OURS BASE SPECIALIST...

Reads the files, merges all layers in float32, and writes them beside OURS. Then the error of OURS, for small layers: the
length of its change's distance from the change in float64, relative to that. For square layers of Iso-C that is what we
leave out: the directions of the sum that are no more than rounding to float16.
"""
import sys
import time

import torch
from fusion_bench.method.isotropic_merging.iso_utils import iso_c
from fusion_bench.method.task_singular_vector.utils.TSVM_utils import compute_and_sum_svd_mem_reduction
from fusion_bench.method.wudi.wudi import wudi_merging
from safetensors.torch import load_file, save_file

STEPS = 3
RIDGE = 0.1
method, ours, *paths = sys.argv[1:]
states = [{k: v.float().reshape(v.shape[0], -1) for k, v in load_file(p).items()} for p in paths]


def wudi_exact(taus):
    """The closed form of WUDI's objective with our ridge."""
    c = sum(t.T @ t / (t**2).sum() for t in taus)
    total = sum(taus)
    residual = sum(t @ (t.T @ t) / (t**2).sum() for t in taus) - total @ c
    ridge = RIDGE * torch.diagonal(c).mean()
    return total + torch.linalg.solve(c + ridge * torch.eye(len(c), dtype=c.dtype), residual.T).T


def merge(vectors):
    if method == "tsv":
        return compute_and_sum_svd_mem_reduction(vectors, accelerator="cpu")
    if method == "iso-c":
        return iso_c(vectors, accelerator="cpu")
    return wudi_merging(vectors, accelerator="cpu", iter_num=STEPS)


vectors = [{k: v - states[0][k] for k, v in state.items()} for state in states[1:]]
started, processor = time.time(), time.process_time()
merged = merge(vectors)
seconds, processor = time.time() - started, time.process_time() - processor
steps = 300 // STEPS if method.startswith("data") else 1
save_file({k: (states[0][k] + v.detach()).contiguous() for k, v in merged.items()}, ours + ".theirs")

written, errors = load_file(ours), []
torch.set_default_dtype(torch.float64)
for name, base in states[0].items():
    if min(base.shape) > 640 or (method != "iso-c" and min(base.shape) > 320):
        continue
    taus = [state[name].double() - base.double() for state in states[1:]]
    exact = wudi_exact(taus) if method.startswith("data") else merge([{name: t} for t in taus])[name]
    change = written[name].double().reshape(base.shape) - base.double()
    errors.append(f"{tuple(base.shape)} {float((change - exact).norm() / exact.norm()):.1e}")
print(f"errors of ours against float64: {', '.join(errors) or 'not measured'}")
print(f"function alone: {seconds:.2f} s, {processor:.2f} s of processor time, times {steps}")
