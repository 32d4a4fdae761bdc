"""fusion_bench's merges of matrices, for matrix-methods.ts: fusion_bench_matrices.py METHOD OURS BASE SPECIALIST...

Reads the files, merges one layer after the other in float32, and writes them beside OURS. Then the error of OURS, for small layers: the
length of its change's distance from the change in float64, relative to that. For square layers of Iso-C that is what we
leave out: the directions of the sum that are no more than rounding to float16.
"""
import sys
import time

import torch
from fusion_bench.method.isotropic_merging.iso_utils import iso_c
from fusion_bench.method.task_singular_vector.utils.TSVM_utils import compute_and_sum_svd_mem_reduction
from fusion_bench.method.wudi.wudi import wudi_merging
from safetensors import safe_open
from safetensors.torch import load_file, save_file

STEPS = 3
RIDGE = 0.1
method, ours, *paths = sys.argv[1:]
files = [safe_open(p, framework="pt") for p in paths]
names = [k for k in files[0].keys() if len(files[0].get_slice(k).get_shape()) >= 2]


def matrices(name):
    return [f.get_tensor(name).float().reshape(f.get_slice(name).get_shape()[0], -1) for f in files]


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


seconds, processor, merged = 0.0, 0.0, {}
for name in names:
    base, *others = matrices(name)
    vectors = [{name: v - base} for v in others]
    started, used = time.time(), time.process_time()
    change = merge(vectors)[name].detach()
    seconds, processor = seconds + time.time() - started, processor + time.process_time() - used
    merged[name] = (base + change).to(files[0].get_tensor(name).dtype).contiguous()
steps = 300 // STEPS if method.startswith("data") else 1
save_file(merged, ours + ".theirs")

errors, few = [], len(names) < 10
written = load_file(ours) if few else {}
torch.set_default_dtype(torch.float64)
for name in names if few else []:
    base, *others = matrices(name)
    if min(base.shape) > 640 or (method != "iso-c" and min(base.shape) > 320):
        continue
    taus = [v.double() - base.double() for v in others]
    exact = wudi_exact(taus) if method.startswith("data") else merge([{name: t} for t in taus])[name]
    change = written[name].double().reshape(base.shape) - base.double()
    errors.append(f"{tuple(base.shape)} {float((change - exact).norm() / exact.norm()):.1e}")
print(f"errors of ours against float64: {', '.join(errors) or 'not measured'}")
print(f"function alone: {seconds:.2f} s, {processor:.2f} s of processor time, times {steps}")
