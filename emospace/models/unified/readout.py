"""The head for gender, fitted to the finished space.

While the space is learnt, gender weighs little beside emotion, and the epoch is chosen by emotion alone: there the head
is half learnt, and guesses what train has more of, although the embedding tells gender well. So a logistic regression
on frozen embeddings takes its place. It changes nothing else.
"""

import numpy as np
import torch

from emospace.models.unified.resident import DeviceRows
from emospace.models.unified.unit_space import Space, predict

STRENGTH = 1.0  # inverse regularisation


def fit_gender(network: Space, rows: DeviceRows, size: int) -> None:
    """Fit the head to the original rows whose gender is known; nothing happens unless both genders are among them.

    Genders are weighted inversely to their frequency. size: rows per batch. The network is in evaluation mode.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    gender = rows.gender.cpu().numpy()
    known = (gender >= 0) & (rows.parent < 0).cpu().numpy()
    if len(np.unique(gender[known])) < 2:
        return
    scaler = StandardScaler().fit(seen := _seen(network, rows, size)[known])
    model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=2000)
    model.fit(scaler.transform(seen), gender[known])
    weight = model.coef_[0] / scaler.scale_
    bias = model.intercept_[0] - weight @ scaler.mean_
    with torch.no_grad():
        for side, sign in enumerate((-0.5, 0.5)):  # of F and M: their difference decides
            network.gender.weight[side] = torch.from_numpy(sign * weight).to(network.gender.weight)
            network.gender.bias[side] = sign * bias


def _seen(network: Space, rows: DeviceRows, size: int) -> np.ndarray:
    """What the head sees of all rows, float64 (N, E)."""
    found: list[torch.Tensor] = []
    hook = network.gender.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0].float().cpu()))
    try:
        predict(network, rows, size)
    finally:
        hook.remove()
    return torch.cat(found).double().numpy()
