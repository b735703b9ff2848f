/* At which N a model may run: 0 bytes of workspace are a refusal. */
#include "small.h"
#include <stdio.h>

int main(void)
{
    for (int64_t n = 4; n < 8; n++)
        printf("%lld %s\n", (long long)n, small_bytes(SMALL_WORK_PREDICT, n) ? "taken" : "refused");
    return 0;
}
