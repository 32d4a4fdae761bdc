"""mergekit's ties or dare_linear of files, for selected-changes.ts: mergekit_selection.py ties|dare OUTPUT BASE INPUT...

Its methods on one tensor after the other, as its own executor gives them; its readers of language models are left out.
"""
import os
import sys

import torch
from mergekit.merge_methods.base import PerInputValues, TensorGroup
from mergekit.merge_methods.registry import get
from safetensors import safe_open
from safetensors.torch import save_file

method, output, *inputs = sys.argv[1:]
name, density, rescale = {"ties": ("ties", 0.2, False), "dare": ("dare_linear", 0.5, True)}[method]
merge = get(name)
files = [safe_open(path, framework="pt") for path in inputs]
others = range(1, len(files))
parameters = {
    "weight": PerInputValues([(i, 1.0) for i in others]),
    "density": PerInputValues([(i, density) for i in others]),
    "rescale": rescale,
    "normalize": False,
    "int8_mask": False,
    "lambda": 1.0,
}
merged = {}
for key in files[0].keys():
    tensors = [file.get_tensor(key).float() for file in files]
    merged[key] = merge.merge_group(TensorGroup.from_tensors(tensors, base_index=0), **parameters).half()
save_file(merged, output)
with open(output, "rb+") as file:
    os.fsync(file.fileno())
