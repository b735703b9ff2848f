/* html.c: the page of a run. It needs no network and no script: the pictures stand in it, its policy forbids more. */
#include "driver/report/report.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char page_style[] =
    ":root{color-scheme:light dark;--ground:#f4f5f7;--card:#fff;--ink:#1b1f24;--soft:#5c646d;--line:#e0e3e7}"
    "@media(prefers-color-scheme:dark){:root{--ground:#0f1115;--card:#181b20;--ink:#e3e6ea;"
    "--soft:#9aa2ab;--line:#2c3138}}"
    "*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);"
    "font:15px/1.5 system-ui,-apple-system,\"Segoe UI\",sans-serif}main{max-width:1060px;margin:0 auto;"
    "padding:28px 20px 60px}"
    "h1{font-size:26px;margin:0}h2{font-size:17px;margin:0 0 12px}header p{margin:4px 0 20px;color:var(--soft)}"
    "section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px 20px;"
    "margin:0 0 18px;"
    "overflow-x:auto}.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));"
    "gap:14px;margin:0 0 18px}"
    ".tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px}"
    ".tile .name{color:var(--soft);font-size:13px}.tile .value{font-size:25px;font-weight:600;line-height:1.3;"
    "font-variant-numeric:tabular-nums}.tile .note{margin:0 0 4px}.note{color:var(--soft);font-size:13px;"
    "margin:8px 0 0}"
    "svg{display:block}.picture>svg{width:100%;min-width:680px;height:auto}"
    ".picture.narrow>svg{width:auto;min-width:0;max-width:100%}"
    ".sides{display:flex;flex-wrap:wrap;gap:28px;align-items:flex-start}.sides>:first-child{min-width:0}"
    "table{border-collapse:collapse;font-size:13.5px}th,td{text-align:left;padding:5px 18px 5px 0;"
    "vertical-align:middle;"
    "border-bottom:1px solid var(--line)}tr:last-child>*{border-bottom:0}thead th{color:var(--soft);"
    "font-weight:600;"
    "font-size:12.5px}tbody th{font-weight:400}.number{text-align:right;font-variant-numeric:tabular-nums}"
    ".settings tbody th{color:var(--soft);white-space:nowrap}code{white-space:nowrap}"
    "code,pre{font:12.5px/1.5 ui-monospace,monospace}"
    "pre{margin:10px 0 0;overflow-x:auto}summary{cursor:pointer;color:var(--soft)}details{margin-top:10px}"
    "@media print{body{background:none}section,.tile{break-inside:avoid}}";

static void add_head(const Page *p, Text *to)
{
    const nnrt_entry *e = p->setup->entry;
    text_add(to, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                 "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"
                 " style-src 'unsafe-inline'; "
                 "img-src data:\">\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n");
    if (p->running) text_add(to, "<meta http-equiv=\"refresh\" content=\"5\">\n");
    text_add(to, "<link rel=\"icon\" href=\"data:,\">\n<title>");
    xml_text(to, e->name);
    text_add(to, " – training report</title>\n<style>%s%s</style>\n</head>\n", page_style, svg_style);
    text_add(to, "<body>\n<main>\n<header>\n<h1>");
    xml_text(to, e->name);
    text_add(to, "</h1>\n<p>");
}

static uint64_t steps_done(const History *h) { return h->epochs.n ? h->epochs.at[h->epochs.n - 1].step : 0; }

static void add_summary(const Page *p, Text *to)
{
    const ReportSetup *s = p->setup;
    const History *h = p->history;
    Arena *a = to->arena;
    xml_text(to, nnrt_session_model(s->session)->source);
    uint64_t epoch = h->epochs.n ? h->epochs.at[h->epochs.n - 1].epoch : 0;
    text_add(to, " · %s%s", p->running ? "still training: epoch " : "", grouped_number(a, (int64_t)epoch));
    if (p->running && s->epochs) text_add(to, " of %s", grouped_number(a, s->epochs));
    text_add(to, "%s · %s update%s · seed %" PRId64 "</p>\n</header>\n",
             p->running   ? ""
             : epoch == 1 ? " epoch"
                          : " epochs",
             grouped_number(a, (int64_t)steps_done(h)), steps_done(h) == 1 ? "" : "s", s->seed);
}

