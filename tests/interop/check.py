"""Loads exports with diffusers, compares every tensor with what was written, and samples two steps. Called by main.ts."""

import importlib.util
import json
import os
import sys
import warnings

os.environ["TQDM_DISABLE"] = "1"  # before anything makes a progress bar

import numpy as np
import torch
from diffusers import DiffusionPipeline, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.utils import logging as diffusers_logging
from safetensors.numpy import load_file
from transformers import CLIPTokenizer
from transformers.utils import logging as transformers_logging

warnings.filterwarnings("ignore")
diffusers_logging.set_verbosity_error()
transformers_logging.set_verbosity_error()
failures = 0


def check(what, right, detail=""):
    global failures
    failures += not right
    print(f"{'ok    ' if right else 'FAILED'} {what}{': ' + detail if detail else ''}")


def weights_of(folder, part):
    path = os.path.join(folder, part)
    names = [name for name in os.listdir(path) if name.endswith(".safetensors")]
    return {key: value for name in names for key, value in load_file(os.path.join(path, name)).items()}


def state_of(module):
    return {key: value.numpy() for key, value in module.state_dict().items()}


def plain(name):
    """transformers 5 has no prefix `text_model.` in memory."""
    return name.removeprefix("text_model.")


def compare(what, module, written):
    state = {plain(key): value for key, value in state_of(module).items()}
    written = {plain(key): value for key, value in written.items() if not key.endswith("position_ids")}
    same_names = set(state) - {"embeddings.position_ids"} == set(written)
    wrong = [key for key in written if key in state and not np.array_equal(state[key], written[key])]
    detail = f"{len(written)} tensors" if same_names else f"names differ: {sorted(set(state) ^ set(written))[:4]}"
    check(what, same_names and not wrong, detail + (f", {len(wrong)} differ, {wrong[:3]}" if wrong else ""))


def sample(what, pipe):
    pipe = pipe.to(torch.float32)
    pipe.set_progress_bar_config(disable=True)
    images = pipe("a photo of a cat", num_inference_steps=2, generator=torch.Generator().manual_seed(0), output_type="np")
    image = images.images[0]
    check(what, bool(np.isfinite(image).all()) and image.std() > 0, f"image {image.shape}, deviation {image.std():.4f}")
    return image


with open(sys.argv[1]) as file:
    sources = json.load(file)

folder = StableDiffusionPipeline.from_pretrained(sources["folder"], torch_dtype=torch.float16, local_files_only=True)
for part in ("unet", "text_encoder", "vae"):
    compare(f"folder, {part}: from_pretrained has what was written", getattr(folder, part), weights_of(sources["folder"], part))
unet = UNet2DConditionModel.from_pretrained(os.path.join(sources["folder"], "unet"), torch_dtype=torch.float16)
compare("folder, unet alone", unet, weights_of(sources["folder"], "unet"))

single = StableDiffusionPipeline.from_single_file(
    sources["file"], config=sources["base"], torch_dtype=torch.float16, local_files_only=True
)
for part in ("unet", "text_encoder", "vae"):
    compare(f"single file, {part}: from_single_file equals the folder", getattr(single, part), weights_of(sources["folder"], part))

a, b = sample("folder samples two steps", folder), sample("single file samples two steps", single)
check("both give one image", bool(np.array_equal(a, b)), f"largest difference {np.abs(a - b).max():.2e}")

models = [load_file(path) for path in sources["family"]]
soup = weights_of(sources["soup"], "unet")
expected = {key: np.mean([model[key].astype(np.float64) for model in models], axis=0) for key in models[0]}
exact = sum(int((soup[key] == value.astype(np.float32).astype(np.float16)).sum()) for key, value in expected.items())
total = sum(value.size for value in expected.values())
check("soup equals numpy's float64 mean, rounded", exact == total, f"{exact} of {total} values")

for converted in sources["converted"]:
    path, original = converted["path"], converted["original"]
    pipe = DiffusionPipeline.from_pretrained(path, torch_dtype=torch.float32, local_files_only=True)
    name = f"{os.path.basename(path)} from its single file ({type(pipe).__name__}, {type(pipe.scheduler).__name__})"
    for part in ("unet", "text_encoder", "text_encoder_2", "vae"):
        if getattr(pipe, part, None) is not None:
            compare(f"{name}, {part}", getattr(pipe, part), weights_of(original, part))
    for tokenizer, padding in (("tokenizer", 49407), ("tokenizer_2", 0)):
        if not os.path.isdir(os.path.join(path, tokenizer)):
            continue
        loaded = CLIPTokenizer.from_pretrained(os.path.join(path, tokenizer))
        ids = loaded("a photo of a cat", padding="max_length", max_length=77)["input_ids"]
        check(f"{name}, {tokenizer}", ids == [49406, 320, 1125, 539, 320, 2368, 49407] + [padding] * 70, str(ids[:9]))

if importlib.util.find_spec("peft") is None:
    print("skipped adapters: this python has no peft")
else:
    for adapter in sources["adapters"]:
        pictures = []
        for path, lora in ((adapter["merged"], None), (sources["base"], adapter["adapter"])):
            pipe = StableDiffusionPipeline.from_pretrained(path, torch_dtype=torch.float32, local_files_only=True)
            if lora is not None:
                pipe.load_lora_weights(lora)
                pipe.fuse_lora()
            pictures.append(sample(f"{adapter['format']} adapter, {'fused by diffusers' if lora else 'merged by us'}", pipe))
        levels = 255 * np.abs(pictures[0] - pictures[1]).max()
        check(f"{adapter['format']} adapter: one picture, merged or fused", levels <= 1, f"{levels:.4f} of 255")

print(f"{failures} failures")
sys.exit(1 if failures else 0)
