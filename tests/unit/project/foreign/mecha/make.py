"""Writes the *.mecha beside it: how sd-mecha 1.1.8 serialises recipes, for a text and into the files that it merges.

    python make.py      (pip install sd-mecha==1.1.8 torch safetensors)

Its models have the names of Stable Diffusion 1's tensors, and two by two numbers each.
"""

import os
import pathlib
import tempfile

import sd_mecha
import torch
from safetensors.torch import save_file
from sd_mecha.extensions import model_configs

HERE = pathlib.Path(__file__).resolve().parent
BLOCKS = model_configs.resolve("sd1-supermerger_blocks").keys()
XL_BLOCKS = model_configs.resolve("sdxl-supermerger_blocks").keys()


def write_models(config, names):
    generator = torch.Generator().manual_seed(0)
    for name in names:
        tensors = {key: torch.randn(2, 2, generator=generator) for key in model_configs.resolve(config).keys()}
        save_file(tensors, f"{name}.safetensors")
    return [sd_mecha.model(f"{name}.safetensors", config=config) for name in names]


def write_adapter():
    keys = model_configs.resolve("sd1-kohya_kohya_lora").keys()
    save_file({key: torch.tensor(1.0) if key.endswith("alpha") else torch.randn(2, 2) for key in keys}, "style.safetensors")
    return sd_mecha.model("style.safetensors", config="sd1-kohya_kohya_lora")


def by_block(blocks, model, values):
    literal = {key: values.get(key, 0.5) for key in blocks}
    kind = "sd1-supermerger_blocks" if blocks is BLOCKS else "sdxl-supermerger_blocks"
    return sd_mecha.convert(sd_mecha.literal(literal, config=kind), model)


def recipes():
    a, b, c = write_models("sd1-ldm", ["a", "b", "c"])
    x, y = write_models("sdxl-sgm", ["x", "y"])
    style = sd_mecha.convert(write_adapter(), a)
    blocks = by_block(BLOCKS, a, {"BASE": 0.25, "IN00": 0.75, "M00": 0.1, "OUT11": 1})
    yield "weighted-sum", sd_mecha.weighted_sum(a, b, alpha=0.3)
    yield "weighted-sum-blocks", sd_mecha.weighted_sum(a, b, alpha=blocks)
    yield "weighted-sum-xl-blocks", sd_mecha.weighted_sum(x, y, alpha=by_block(XL_BLOCKS, x, {"VAE": 0, "IN08": 0.9}))
    yield "weighted-sum-of-sums", sd_mecha.weighted_sum(sd_mecha.weighted_sum(a, b, alpha=0.5), c, alpha=0.2)
    yield "n-average", sd_mecha.n_average(a, b, c)
    yield "add-difference", sd_mecha.add_difference(a, b, c, alpha=0.7)
    yield "add-difference-blocks", sd_mecha.add_difference(a, b, c, alpha=blocks)
    yield "task-arithmetic", c + (a - c) * 0.5 + (b - c) * 0.25
    yield "other-bases", a + (b - c) * 0.5 + (a - c) * 0.25
    yield "lora", sd_mecha.weighted_sum(a, b, alpha=0.5) + style * 0.8
    yield "ties", c + sd_mecha.ties_sum(a - c, (b - c) * 0.5, k=0.2, vote_sgn=True) * 0.7
    yield "model-stock", sd_mecha.n_model_stock(c, a, b)
    yield "dropout", sd_mecha.dropout(c, a, probability=0.8, alpha=1.0, seed=3)
    yield "dropout-of-two", sd_mecha.dropout(c, a, b, probability=0.8, seed=3)
    yield "ties-with-dare", sd_mecha.add_ties_with_dare(c, a, b, seed=3)
    yield "train-difference", sd_mecha.add_difference(a, b, c, alpha=sd_mecha.train_difference_mask(a, b, c, alpha=0.8))
    yield "add-perpendicular", sd_mecha.add_perpendicular(a, b, c, alpha=0.4)
    yield "slerp", sd_mecha.slerp(a, b, alpha=0.4)
    yield "cosine-a", sd_mecha.add_cosine_a(a, b, alpha=0.1)
    yield "cosine-b", sd_mecha.add_cosine_b(a, b, alpha=0.2)
    yield "geometric-median", sd_mecha.geometric_median(a, b, c)
    yield "geometric-median-of-changes", c + sd_mecha.geometric_median(a - c, b - c)
    yield "cast", sd_mecha.weighted_sum(a, b, alpha=0.3).to(dtype=torch.bfloat16)
    yield "clamp", sd_mecha.add_difference(a, b, c, clamp_to_ab=True)
    yield "ties-again", sd_mecha.weighted_sum(c + sd_mecha.ties_sum(a - c, b - c), a, alpha=0.5)
    yield "without-vae", sd_mecha.omit_component(sd_mecha.weighted_sum(a, b), "vae") | a
    yield "opposite", sd_mecha.add_difference(a, b, c, alpha=sd_mecha.add_opposite_mask(a, b, c))
    yield "difference", a - b


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    for name, recipe in recipes():
        text = sd_mecha.serialize(recipe).replace(f"{os.getcwd()}/", "")
        (HERE / f"{name}.mecha").write_text(text + "\n")
        if name == "weighted-sum":
            merged = {}
            sd_mecha.merge(recipe, output=merged, check_finite_output=False)
            assert merged["__metadata__"]["mecha_recipe"] == text
