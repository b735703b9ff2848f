/* nnrt.hpp: every way to hand over a buffer, what is thrown, what is moved, and that a bound call takes no memory. */
#include "nnrt.hpp"
#include "rings.h"
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

static bool counting;
static int taken;
void *operator new(std::size_t bytes)
{
    taken += counting;
    if (void *at = std::malloc(bytes))
        return at;
    throw std::bad_alloc();
}
void operator delete(void *at) noexcept { std::free(at); }
void operator delete(void *at, std::size_t) noexcept { std::free(at); }

#define WANT(what) \
    do { \
        if (!(what)) { \
            std::printf("%s:%d: %s does not hold\n", __FILE__, __LINE__, #what); \
            return 1; \
        } \
    } while (0)

/* The call throws an nnrt::error of this status whose sentence has these words. */
template <class F> static bool throws(std::int32_t status, const char *words, F &&call)
{
    try {
        call();
    } catch (const nnrt::error &e) {
        if (e.status() == status && std::strstr(e.what(), words))
            return true;
        std::printf("status %d: %s\n", int(e.status()), e.what());
    }
    return false;
}

static int every_buffer(nnrt::session &s)
{
    const std::vector<float> vector = {0.5f, 0, 0, 1};
    const float array[] = {0.5f, 0, 0, 1};
    std::array<float, 4> standard = {0.5f, 0, 0, 1};
    float by_vector[2], by_array[2] = {7, 7};
    std::vector<float> out(2);
    nnrt::call predict = s.predict("rings");
    predict.input("point", vector, {2, 2}).output(0, nnrt::span<float>(by_vector), {2, 1})();
    predict.input(0, nnrt::span(array), {2, 2}).output("out", nnrt::span(by_array), {2, 1})();
    WANT(std::memcmp(by_vector, by_array, sizeof by_vector) == 0);
    predict.input(0, standard, {2, 2}).output(0, out, {2, 1})();
    WANT(std::memcmp(by_vector, out.data(), sizeof by_vector) == 0);
    predict.input(0, nnrt::span<const float>(standard.data(), 2), {1, 2}).output(0, nnrt::span(out.data(), 1), {1, 1})();
    WANT(out[0] == by_vector[0] && predict.entry().ninputs == 1);
    return 0;
}

static int what_is_thrown(nnrt::session &s)
{
    std::vector<float> point(4), out(2);
    std::vector<double> wide(4);
    nnrt::call predict = s.predict();
    WANT(throws(NNRT_ERR_SHAPE, "f32[N, 2], and is given f64[2, 2]", [&] { predict.input("point", wide, {2, 2}); }));
    WANT(throws(NNRT_ERR_SHAPE, "takes 24 bytes, and the buffer has 16", [&] { predict.input("point", point, {3, 2}); }));
    WANT(throws(NNRT_ERR_ARGUMENT, "no such input `pint`", [&] { predict.input("pint", point, {2, 2}); }));
    WANT(throws(NNRT_ERR_STATE, "has no buffer yet", [&] { predict(); }));
    WANT(throws(NNRT_ERR_ARGUMENT, "`rings` has no model `ring`", [&] { s.predict("ring"); }));
    WANT(throws(NNRT_ERR_ARGUMENT, "`rings` has no train block `ring`", [&] { s.step("ring"); }));
    WANT(throws(NNRT_ERR_ARGUMENT, "no tensor `w`", [&] { s.read<float>("w"); }));
    WANT(throws(NNRT_ERR_SHAPE, "is of f32, not f64", [&] { s.read<double>("rings.dense1.w"); }));
    WANT(throws(NNRT_ERR_ARGUMENT, "no setting `rate`", [&] { s.hyper("rate", 1); }));
    WANT(throws(NNRT_ERR_FILE, "none: cannot read", [&] { s.load("none"); }));
    WANT(throws(NNRT_ERR_FILE, "none.so: cannot read", [] { nnrt::library("none.so"); }));
    WANT(throws(NNRT_ERR_NULL, "no model is given", [] { nnrt::session none(nullptr); }));
    nnrt_options wrong = nnrt::options();
    wrong.size = 1;
    WANT(throws(NNRT_ERR_ARGUMENT, "nnrt_options_init", [&] { nnrt::session none(rings_model(), &wrong); }));
    return 0;
}

static int steps_are_gradients_and_updates(const std::vector<float> &point, const std::vector<float> &inside)
{
    nnrt::session a(rings_model()), b(rings_model());
    a.init(3);
    b.init(3);
    const std::int64_t rows = std::int64_t(inside.size());
    nnrt::call step = a.step(), grad = b.grad(), update = b.update(), eval = b.eval();
    step.input("point", point, {rows, 2}).input("inside", inside, {rows, 1});
    grad.input(0, point, {rows, 2}).input(1, inside, {rows, 1});
    eval.input(0, point, {rows, 2}).input(1, inside, {rows, 1});
    for (int i = 0; i < 5; i++) {
        step.clear();
        step();
        b.zero_grad();
        grad.clear();
        grad();
        update();
        WANT(step.loss() == grad.loss() && step.metric(0) == grad.metric(0) && !step.stop());
    }
    eval();
    WANT(a.read<float>("rings.dense5.w") == b.read<float>("rings.dense5.w") && eval.totals()[0] == double(rows));
    WANT(b.read_grad<float>("rings.dense1.w").size() == 8 && a.clock().step == 6);
    nnrt_step at = a.clock();
    at.step = 20;
    a.clock(at);
    WANT(a.clock().step == 20);
    std::vector<float> ones(4, 1.0f);
    a.write("rings.dense5.w", ones);
    WANT(a.read<float>("rings.dense5.w") == ones);
    return 0;
}

static int training(const std::vector<float> &point, const std::vector<float> &inside)
{
    nnrt::session s(rings_model());
    const void *arrays[] = {point.data(), inside.data()};
    nnrt_source data = nnrt::source(std::int64_t(inside.size()), arrays);
    nnrt_fit_options options = nnrt::fit_options();
    int epochs = 0;
    options.epochs = 10;
    s.init(1);
    s.fit(data, options, [&](const nnrt_progress &p) { return ++epochs == 4 && p.epoch == 4; });
    WANT(epochs == 4);
    struct Own {};
    try {
        s.fit(data, options, [](const nnrt_progress &) -> bool { throw Own(); });
        epochs = 0;
    } catch (const Own &) {
    }
    WANT(epochs == 4);
    s.fit(data, options);
    s.save("cpp.safetensors");
    s.save_checkpoint("cpp.checkpoint");
    nnrt::session t(rings_model());
    t.load("cpp.safetensors");
    WANT(t.read<float>("rings.dense1.w") == s.read<float>("rings.dense1.w"));
    t.load_checkpoint("cpp.checkpoint");
    WANT(t.clock().step == s.clock().step);
    return 0;
}

static int bound_calls_take_nothing(nnrt::session &s)
{
    std::vector<float> point(8), out(4), inside(4);
    nnrt::call predict = s.predict(), step = s.step();
    predict.input("point", point, {4, 2}).output(0, out, {4, 1})();
    step.input("point", point, {4, 2}).input("inside", inside, {4, 1})();
    taken = 0;
    counting = true;
    for (int i = 0; i < 100; i++) {
        predict();
        step();
        step.clear();
    }
    counting = false;
    WANT(taken == 0);
    return 0;
}

static int bools_are_bytes()
{
    using bytes = std::vector<std::uint8_t>;
    nnrt::library library("./libflags.so");
    nnrt::session s(library.model());
    s.init(1);
    std::array<bool, 4> x = {true, false, false, true}, out = {};
    nnrt::call predict = s.predict();
    predict.input("x", x, {2, 2}).output(0, out, {2, 2})();
    WANT(out == x);
    bytes seen = s.read<bool>("flags.seen");
    WANT(seen == bytes({1, 1}));
    seen[1] = 0;
    s.write("flags.seen", seen);
    WANT(s.read<bool>("flags.seen") == bytes({1, 0}) && s.read<std::uint8_t>("flags.seen")[1] == 0);
    const bool last[] = {false, true};
    s.write("flags.seen", nnrt::span(last));
    WANT(s.read<bool>("flags.seen") == bytes({0, 1}));
    predict();
    WANT(!out[0] && !out[1] && !out[2] && out[3]);
    WANT(throws(NNRT_ERR_SHAPE, "is of bool, not i8", [&] { s.read<std::int8_t>("flags.seen"); }));
    return 0;
}

int main()
{
    std::vector<float> point, inside;
    for (int i = 0; i < 100; i++) {
        point.push_back(float(i % 10) / 5 - 1);
        point.push_back(float(i / 10) / 5 - 1);
        inside.push_back(point[std::size_t(2 * i)] > 0 ? 1.0f : 0.0f);
    }
    nnrt::library library("./librings.so");
    nnrt::library moved = std::move(library);
    nnrt::session first(moved.model());
    nnrt::session s = std::move(first);
    s.init(1);
    int bad = every_buffer(s) || what_is_thrown(s) || steps_are_gradients_and_updates(point, inside) ||
              training(point, inside) || bound_calls_take_nothing(s) || bools_are_bytes();
    std::puts(bad ? "FAILED" : "nnrt.hpp does what it says");
    return bad;
}
