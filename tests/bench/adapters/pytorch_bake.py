"""LoRA files fused into a checkpoint as a script does it, for bake.ts: pytorch_bake.py OUTPUT BASE LORA...

Loads everything, adds every adapter's product to its weight in float32 and saves. Names are matched as bake.ts' files
have them: LDM names in the checkpoint, kohya's names of diffusers' modules in the adapters.
"""
import os
import re
import sys

import torch
from safetensors.torch import load_file, save_file

output, base, *adapters = sys.argv[1:]
torch.set_num_threads(2)


def ldm_module(name: str) -> str:
    """The LDM module of a kohya name, by the blocks that attentions have in SD 1.4's UNet."""
    down = re.match(r"lora_unet_down_blocks_(\d)_attentions_(\d)_(.*)", name)
    up = re.match(r"lora_unet_up_blocks_(\d)_attentions_(\d)_(.*)", name)
    middle = re.match(r"lora_unet_mid_block_attentions_0_(.*)", name)
    if down:
        place, rest = f"input_blocks.{3 * int(down[1]) + int(down[2]) + 1}.1", down[3]
    elif up:
        place, rest = f"output_blocks.{3 * int(up[1]) + int(up[2])}.1", up[3]
    else:
        place, rest = "middle_block.1", middle[1]
    rest = re.sub(r"transformer_blocks_(\d)_", r"transformer_blocks.\1.", rest)
    rest = re.sub(r"(attn\d)_", r"\1.", rest).replace("to_out_0", "to_out.0")
    rest = rest.replace("ff_net_0_proj", "ff.net.0.proj").replace("ff_net_2", "ff.net.2")
    return f"model.diffusion_model.{place}.{rest}.weight"


weights = load_file(base)
for path in adapters:
    factors = load_file(path)
    for name in [key for key in factors if key.endswith(".lora_up.weight")]:
        module = name.removesuffix(".lora_up.weight")
        up = factors[name].float().flatten(1)
        down = factors[f"{module}.lora_down.weight"].float().flatten(1)
        target = ldm_module(module)
        weight = weights[target]
        weights[target] = (weight.float() + (up @ down).reshape(weight.shape)).to(weight.dtype)
save_file(weights, output)
with open(output, "rb+") as file:
    os.fsync(file.fileno())
