/* An object to a shared library, by LLVM's linker: started directly, without a shell, so that any file name is safe.
   The result is made beside its place and moved there once it is whole. */
#include "codegen/codegen.h"
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

typedef struct Link {
    Program *program;
    const char *path;    /* where the library goes, as people wrote it */
    const char *real;    /* the same, where that is a link */
    char *object, *made; /* temporary files; NULL: not made yet */
    Sanitizer sanitize;
} Link;

static bool link_failed(const Link *l, const char *what)
{
    diag_error(l->program->cx->diags, "E0902", NO_SPAN, "cannot write `%s`: %s", l->path, what);
    return false;
}

/* A path that no program takes for an option or a list of arguments. */
static char *plain_path(Arena *a, const char *path, const char *end)
{
    return str_format(a, "%s%s.XXXXXX%s", *path == '/' ? "" : "./", path, end);
}

static bool write_all(int fd, Bytes b)
{
    const char *at = b.at;
    for (size_t left = b.size; left > 0;) {
        ssize_t n = write(fd, at, left);
        if (n < 0 && errno != EINTR) return false;
        if (n < 0) continue;
        at += n;
        left -= (size_t)n;
    }
    return true;
}

static bool temporaries_make(Link *l, Bytes object)
{
    Arena *a = l->program->arena;
    char *name = plain_path(a, l->real, ".o");
    int fd = mkstemps(name, 2);
    if (fd < 0) return link_failed(l, strerror(errno));
    l->object = name;
    bool written = write_all(fd, object);
    int error = errno;
    if (close(fd) != 0 || !written) return link_failed(l, strerror(written ? errno : error));
    name = plain_path(a, l->real, "");
    fd = mkstemp(name);
    if (fd < 0) return link_failed(l, strerror(errno));
    l->made = name;
    close(fd);
    return true;
}

static void temporaries_remove(const Link *l)
{
    if (l->object) unlink(l->object);
    if (l->made) unlink(l->made);
}

/* Starts a linker with what it says going to a pipe. 0, or errno. */
static int linker_start(const Link *l, const char *name, pid_t *out_pid, int *out_said)
{
    const char *argv[] = {
        name, "-shared", l->sanitize ? "-zundefs" : "-zdefs", "-Bsymbolic", "--build-id=none", "--hash-style=gnu", "--threads=1",
        "-znow", "-zrelro", "-znoexecstack", "-o", l->made, l->object, NULL,
    };
    int ends[2];
    if (pipe(ends) != 0) return errno;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    int error = posix_spawnp(out_pid, name, &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    *out_said = ends[0];
    if (error) close(ends[0]);
    return error;
}

/* What the linker says up to its end, then how it ended. */
static bool linker_wait(pid_t pid, int said, Text *out_text)
{
    char part[512];
    int status;
    for (ssize_t n; (n = read(said, part, sizeof part)) != 0;) {
        if (n > 0) text_add_n(out_text, part, (size_t)n);
        else if (errno != EINTR) break;
    }
    close(said);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool linker_missing(const Link *l, int error)
{
    const char *why = strerror(error);
    Diag *d = diag_error(l->program->cx->diags, "E0903", NO_SPAN, "no linker for shared libraries: %s", why);
    diag_note(d, "looked for `ld.lld-19` and `ld.lld` in PATH");
    diag_help(d, "install LLVM's linker (Debian: `apt install lld-19`), or take the object itself: `--emit=obj`");
    return false;
}

static bool linker_run(const Link *l)
{
    static const char *const names[] = {"ld.lld-19", "ld.lld"};
    Text text = {.arena = l->program->arena};
    pid_t pid;
    int said = -1, error = 0;
    for (size_t i = 0; i < COUNT(names); i++) {
        error = linker_start(l, names[i], &pid, &said);
        if (error == ENOENT) continue;
        if (error) break;
        if (linker_wait(pid, said, &text)) return true;
        Diag *d = diag_error(l->program->cx->diags, "E0901", NO_SPAN, "`%s` could not make `%s`", names[i], l->path);
        if (text.n > 0) diag_note(d, "%s", text_done(&text));
        return false;
    }
    return linker_missing(l, error);
}

/* A power cut behind the rename would leave a part of it. */
static bool library_sync(const Link *l)
{
    int fd = open(l->made, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return link_failed(l, strerror(errno));
    int error = fsync(fd) ? errno : 0;
    close(fd);
    return !error || link_failed(l, strerror(error));
}

bool codegen_link(Program *p, Bytes object, Sanitizer sanitize, const char *path)
{
    Link l = {.program = p, .path = path, .real = path_real(p->arena, path), .sanitize = sanitize};
    if (path_is_endless(path)) return link_failed(&l, "it is no file but a pipe or a device");
    bool done = temporaries_make(&l, object) && linker_run(&l) && library_sync(&l);
    if (done && rename(l.made, l.real) == 0) l.made = NULL;
    else if (done) done = link_failed(&l, strerror(errno));
    temporaries_remove(&l);
    return done;
}
