/* habit.c: words of other languages, and the help that each brings. */
#include "frontend/habit.h"
#include "base/base.h"

typedef struct Habit { const char *word, *help; } Habit;

static const Habit types[] = {
    {"float", "write `f32`"}, {"float32", "write `f32`"}, {"single", "write `f32`"},
    {"double", "write `f64`"}, {"float64", "write `f64`"},
    {"char", "write `i8`"}, {"int8", "write `i8`"}, {"byte", "write `u8`"}, {"uint8", "write `u8`"},
    {"int32", "write `i32`"}, {"long", "write `i64`"}, {"int64", "write `i64`"}, {"boolean", "write `bool`"},
    {"tensor", "a type is a dtype and its sizes: `f32[N, 4]`"}, {"Tensor", "a type is a dtype and its sizes: `f32[N, 4]`"},
};

static const char by_pattern[] = "a pattern says what moves: `x |> [N, (a, b)] -> [N, b, a]`";
static const char by_power[] = "write `x^2` and the like";
static const char by_product[] = "`@` is the product of matrices: `x @ w`";
static const char by_dtype[] = "a dtype's name converts: `f32(x)`";
static const char by_result[] = "the last line of a body is what it gives: leave `return` out";

static const Habit functions[] = {
    {"linear", "write `dense(8)`"}, {"Linear", "write `dense(8)`"}, {"fully_connected", "write `dense(8)`"},
    {"fc", "write `dense(8)`"}, {"affine", "write `dense(8)`"},
    {"crossentropy", "write `cross_entropy`"}, {"CrossEntropyLoss", "write `cross_entropy_logits`"},
    {"categorical_crossentropy", "write `cross_entropy_soft`"},
    {"sparse_categorical_crossentropy", "write `cross_entropy`"},
    {"nll_loss", "write `cross_entropy`"}, {"binary_crossentropy", "write `bce`"}, {"binary_cross_entropy", "write `bce`"},
    {"mse_loss", "write `mse`"}, {"MSELoss", "write `mse`"}, {"mean_squared_error", "write `mse`"},
    {"mean_absolute_error", "write `mae`"}, {"l1_loss", "write `mae`"}, {"silu", "write `swish`"},
    {"maximum", "write `max(a, b)`"}, {"minimum", "write `min(a, b)`"}, {"cat", "write `concat(a, b, over = last)`"},
    {"concatenate", "write `concat(a, b, over = last)`"}, {"where", "write `select(c, a, b)`"},
    {"stop_gradient", "write `detach(x)`"}, {"gather", "write `take(x, i, over = first)`, or `pick(x, i)`"},
    {"flip", "write `reverse(x, over = last)`"},
    {"reshape", by_pattern}, {"view", by_pattern}, {"permute", by_pattern}, {"squeeze", by_pattern},
    {"unsqueeze", by_pattern}, {"expand", by_pattern}, {"tile", by_pattern}, {"broadcast_to", by_pattern},
    {"einsum", by_pattern}, {"pow", by_power}, {"square", by_power},
    {"matmul", by_product}, {"dot", by_product}, {"mm", by_product}, {"bmm", by_product},
    {"cast", by_dtype}, {"float", by_dtype}, {"float32", by_dtype}, {"astype", by_dtype},
    {"return", by_result},
};

static const Habit values[] = {
    {"None", "leave out what is not given"}, {"null", "leave out what is not given"},
    {"return", by_result},
};

static const char by_repeat[] = "`x |> repeat(3) { ... }` writes a body several times in a row";
static const char by_name[] = "a binding begins with its name: `h = x |> dense(8)`";
static const char by_setting[] = "a setting stands without a sign: `loss mse(p, y)`, `epochs 10`";

static const Habit definitions[] = {
    {"def", "a function is a `fn`, one with parameters a `layer`, one that a host calls a `model`"},
    {"function", "a function is a `fn`, one with parameters a `layer`, one that a host calls a `model`"},
    {"func", "a function is a `fn`, one with parameters a `layer`, one that a host calls a `model`"},
    {"class", "what has parameters is a `layer`, and what a host calls a `model`"},
    {"network", "what a host calls is a `model`"},
    {"const", "a number with a name is a `hyper`"}, {"let", "a number with a name is a `hyper`"},
    {"var", "a number with a name is a `hyper`"},
    {"include", "`import \"blocks.nn\"` makes another file known"}, {"use", "`import \"blocks.nn\"` makes another file known"},
};

/* Of words alone where nothing is said of the next one. */
static const struct { const char *word, *next, *help; } pairs[] = {
    {"*", "*", "`^` is the power"}, {"/", "/", "`#` begins a comment"}, {"/", "*", "`#` begins a comment"},
    {"return", "", by_result}, {"for", "", by_repeat}, {"while", "", by_repeat},
    {"let", "", by_name}, {"var", "", by_name}, {"const", "", by_name}, {"auto", "", by_name},
    {"dim", "=", "an axis is chosen by `over`: `softmax(over = last)`"},
    {"loss", ":", by_setting}, {"optimizer", ":", by_setting}, {"metric", ":", by_setting}, {"epochs", ":", by_setting},
    {"batch", ":", by_setting}, {"split", ":", by_setting}, {"seed", ":", by_setting},
};

static const Habit characters[] = {
    {"|", "`|>` hands a value on, and `or` joins conditions"}, {"&", "write `and`"}, {"!", "write `not`"},
    {"?", "an open size is a dim: `dim N`, and then `f32[N, 4]`"},
};

static const char *find(const Habit *all, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (str_equal(all[i].word, word)) return all[i].help;
    return NULL;
}

const char *habit_of_type(const char *name) { return find(types, COUNT(types), name); }
const char *habit_of_value(const char *name) { return find(values, COUNT(values), name); }
const char *habit_of_function(const char *name) { return find(functions, COUNT(functions), name); }

const char *habit_of_definition(const char *name) { return find(definitions, COUNT(definitions), name); }
const char *habit_of_character(const char *text) { return find(characters, COUNT(characters), text); }

const char *habit_of_pair(const char *word, const char *next)
{
    for (size_t i = 0; i < COUNT(pairs); i++)
        if (str_equal(pairs[i].word, word) && (!pairs[i].next[0] || str_equal(pairs[i].next, next))) return pairs[i].help;
    return NULL;
}
