"""Training steps of other systems, in the form that figures.py times: PyTorch's
own layers, cells written by hand in eager PyTorch, and cells under jax.jit with
lax.scan.  A step is forward and backward with all gradients, that of the input
included, from a given gradient of h; float32.  What is not installed is left
out.  Cells are written once, over the functions that PyTorch and JAX share;
x meets its matrices before the loop, all gates at once.
"""
import os
import time

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false "
                      "intra_op_parallelism_threads=1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
try:
    import torch
    torch.manual_seed(1)
except ImportError:
    torch = None
try:
    import jax
    import jax.numpy as jnp
except ImportError:
    jax = None


class TorchOps:
    """What a cell needs, from PyTorch."""

    def __init__(self):
        self.tanh, self.sigmoid = torch.tanh, torch.sigmoid

    def split(self, a, n):
        return a.chunk(n, -1)


class JaxOps:
    def __init__(self):
        self.tanh, self.sigmoid = jnp.tanh, jax.nn.sigmoid

    def split(self, a, n):
        return jnp.split(a, n, -1)


def tanh(F, z, s, U, _):
    (h,) = s
    return (F.tanh(z + h @ U),)


def lstm(F, z, s, U, _):
    h, c = s
    i, f, g, o = F.split(z + h @ U, 4)
    c = F.sigmoid(f) * c + F.sigmoid(i) * F.tanh(g)
    return F.sigmoid(o) * F.tanh(c), c


def peephole(F, z, s, U, p):
    h, c = s
    i, f, g, o = F.split(z + h @ U, 4)
    i, f = F.sigmoid(i + p[0] * c), F.sigmoid(f + p[1] * c)
    c = f * c + i * F.tanh(g)
    return F.sigmoid(o + p[2] * c) * F.tanh(c), c


def gru(F, z, s, U, _):
    (h,) = s
    n = h.shape[-1]
    rz = F.sigmoid(z[..., :2 * n] + h @ U[:, :2 * n])
    r, k = F.split(rz, 2)
    g = F.tanh(z[..., 2 * n:] + (r * h) @ U[:, 2 * n:])
    return ((1 - k) * g + k * h,)


def mut1(F, z, s, U, _):
    (h,) = s
    n = h.shape[-1]
    zz, zr, zh = F.split(z, 3)
    r = F.sigmoid(zr + h @ U[:, :n])
    g = F.tanh((r * h) @ U[:, n:] + F.tanh(zh))
    k = F.sigmoid(zz)
    return (g * k + h * (1 - k),)


def mgu(F, z, s, U, _):
    (h,) = s
    n = h.shape[-1]
    zf, zh = F.split(z, 2)
    f = F.sigmoid(zf + h @ U[:, :n])
    g = F.tanh(zh + (f * h) @ U[:, n:])
    return ((1 - f) * h + f * g,)


# The step, states, gates that x feeds, gates that h feeds.
CELLS = {"tanh": (tanh, 1, 1, 1), "lstm": (lstm, 2, 4, 4),
         "peephole": (peephole, 2, 4, 4), "gru": (gru, 1, 3, 3),
         "mut1": (mut1, 1, 3, 2), "mgu": (mgu, 1, 2, 2)}


class TorchPeer:
    """Leaves of a graph, a function of them that gives h, and dh."""

    def __init__(self, name, shape, forward, params):
        T, B, I, H = shape
        self.name = name
        self.x = torch.rand(T, B, I).requires_grad_()
        self.dh = torch.rand(T, B, H)
        self.forward = forward
        self.leaves = [self.x] + list(params)

    def once(self):
        torch.autograd.grad(self.forward(self.x), self.leaves, self.dh)


class JaxPeer:
    def __init__(self, name, shape, forward, params):
        T, B, I, H = shape
        keys = jax.random.split(jax.random.PRNGKey(1), 2)
        self.name = name
        self.args = (jax.random.uniform(keys[0], (T, B, I)), params,
                     jax.random.uniform(keys[1], (T, B, H)))

        def step(x, params, dh):
            h, back = jax.vjp(forward, x, params)
            return h, back(dh)

        self.step = jax.jit(step)

    def once(self):
        jax.block_until_ready(self.step(*self.args))


def timed(peer, steps):
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        peer.once()
        times.append(1e3 * (time.perf_counter() - start))
    return times


def nn_layer(cell, shape):
    kind = {"lstm": "LSTM", "gru": "GRU", "tanh": "RNN"}.get(cell)
    if not torch or not kind:
        return None
    net = getattr(torch.nn, kind)(*shape[2:])
    return TorchPeer("PyTorch nn", shape, lambda x: net(x)[0],
                     net.parameters())


