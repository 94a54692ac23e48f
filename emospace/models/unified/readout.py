"""The gender head, refitted after training.

In training, gender has a small loss weight and emotion alone selects the epoch, so the jointly trained head is underfit
and predicts the majority gender of train, although the embedding separates the two well. A logistic regression on the
frozen embeddings replaces it; nothing else changes.
"""

import numpy as np
import torch

from emospace.models.unified.resident import DeviceRows
from emospace.models.unified.unit_space import Space, predict

STRENGTH = 1.0  # inverse regularisation strength, C


def fit_gender(network: Space, rows: DeviceRows, size: int) -> None:
    """Fit the head to the original rows of known gender; a no-op unless both genders occur among them.

    Genders are weighted inversely to their frequency. size: rows per batch. The network must be in evaluation mode.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    gender = rows.gender.cpu().numpy()
    known = (gender >= 0) & (rows.host_parent < 0).numpy()
    if len(np.unique(gender[known])) < 2:
        return
    embeddings = _head_inputs(network, rows, size)[known]
    scaler = StandardScaler().fit(embeddings)
    model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=2000)
    model.fit(scaler.transform(embeddings), gender[known])
    weight = model.coef_[0] / scaler.scale_
    bias = model.intercept_[0] - weight @ scaler.mean_
    with torch.no_grad():
        for side, sign in enumerate((-0.5, 0.5)):  # F, M: only the difference of the logits matters
            network.gender.weight[side] = torch.from_numpy(sign * weight).to(network.gender.weight)
            network.gender.bias[side] = sign * bias


def _head_inputs(network: Space, rows: DeviceRows, size: int) -> np.ndarray:
    """Inputs of the gender head for all rows, float64 (N, E)."""
    captured: list[torch.Tensor] = []
    hook = network.gender.register_forward_pre_hook(lambda _, inputs: captured.append(inputs[0].float().cpu()))
    try:
        predict(network, rows, size)
    finally:
        hook.remove()
    return torch.cat(captured).double().numpy()
