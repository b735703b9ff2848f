/* replay.c: every kept input through its target, without a fuzzer: `replay [--damage] FOLDER...`. With --damage also what is
   left of each input when it is cut off anywhere, and each input with any one bit turned round. */
#include "tests/fuzz/fuzz.h"
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

typedef struct Replay {
    Arena *arena;
    bool damage;
    int inputs, cut, turned;
} Replay;

/* In memory of just its size: a sanitizer sees what reads past it. */
static void try_input(const char *data, size_t size)
{
    Arena *a = arena_new();
    LLVMFuzzerTestOneInput(arena_copy(a, data, size), size);
    arena_free(a);
}

static void try_damage(Replay *r, char *data, size_t size)
{
    for (size_t n = 0; n < size; n++, r->cut++) try_input(data, n);
    for (size_t bit = 0; bit < 8 * size; bit++, r->turned++) {
        data[bit / 8] ^= (char)(1 << bit % 8);
        try_input(data, size);
        data[bit / 8] ^= (char)(1 << bit % 8);
    }
}

static void replay_file(Replay *r, const char *path)
{
    char *data;
    size_t size;
    if (!read_file(r->arena, path, SIZE_MAX, &data, &size)) fatal("%s cannot be read", path);
    try_input(data, size);
    if (r->damage) try_damage(r, data, size);
    r->inputs++;
}

static void replay_folder(Replay *r, const char *folder)
{
    struct stat info;
    DIR *d = opendir(folder);
    if (!d) fatal("%s is no folder", folder);
    for (struct dirent *e; (e = readdir(d));) {
        const char *path = str_format(r->arena, "%s/%s", folder, e->d_name);
        if (!stat(path, &info) && S_ISREG(info.st_mode)) replay_file(r, path);
    }
    closedir(d);
}

int main(int argc, char **argv)
{
    Replay r = {.arena = arena_new()};
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--damage")) r.damage = true;
        else replay_folder(&r, argv[i]);
    }
    printf("%d inputs, %d cut off, %d with a bit turned round\n", r.inputs, r.cut, r.turned);
    arena_free(r.arena);
    return r.inputs == 0;
}
