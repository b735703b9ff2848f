/* cluster.h: operators that share a kernel, while fuse and outline decide. Laid out by file. */
#ifndef NNC_CLUSTER_H
#define NNC_CLUSTER_H
#include "passes/pass.h"

/* What a cluster computes, as a kernel (ir/ir.h, kernel.c). */
typedef struct Form {
    KernelForm kind;
    int prefix;
    const Dim *dims[MAX_RANK];
    const Dim *row;      /* ROW: the size of the reduced axis */
    const Node *anchor;  /* its contraction, or its first reduction, or NULL */
} Form;
typedef struct Cluster {
    VEC(int) items;      /* in order of execution */
    bool fixed;          /* a leaf, a view, a kernel or the RETURN: stays as it is */
    int seen;            /* stamp of the last search that met it */
    Form form;           /* of clusters that are not fixed */
} Cluster;
/* A node of the body; Node.mark is its index. */
typedef struct Item {
    Node *node;          /* NULL once it is gone */
    Cluster *cluster;
    int at;              /* its place in the body */
    bool dependent;      /* computed from the anchor of its cluster: met at the kernel's own index only */
} Item;
typedef struct Clusters {
    Graph *graph;
    Arena *scratch;
    VEC(Item) items;
    VEC(Cluster *) list;
    VEC(Cluster *) todo; /* of a search: found, and what they read not yet looked at */
    int stamp;
    bool lenient;        /* a reshape of a value that need not be stored may be an index map in a kernel */
} Clusters;

/* ---- cluster.c: the clusters of a graph ---- */
/* One cluster a node. */
void clusters_init(Clusters *c, Graph *g, Arena *scratch, bool lenient);
Item *item_of(const Clusters *c, const Node *n); /* the item of the body's node that is or holds n */
Cluster *cluster_of(const Clusters *c, const Node *n);
bool value_leaves(const Clusters *c, const Value *v); /* is it read outside its cluster? */
void clusters_find_behind(Clusters *c, const Cluster *of); /* gives the stamp to what it waits for through a third */
bool cluster_waits_for_itself(Clusters *c, const Cluster *of); /* reads it what others make of its values? */
Item *cluster_add(Clusters *c, Cluster *to, Node *n);   /* a new node of the body, which stands in its place there */
void clusters_number(Clusters *c);                      /* places anew, after nodes were added */
void cluster_sort(Clusters *c, Cluster *of);            /* by place, after nodes were added */
void cluster_take(Clusters *c, Cluster *to, Cluster *from); /* from is empty then */
void cluster_drop_dead(Clusters *c, Cluster *of);       /* its nodes that nobody reads any more */
/* ---- form.c: may a cluster be a kernel? ---- */
bool cluster_form(const Clusters *c, const Cluster *of, Form *out);
bool node_is_cheap(const Node *n); /* doing it twice costs less than storing its value */
bool move_repeats(const MoveAttr *m); /* one element goes to many places */
/* ---- outline.c: clusters to kernels ---- */
/* Puts the body in an order of execution, each cluster of at least `least` nodes as one kernel. */
void clusters_emit(Clusters *c, int least);
/* A kernel that copies v, before `at`; returns the copy. */
Value *kernel_copy(Value *v, Node *at);
#endif
