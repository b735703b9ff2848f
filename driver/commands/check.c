/* check.c: find every mistake, write nothing. */
#include "driver/driver.h"

int command_check(Args *a)
{
    int status;
    if (!(args_has(a, OPT_DUMP_AFTER) ? build_planned(a, &status) : build_graphs(a, &status))) return status;
    return model_finish(a, EXIT_GOOD);
}
