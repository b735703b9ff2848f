/* The declared order of every reduction: chosen from types alone, never from values, threads, tiles or the machine. */
#include "ir/ir.h"

enum { CHAINS_ALONG_ROW = 64, BLOCK_OF_ROW = 4096, BLOCK_OF_COLUMN = 256, BLOCK_OF_CONTRACT = 256 };

static bool bears(const int *labels, int n, int label)
{
    for (int i = 0; i < n; i++)
        if (labels[i] == label) return true;
    return false;
}

bool label_is_summed(const ContractAttr *c, int label) { return !bears(c->out, c->nout, label); }

int summed_labels(const ContractAttr *c, int out[2 * MAX_RANK])
{
    int n = 0;
    for (int i = 0; i < c->na; i++)
        if (label_is_summed(c, c->a[i])) out[n++] = c->a[i];
    for (int i = 0; i < c->nb; i++)
        if (label_is_summed(c, c->b[i]) && !bears(c->a, c->na, c->b[i])) out[n++] = c->b[i];
    return n;
}

/* Is the number of summed products known when the model is compiled? */
static bool summed_is_known(const ContractAttr *c)
{
    for (int label = 0; label < c->nlabels; label++)
        if (label_is_summed(c, label) && !dim_known(c->sizes[label], NULL)) return false;
    return true;
}

Order order_of_contract(const Node *n)
{
    const ContractAttr *c = n->attr.contract;
    int64_t width = 1;
    bool known = c->nout == 0 || dim_known(c->sizes[c->out[c->nout - 1]], &width);
    int chains = !known ? 1 : width <= 16 ? 4 : width <= 32 ? 2 : 1;
    return (Order){chains, summed_is_known(c) ? 0 : BLOCK_OF_CONTRACT};
}

Order order_of_reduce(Type operand, int axis)
{
    bool row = axis == operand.rank - 1;
    int64_t block = row ? BLOCK_OF_ROW : BLOCK_OF_COLUMN;
    return (Order){row ? CHAINS_ALONG_ROW : 1, dim_known(operand.axes[axis].dim, NULL) ? 0 : block};
}
