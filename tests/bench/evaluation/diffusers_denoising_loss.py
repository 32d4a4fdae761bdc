"""What denoising-loss.ts compares with: the denoising loss of an evaluation set by diffusers on PyTorch's CPU.

    python diffusers_denoising_loss.py THREADS BASE EVALUATION DOMAIN PICTURES UNET...

Reads one line per turn from standard input (the index of a UNet), and prints a line of JSON for each: seconds and
processor seconds of the measurement alone, and the losses by picture.
"""
import json
import sys
import time
from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from safetensors.torch import load_file
from transformers import CLIPTextModel

# As large as the runs of denoising-loss.ts: more at once is slower on small processors, for both.
BATCH = 16


@torch.inference_mode()
def losses(unet, states, alphas, data, timesteps, pictures):
    latents, noise = data["latents"][:pictures].float(), data["noise"][:pictures].float()
    work = [(p, i) for p in range(pictures) for i in range(len(timesteps))]
    result = torch.zeros(pictures)
    for start in range(0, len(work), BATCH):
        batch = work[start : start + BATCH]
        p = torch.tensor([picture for picture, _ in batch])
        i = torch.tensor([step for _, step in batch])
        t = timesteps[i]
        a = alphas[t][:, None, None, None]
        target = noise[p, i % noise.shape[1]]
        noisy = a.sqrt() * latents[p] + (1 - a).sqrt() * target
        error = (unet(noisy, t, states[p]).sample - target).square().mean((1, 2, 3))
        result.index_add_(0, p, error / len(timesteps))
    return result


def main():
    threads, base, evaluation, domain, pictures, *paths = sys.argv[1:]
    base, evaluation, pictures = Path(base), Path(evaluation), int(pictures)
    torch.set_num_threads(int(threads))
    description = json.loads((evaluation / "evaluation.json").read_text())
    data = load_file(evaluation / description["domains"][domain]["file"])
    timesteps = torch.tensor(description["timesteps"])
    alphas = DDPMScheduler.from_pretrained(base, subfolder="scheduler").alphas_cumprod
    text = CLIPTextModel.from_pretrained(base / "text_encoder", torch_dtype=torch.float32).eval()
    unets = [UNet2DConditionModel.from_pretrained(path, torch_dtype=torch.float32).eval() for path in paths]
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        start, cpu = time.perf_counter(), time.process_time()
        with torch.inference_mode():
            states = text(data["input_ids"][:pictures].long()).last_hidden_state
        measured = losses(unets[int(line)], states, alphas, data, timesteps, pictures)
        times = {"seconds": time.perf_counter() - start, "cpuSeconds": time.process_time() - cpu}
        print(json.dumps({**times, "losses": measured.tolist()}), flush=True)


if __name__ == "__main__":
    main()
