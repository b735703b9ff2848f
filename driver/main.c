/* main.c: which command, and its help. */
#include "driver/driver.h"
#include <string.h>

static const Command commands[] = {
    {"compile", COMPILE, command_compile, "MODEL.nn", "turn a model into a native library (the word may be left out)",
     "nnc digits.nn -o libdigits.so --emit=so,header\n"
     "nnc digits.nn -o digits.o --emit=obj,header -D H=32\n"
     "nnc digits.nn --emit=graph=-"},
    {"check", CHECK, command_check, "MODEL.nn", "find every mistake, write nothing", "nnc check digits.nn"},
    {"fmt", FMT, command_fmt, "FILE.nn...", "files in the settled style, rewritten in place; `-` from standard input to output",
     "nnc fmt digits.nn blocks.nn\n"
     "nnc fmt --check *.nn\n"
     "nnc fmt - <draft.nn"},
    {"new", NEW_MODEL, command_new, "DATA.csv", "a model to start from, by the columns of a table",
     "nnc new iris.csv --target species >iris.nn\n"
     "nnc new houses.csv --target price -o houses.nn"},
    {"train", TRAIN, command_train, "MODEL.nn", "train on data; leaves metrics and weights in a run folder",
     "nnc train rings.nn --data rings.csv\n"
     "nnc train digits.nn --data image=train-images.gz --data y=train-labels.gz --epochs 30"},
    {"predict", PREDICT, command_predict, "MODEL.nn", "outputs of a trained model for a file of data",
     "nnc predict rings.nn -w rings.run/best.safetensors --data rings.csv\n"
     "nnc predict digits.nn -w digits.safetensors --data image=test-images.gz -o out.npy\n"
     "nnc predict digits.nn -w digits.safetensors --data image=test-images.gz --dump values"},
    {"run", RUN, command_run, "MODEL.nn|MODEL.so", "a model once, on data or on made-up inputs: results with their first values",
     "nnc run digits.nn\n"
     "nnc run digits.nn --batch 2 --seed 7 --json\n"
     "nnc run libdigits.so -w digits.safetensors --data image=test-images.gz"},
    {"eval", EVAL, command_eval, "MODEL.nn", "loss and metrics of a trained model over all samples",
     "nnc eval rings.nn -w rings.run/best.safetensors --data rings.csv\n"
     "nnc eval digits.nn -w digits.safetensors --data image=test-images.gz --data y=test-labels.gz --json"},
    {"verify", VERIFY, command_verify, "MODEL.nn REF.npz", "compare values with another program's; tell the first that differs",
     "nnc verify digits.nn ref.npz -w digits.safetensors"},
    {"gradcheck", GRADCHECK, command_gradcheck, "MODEL.nn", "gradients against tangents and differences, in f64",
     "nnc gradcheck rings.nn\nnnc gradcheck digits.nn --seed 3"},
    {"inspect", INSPECT, command_inspect, "MODEL.nn", "layers with shapes, parameters, cost and bytes",
     "nnc inspect digits.nn\nnnc inspect digits.nn --json"},
    {"explain", EXPLAIN, command_explain, "[CODE]", "what a message's code means, with a wrong and a right example",
     "nnc explain E0201"},
    {"completions", COMPLETIONS, command_completions, "[bash|zsh|fish]", "what the shell offers behind `nnc`",
     "nnc completions bash >~/.local/share/bash-completion/completions/nnc\n"
     "nnc completions fish >~/.config/fish/completions/nnc.fish"},
    {"man", MAN, command_man, "[]", "the manual page", "nnc man >nnc.1\nnnc man | man -l -"},
};

const Command *command_list(int *out_n)
{
    *out_n = (int)COUNT(commands);
    return commands;
}

static const Command *command_named(const char *name)
{
    for (size_t i = 0; i < COUNT(commands); i++)
        if (!strcmp(commands[i].name, name)) return &commands[i];
    return NULL;
}

static int unknown_command(const char *word)
{
    const char *names[COUNT(commands)];
    for (size_t i = 0; i < COUNT(commands); i++) names[i] = commands[i].name;
    const char *near = str_nearest(word, names, (int)COUNT(commands));
    if (near) return usage_error("there is no command `%s`; did you mean `nnc %s`?", word, near);
    return usage_error("there is no command `%s`; `nnc --help` lists them", word);
}

static int help(int argc, char **argv)
{
    const Command *only = argc > 2 ? command_named(argv[2]) : NULL;
    if (argc > 2 && !only) return unknown_command(argv[2]);
    help_print(stdout, only);
    return EXIT_GOOD;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        help_print(stderr, NULL);
        return EXIT_USAGE;
    }
    const char *word = argv[1];
    if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help")) return help(argc, argv);
    if (!strcmp(word, "--version")) return puts("nnc " NNC_VERSION), EXIT_GOOD;
    const Command *command = command_named(word);
    int first = 2;
    if (!command && (strpbrk(word, "./") || word[0] == '-')) command = &commands[0], first = 1;
    if (!command) return unknown_command(word);
    Args args = {.cx = cx_new(), .command = command->bit};
    int status = args_parse(&args, command, argc - first, argv + first);
    if (status < 0)
        status = EXIT_GOOD; /* help was asked for and given */
    else if (!status)
        status = command->run(&args);
    cx_free(args.cx);
    return status;
}

/* What was printed must have arrived: a full disk is found when the last of it goes out. */
int main(int argc, char **argv)
{
    int status = run(argc, argv);
    bool arrived = !fflush(stdout) && !ferror(stdout);
    if (!arrived) failure("standard output cannot be written");
    return arrived || status ? status : EXIT_NO_OUTPUT;
}
