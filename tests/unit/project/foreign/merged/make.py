"""Writes three small models, and what sd-mecha 1.1.8 and mergekit 0.1.5 make of them, beside it.

    python make.py      (pip install sd-mecha==1.1.8 mergekit==0.1.5 torch safetensors)

mecha-NAME.safetensors has its recipe in its metadata; mergekit-NAME.yml is the configuration of
mergekit-NAME.safetensors. Recipes in which chance decides are left out.
"""

import os
import pathlib
import shutil

import sd_mecha
import torch
from click.testing import CliRunner
from mergekit.scripts.merge_raw_pytorch import main as mergekit_pytorch
from safetensors.torch import save_file
from sd_mecha.extensions import model_configs

SHAPES = {"a.weight": (6, 5), "b.weight": (4, 3, 3, 3), "c.bias": (7,)}
CONFIG = "tiny-tiny"


def write_models():
    generator = torch.Generator().manual_seed(1)
    base = {key: torch.randn(*shape, generator=generator) for key, shape in SHAPES.items()}
    save_file(base, "c.safetensors")
    for name in "ab":
        changed = {key: w + 0.3 * torch.randn(*w.shape, generator=generator) for key, w in base.items()}
        save_file(changed, f"{name}.safetensors")


def mecha_recipes():
    keys = "".join(f"    {key}: {{shape: {list(shape)}, dtype: float32}}\n" for key, shape in SHAPES.items())
    model_configs.register(model_configs.from_yaml(f"identifier: {CONFIG}\ncomponents:\n  all:\n{keys}"))
    a, b, c = [sd_mecha.model(f"{name}.safetensors", config=CONFIG) for name in "abc"]
    yield "weighted-sum", sd_mecha.weighted_sum(a, b, alpha=0.3)
    yield "weighted-sum-of-sums", sd_mecha.weighted_sum(sd_mecha.weighted_sum(a, b, alpha=0.5), c, alpha=0.2)
    yield "n-average", sd_mecha.n_average(a, b, c)
    yield "add-difference", sd_mecha.add_difference(a, b, c, alpha=0.7)
    yield "task-arithmetic", c + (a - c) * 0.5 + (b - c) * 0.25
    yield "other-bases", a + (b - c) * 0.5 + (a - c) * 0.25
    yield "ties", c + sd_mecha.ties_sum(a - c, (b - c) * 0.5, k=0.2, vote_sgn=True) * 0.7
    yield "ties-by-number", c + sd_mecha.ties_sum(a - c, b - c, k=0.5)
    yield "model-stock", sd_mecha.n_model_stock(c, a, b)
    yield "train-difference", sd_mecha.add_difference(a, b, c, alpha=sd_mecha.train_difference_mask(a, b, c, alpha=0.8))
    yield "add-perpendicular", sd_mecha.add_perpendicular(a, b, c, alpha=0.4)
    yield "slerp", sd_mecha.slerp(a, b, alpha=0.4)
    yield "cosine-a", sd_mecha.add_cosine_a(a, b, alpha=0.1)
    yield "cosine-b", sd_mecha.add_cosine_b(a, b, alpha=0.2)
    yield "geometric-median", sd_mecha.geometric_median(a, b, c)
    yield "geometric-median-of-changes", c + sd_mecha.geometric_median(a - c, b - c)


def on_base(method, own="", shared=""):
    models = "".join(f"  - model: {name}.safetensors\n    parameters: {{{own}}}\n" for name in "ab")
    return f"merge_method: {method}\nbase_model: c.safetensors\nmodels:\n{models}parameters: {{{shared}}}\n"


def alone(method, owns, shared=""):
    models = "".join(f"  - model: {name}.safetensors\n    parameters: {{{own}}}\n" for name, own in zip("abc", owns))
    return f"merge_method: {method}\nmodels:\n{models}parameters: {{{shared}}}\n"


def mergekit_configs():
    yield "linear", alone("linear", ["weight: 1", "weight: 3"])
    yield "linear-negative", alone("linear", ["weight: 3", "weight: -1"])
    yield "linear-shares", alone("linear", ["weight: 0.4", "weight: 0.6"], "normalize: false")
    yield "task-arithmetic", on_base("task_arithmetic", "weight: 0.5", "lambda: 0.7")
    yield "task-arithmetic-normalized", on_base("task_arithmetic", "weight: 2", "normalize: true, lambda: 0.7")
    yield "ties", on_base("ties", "weight: 0.5, density: 0.2")
    yield "dare-ties-whole", on_base("dare_ties", "weight: 0.5")
    yield "breadcrumbs", on_base("breadcrumbs", "weight: 1, density: 0.6, gamma: 0.1")
    yield "breadcrumbs-ties", on_base("breadcrumbs_ties", "weight: 1, density: 0.6, gamma: 0.1")
    yield "della-whole", on_base("della", "weight: 1")
    yield "della-linear-whole", on_base("della_linear", "weight: 1, epsilon: 0.3")
    yield "sce", on_base("sce", shared="select_topk: 0.3")
    yield "ram", on_base("ram", shared="epsilon: 0.1")
    yield "ramplus", on_base("ramplus_tl", shared="epsilon: 0.1")
    yield "model-stock", on_base("model_stock")
    yield "model-stock-rows", on_base("model_stock", shared="filter_wise: true")
    yield "slerp", on_base("slerp", shared="t: 0.3").replace("  - model: b.safetensors\n    parameters: {}\n", "")
    yield "nuslerp", on_base("nuslerp", "weight: 3")
    yield "nuslerp-columns", alone(
        "nuslerp", ["weight: 1", "weight: 3"], "nuslerp_flatten: false, nuslerp_row_wise: true"
    )
    yield "nuslerp-rows", alone("nuslerp", ["weight: 1", "weight: 3"], "nuslerp_flatten: false")
    yield "multislerp", on_base("multislerp", "weight: 0.5")
    yield "multislerp-around-zero", alone(
        "multislerp", ["weight: 0.5", "weight: 0.5", "weight: 1"], "normalize_weights: false"
    )
    yield "karcher", alone("karcher", ["", "", ""])


os.chdir(pathlib.Path(__file__).resolve().parent)
write_models()
for name, recipe in mecha_recipes():
    output = pathlib.Path(f"mecha-{name}.safetensors").absolute()
    sd_mecha.merge(recipe, output=output, output_dtype=torch.float32, merge_dtype=torch.float64)
for name, config in mergekit_configs():
    pathlib.Path(f"mergekit-{name}.yml").write_text(config)
    result = CliRunner().invoke(mergekit_pytorch, [f"mergekit-{name}.yml", "out"])
    if result.exit_code != 0:
        raise RuntimeError(f"{name}: {result.output}") from result.exception
    shutil.move("out/model.safetensors", f"mergekit-{name}.safetensors")
    shutil.rmtree("out")
