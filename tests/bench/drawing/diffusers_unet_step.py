"""What unet-step.ts compares with: diffusers on PyTorch's CPU, float32 arithmetic on float16 files.

    python diffusers_unet_step.py make FOLDER        synthetic weights of SD 1.4's shapes, seeded
    python diffusers_unet_step.py run FOLDER STEPS   prints one line of JSON per phase
"""
import json
import sys
import time
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

THREADS = 2


def make(folder):
    torch.manual_seed(0)
    unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768)
    unet.half().save_pretrained(folder / "unet", variant="fp16")
    blocks = 4
    vae = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        sample_size=512,
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
    )
    vae.half().save_pretrained(folder / "vae", variant="fp16")


def phase(name, action):
    print(json.dumps({"begin": name}), flush=True)
    start, cpu = time.perf_counter(), time.process_time()
    result = action()
    times = {"seconds": time.perf_counter() - start, "cpuSeconds": time.process_time() - cpu}
    print(json.dumps({"end": name, **times}), flush=True)
    return result


def load(model, folder):
    return model.from_pretrained(folder, variant="fp16", torch_dtype=torch.float32).eval()


def values(*shape):
    """The same smooth numbers as unet-step.ts."""
    count = torch.Size(shape).numel()
    return torch.sin(torch.arange(count, dtype=torch.float64) * 12.9898).float().reshape(shape)


@torch.inference_mode()
def run(folder, steps):
    torch.set_num_threads(THREADS)
    unet = phase("load unet", lambda: load(UNet2DConditionModel, folder / "unet"))
    sample, states = values(2, 4, 64, 64), values(2, 77, 768)
    for _ in range(steps):
        output = phase("step", lambda: unet(sample, 481, states).sample)
    print(json.dumps({"check": output.flatten()[:8].tolist()}))
    del unet
    vae = phase("load vae", lambda: load(AutoencoderKL, folder / "vae"))
    for _ in range(steps):
        image = phase("decode", lambda: vae.decode(values(1, 4, 64, 64)).sample)
    print(json.dumps({"check": image.flatten()[:8].tolist()}))


if __name__ == "__main__":
    command, folder = sys.argv[1], Path(sys.argv[2])
    make(folder) if command == "make" else run(folder, int(sys.argv[3]))
