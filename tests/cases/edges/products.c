/* Workspaces of a model that demands A*A*B*B < 100: 0 bytes are a refusal. */
#include "products.h"
#include <stdio.h>

int main(void)
{
    static const int64_t sizes[] = {3, 4, 65536, 4294967296};
    for (int i = 0; i < 4; i++) {
        int64_t bytes = products_bytes(PRODUCTS_WORK_PREDICT, sizes[i], sizes[i]);
        printf("%lld: %s\n", (long long)sizes[i], bytes ? "taken" : "refused");
    }
    return 0;
}
