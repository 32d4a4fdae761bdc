"""What scorers.ts compares with: transformers on PyTorch's CPU, one thread, float32 arithmetic.

    python transformers_scorers.py make FOLDER SIZE            synthetic weights, seeded; SIZE is full or tiny
    python transformers_scorers.py SCORER FOLDER PICTURES      image-reward, hps or pick-score; prints one line of JSON per phase

ImageReward's weights are one file in float32, as published; HPS's are in float16, for us open_clip's .pt, for transformers
the same numbers as a folder of CLIPModel; PickScore's are a folder of CLIPModel in float32 for both.
"""
import json
import sys
import time
from collections import OrderedDict
from pathlib import Path

import torch
from transformers import BlipTextConfig, BlipVisionConfig, CLIPConfig, CLIPModel
from transformers.models.blip.modeling_blip import BlipVisionModel
from transformers.models.blip.modeling_blip_text import BlipTextModel

THREADS = 1
TOKENS, CLIP_TOKENS = 35, 77
USED_TOKENS = 12
MEAN, DEVIATION = 0.16717362830052426, 1.0333394966054072
EYES, WORDS, HEAD = "blip.visual_encoder.", "blip.text_encoder.", "mlp."

SIZES = {
    "full": {
        "vision": {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16,
                   "image_size": 224, "patch_size": 16},
        "text": {"vocab_size": 30524, "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
                 "num_attention_heads": 12, "max_position_embeddings": 512},
        "head": [1024, 128, 64, 16, 1],
        "clip_vision": {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32,
                        "num_attention_heads": 16, "image_size": 224, "patch_size": 14},
        "clip_text": {"vocab_size": 49408, "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
                      "num_attention_heads": 16},
        "projection": 1024,
    },
    "tiny": {
        "vision": {"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 2,
                   "image_size": 48, "patch_size": 16},
        "text": {"vocab_size": 300, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
                 "num_attention_heads": 1, "max_position_embeddings": 40},
        "head": [48, 24, 12, 8, 1],
        "clip_vision": {"hidden_size": 80, "intermediate_size": 160, "num_hidden_layers": 2,
                        "num_attention_heads": 1, "image_size": 56, "patch_size": 14},
        "clip_text": {"vocab_size": 600, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
                      "num_attention_heads": 1},
        "projection": 32,
    },
}
LAYERS = (0, 2, 4, 6, 7)

# transformers' names and BLIP's own
VISION_NAMES = (("embeddings.class_embedding", "cls_token"), ("embeddings.position_embedding", "pos_embed"),
                ("embeddings.patch_embedding", "patch_embed.proj"), ("encoder.layers.", "blocks."),
                (".self_attn.qkv", ".attn.qkv"), (".self_attn.projection", ".attn.proj"), (".layer_norm1", ".norm1"),
                (".layer_norm2", ".norm2"), ("post_layernorm", "norm"))
# transformers' names and open_clip's
CLIP_NAMES = (("vision_model.embeddings.class_embedding", "visual.class_embedding"),
              ("vision_model.embeddings.patch_embedding", "visual.conv1"),
              ("vision_model.embeddings.position_embedding.weight", "visual.positional_embedding"),
              ("vision_model.pre_layrnorm", "visual.ln_pre"), ("vision_model.post_layernorm", "visual.ln_post"),
              ("vision_model.encoder.layers.", "visual.transformer.resblocks."),
              ("text_model.embeddings.token_embedding", "token_embedding"),
              ("text_model.embeddings.position_embedding.weight", "positional_embedding"),
              ("text_model.final_layer_norm", "ln_final"),
              ("text_model.encoder.layers.", "transformer.resblocks."),
              (".self_attn.out_proj", ".attn.out_proj"), (".layer_norm1", ".ln_1"), (".layer_norm2", ".ln_2"),
              (".mlp.fc1", ".mlp.c_fc"), (".mlp.fc2", ".mlp.c_proj"),
              ("visual_projection.weight", "visual.proj"), ("text_projection.weight", "text_projection"))


def renamed(name, pairs):
    for old, new in pairs:
        name = name.replace(old, new)
    return name


def blip_models(size):
    vision = BlipVisionModel(BlipVisionConfig(**size["vision"], hidden_act="gelu", layer_norm_eps=1e-6))
    text = BlipTextModel(BlipTextConfig(
        **size["text"], encoder_hidden_size=size["vision"]["hidden_size"], hidden_act="gelu", layer_norm_eps=1e-12,
        is_decoder=True, bos_token_id=None, eos_token_id=None, sep_token_id=None, pad_token_id=0),
        add_pooling_layer=False)
    widths = [size["text"]["hidden_size"], *size["head"]]
    head = torch.nn.ModuleDict({"layers": torch.nn.ModuleDict({
        str(index): torch.nn.Linear(widths[i], widths[i + 1]) for i, index in enumerate(LAYERS)})})
    return vision.eval(), text.eval(), head.eval()


def open_clip(weights, layers):
    result = OrderedDict()
    for name, value in weights.items():
        if "position_ids" in name or ".self_attn.k_proj" in name or ".self_attn.v_proj" in name:
            continue
        if ".self_attn.q_proj." in name:
            stacked = torch.cat([weights[name.replace("q_proj", f"{letter}_proj")] for letter in "qkv"])
            result[renamed(name.replace(".self_attn.q_proj.", ".attn.in_proj_"), CLIP_NAMES)] = stacked
        else:
            turned = value.T.contiguous() if name.endswith("_projection.weight") else value
            result[renamed(name, CLIP_NAMES)] = turned
    return result


