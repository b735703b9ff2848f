"""JAX, whole steps compiled by XLA, parameters given back to the next step."""
import jax, jax.numpy as jnp
import networks

NAME = "JAX"


def forward(network, params, x):
    h = x if network == "rings" else x.astype(jnp.float32) / 255
    for i, (w, b) in enumerate(params):
        z = h @ w + b
        h = jax.nn.relu(z) if networks.HIDDEN[network] == "relu" and i + 1 < len(params) else jax.nn.sigmoid(z)
    return h


def loss(network, params, x, y):
    p = forward(network, params, x)
    if network == "digits":
        return jnp.mean(jnp.sum((p - y) ** 2, axis=1))
    return -jnp.mean(y * jnp.log(p) + (1 - y) * jnp.log(1 - p))


def adam(params, grads, m, v, step):
    each = jax.tree_util.tree_map
    m = each(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
    v = each(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
    rate = lambda p, m, v: p - 0.01 * (m / (1 - 0.9 ** step)) / (jnp.sqrt(v / (1 - 0.999 ** step)) + 1e-8)
    return each(rate, params, m, v), m, v


def make(network, job, batch, fresh=False):
    if fresh:
        jax.clear_caches()
    params = jax.device_put(networks.weights(network))
    x, y = jax.device_put(networks.inputs(network, batch)), jax.device_put(networks.targets(network, batch))
    if job == "predict":
        run = jax.jit(lambda params, x: forward(network, params, x))
        return lambda: run(params, x).block_until_ready()

    def step(state, x, y):
        params, m, v, n = state
        value, grads = jax.value_and_grad(lambda p: loss(network, p, x, y))(params)
        if network == "rings":
            return (*adam(params, grads, m, v, n), n + 1), value
        return (jax.tree_util.tree_map(lambda p, g: p - 0.01 * g, params, grads), m, v, n + 1), value

    m, v = (jax.tree_util.tree_map(jnp.zeros_like, params) for _ in range(2))
    state = [(params, m, v, jnp.float32(1))]
    run = jax.jit(step, donate_argnums=0)

    def call():
        state[0], value = run(state[0], x, y)
        value.block_until_ready()
    return call
