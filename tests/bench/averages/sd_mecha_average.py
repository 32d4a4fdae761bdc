"""sd-mecha's n_average of files, for soup.ts: sd_mecha_average.py OUTPUT INPUT..."""
import os
import sys

import sd_mecha
import torch

output, *inputs = sys.argv[1:]
recipe = sd_mecha.n_average(*[sd_mecha.model(path) for path in inputs])
sd_mecha.merge(
    recipe,
    output=output,
    merge_device="cpu",
    merge_dtype=torch.float32,
    output_device="cpu",
    output_dtype=torch.float16,
    threads=2,
)
with open(output, "rb+") as file:
    os.fsync(file.fileno())
