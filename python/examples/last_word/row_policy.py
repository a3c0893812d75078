"""Choosing what may be learnt after seeing what was predicted.

The model reads "I ate an" and says a word.  Which rows of the embedding table
the coming step may change is decided only then: one set of words if it said
'park', another if it said 'apple'.  A sparse gradient by itself cannot do this
(it always names the words that were read), nor can ``requires_grad``, which
holds for a whole tensor.  ``martlet.optim.restrict_rows`` can:

    with torch.optim.restrict_rows(net.embed.weight, rows):
        optimizer.step()

The rows may be numbers or a bool mask, chosen before or after ``backward``;
every other row keeps its bits, and so does the optimizer's state for it.
Leaving the block, or ``undo()``, takes the restriction back.

This program uses what PyTorch does not have, so it imports Martlet by name.
"""

import martlet as torch
import martlet.nn as nn

WORDS = ["I", "ate", "an", "apple", "went", "to", "park", "slept", "all", "day"]
CHOICES = ["apple", "park"]


class LastWord(nn.Module):
    def __init__(self, sparse):
        super().__init__()
        self.embed = nn.Embedding(len(WORDS), 20, sparse=sparse)
        self.lin = nn.Linear(3 * 20, len(WORDS))

    def forward(self, sentence):
        return self.lin(self.embed(sentence).reshape(sentence.size(0), -1))


def numbers(words):
    return [WORDS.index(word) for word in words]


def spoken(scores):
    """The likelier of the two words that the policies know about."""
    return CHOICES[scores[0, torch.tensor(numbers(CHOICES))].argmax().item()]


def policy_by_number(said):
    """Wrong word: the words that chose it may move.  Right word: only 'I' may."""
    return numbers(["ate", "an"] if said == "park" else ["I"])


def policy_by_mask(said):
    """Wrong word: everything but 'I' may move.  Right word: only the word itself."""
    mask = torch.ones(len(WORDS), dtype=torch.bool)
    if said == "park":
        mask[WORDS.index("I")] = False
    else:
        mask[:] = False
        mask[WORDS.index("apple")] = True
    return mask


def changed_rows(before, after):
    return [WORDS[row] for row in (before != after).any(dim=1).nonzero().view(-1).tolist()]


def train(net, optimizer, policy, steps):
    sentence = torch.tensor([numbers(["I", "ate", "an"])])
    target = torch.tensor(numbers(["apple"]))
    loss_fn = nn.CrossEntropyLoss()
    table = net.embed.weight
    for step in range(steps):
        scores = net(sentence)
        said = spoken(scores)
        optimizer.zero_grad()
        loss_fn(scores, target).backward()
        before = table.detach().clone()
        with torch.optim.restrict_rows(table, policy(said)):
            optimizer.step()
        print("step %d: said %-5s -> rows changed: %s" % (step, said, changed_rows(before, table.detach())))

    # Out of the block nothing is restricted any more.
    before = table.detach().clone()
    optimizer.zero_grad()
    loss_fn(net(sentence), target).backward()
    optimizer.step()
    print("unrestricted      -> rows changed:", changed_rows(before, table.detach()))


def optimizer_state_rows(optimizer, table):
    """The words whose first moment is no longer zero."""
    moments = optimizer.state[table]["exp_avg"]
    return [WORDS[row] for row in (moments != 0).any(dim=1).nonzero().view(-1).tolist()]


def main():
    print("== sparse gradient, SGD, rows by number")
    torch.manual_seed(8)
    net = LastWord(sparse=True)
    train(net, torch.optim.SGD(net.parameters(), lr=0.03), policy_by_number, steps=6)

    # AdamW's weight decay moves every row at every step: even those without a gradient.
    print("== dense gradient, AdamW with weight decay, rows by mask")
    torch.manual_seed(8)
    net = LastWord(sparse=False)
    train(net, torch.optim.AdamW(net.parameters(), lr=0.005, weight_decay=0.1), policy_by_mask, steps=6)

    print("== the optimizer's state stays out of it, too")
    torch.manual_seed(8)
    net = LastWord(sparse=False)
    table = net.embed.weight
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    policy = torch.optim.restrict_rows(table, numbers(["ate"]))
    nn.CrossEntropyLoss()(net(torch.tensor([numbers(["I", "ate", "an"])])), torch.tensor([3])).backward()
    optimizer.step()
    print("moments of:", optimizer_state_rows(optimizer, table))
    policy.undo()
    optimizer.step()
    print("moments after undo of:", optimizer_state_rows(optimizer, table))


if __name__ == "__main__":
    main()
