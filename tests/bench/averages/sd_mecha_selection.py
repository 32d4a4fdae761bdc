"""sd-mecha's ties_sum or dropout of files, for selected-changes.ts: sd_mecha_selection.py ties|dare OUTPUT BASE INPUT..."""
import os
import sys

import sd_mecha
import torch

method, output, *inputs = sys.argv[1:]
base, *others = [sd_mecha.model(path) for path in inputs]
if method == "ties":
    merged = base + sd_mecha.ties_sum(*[other - base for other in others], k=0.2)
else:
    merged = sd_mecha.dropout(base, *others, probability=0.5, alpha=1.0)
sd_mecha.merge(
    merged,
    output=output,
    merge_device="cpu",
    merge_dtype=torch.float32,
    output_device="cpu",
    output_dtype=torch.float16,
    threads=2,
)
with open(output, "rb+") as file:
    os.fsync(file.fileno())
