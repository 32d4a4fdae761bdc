"""Errors of two LoRA against the best of their rank, for extract.ts: lora_errors.py BASE SPECIALIST OURS TORCH RANK"""
import sys

import torch
from safetensors import safe_open

EVERY = 8
base, specialist, *loras = (safe_open(path, "pt") for path in sys.argv[1:5])
rank = int(sys.argv[5])
names = [name for name in base.keys() if name.endswith(".weight") and len(base.get_slice(name).get_shape()) > 1]
lost = torch.zeros(2, dtype=torch.float64)
best = 0.0
worst = [0.0, 0.0]
for name in names[::EVERY]:
    change = (specialist.get_tensor(name).double() - base.get_tensor(name).double()).flatten(1)
    side = change if change.shape[0] <= change.shape[1] else change.T
    energies = torch.linalg.eigvalsh(side @ side.T).clamp(min=0)
    left = energies[: max(0, len(energies) - rank)].sum()
    best += left
    for at, lora in enumerate(loras):
        prefix = f"unet.{name.removesuffix('.weight')}"
        up, down = (lora.get_tensor(f"{prefix}.lora_{part}.weight").double().flatten(1) for part in "BA")
        own = ((change - up @ down) ** 2).sum()
        lost[at] += own
        if left > 0:
            worst[at] = max(worst[at], float((own / left).sqrt()))
for at, side in enumerate(["ours", "svd_lowrank"]):
    print(f"{side}: error / best possible: {float((lost[at] / best).sqrt()):.4f} in all, worst layer {worst[at]:.4f}")