@torch.no_grad()
def make(folder, size):
    sizes = SIZES[size]
    torch.manual_seed(0)
    (folder / "image-reward").mkdir(parents=True, exist_ok=True)
    (folder / "hps").mkdir(exist_ok=True)
    (folder / "size.json").write_text(json.dumps(sizes))
    vision, text, head = blip_models(sizes)
    weights = OrderedDict((EYES + renamed(k, VISION_NAMES), v) for k, v in vision.state_dict().items())
    weights.update((WORDS + k, v) for k, v in text.state_dict().items())
    weights.update((HEAD + k, v) for k, v in head.state_dict().items())
    torch.save(weights, folder / "image-reward" / "ImageReward.pt")
    med = {**sizes["text"], "layer_norm_eps": 1e-12, "hidden_act": "gelu"}
    (folder / "image-reward" / "med_config.json").write_text(json.dumps(med))
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words += [f"w{i}" for i in range(sizes["text"]["vocab_size"] - 2 - len(words))]
    (folder / "image-reward" / "vocab.txt").write_text("\n".join(words) + "\n")
    del vision, text, head, weights
    common = {"hidden_act": "gelu", "projection_dim": sizes["projection"]}
    model = CLIPModel(CLIPConfig(
        text_config={**sizes["clip_text"], **common, "eos_token_id": 2, "bos_token_id": 0, "pad_token_id": 1},
        vision_config={**sizes["clip_vision"], **common}, projection_dim=sizes["projection"])).half()
    model.save_pretrained(folder / "hps" / "transformers")
    torch.save({"state_dict": open_clip(model.state_dict(), sizes)}, folder / "hps" / "HPS_bench.pt")
    model.float().save_pretrained(folder / "pick-score")
    heads = {"model_cfg": {
        "vision_cfg": {"head_width": sizes["clip_vision"]["hidden_size"] // sizes["clip_vision"]["num_attention_heads"]},
        "text_cfg": {"heads": sizes["clip_text"]["num_attention_heads"]}}}
    (folder / "hps" / "open_clip_config.json").write_text(json.dumps(heads))


def phase(name, action):
    print(json.dumps({"begin": name}), flush=True)
    start, cpu = time.perf_counter(), time.process_time()
    result = action()
    times = {"seconds": time.perf_counter() - start, "cpuSeconds": time.process_time() - cpu}
    print(json.dumps({"end": name, **times}), flush=True)
    return result


def pixels(edge):
    """The same smooth numbers as scorers.ts."""
    count = 3 * edge * edge
    return torch.sin(torch.arange(count, dtype=torch.float64) * 12.9898).float().reshape(1, 3, edge, edge)


def load_image_reward(folder, sizes):
    """Without a second copy of the weights: modules without memory take the tensors of the file."""
    weights = torch.load(folder / "image-reward" / "ImageReward.pt", weights_only=True)
    with torch.device("meta"):
        vision, text, head = blip_models(sizes)
    names = {EYES + renamed(k, VISION_NAMES): k for k in vision.state_dict()}
    vision.load_state_dict({ours: weights[theirs] for theirs, ours in names.items()}, assign=True)
    text.load_state_dict({k: weights[WORDS + k] for k in text.state_dict()}, assign=True)
    head.load_state_dict({k: weights[HEAD + k] for k in head.state_dict()}, assign=True)
    positions = torch.arange(sizes["text"]["max_position_embeddings"]).expand((1, -1))
    text.embeddings.register_buffer("position_ids", positions, persistent=False)
    return vision, text, head


def image_reward(folder, sizes, pictures):
    vision, text, head = phase("load", lambda: load_image_reward(folder, sizes))
    ids = torch.tensor([[min(i, USED_TOKENS) + 5 if i < USED_TOKENS else 0 for i in range(TOKENS)]])
    mask = torch.tensor([[1 if i < USED_TOKENS else 0 for i in range(TOKENS)]])

    def score():
        seen = vision(pixels(sizes["vision"]["image_size"])).last_hidden_state
        read = text(ids, attention_mask=mask, encoder_hidden_states=seen,
                    encoder_attention_mask=torch.ones(seen.shape[:2], dtype=torch.long), is_decoder=False)
        value = read.last_hidden_state[:, 0]
        for layer in head["layers"].values():
            value = layer(value)
        return (value - MEAN) / DEVIATION
    for _ in range(pictures):
        result = phase("score", score)
    return result


def clip(weights, sizes, pictures):
    model = phase("load", lambda: CLIPModel.from_pretrained(weights, dtype=torch.float32).eval())
    ids = torch.tensor([[i + 5 if i < USED_TOKENS else 599 if i == USED_TOKENS else 0 for i in range(CLIP_TOKENS)]])

    def score():
        result = model(input_ids=ids, pixel_values=pixels(sizes["clip_vision"]["image_size"]))
        return result.text_embeds @ result.image_embeds.T
    for _ in range(pictures):
        result = phase("score", score)
    return result


@torch.inference_mode()
def run(scorer, folder, pictures):
    torch.set_num_threads(THREADS)
    sizes = json.loads((folder / "size.json").read_text())
    result = {
        "image-reward": lambda: image_reward(folder, sizes, pictures),
        "hps": lambda: clip(folder / "hps" / "transformers", sizes, pictures),
        "pick-score": lambda: clip(folder / "pick-score", sizes, pictures),
    }[scorer]()
    print(json.dumps({"check": result.flatten().tolist()}))


if __name__ == "__main__":
    command, folder = sys.argv[1], Path(sys.argv[2])
    make(folder, sys.argv[3]) if command == "make" else run(command, folder, int(sys.argv[3]))
