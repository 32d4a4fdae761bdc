"""One model's layers times a gain, float64: python gains.py FOLDER (with NumPy and safetensors)."""

import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

LAYERS = [("linear", (12, 10), 0.6), ("conv3", (8, 4, 3, 3), 1.4), ("bias", (16,), 0.0), ("negative", (6, 7), -0.5)]

folder = Path(sys.argv[1])
rng = np.random.default_rng(18)
tensors, cases = {}, []
for name, shape, gain in LAYERS:
    models = [rng.normal(size=shape).astype(np.float32) for _ in range(2)]
    keys = [f"{name}/models/0", f"{name}/models/1", f"{name}/weight"]
    tensors.update(zip(keys, [*models, np.float64(gain) * models[1].astype(np.float64)]))
    entry = [{"file": "goldens.safetensors", "key": key, "dtype": "F32", "shape": list(shape)} for key in keys]
    tolerance = {"rtol": 1e-9, "atol": 1e-11, "float32": {"rtol": 2e-4, "atol": 1e-5}}
    params = {"layer": name, "method": "gains", "models": 2, "reference": "NumPy: gain times the layer", "weights": [gain]}
    inputs = {"weight_0": entry[0], "weight_1": entry[1]}
    outputs = {"weight": {**entry[2], "dtype": "F64", "tolerance": tolerance}}
    cases.append({"id": f"{name}/gains/{gain}", "op": "merge_method", "params": params, "inputs": inputs, "outputs": outputs})
save_file(tensors, folder / "goldens.safetensors")
head = {
    "format": "golden/1",
    "name": "gains",
    "set": "public",
    "about": "One model's layers times a gain, float64 (NumPy).",
    "made_with": {"numpy": np.__version__},
    "models": {},
}
lines = ",\n".join("  " + json.dumps(case) for case in cases)
(folder / "manifest.json").write_text(json.dumps(head, indent=1)[:-2] + ',\n "cases": [\n' + lines + "\n ]\n}\n")
