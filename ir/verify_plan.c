/* Places and phases of a planned graph. */
#include "ir/verify.h"

void verify_plan(Verifier *v)
{
    (void)v;
}
