"""LoRA factors by torch.svd_lowrank, layer by layer, for extract.ts: torch_svd_lowrank.py BASE SPECIALIST OUTPUT RANK"""
import os
import sys
import time

import torch
from safetensors import safe_open
from safetensors.torch import save_file

base_path, specialist_path, output, rank = sys.argv[1:]
rank = int(rank)
started = time.perf_counter()
factors = {}
with safe_open(base_path, "pt") as base, safe_open(specialist_path, "pt") as specialist, torch.no_grad():
    for name in base.keys():
        if not name.endswith(".weight"):
            continue
        weight = base.get_tensor(name)
        if weight.ndim < 2:
            continue
        change = (specialist.get_tensor(name).float() - weight.float()).flatten(1)
        kept = min(rank, *change.shape)
        u, s, v = torch.svd_lowrank(change, q=min(rank + 8, *change.shape), niter=2)
        root = s[:kept].sqrt()
        prefix = f"unet.{name.removesuffix('.weight')}"
        factors[f"{prefix}.lora_B.weight"] = (u[:, :kept] * root).half().contiguous()
        factors[f"{prefix}.lora_A.weight"] = (v[:, :kept] * root).T.half().contiguous()
save_file(factors, output)
with open(output, "rb+") as file:
    os.fsync(file.fileno())
print("seconds", time.perf_counter() - started)
