/* nnrt.hpp: libnnrt for C++17, in this header alone. Handles free themselves, what goes wrong is thrown as nnrt::error
   with the library's own sentence, buffers are spans whose element type is checked against the model's. Nothing is
   allocated by a call that was bound before: `call()` costs what nnrt_run costs.

       nnrt::library library("librings.so");
       nnrt::session session(library.model());
       session.load("rings.safetensors");
       nnrt::call predict = session.predict();
       predict.input("point", points, {rows, 2}).output(0, out, {rows, 1}); // std::vector<float>, or nnrt::span
       predict();

   What this header has no word for is called on session.get(), as nnrt.h says. A handle serves one thread at a time. */
#ifndef NNRT_HPP
#define NNRT_HPP
#include "nnrt.h"
#include <cstddef>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace nnrt {

/* ---- what goes wrong ---- */
class error : public std::runtime_error {
public:
    error(std::int32_t status, const std::string &text) : std::runtime_error(text), status_(status) {}
    std::int32_t status() const noexcept { return status_; } /* enum nnrt_status */

private:
    std::int32_t status_;
};

namespace detail {
[[noreturn]] inline void fail(std::int32_t status, const void *handle)
{
    const char *text = nnrt_error(handle);
    throw error(status, *text ? text : nnrt_status_text(status));
}
inline void check(std::int32_t status, const void *handle)
{
    if (status != NNRT_OK)
        fail(status, handle);
}
} // namespace detail

/* ---- elements and buffers ---- */
template <class T> constexpr std::uint32_t dtype_of() noexcept
{
    using U = std::remove_cv_t<T>;
    static_assert(std::is_same_v<U, bool> || std::is_same_v<U, std::uint8_t> || std::is_same_v<U, std::int8_t> ||
                      std::is_same_v<U, std::int32_t> || std::is_same_v<U, std::int64_t> ||
                      std::is_same_v<U, float> || std::is_same_v<U, double>,
                  "models compute with bool, uint8_t, int8_t, int32_t, int64_t, float and double");
    return std::is_same_v<U, bool>           ? NNRT_BOOL
           : std::is_same_v<U, std::uint8_t> ? NNRT_U8
           : std::is_same_v<U, std::int8_t>  ? NNRT_I8
           : std::is_same_v<U, std::int32_t> ? NNRT_I32
           : std::is_same_v<U, std::int64_t> ? NNRT_I64
           : std::is_same_v<U, float>        ? NNRT_F32
                                             : NNRT_F64;
}

/* Elements that lie one after another and belong to somebody else; made of pointer and count, an array, or anything with
   data() and size(): std::vector, std::array, std::span. */
template <class T> class span {
public:
    constexpr span() noexcept = default;
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <std::size_t N> constexpr span(T (&array)[N]) noexcept : data_(array), size_(N) {}
    template <class C, class = std::enable_if_t<
                           std::is_convertible_v<std::remove_pointer_t<decltype(std::declval<C &>().data())> (*)[], T (*)[]>>>
    constexpr span(C &&container) noexcept : data_(container.data()), size_(container.size()) {}
    constexpr T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr T *begin() const noexcept { return data_; }
    constexpr T *end() const noexcept { return data_ + size_; }
    constexpr T &operator[](std::size_t i) const noexcept { return data_[i]; }

private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};
using shape = std::initializer_list<std::int64_t>;

namespace detail {
template <class C> struct is_span : std::false_type {};
template <class T> struct is_span<span<T>> : std::true_type {};
/* Bits have no address that a model could read or write. */
template <class C> struct is_bits : std::false_type {};
template <class A> struct is_bits<std::vector<bool, A>> : std::true_type {
    static_assert(sizeof(A) == 0, "std::vector<bool> holds bits, and models a byte for each bool: hand over an "
                                  "nnrt::span<bool> or a std::array<bool, N>; read<bool> gives std::vector<uint8_t>");
};
template <class C> using element = std::remove_reference_t<decltype(*std::declval<C &>().data())>;
template <class C> using if_container = std::enable_if_t<!is_span<std::decay_t<C>>::value && !is_bits<std::decay_t<C>>::value, element<C>>;
} // namespace detail

/* What is read of a tensor: elements of T, but a byte of 0 or 1 for each bool. */
template <class T> using values_of = std::vector<std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>>;

/* ---- a model in a file ---- */
class library {
public:
    explicit library(const std::string &path)
    {
        nnrt_library *opened = nullptr;
        std::int32_t status = nnrt_open(path.c_str(), &opened);
        handle_.reset(opened);
        detail::check(status, opened);
    }
    const nnrt_model *model() const noexcept { return nnrt_library_model(handle_.get()); }
    nnrt_library *get() const noexcept { return handle_.get(); }

private:
    struct closer {
        void operator()(nnrt_library *l) const noexcept { nnrt_close(l); }
    };
    std::unique_ptr<nnrt_library, closer> handle_;
};

