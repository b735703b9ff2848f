/* The way from planned graphs to bytes, on one screen. */
#include "codegen/cg.h"

static void program_emit(Cg *cg, Entries entries)
{
    EntryCode *codes = NEW_ARRAY(cg->arena, EntryCode, entries.n + 1);
    frame_open(cg);
    for (int i = 0; i < entries.n; i++) codes[i] = entry_emit(cg, &entries.at[i]);
    for (int i = 0; i < entries.n; i++) { /* now that the frame's layout is settled */
        entry_finish(cg, &codes[i]);
        layer_emit(cg, &codes[i]);
    }
    layer_bytes_emit(cg, entries, codes);
    Setters setters = {.start = start_emit(cg)};
    setters.init = init_emit(cg, setters.start);
    setters.prepare = prepare_emit(cg);
    descriptor_emit(cg, entries, codes, setters);
}

bool codegen_emit(Program *p, const CodegenOptions *options, EmitKind kind, Bytes *out)
{
    Cg cg;
    Entries entries = entries_list(p);
    if (!names_check(p, entries)) return false;
    bool ok = cg_open(&cg, p, options);
    if (ok) {
        if (options->portable && target_above(cg.target)) portable_emit(&cg, entries, program_emit);
        else program_emit(&cg, entries);
        ok = cg_finish(&cg, kind, out);
    }
    cg_close(&cg);
    return ok;
}