def eager(cell, shape):
    step, states, of_x, of_h = CELLS[cell]
    if not torch:
        return None
    _, B, I, H = shape
    params = [(0.2 * torch.rand(s) - 0.1).requires_grad_()
              for s in ((I, of_x * H), (H, of_h * H), (of_x * H,), (3, H))]
    W, U, b, p = params
    ops = TorchOps()

    def forward(x):
        s = (torch.zeros(B, H),) * states
        out = []
        for z in (x @ W + b).unbind():
            s = step(ops, z, s, U, p)
            out.append(s[0])
        return torch.stack(out)

    return TorchPeer("PyTorch eager", shape, forward,
                     params if cell == "peephole" else params[:3])


def jax_params(shape, of_x, of_h):
    _, _, I, H = shape
    keys = jax.random.split(jax.random.PRNGKey(2), 4)
    sizes = (I, of_x * H), (H, of_h * H), (of_x * H,), (3, H)
    return [jax.random.uniform(k, s, minval=-0.1, maxval=0.1)
            for k, s in zip(keys, sizes)]


def jax_scan(cell, shape):
    if not jax:
        return None
    step, states, of_x, of_h = CELLS[cell]
    ops = JaxOps()

    def forward(x, params):
        W, U, b, p = params

        def body(s, z):
            s = step(ops, z, s, U, p)
            return s, s[0]

        start = (jnp.zeros((x.shape[1], U.shape[0])),) * states
        return jax.lax.scan(body, start, x @ W + b)[1]

    return JaxPeer("JAX scan", shape, forward, jax_params(shape, of_x, of_h))


def jax_mingru(shape, associative):
    """h = (1 - z) h[t-1] + z g, by a scan or an associative one."""
    if not jax:
        return None

    def forward(x, params):
        W, _, b, _ = params
        z, g = jnp.split(x @ W + b, 2, -1)
        z = jax.nn.sigmoid(z)
        a, c = 1 - z, z * jnp.where(g >= 0, g + 0.5, jax.nn.sigmoid(g))
        if associative:
            def join(l, r):
                return r[0] * l[0], r[0] * l[1] + r[1]
            return jax.lax.associative_scan(join, (a, c))[1]

        def body(h, ac):
            h = ac[0] * h + ac[1]
            return h, h
        return jax.lax.scan(body, jnp.zeros(c.shape[1:]), (a, c))[1]

    return JaxPeer("JAX associative scan" if associative else "JAX scan",
                   shape, forward, jax_params(shape, 2, 1))


def textbook(path, updates, log):
    """The textbook's character model of the text in a file, on two threads; into
    a log, the mean loss of every tenth of the updates.  Each window predicts all
    its characters, the first from a line's end, as textbook.cell has it."""
    with open(path, encoding="utf-8", newline="") as f:
        book = f.read()
    torch.set_num_threads(2)
    chars = sorted(set(book))
    code = {c: i for i, c in enumerate(chars)}
    data = torch.tensor([code[c] for c in book])
    nets = [torch.nn.Embedding(len(chars), 256), torch.nn.LSTM(256, 512),
            torch.nn.Linear(512, len(chars))]
    params = [p for net in nets for p in net.parameters()]
    adam = torch.optim.Adam(params, lr=0.005)
    steps, losses, means = torch.arange(40)[:, None], [], []
    for k in range(updates):
        at = torch.randint(len(data) - 40, (1, 64))
        y = data[at + steps]
        x = torch.cat([torch.full((1, 64), code["\n"]), y[:-1]])
        out = nets[2](nets[1](nets[0](x))[0])
        loss = torch.nn.functional.cross_entropy(out.flatten(0, 1),
                                                 y.flatten())
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
        if len(losses) == updates // 10:
            means.append(sum(losses) / len(losses))
            losses = []
    with open(log, "w") as f:
        f.write("\n".join(["loss"] + [str(mean) for mean in means]) + "\n")


