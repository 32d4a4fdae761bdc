"""Saves safetensors files by torch.save, beside them: pickle_unets.py FILE…"""

import os
import sys

import torch
from safetensors.torch import load_file

for path in sys.argv[1:]:
    target = os.path.splitext(path)[0] + ".ckpt"
    if not os.path.exists(target):
        torch.save({"state_dict": load_file(path), "epoch": 1}, target)
