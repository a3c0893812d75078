"""Last-word prediction: which word ends the sentence?

Three sentences of four words share one vocabulary of ten.  The model sees the
first three words of a sentence and predicts the fourth.  The embedding table
is created with ``sparse=True``: its gradient names only the rows that were
looked up in the batch, so an optimizer step changes those rows and no others.

    python last_word.py            sparse embedding gradients
    python last_word.py --dense    the same training with dense gradients
"""

import argparse

import torch
import torch.nn as nn

SENTENCES = ["I ate an apple", "I went to park", "I slept all day"]


def build_vocabulary(sentences):
    """Number every word in order of first appearance."""
    index = {}
    for sentence in sentences:
        for word in sentence.split():
            index.setdefault(word, len(index))
    return index


class LastWord(nn.Module):
    """Embedding, one Transformer encoder layer, and a linear map to the vocabulary.

    The encoder's input is fed as (batch, word, feature) although the layer
    reads its first axis as the sequence; the example keeps it that way, so
    words attend across the sentences of a batch, position by position.
    """

    def __init__(self, vocabulary, width, heads, words, sparse):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width, sparse=sparse)
        self.transformer_encoder_layer = nn.TransformerEncoderLayer(width, heads)
        # TransformerEncoder deep-copies the layer above, which itself stays unused.
        self.transformer_encoder = nn.TransformerEncoder(self.transformer_encoder_layer, 1)
        self.lin = nn.Linear(words * width, vocabulary)
        self.softmax = nn.Softmax(dim=-1)  # for printing; the loss takes raw scores

    def forward(self, sentences):
        embedded = self.embed(sentences)
        print(sentences.size(0), sentences.size(1))
        print("embedded.shape", embedded.shape)
        out = self.transformer_encoder(embedded)
        out = out.reshape(out.size(0), out.size(1) * out.size(2))
        out = self.lin(out)
        print("out.shape", out.shape)
        print(self.softmax(out))
        return out


def rows_that_differ(before, after):
    """Indices of the rows in which two tables are not bit for bit the same."""
    return (before != after).any(dim=1).nonzero().view(-1).tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dense", action="store_true", help="dense embedding gradients (sparse=False)")
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()

    torch.manual_seed(0)
    vocabulary = build_vocabulary(SENTENCES)
    words = list(vocabulary)
    print(vocabulary)

    numbered = torch.LongTensor([[vocabulary[w] for w in s.split()] for s in SENTENCES])
    inputs, targets = numbered[:, :3], numbered[:, 3:]
    pairs = torch.utils.data.TensorDataset(inputs, targets)
    print(list(pairs))

    # Two sentences make the first batch, the third sentence is a batch of its own.
    batches = torch.utils.data.DataLoader(pairs, batch_size=2)
    for i, (batch, target) in enumerate(batches):
        print("i", i, "\ninput", batch, "\ntarget", target)

    net = LastWord(len(vocabulary), 20, heads=2, words=3, sparse=not options.dense)
    print(net)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    loss_fn = nn.CrossEntropyLoss()

    losses = []
    untouched = set(range(len(vocabulary)))
    first_table = net.embed.weight.detach().clone()
    for epoch in range(options.epochs):
        for batch, target in batches:
            optimizer.zero_grad()
            loss = loss_fn(net(batch), target.view(-1))
            losses.append(loss)
            loss.backward()
            print("embed.weight", net.embed.weight.grad)

            before = net.embed.weight.detach().clone()
            optimizer.step()
            changed = rows_that_differ(before, net.embed.weight.detach())
            untouched -= set(changed)
            print("rows changed:", changed, [words[row] for row in changed])

    print("losses")
    for epoch in range(options.epochs):
        print(epoch, losses[2 * epoch : 2 * epoch + 2])

    rest = sorted(untouched)
    same = torch.equal(net.embed.weight.detach()[rest], first_table[rest])
    print("never in a batch:", [words[row] for row in rest], "bit-identical:", same)

    # Dropout off: what the trained model now makes of each sentence.
    net.eval()
    with torch.no_grad():
        predicted = net(inputs).argmax(dim=-1)
    for sentence, row in zip(SENTENCES, predicted.tolist()):
        print(" ".join(sentence.split()[:3]), "->", words[row])


if __name__ == "__main__":
    main()