def words(folder, threads, epochs=10, full=1000):
    """The model of examples/wordlm, trained as its page says, by PyTorch: nn.LSTM,
    and of the matrix of word vectors only the rows that an update looks at.
    Prints the perplexity on valid and test, from the folder with WikiText-2."""
    import gzip
    import math
    torch.set_num_threads(threads)
    functional = torch.nn.functional
    code = {}

    def read(name):
        opened = gzip.open if name.endswith(".gz") else open
        with opened(os.path.join(folder, name), "rt", encoding="utf-8") as f:
            text = [w for line in f for w in line.split() + ["<eos>"]]
        return torch.tensor([code.setdefault(w, len(code)) for w in text])

    def streams(text, b):
        """[T,b] inputs and the words that follow them, from a line's end on."""
        y = text[:len(text) // b * b].view(b, -1).t()
        return torch.cat([y.new_full((1, b), code["<eos>"]), y[:-1]]), y

    train = read("wikitext2_train.txt.gz")
    m, n, batch, window, drop = 2000, 400, 20, 35, 0.35
    v = len(code)
    q = torch.bincount(train, minlength=v) / len(train)
    valid, test = (read(f"wikitext2_{part}.txt") for part in ("valid", "test"))
    E = torch.nn.Parameter(torch.empty(v, n).uniform_(-0.1, 0.1))
    bias = torch.nn.Parameter(torch.zeros(v, 1))
    lstm = torch.nn.LSTM(n, n, 2, dropout=drop)
    for name, p in lstm.named_parameters():
        if name.startswith("bias"):
            p.data.zero_()
            p.data[n:2 * n] = 0.5  # two biases, together the forget bias 1
    dropout = torch.nn.Dropout(drop)
    params = [E, bias, *lstm.parameters()]
    sgd = torch.optim.SGD(params, lr=20)

    def sampled(x, y, state):
        """Each word compared with m that are drawn, and with itself."""
        s = torch.multinomial(q, m, replacement=True)
        looked = torch.cat([x.flatten(), s, y.flatten()])
        rows = functional.embedding(looked, E, sparse=True)
        k = x.numel()
        c = functional.embedding(looked[k:], bias, sparse=True)[:, 0]
        c = c - torch.log(m * q[looked[k:]])
        out, state = lstm(dropout(rows[:k].view(*x.shape, n)), state)
        h = dropout(out).flatten(0, 1)
        own = (h * rows[k + m:]).sum(1) + c[m:]
        z = torch.addmm(c[:m], h, rows[k:k + m].t())
        z = z.masked_fill(s == y.flatten()[:, None], -1e30)
        every = torch.logaddexp(own, torch.logsumexp(z, 1))
        return (every - own).mean(), state

    def against_all(x, y, state):
        out, state = lstm(dropout(functional.embedding(x, E)), state)
        z = dropout(out).flatten(0, 1) @ E.t() + bias[:, 0]
        return functional.cross_entropy(z, y.flatten()), state

    def perplexity(text):
        lstm.eval(), dropout.eval()
        x, y = streams(text, 10)
        state, total = None, 0.0
        with torch.no_grad():
            for t in range(0, len(y), window):
                loss, state = against_all(x[t:t + window], y[t:t + window], state)
                total += loss.item() * y[t:t + window].numel()
        lstm.train(), dropout.train()
        return math.exp(total / y.numel())

    def updates(loss_of, rate, over, count):
        x, y = streams(train, batch)
        start, state = time.time(), None
        for k in range(count):
            t = k * window % (len(y) // window * window)
            if t == 0:
                state = None
            for group in sgd.param_groups:
                group["lr"] = rate * (1 + math.cos(math.pi * k / over)) / 2
            loss, state = loss_of(x[t:t + window], y[t:t + window], state)
            state = tuple(a.detach() for a in state)
            sgd.zero_grad()
            loss.backward()
            values = []
            for p in params:
                if p.grad.is_sparse:
                    p.grad = p.grad.coalesce()
                values.append(p.grad.values() if p.grad.is_sparse else p.grad)
            norm = math.sqrt(sum(g.pow(2).sum().item() for g in values))
            for g in values:
                g.mul_(min(1, 0.25 / norm))
            sgd.step()
            if (k + 1) % (len(y) // window) == 0 or k + 1 == count:
                print(f"{k + 1} updates, {time.time() - start:.0f} s, valid "
                      f"{perplexity(valid):.2f}", flush=True)

    epoch = len(train) // batch // window
    updates(sampled, 20, 15 * epoch, epochs * epoch)
    updates(against_all, 5, full, full)
    print(f"{v} words, test {perplexity(test):.2f}")


def blas_peak():
    """GFLOP/s of PyTorch's matrix product on one thread, 0 without it."""
    if not torch:
        return 0
    best = 0
    for n in (256, 384, 512, 768) * 8:
        a, b = torch.rand(n, n), torch.rand(n, n)
        start = time.perf_counter()
        for _ in range(4):
            a @ b
        best = max(best, 8 * n ** 3 / (time.perf_counter() - start) / 1e9)
    return best


def main():
    """peers.py PEER CELL T B I H: one gradient, for start.sh; peers.py textbook
    TEXT UPDATES LOG: the training of the textbook's model, for figures.py;
    peers.py words FOLDER THREADS: the word language model of examples/wordlm."""
    import sys
    if sys.argv[1] == "textbook":
        textbook(sys.argv[2], int(sys.argv[3]), sys.argv[4])
        return
    if sys.argv[1] == "words":
        words(sys.argv[2], int(sys.argv[3]))
        return
    peer, cell, *shape = sys.argv[1:]
    made = globals()[peer](cell, tuple(map(int, shape)))
    if not made:
        sys.exit(f"peers: {peer} {cell} is not there")
    made.once()


if __name__ == "__main__":
    main()
