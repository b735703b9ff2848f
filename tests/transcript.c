/* transcript.c: runs case files. A .case file is a transcript: lines `$ command`, below each what it says on both its
   outputs, and `exit N` where its status is not 0. It runs in a fresh folder that links to the files beside it, with nnc on
   the PATH and $ROOT the source tree. NNC_BLESS=1 writes what was said into the file. */
#include "base/base.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Run {
    Arena *arena;
    const char *folder, *scratch;
    int passed, failed;
    bool bless;
} Run;

static void link_files(const Run *r)
{
    DIR *d = opendir(r->folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.' || str_ends(e->d_name, ".case")) continue;
        char *from = str_format(r->arena, "%s/%s", r->folder, e->d_name);
        if (symlink(from, str_format(r->arena, "%s/%s", r->scratch, e->d_name))) fatal("cannot link %s", from);
    }
    if (d) closedir(d);
}

static int execute(const Run *r, const char *command, Text *said)
{
    FILE *out = popen(str_format(r->arena, "cd '%s' && { %s\n} 2>&1", r->scratch, command), "r");
    if (!out) fatal("cannot run %s", command);
    char buffer[4096];
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, out)) > 0;) text_add_n(said, buffer, n);
    if (said->n && said->at[said->n - 1] != '\n') text_add(said, "\n");
    int status = pclose(out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The transcript as it comes out now. */
static const char *replay(const Run *r, const char *text)
{
    Text now = {r->arena, 0, 0, 0};
    bool started = false;
    for (const char *end; *text; text = end + (*end == '\n')) {
        end = text + strcspn(text, "\n");
        if (!str_starts(text, "$ ")) {
            if (!started) text_add(&now, "%.*s\n", (int)(end - text), text);
            continue;
        }
        started = true;
        char *command = str_copy_n(r->arena, text + 2, (size_t)(end - text) - 2);
        text_add(&now, "$ %s\n", command);
        int status = execute(r, command, &now);
        if (status) text_add(&now, "exit %d\n", status);
    }
    return text_done(&now);
}

static void show_difference(const char *name, const char *want, const char *got)
{
    int line = 1;
    while (*want && *got) {
        size_t n = strcspn(want, "\n"), m = strcspn(got, "\n");
        if (n != m || memcmp(want, got, n)) break;
        want += n + (want[n] == '\n');
        got += m + (got[m] == '\n');
        line++;
    }
    printf("FAILED %s:%d\n--- wanted\n%.2000s\n--- said\n%.2000s\n", name, line, want, got);
}

static void run_case(Run *r, const char *path)
{
    char *text;
    size_t size;
    char scratch[] = "/tmp/transcript.XXXXXX";
    if (!read_file(r->arena, path, SIZE_MAX, &text, &size) || !mkdtemp(scratch)) fatal("cannot run %s", path);
    r->scratch = scratch;
    link_files(r);
    const char *now = replay(r, text);
    if (!strcmp(now, text))
        r->passed++;
    else if (r->bless) {
        if (!write_file(path, now, strlen(now))) fatal("cannot write %s", path);
        printf("blessed %s\n", path);
    } else {
        r->failed++;
        show_difference(path, text, now);
    }
    if (system(str_format(r->arena, "rm -rf '%s'", scratch))) fatal("cannot remove %s", scratch);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int main(int argc, char **argv)
{
    if (argc < 4) fatal("usage: transcript BIN ROOT FOLDER [CASE...]");
    Run r = {arena_new(), realpath(argv[3], NULL), NULL, 0, 0, getenv("NNC_BLESS") != NULL};
    if (!r.folder) fatal("there is no folder %s", argv[3]);
    setenv("PATH", str_format(r.arena, "%s:%s", argv[1], getenv("PATH")), 1);
    setenv("ROOT", argv[2], 1);
    setenv("NO_COLOR", "1", 1);
    VEC(char *) names = {0};
    DIR *d = opendir(r.folder);
    for (struct dirent *e; d && (e = readdir(d));)
        if (str_ends(e->d_name, ".case")) vec_push(r.arena, &names, str_format(r.arena, "%s/%s", r.folder, e->d_name));
    if (d) closedir(d);
    if (!names.n) fatal("no case in %s", r.folder);
    qsort(names.at, (size_t)names.n, sizeof *names.at, by_name);
    for (int i = 0; i < names.n; i++) run_case(&r, names.at[i]);
    printf("%d passed, %d failed\n", r.passed, r.failed);
    int failed = r.failed;
    free((void *)(uintptr_t)r.folder);
    arena_free(r.arena);
    return failed != 0;
}
