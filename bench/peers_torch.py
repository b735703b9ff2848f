"""PyTorch as it is without a compiler, one thread."""
import torch
import networks

NAME = "PyTorch"


class Network(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.kind = network
        self.layers = torch.nn.ModuleList(torch.nn.Linear(n, m) for n, m in zip(networks.SIZES[network], networks.SIZES[network][1:]))

    def forward(self, x):
        h = x if self.kind == "rings" else x.float() / 255
        for layer in self.layers[:-1]:
            h = torch.relu(layer(h)) if networks.HIDDEN[self.kind] == "relu" else torch.sigmoid(layer(h))
        return torch.sigmoid(self.layers[-1](h))


def make(network, job, batch, fresh=False):
    torch.set_num_threads(1)
    net = Network(network)
    x, y = torch.from_numpy(networks.inputs(network, batch)), torch.from_numpy(networks.targets(network, batch))
    if job == "predict":
        def predict():
            with torch.inference_mode():
                net(x)
        return predict
    rule = torch.optim.Adam(net.parameters(), lr=0.01) if network == "rings" else torch.optim.SGD(net.parameters(), lr=0.01)

    def step():
        rule.zero_grad()
        p = net(x)
        loss = torch.nn.functional.binary_cross_entropy(p, y) if network == "rings" else ((p - y) ** 2).sum(1).mean()
        loss.backward()
        rule.step()
    return step