/* ---- tiles: the last numbers, large ---- */
static void add_tile(const Page *p, int series, Text *to)
{
    const History *h = p->history;
    double train = history_last(h, series, false), test = history_last(h, series, true);
    bool held_out = !isnan(test) || (h->epochs.n && h->has_test);
    int best = series ? -1 : history_best(h, series);
    Arena *a = to->arena;
    text_add(to, "<div class=\"tile\"><div class=\"name\">");
    xml_text(to, h->names[series]);
    text_add(to, "%s</div><div class=\"value\">%s</div>", held_out ? ", held out" : "",
             short_number(a, held_out ? test : train));
    text_add(to, "<p class=\"note\">");
    if (held_out) text_add(to, "train %s", short_number(a, train));
    if (best >= 0) text_add(to, "%slowest at epoch %" PRIu64, held_out ? " · " : "", h->epochs.at[best].epoch);
    text_add(to, "</p>");
    sparkline_draw(h, series, to);
    text_add(to, "</div>\n");
}

static int64_t count_parameters(const nnrt_model *m)
{
    int64_t n = 0;
    for (uint32_t i = 0; i < m->ntensors; i++)
        if (m->tensors[i].role == NNRT_PARAM) n += m->tensors[i].bytes / (int64_t)nnrt_dtype_bytes(m->tensors[i].dtype);
    return n;
}

static void add_tiles(const Page *p, Text *to)
{
    const nnrt_model *m = nnrt_session_model(p->setup->session);
    text_add(to, "<div class=\"tiles\">\n");
    for (int i = p->history->first; i < p->history->nseries && p->history->epochs.n; i++) add_tile(p, i, to);
    text_add(to,
             "<div class=\"tile\"><div class=\"name\">parameters</div><div class=\"value\">%s</div>"
             "<p class=\"note\">%s with state</p></div>\n",
             grouped_number(to->arena, count_parameters(m)), bytes_text(to->arena, m->params_bytes));
    text_add(to, "</div>\n");
}

/* ---- sections ---- */
static void open_section(Text *to, const char *title) { text_add(to, "<section>\n<h2>%s</h2>\n", title); }

static void add_pictures(const Page *p, Text *to)
{
    if (p->history->nseries > p->history->first && p->history->epochs.n) {
        open_section(to, p->history->has_test ? "Training against held-out data" : "Training");
        text_add(to, "<div class=\"picture%s\">", p->history->nseries - p->history->first > 1 ? "" : " narrow");
        curves_draw(p->history, to, false);
        text_add(to, "</div>\n</section>\n");
    }
    if (p->region) {
        open_section(to, "What the model says over its two inputs");
        text_add(to, "<div class=\"picture\">");
        decision_region_draw(p->region, to, false);
        text_add(to, "</div>\n<p class=\"note\">Points are samples that it was trained on.</p>\n</section>\n");
    }
}

static void add_mistakes(const Confusion *c, Text *to)
{
    enum { MOST = 8 };
    int truth, guess;
    if (c->n < 3 || !confusion_worst(c, 0, &truth, &guess)) return;
    text_add(to,
             "<table><thead><tr><th>it is</th><th>taken for</th><th class=\"number\">times</th></tr></thead><tbody>\n");
    for (int i = 0; i < MOST && confusion_worst(c, i, &truth, &guess); i++) {
        text_add(to, "<tr><td>");
        xml_text(to, c->names[truth]);
        text_add(to, "</td><td>");
        xml_text(to, c->names[guess]);
        text_add(to, "</td><td class=\"number\">%" PRId64 "</td></tr>\n", c->counts[truth * c->n + guess]);
    }
    text_add(to, "</tbody></table>\n");
}

