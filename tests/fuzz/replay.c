/* replay.c: every kept input through its target, without a fuzzer: `replay FOLDER...`. */
#include "tests/fuzz/fuzz.h"
#include <dirent.h>
#include <sys/stat.h>

static int replay_file(const char *path)
{
    Arena *a = arena_new();
    char *data;
    size_t size;
    if (!read_file(a, path, SIZE_MAX, &data, &size)) fatal("%s cannot be read", path);
    uint8_t *copy = arena_copy(a, data, size); /* no more than its bytes: a sanitizer sees what reads past them */
    LLVMFuzzerTestOneInput(copy, size);
    arena_free(a);
    return 1;
}

static int replay_folder(Arena *a, const char *folder)
{
    struct stat info;
    int n = 0;
    DIR *d = opendir(folder);
    if (!d) fatal("%s is no folder", folder);
    for (struct dirent *e; (e = readdir(d));) {
        const char *path = str_format(a, "%s/%s", folder, e->d_name);
        if (!stat(path, &info) && S_ISREG(info.st_mode)) n += replay_file(path);
    }
    closedir(d);
    return n;
}

int main(int argc, char **argv)
{
    Arena *a = arena_new();
    int n = 0;
    for (int i = 1; i < argc; i++) n += replay_folder(a, argv[i]);
    printf("%d inputs\n", n);
    arena_free(a);
    return n == 0;
}
