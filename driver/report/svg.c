/* svg.c: what all pictures share: text that is safe to place, scales with round numbers, a style for light and dark. */
#include "driver/report/report.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Blue and orange stay apart for every kind of colour blindness; held out is dashed besides. */
const char svg_style[] =
    ".nn text{font:12px system-ui,sans-serif;fill:#33383f}.nn .paper{fill:#fff}"
    ".nn .head{font-weight:600;font-size:14px;fill:#111418}.nn .soft{fill:#626a73;font-size:11px}"
    ".nn .end{text-anchor:end}.nn .mid{text-anchor:middle}"
    ".nn .grid{stroke:#e3e6ea;stroke-width:1}.nn .axis{stroke:#9aa2ab;stroke-width:1;fill:none}"
    ".nn .train{stroke:#0072b2;fill:none;stroke-width:2;stroke-linejoin:round}"
    ".nn .test{stroke:#c2500a;fill:none;stroke-width:2;stroke-linejoin:round;stroke-dasharray:6 3}"
    ".nn .solid{stroke-dasharray:none}.nn circle.dot{stroke:none}.nn .train.dot,.nn text.train{fill:#0072b2}"
    ".nn .test.dot,.nn text.test{fill:#c2500a}.nn text.train,.nn text.test{stroke:none;font-size:11px;"
    "font-weight:600}"
    ".nn .hover{fill:#000;fill-opacity:0}.nn .hover:hover{fill-opacity:.06}"
    ".nn .fine{stroke-width:1.3}.nn .cell{fill:#f4f5f7}.nn .was{fill:none;stroke:#8a929b;stroke-width:1}"
    ".nn .bar{fill:#0072b2;fill-opacity:.75}"
    ".nn .light{fill:#fff}"
    "@media(prefers-color-scheme:dark){.nn text{fill:#d4d8dd}.nn .paper{fill:#181b20}.nn .head{fill:#f2f4f6}"
    ".nn .soft{fill:#9aa2ab}.nn .grid{stroke:#2c3138}.nn .axis{stroke:#6b737c}.nn .train{stroke:#56b4e9}"
    ".nn .test{stroke:#f0964b}.nn .train.dot,.nn text.train{fill:#56b4e9}.nn .test.dot,.nn text.test{fill:#f0964b}"
    ".nn .hover{fill:#fff}.nn .cell{fill:#23272d}.nn .bar{fill:#56b4e9}.nn .was{stroke:#9aa2ab}"
    ".nn .light{fill:#fff}}";

/* ---- text ---- */
/* The bytes of a well-formed UTF-8 character at s, or 0. */
static int character_bytes(const unsigned char *s)
{
    if (s[0] < 0x80) return s[0] >= 32 || s[0] == '\t' || s[0] == '\n';
    int n = s[0] >= 0xc2 && s[0] <= 0xdf ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4 : 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool outside = (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f) ||
                   (s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe);
    return overlong || outside ? 0 : n;
}

void xml_text(Text *to, const char *text)
{
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        int n = character_bytes(s);
        if (!n)
            text_add(to, "\xef\xbf\xbd");
        else if (*s == '<')
            text_add(to, "&lt;");
        else if (*s == '>')
            text_add(to, "&gt;");
        else if (*s == '&')
            text_add(to, "&amp;");
        else if (*s == '"')
            text_add(to, "&quot;");
        else if (*s == '\'')
            text_add(to, "&#39;");
        else
            text_add_n(to, (const char *)s, (size_t)n);
        s += n ? n : 1;
    }
}

void svg_open(Text *to, double width, double height, const char *title, bool alone)
{
    text_add(to, "<svg%s class=\"nn\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" role=\"img\"><title>",
             alone ? " xmlns=\"http://www.w3.org/2000/svg\"" : "", width, height, width, height);
    xml_text(to, title);
    text_add(to, "</title>\n");
    if (alone) text_add(to, "<style>%s</style>\n<rect class=\"paper\" width=\"100%%\" height=\"100%%\"/>\n", svg_style);
}

