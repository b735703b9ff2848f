/* What a value may be, as far as the formulas tell: whether a loss on probabilities is warned about it. */
#include "frontend/frontend.h"
#include "tensor_assert.h"
#include <string.h>

/* z is any number, s an input; each expression is what the loss gets. */
static const char *const body =
    "dim N\n"
    "hyper g = 0.3\n"
    "layer head(x: real[N, 4]; out) -> real[N, out] = x |> repeat(2) { dense(4) |> relu } |> dense(out)\n"
    "layer noisy(x: real[...]) -> real[...] {\n  n: real[...] = normal\n  x + n\n}\n"
    "layer pair(x: real[N, 4]) -> (a: real[N, 3], b: real[N, 3]) {\n  h = x |> head(3)\n  (h, softmax(h))\n}\n"
    "%s\n"
    "train net(x: f32[N, 4], s: f32[N, 3], u: u8[N, 3], y: %s) {\n"
    "  layer body = head(3)\n"
    "  layer both = pair\n"
    "  z = body(x)\n"
    "  w = x |> dense(1) |> sigmoid |> [N, 1] -> [N] |> [N] -> [N, 3]\n"
    "  a, b = both(x)\n"
    "  _all = (w, a, b, s, u, g)\n"
    "  loss %s(%s, y) + 0*mean(z) + 0*mean(a)\n"
    "  optimizer sgd\n"
    "}\n";

static bool warns(const char *define, const char *label, const char *loss, const char *value)
{
    Cx *cx = cx_new();
    FrontendOptions plain = {0};
    Program *p = frontend_parse(cx, "test.nn", str_format(cx->arena, body, define, label, loss, value), &plain);
    bool found = false;
    for (int i = 0; i < cx->diags->list.n; i++) found |= str_equal(cx->diags->list.at[i]->code, "W0506");
    if (!p) diags_print(cx->diags, stderr, false);
    if (!p) fail_msg("%s(%s) is refused", loss, value);
    cx_free(cx);
    return found;
}

static void expect(bool warned, const char *define, const char *label, const char *loss, const char *value)
{
    if (warns(define, label, loss, value) != warned)
        fail_msg("%s(%s) %s", loss, value, warned ? "is not warned about" : "is warned about");
}

static const char *const probabilities[] = {
    "softmax(z)", "sigmoid(z)", "b", "(tanh(z) + 1)/2", "max(min(z, 1), 0)", "exp(z) / sum(exp(z), along = last)",
    "exp(z) / (sum(exp(z), along = last) + 1e-8)", "exp(z) / max(exp(z), along = last)", "exp(log_softmax(z))",
    "w*softmax(z) + (1 - w)*sigmoid(z)", "(softmax(z) + sigmoid(z))/2", "0.9*softmax(z) + 0.1/3", "1 - sigmoid(z)",
    "softmax(z)*sigmoid(z)", "detach(softmax(z))", "hard_sigmoid(z)", "hard_sigmoid_relus(z)", "exp(-z^2)",
    "exp(-abs(z))", "1/(1 + exp(-z))", "select(z > 0, softmax(z), 0)", "sigmoid(z)^2", "sqrt(sigmoid(z))",
    "reverse(softmax(z), over = last)", "sigmoid(z)^g", "sin(z)^2", "real(z > 0)", "one_hot(argmax(z, over = last))",
    "concat(slice(sigmoid(z), over = last, start = 0, size = 1), "
    "w |> slice(over = last, start = 0, size = 2), over = last)",
    /* what the host gives may be anything, and so may what is made of it alone */
    "s", "s*2", "s - 0.5", "s / sum(s, along = last)", "real(u)/255", "real(u)",
};
static const char *const others[] = {
    "z", "a", "tanh(z)", "relu(z)", "softmax(z) + sigmoid(z)", "gelu(z)", "swish(z)", "softplus(z)", "noisy(s)",
    "2*softmax(z)", "softmax(z) - 0.5", "log_softmax(z)", "exp(z)", "z*s", "batch_norm(softmax(z))",
    "softmax(z) - sigmoid(z)",
};

static void test_probabilities(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(probabilities); i++) expect(false, "", "i32<3>[N]", "cross_entropy", probabilities[i]);
    for (size_t i = 0; i < COUNT(others); i++) expect(true, "", "i32<3>[N]", "cross_entropy", others[i]);
}

static void test_pairs(void **state)
{
    static const char *const losses[][3] = {
        {"bce", "bce_logits", "f32[N, 3]"},
        {"cross_entropy", "cross_entropy_logits", "i32<3>[N]"},
        {"cross_entropy_soft", "cross_entropy_soft_logits", "f32[N, 3]"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(losses); i++) {
        expect(true, "", losses[i][2], losses[i][0], "z");
        expect(false, "", losses[i][2], losses[i][0], "softmax(z)");
        expect(false, "", losses[i][2], losses[i][1], "z");
        expect(false, "", losses[i][2], losses[i][1], "log_softmax(z)");
        expect(false, "", losses[i][2], losses[i][1], "s");
        expect(true, "", losses[i][2], losses[i][1], "softmax(z)");
        expect(true, "", losses[i][2], losses[i][1], "detach(sigmoid(z))");
    }
}

static void test_own_functions(void **state)
{
    (void)state;
    expect(true, "fn mine(p: real[N, 3], y: int<3>[N]) -> real = cross_entropy(p, y)", "i32<3>[N]", "mine", "z");
    expect(false, "fn bce(p: real[N, 3], y: real[N, 3]) -> real = mean((p - y)^2)", "f32[N, 3]", "bce", "z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probabilities),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_own_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