/* ---- an entry with its buffers ---- */
class call {
public:
    call(nnrt_session *session, std::int32_t entry) noexcept : session_(session), entry_(entry) {}

    template <class T> call &input(const char *name, span<T> data, shape dims)
    {
        return done(nnrt_bind_input(session_, entry_, name, dtype_of<T>(), rank(dims), dims.begin(), data.data(),
                                    data.size() * sizeof(T)));
    }
    template <class T> call &input(std::int32_t place, span<T> data, shape dims)
    {
        return done(nnrt_bind_input_at(session_, entry_, place, dtype_of<T>(), rank(dims), dims.begin(), data.data(),
                                       data.size() * sizeof(T)));
    }
    template <class T> call &output(const char *name, span<T> data, shape dims)
    {
        static_assert(!std::is_const_v<T>, "results cannot be written to constant elements");
        return done(nnrt_bind_output(session_, entry_, name, dtype_of<T>(), rank(dims), dims.begin(), data.data(),
                                     data.size() * sizeof(T)));
    }
    template <class T> call &output(std::int32_t place, span<T> data, shape dims)
    {
        static_assert(!std::is_const_v<T>, "results cannot be written to constant elements");
        return done(nnrt_bind_output_at(session_, entry_, place, dtype_of<T>(), rank(dims), dims.begin(), data.data(),
                                        data.size() * sizeof(T)));
    }
    /* What is no span becomes one. */
    template <class C, class T = detail::if_container<C>> call &input(const char *name, C &&data, shape dims)
    {
        return input(name, span<T>(data), dims);
    }
    template <class C, class T = detail::if_container<C>> call &input(std::int32_t place, C &&data, shape dims)
    {
        return input(place, span<T>(data), dims);
    }
    template <class C, class T = detail::if_container<C>> call &output(const char *name, C &&data, shape dims)
    {
        return output(name, span<T>(data), dims);
    }
    template <class C, class T = detail::if_container<C>> call &output(std::int32_t place, C &&data, shape dims)
    {
        return output(place, span<T>(data), dims);
    }

    void operator()() { detail::check(nnrt_run(session_, entry_), session_); }

    const nnrt_entry &entry() const noexcept { return nnrt_session_model(session_)->entries[entry_]; }
    std::int32_t number() const noexcept { return entry_; }
    /* Sums over the calls since clear(): of eval, grad and step. */
    span<const double> totals() const noexcept { return {nnrt_totals(session_, entry_), entry().ntotals}; }
    double loss() const noexcept { return nnrt_loss_of(nnrt_totals(session_, entry_)); }
    double metric(std::uint32_t i) const noexcept
    {
        return nnrt_metric_of(&entry().metrics[i], nnrt_totals(session_, entry_));
    }
    bool stop() const noexcept { return nnrt_stop_of(&entry(), nnrt_totals(session_, entry_)) != 0; }
    void clear() { detail::check(nnrt_clear_totals(session_, entry_), session_); }

private:
    static std::uint32_t rank(const shape &dims) noexcept { return static_cast<std::uint32_t>(dims.size()); }
    call &done(std::int32_t status)
    {
        detail::check(status, session_);
        return *this;
    }
    nnrt_session *session_;
    std::int32_t entry_;
};

/* ---- settings, from the library's defaults ---- */
inline nnrt_options options() noexcept
{
    nnrt_options o;
    nnrt_options_init(&o);
    return o;
}
inline nnrt_fit_options fit_options() noexcept
{
    nnrt_fit_options o;
    nnrt_fit_options_init(&o);
    return o;
}
inline nnrt_source source(std::int64_t rows, const void *const *arrays) noexcept
{
    nnrt_source s;
    nnrt_source_init(&s);
    s.rows = rows;
    s.arrays = arrays;
    return s;
}

/* ---- a model's memory ---- */
class session {
public:
    explicit session(const nnrt_model *model, const nnrt_options *options = nullptr)
    {
        nnrt_session *made = nullptr;
        std::int32_t status = nnrt_session_new(model, options, &made);
        handle_.reset(made);
        detail::check(status, made);
    }
    nnrt_session *get() const noexcept { return handle_.get(); }
    const nnrt_model &model() const noexcept { return *nnrt_session_model(get()); }

    /* Calls of an entry: of the model or train block of that name, or of the first one. They live no longer than this. */
    call predict(const char *name = nullptr) { return entry(name, NNRT_PREDICT, "model"); }
    call eval(const char *name = nullptr) { return entry(name, NNRT_EVAL, "train block"); }
    call grad(const char *name = nullptr) { return entry(name, NNRT_GRAD, "train block"); }
    call update(const char *name = nullptr) { return entry(name, NNRT_UPDATE, "train block"); }
    call step(const char *name = nullptr) { return entry(name, NNRT_STEP, "train block"); }

