"""A network of transformers as a classifier that also returns the states of the first token."""

import torch
from torch import nn


class Classifier(nn.Module):
    """Numbers of tokens (B, T) -> logits (B, C), last states of the first token (B, E)."""

    def __init__(self, network: nn.Module, padding: int):
        super().__init__()
        self.network, self.padding = network, padding

    def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mask = tokens != self.padding
        longest = int(mask.sum(1).max())  # columns of padding alone change nothing
        output = self.network(tokens[:, :longest], attention_mask=mask[:, :longest].long(), output_hidden_states=True)
        return output.logits, output.hidden_states[-1][:, 0]
