# SPDX-License-Identifier: Apache-2.0
"""What the Hugging Face host reads from a trainer's data: the probe, its tokens, and which token is next."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import IterableDataset

from tb_xai_callbacks.hosts.torch_session import numpy_of
from tb_xai_callbacks.probe.choice import probe_from
from tb_xai_callbacks.probe.samples import ProbeSet
from tb_xai_callbacks.settings import Settings

#: A probe is chosen from this many times as many samples, so that its classes can be balanced …
CHOICE = 8
#: What is explained, where a model takes several inputs: the first of these.
MAIN_KEYS = ("pixel_values", "input_ids", "inputs_embeds", "input_features", "input_values")
#: Keys under which a batch has its labels.
LABEL_KEYS = ("labels", "label", "label_ids")
#: Keywords of a call that are no samples and no setting of the probe's either.
NOT_INPUTS = ("num_items_in_batch", "return_loss")
#: Vocabularies larger than this are not stored as class names.
MOST_CLASS_NAMES = 1 << 16


def read_samples(dataset: Any, count: int) -> list[Any]:
    """At most `count` samples of a dataset, drawn with a fixed seed; of a stream, the first.

    Raises:
        ValueError: if there are none, or if they can be read only once.
    """
    if dataset is None:
        raise ValueError("the trainer has neither evaluation nor training data; give probe=")
    if isinstance(dataset, Mapping):  # several evaluation sets
        dataset = next(iter(dataset.values()), ())
    if isinstance(dataset, Iterator):
        raise ValueError("the data can be read only once")
    if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__len__"):
        samples = list(islice(iter(dataset), count))
    else:
        order = np.random.default_rng(0).permutation(len(dataset))[:count]
        samples = [dataset[int(index)] for index in order]
    if not samples:
        raise ValueError("the dataset has no sample to choose a probe from; give probe=")
    return samples


def without_unused(samples: Sequence[Any], model: nn.Module, label_names: Sequence[str]) -> list[Any]:
    """Samples with only the columns that the model takes, as the trainer hands them to its collator."""
    known = {*inspect.signature(model.forward).parameters, *LABEL_KEYS, *label_names}
    return [
        {key: value for key, value in sample.items() if key in known}
        if isinstance(sample, Mapping)
        else sample
        for sample in samples
    ]


def split_batch(batch: Any, model: nn.Module, label_names: Sequence[str] = ()) -> tuple[dict[str, Any], Any]:
    """A collated batch → (the model's inputs by keyword, the explained one first; labels or None), numpy.

    Labels of positions, as language models have, are no classes of a sample: None.

    Raises:
        ValueError: if the batch is no mapping, or has nothing that the model takes.
    """
    if not isinstance(batch, Mapping):
        kind = type(batch).__name__
        raise ValueError(f"a batch is a {kind}; expected a mapping from the model's keywords to tensors")
    taken = inspect.signature(model.forward).parameters
    anything = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in taken.values())
    labelled = next((key for key in (*label_names, *LABEL_KEYS) if _is_samples(batch.get(key))), None)
    needed = {p.name for p in taken.values() if p.default is p.empty and p.kind is not p.VAR_KEYWORD}
    outside = {*label_names, *LABEL_KEYS, *NOT_INPUTS} - needed  # a model may not run without labels
    names = [
        key
        for key, value in batch.items()
        if key not in outside and _is_samples(value) and (key in taken or anything)
    ]
    if not names:
        keys = ", ".join(map(str, batch)) or "nothing"
        raise ValueError(f"a batch has {keys}, of which {type(model).__name__} takes nothing; give probe=")
    names.sort(key=lambda key: MAIN_KEYS.index(key) if key in MAIN_KEYS else len(MAIN_KEYS))
    labels = None if labelled is None else numpy_of(batch[labelled])
    if labels is not None and labels.ndim > 1 and labels.dtype.kind in "iu":
        labels = None
    return {name: numpy_of(batch[name]) for name in names}, labels


def _is_samples(value: Any) -> bool:
    return isinstance(value, (Tensor, np.ndarray)) and value.ndim > 0


def make_probe(
    inputs: Any, labels: Any, model: nn.Module, options: Settings, tokenizer: Any, given: bool
) -> ProbeSet:
    """A probe with the class names of the model's configuration and the strings of its tokens."""
    probe = probe_from(inputs, labels, options, class_names=class_names(model, tokenizer), given=given)
    return replace(probe, tokens=probe.tokens or token_strings(probe.inputs, tokenizer))


def class_names(model: nn.Module, tokenizer: Any) -> Sequence[str] | None:
    """Names by class index: of the configuration's `id2label`; of a language model, the vocabulary."""
    config = getattr(model, "config", None)
    if predicts_tokens(model):
        size = getattr(config, "vocab_size", 0)
        if not 0 < size <= MOST_CLASS_NAMES or not hasattr(tokenizer, "convert_ids_to_tokens"):
            return None
        return [str(token or "") for token in tokenizer.convert_ids_to_tokens(list(range(size)))]
    names = getattr(config, "id2label", None) or {}
    given = [names[index] for index in sorted(names)]
    return None if all(str(name).startswith("LABEL_") for name in given) else given


def token_strings(inputs: Any, tokenizer: Any) -> tuple[tuple[str, ...], ...]:
    """The strings of `input_ids` [n, t], padding as ""; () without token numbers or a tokenizer."""
    ids = inputs.get("input_ids") if isinstance(inputs, Mapping) else None
    if ids is None or ids.ndim != 2 or not hasattr(tokenizer, "convert_ids_to_tokens"):
        return ()
    mask = inputs.get("attention_mask")
    real = np.ones(ids.shape, bool) if mask is None or mask.shape != ids.shape else mask != 0
    return tuple(
        tuple(
            str(token) if here else ""
            for token, here in zip(tokenizer.convert_ids_to_tokens(row.tolist()), there, strict=True)
        )
        for row, there in zip(ids, real, strict=True)
    )


def predicts_tokens(model: nn.Module) -> bool:
    """Whether the model is a causal language model."""
    architectures = type(model).__name__
    return architectures.endswith(("ForCausalLM", "LMHeadModel"))


class NextToken:
    """Selects, of a causal language model's logits [n t v], those [n v] of the token after the last one.

    In training the logits are passed on whole, so that the graph of the loss can be read.

    Args:
        model: whose calls are watched for their padding, until `close`.
    """

    def __init__(self, model: nn.Module) -> None:
        self._mask: Tensor | None = None
        self._training = False
        self._hook = model.register_forward_pre_hook(self._note, with_kwargs=True)

    def _note(self, module: nn.Module, args: Any, kwargs: Mapping[str, Any]) -> None:
        self._training = module.training
        mask = kwargs.get("attention_mask")
        self._mask = mask if isinstance(mask, Tensor) and mask.dim() == 2 else None

    def __call__(self, returned: Any) -> Tensor:
        """What the model returned → logits."""
        logits: Tensor = returned["logits"] if isinstance(returned, Mapping) else returned[0]
        if self._training or logits.dim() != 3:
            return logits
        if self._mask is None or self._mask.shape[1] != logits.shape[1]:
            return logits[:, -1]
        places = torch.arange(logits.shape[1], device=logits.device)
        last = (places * (self._mask.to(logits.device) != 0)).argmax(1)
        return logits[torch.arange(len(logits), device=logits.device), last]

    def close(self) -> None:
        """Stop watching."""
        self._hook.remove()
        self._mask = None


def output_of(model: nn.Module, options: Settings) -> tuple[Any, Callable[[], None]]:
    """(what selects the output to explain, what ends its watching): the user's, or the next token's."""
    if options.output is None and predicts_tokens(model):
        selector = NextToken(model)
        return selector, selector.close
    return options.output, lambda: None
