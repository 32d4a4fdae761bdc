"""A layer of RegMean++ and of drift-corrected regression, float64: by the normal equations, the bias as an input of one."""
import os

import numpy as np

import fusion
from common import Golden, numpy_rng
from layers import make_layer
from merges import tolerances


def fit(k, b, merged, own, alpha, ridge, rho):
    """k [N, n, d], b [N, n] or None; inputs N x [d, S_m] in the merged network and, or None, in the models themselves."""
    def with_one(x):
        return x if b is None else np.concatenate([x, np.ones((1, x.shape[1]))])
    k = k if b is None else np.concatenate([k, b[:, :, None]], 2)
    alpha = np.asarray(alpha, np.float64)
    mean = np.tensordot(alpha, k, 1) / alpha.sum()
    left, gram = 0, np.zeros((k.shape[2],) * 2)
    for m in np.flatnonzero(alpha):
        x = with_one(merged[m])
        second = x @ x.T / x.shape[1]
        second = rho * second + (1 - rho) * np.diag(np.diag(second))
        wanted = k[m] @ second if own is None else k[m] @ with_one(own[m]) @ x.T / x.shape[1]
        left, gram = left + alpha[m] * wanted, gram + alpha[m] * second
    lam = ridge * np.diag(gram).mean()
    w = np.linalg.solve(gram + lam * np.eye(len(gram)), (left + lam * mean).T).T
    return (w, None, lam) if b is None else (w[:, :-1], w[:, -1], lam)


def generate(config, root):
    golden = Golden(os.path.join(root, "sequential"), "sequential", config,
                    "A layer of RegMean++ and drift-corrected regression, float64.")
    for spec in config["merge"]["layers"]:
        name = spec["name"]
        if spec["kind"] == "conv_transpose":
            continue  # no denoiser has one
        weights, biases = make_layer(config, spec)
        k = np.stack([fusion.to_matrix(w, False) for w in weights])
        b = None if biases is None else np.stack(biases).astype(np.float64)
        rng = numpy_rng(config, "sequential-inputs", name)
        d = k.shape[2]
        merged, own = [], []
        for m in range(len(k)):
            mix = rng.normal(0, 1, (d, d)) / np.sqrt(d) + 0.3 * np.eye(d)
            x = mix @ rng.normal(0, 1, (d, 12 + 5 * m)) + rng.normal(0, 0.5, (d, 1))
            own.append(x.astype(np.float32).astype(np.float64))
            merged.append((x + 0.2 * rng.normal(0, 1, x.shape)).astype(np.float32).astype(np.float64))
        inputs = {f"weight_{m}": golden.ref(f"{name}/models/{m}/weight", w) for m, w in enumerate(weights)}
        if b is not None:
            inputs.update({f"bias_{m}": golden.ref(f"{name}/models/{m}/bias", v) for m, v in enumerate(biases)})
        for label, xs in (("columns", merged), ("own", own)):
            inputs.update({f"{label}_{m}": golden.ref(f"{name}/models/{m}/{label}", x) for m, x in enumerate(xs)})
        for label, alpha in config["merge"]["alphas"][str(spec["models"])].items():
            for method, ridge, rho in (("regmean_plus_plus", 0.03, 0.9), ("regmean_plus_plus", 1.0, 1.0),
                                       ("drift_corrected", 0.03, 1.0), ("drift_corrected", 1.0, 1.0)):
                w, bias, lam = fit(k, b, merged, own if method == "drift_corrected" else None, alpha, ridge, rho)
                outputs = {"weight": fusion.from_matrix(w, weights[0].shape, False), "lambda": np.array([lam])}
                if bias is not None:
                    outputs["bias"] = bias
                golden.case(f"{name}/{label}/{method}/{ridge}-{rho}", "sequential_regression",
                            {"layer": name, "kind": spec["kind"], "models": spec["models"], "method": method,
                             "alpha": alpha, "ridge": ridge, "rho": rho},
                            inputs, outputs, {key: tolerances(value, 1e3) for key, value in outputs.items()})
    golden.save()
