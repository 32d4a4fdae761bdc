"""What generate.ts compares with: a whole run of diffusers' StableDiffusionPipeline, float32 on the CPU.

    python diffusers_generate.py MODEL OUT.png STEPS
"""
import sys

import torch
from diffusers import StableDiffusionPipeline

THREADS = 2

model, out, steps = sys.argv[1:]
torch.set_num_threads(THREADS)
pipeline = StableDiffusionPipeline.from_pretrained(
    model, torch_dtype=torch.float32, safety_checker=None, requires_safety_checker=False
)
pipeline.set_progress_bar_config(disable=True)
generator = torch.Generator().manual_seed(0)
pipeline("a photo of a cat", num_inference_steps=int(steps), generator=generator).images[0].save(out)
