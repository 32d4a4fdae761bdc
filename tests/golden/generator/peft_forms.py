"""Adapters of PEFT's own forms (LoKr, OFT, BOFT, IA3), saved and merged by PEFT itself.

    python tests/golden/generator/peft_forms.py tests/golden        (pip install peft; writes tests/golden/peft-forms)
"""

import json
import shutil
import sys
from pathlib import Path

import peft.tuners.boft.layer as boft_layer
import torch
from diffusers import UNet2DConditionModel
from peft import BOFTConfig, IA3Config, LoKrConfig, OFTConfig, get_peft_model
from safetensors.torch import save_file

ATTENTION = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
# Its inputs and outputs differ in number.
CROSS = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"
FEED_FORWARD = "down_blocks.0.attentions.0.transformer_blocks.0.ff.net.2"
POINT = "down_blocks.0.attentions.0.proj_in"
CONV = "down_blocks.1.resnets.0.conv1"
MODULES = [ATTENTION, CROSS, FEED_FORWARD, POINT, CONV]
BIASED = [FEED_FORWARD, POINT, CONV]
FORMS = {
    "lokr": LoKrConfig(r=2, alpha=3, target_modules=MODULES, init_weights=False, rank_pattern={CONV: 5}),
    "lokr-both": LoKrConfig(
        r=1, alpha=2, target_modules=MODULES, init_weights=False, decompose_both=True, use_effective_conv2d=True
    ),
    "oft": OFTConfig(oft_block_size=4, target_modules=MODULES, init_weights=False),
    "oft-exact": OFTConfig(r=2, oft_block_size=0, target_modules=MODULES, init_weights=False, use_cayley_neumann=False),
    "oft-terms": OFTConfig(oft_block_size=8, target_modules=MODULES, init_weights=False, num_cayley_neumann_terms=3),
    "oft-constrained": OFTConfig(oft_block_size=4, target_modules=MODULES, init_weights=False, coft=True, eps=0.3),
    "oft-shared": OFTConfig(oft_block_size=8, target_modules=MODULES, init_weights=False, block_share=True),
    "boft": BOFTConfig(boft_block_size=4, target_modules=MODULES, init_weights=False),
    "boft-stages": BOFTConfig(boft_block_size=4, boft_n_butterfly_factor=3, target_modules=MODULES, init_weights=False),
    "ia3": IA3Config(target_modules=MODULES, feedforward_modules=[FEED_FORWARD, CONV], init_ia3_weights=False),
}


class BlockDiagonal:
    """Stands for PEFT's CUDA extension, without which PEFT makes one stage only."""

    @staticmethod
    def forward(blocks):
        return [torch.stack([torch.block_diag(*stage) for stage in blocks])]


boft_layer.get_fbd_cuda = lambda: BlockDiagonal


def main(root: Path) -> None:
    folder = root / "peft-forms"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    models, cases, outputs = {}, [], {}
    for seed, (name, config) in enumerate(FORMS.items()):
        unet = UNet2DConditionModel.from_pretrained(root / "sd1/pipeline/unet", torch_dtype=torch.float32)
        torch.manual_seed(seed)
        adapted = get_peft_model(unet, config)
        adapted.save_pretrained(folder / name)
        (folder / name / "README.md").unlink(missing_ok=True)
        settings_path = folder / name / "adapter_config.json"
        settings = json.loads(settings_path.read_text()) | {"base_model_name_or_path": None}
        settings_path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
        merged = adapted.merge_and_unload().state_dict()
        models[name] = {"path": f"{name}/adapter_model.safetensors", "layout": "PEFT", "base": "../sd1/pipeline"}
        for module in MODULES:
            kinds = ["weight", "bias"] if module in BIASED else ["weight"]
            entries = {}
            for kind in kinds:
                key = f"{name}/{module}/{kind}"
                value = merged[f"{module}.{kind}"].to(torch.float32).contiguous()
                outputs[key] = value
                peak = float(value.abs().max())
                entries[kind] = {
                    "file": "goldens.safetensors",
                    "key": key,
                    "dtype": "F32",
                    "shape": list(value.shape),
                    "tolerance": {"rtol": 1e-5, "atol": 2e-6 * peak, "peak": peak},
                }
            params = {"form": name.split("-")[0], "adapter": name, "base": "sd1", "part": "unet", "module": module}
            params |= {"multiplier": 1.0}
            cases.append({"id": f"{name}/{module}", "op": "lora_merge", "params": params, "inputs": {}, "outputs": entries})
    save_file(outputs, folder / "goldens.safetensors")
    manifest = {
        "format": json.loads((root / "adapters/manifest.json").read_text())["format"],
        "name": "peft-forms",
        "about": "Adapters of PEFT's own forms, saved and merged by PEFT.",
        "models": models,
        "cases": cases,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


main(Path(sys.argv[1]))