    void init(std::uint64_t seed) { check(nnrt_init(get(), seed)); }
    void load(const std::string &path) { check(nnrt_load(get(), path.c_str())); }
    void save(const std::string &path) { check(nnrt_save(get(), path.c_str())); }
    void load_checkpoint(const std::string &path) { check(nnrt_load_checkpoint(get(), path.c_str())); }
    void save_checkpoint(const std::string &path) { check(nnrt_save_checkpoint(get(), path.c_str())); }
    void use_params(void *params) { check(nnrt_use_params(get(), params)); }
    void *params() const noexcept { return nnrt_params(get()); }
    void zero_grad() { check(nnrt_zero_grad(get())); }

    template <class T> values_of<T> read(const char *tensor)
    {
        values_of<T> values(elements<T>(tensor));
        check(nnrt_read(get(), tensor, values.data(), values.size() * sizeof(T)));
        return values;
    }
    template <class T> values_of<T> read_grad(const char *tensor)
    {
        values_of<T> values(elements<T>(tensor));
        check(nnrt_read_grad(get(), tensor, values.data(), values.size() * sizeof(T)));
        return values;
    }
    template <class T> void write(const char *tensor, span<T> values)
    {
        elements<T>(tensor);
        check(nnrt_write(get(), tensor, values.data(), values.size() * sizeof(T)));
    }
    template <class C, class T = detail::if_container<const C>> void write(const char *tensor, const C &values)
    {
        write(tensor, span<T>(values));
    }

    double hyper(const char *name) const
    {
        double value = 0;
        detail::check(nnrt_get_hyper(get(), name, &value), get());
        return value;
    }
    void hyper(const char *name, double value) { check(nnrt_set_hyper(get(), name, value)); }
    const nnrt_step &clock() const noexcept { return *nnrt_clock(get()); }
    void clock(const nnrt_step &at) { check(nnrt_set_clock(get(), &at)); }

    /* Trains. on_epoch(const nnrt_progress &) returns true to end here; what it throws arrives here too. */
    template <class F> void fit(const nnrt_source &data, nnrt_fit_options options, F &&on_epoch, const char *train = nullptr)
    {
        struct Watch {
            std::remove_reference_t<F> *on_epoch;
            std::exception_ptr thrown;
        } watch = {&on_epoch, nullptr};
        options.user = &watch;
        options.on_batch = nullptr;
        options.on_epoch = [](void *user, const nnrt_progress *progress) -> int {
            Watch *w = static_cast<Watch *>(user);
            try {
                return (*w->on_epoch)(*progress) ? 1 : 0;
            } catch (...) {
                w->thrown = std::current_exception();
                return 1;
            }
        };
        std::int32_t status = nnrt_fit(get(), train, &data, &options);
        if (watch.thrown)
            std::rethrow_exception(watch.thrown);
        check(status);
    }
    void fit(const nnrt_source &data, const nnrt_fit_options &options)
    {
        check(nnrt_fit(get(), nullptr, &data, &options));
    }

private:
    struct closer {
        void operator()(nnrt_session *s) const noexcept { nnrt_session_free(s); }
    };
    void check(std::int32_t status) { detail::check(status, get()); }

    call entry(const char *name, int kind, const char *what)
    {
        std::int32_t number = nnrt_find_entry(&model(), name, kind);
        if (number < 0)
            throw error(NNRT_ERR_ARGUMENT, std::string("`") + model().name + "` has no " + what +
                                               (name ? " `" + std::string(name) + "`" : ""));
        return call(get(), number);
    }

    /* How many elements a tensor has, which must be of type T; what was read of bools may be written again. */
    template <class T> std::size_t elements(const char *tensor) const
    {
        std::int32_t at = nnrt_find_tensor(&model(), tensor);
        if (at < 0)
            throw error(NNRT_ERR_ARGUMENT, std::string("`") + model().name + "` has no tensor `" + tensor + "`");
        const nnrt_tensor &t = model().tensors[at];
        const bool byte_of_bool = t.dtype == NNRT_BOOL && std::is_same_v<std::remove_cv_t<T>, std::uint8_t>;
        if (t.dtype != dtype_of<T>() && !byte_of_bool)
            throw error(NNRT_ERR_SHAPE, std::string("`") + t.name + "` (" + t.where + ") is of " +
                                            nnrt_dtype_name(t.dtype) + ", not " + nnrt_dtype_name(dtype_of<T>()));
        return static_cast<std::size_t>(t.bytes) / sizeof(T);
    }

    std::unique_ptr<nnrt_session, closer> handle_;
};

} // namespace nnrt
#endif