static void add_confusion(const Page *p, Text *to)
{
    if (!p->confusion) return;
    open_section(to, "Confusion matrix");
    text_add(to, "<div class=\"sides\"><div class=\"picture narrow\">");
    confusion_draw(p->confusion, to, false);
    text_add(to, "</div><div>");
    add_mistakes(p->confusion, to);
    text_add(to, "</div></div>\n</section>\n");
}

static void add_row(Text *to, const char *name, const char *value)
{
    text_add(to, "<tr><th scope=\"row\">");
    xml_text(to, name);
    text_add(to, "</th><td>");
    xml_text(to, value);
    text_add(to, "</td></tr>\n");
}

static bool worth_showing(const Setting *s)
{
    return *s->value && !str_equal(s->value, "0") && !str_ends(s->name, "hash");
}

static void add_settings(const Page *p, Text *to)
{
    const ReportSetup *s = p->setup;
    Arena *a = to->arena;
    open_section(to, "Settings");
    text_add(to, "<table class=\"settings\"><tbody>\n");
    for (int i = 0; i < s->nsettings; i++)
        if (worth_showing(&s->settings[i])) add_row(to, s->settings[i].name, s->settings[i].value);
    if (p->dropped) add_row(to, "left out of each epoch", grouped_number(a, p->dropped));
    if (p->batch) add_row(to, "samples in a batch", grouped_number(a, p->batch));
    if (p->updates) add_row(to, "updates in an epoch", grouped_number(a, (int64_t)p->updates));
    text_add(to, "</tbody></table>\n</section>\n");
}

/* Sizes of one step at the run's batch, by the formulas that the model carries. */
static void add_step_costs(const Page *p, Text *to)
{
    const nnrt_entry *e = p->setup->entry;
    Arena *a = to->arena;
    int64_t *sizes = NEW_ARRAY(a, int64_t, e->nsymbols + 1);
    for (uint32_t i = 0; i < e->nsymbols; i++) sizes[i] = p->setup->train->sizes ? p->setup->train->sizes[i] : 1;
    if (e->rows) sizes[e->rows - 1] = p->batch;
    int64_t work = e->bytes(sizes), cost = e->cost(sizes);
    if (work > 0) add_row(to, "workspace of a step", bytes_text(a, work));
    if (cost > 0) add_row(to, "multiplications and additions of a step", grouped_number(a, cost));
}

static void add_memory(const Page *p, Text *to)
{
    const nnrt_model *m = nnrt_session_model(p->setup->session);
    Arena *a = to->arena;
    open_section(to, "Memory");
    text_add(to, "<table class=\"settings\"><tbody>\n");
    add_row(to, "parameters and state", bytes_text(a, m->params_bytes));
    add_row(to, "optimizer", bytes_text(a, m->opt_bytes));
    if (p->batch) add_step_costs(p, to);
    text_add(to, "</tbody></table>\n");
    if (p->setup->memory_plan) {
        text_add(to, "<details><summary>where every value lives</summary><pre>");
        xml_text(to, p->setup->memory_plan);
        text_add(to, "</pre></details>\n");
    }
    text_add(to, "</section>\n");
}

static void add_source(const Page *p, Text *to)
{
    char *text;
    size_t size;
    const char *path = p->setup->model_file;
    if (!path || !strcmp(path, "-") || !read_file(to->arena, path, MOST_TEXT, &text, &size)) return;
    open_section(to, "The model");
    text_add(to, "<pre>");
    xml_text(to, str_copy_n(to->arena, text, size));
    text_add(to, "</pre>\n</section>\n");
}

void html_page(const Page *p, Text *to)
{
    add_head(p, to);
    add_summary(p, to);
    add_tiles(p, to);
    add_pictures(p, to);
    add_confusion(p, to);
    open_section(to, "Parameters");
    weights_draw(p->weights, to);
    text_add(to, "<p class=\"note\">Bars: the values now. Outline: %s.</p>\n</section>\n",
             p->setup->resumed ? "where the run went on" : "before training");
    add_settings(p, to);
    add_memory(p, to);
    add_source(p, to);
    text_add(to, "</main>\n</body>\n</html>\n");
}