void svg_close(Text *to) { text_add(to, "</svg>\n"); }

void svg_text(Text *to, double x, double y, const char *classes, const char *text)
{
    text_add(to, "<text x=\"%.1f\" y=\"%.1f\"", x, y);
    if (*classes) text_add(to, " class=\"%s\"", classes);
    text_add(to, ">");
    xml_text(to, text);
    text_add(to, "</text>\n");
}

/* ---- scales ---- */
/* 1, 2 or 5 times a power of ten, so that about `wanted` steps make up the range. */
static double round_step(double range, int wanted)
{
    double raw = range / wanted, power = pow(10, floor(log10(raw))), times = raw / power;
    return power * (times < 1.5 ? 1 : times < 3.5 ? 2 : times < 7.5 ? 5 : 10);
}

Scale scale_new(double low, double high, int wanted, double from, double to)
{
    double room = fmax(fabs(low), fabs(high));
    if (!(high - low > 1e-9 * room)) {
        double by = room > 0 ? room * 0.1 : 1;
        low -= by;
        high += by;
    }
    return (Scale){low, high, round_step(high - low, wanted), from, to, false};
}

Scale scale_log(double low, double high, double from, double to)
{
    double l = log10(low), h = log10(high), room = 0.04 * (h - l);
    return (Scale){l - room, h + room, ceil((h - l) / 6), from, to, true};
}

double scale_at(const Scale *s, double v)
{
    if (s->log) v = log10(v);
    return s->from + (v - s->low) / (s->high - s->low) * (s->to - s->from);
}

/* Of few decades 1, 2 and 5 are marked; of more, powers of ten alone. */
static int log_ticks(const Scale *s, double *out, int max)
{
    static const double times[] = {1, 2, 5};
    int n = 0;
    for (double k = floor(s->low); k <= s->high && s->high - s->low < 3.4; k++)
        for (size_t i = 0; i < COUNT(times) && n < max; i++) {
            double at = k + log10(times[i]);
            if (at >= s->low && at <= s->high) out[n++] = pow(10, k) * times[i];
        }
    return n;
}

int scale_ticks(const Scale *s, double *out, int max)
{
    int n = s->log ? log_ticks(s, out, max) : 0;
    if (n) return n;
    double slack = 1e-6 * s->step;
    for (double k = ceil((s->low - slack) / s->step); k * s->step <= s->high + slack && n < max; k++)
        out[n++] = s->log ? pow(10, k * s->step) : k * s->step + 0.0;
    return n;
}

const char *scale_text(Arena *a, const Scale *s, double tick)
{
    double most = fmax(fabs(s->low), fabs(s->high));
    if (s->log || most >= 1e6 || s->step < 1e-5) return str_format(a, "%.4g", tick);
    int digits = (int)fmax(0, -floor(log10(s->step) + 1e-9));
    return str_format(a, "%.*f", digits, tick);
}

/* ---- numbers ---- */
const char *short_number(Arena *a, double v)
{
    if (isnan(v)) return "not a number";
    if (isinf(v)) return v < 0 ? "−∞" : "∞";
    return str_format(a, "%.4g", v);
}

const char *grouped_number(Arena *a, int64_t v)
{
    Text t = {a, 0, 0, 0};
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
    if (v < 0) text_add(&t, "-");
    for (int i = 0; i < n; i++) text_add(&t, i && (n - i) % 3 == 0 ? ",%c" : "%c", digits[i]);
    return text_done(&t);
}

const char *bytes_text(Arena *a, int64_t bytes)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    double v = (double)bytes;
    size_t unit = 0;
    for (; v >= 1000 && unit + 1 < COUNT(units); unit++) v /= 1000;
    return str_format(a, unit ? "%.3g %s" : "%.0f %s", v, units[unit]);
}
