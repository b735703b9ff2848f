/* map.c: an open table of slots over an ordered list of entries. */
#include "base/base.h"
#include <string.h>

typedef struct Entry {
    const char *key;
    void *value;
    uint64_t hash;
} Entry;
struct Map {
    Arena *arena;
    VEC(Entry) entries;
    int *slots;
    int nslots;
}; /* a slot holds entry + 1 */

Map *map_new(Arena *a)
{
    Map *m = NEW(a, Map);
    m->arena = a;
    return m;
}

static int *slot_of(const Map *m, const char *key, uint64_t hash)
{
    for (uint64_t i = hash;; i++) {
        int *slot = &m->slots[i & (uint64_t)(m->nslots - 1)];
        if (!*slot) return slot;
        const Entry *e = &m->entries.at[*slot - 1];
        if (e->hash == hash && !strcmp(e->key, key)) return slot;
    }
}

static const Entry *entry_of(const Map *m, const char *key)
{
    if (!m->nslots) return NULL;
    int at = *slot_of(m, key, hash_bytes(0, key, strlen(key)));
    return at ? &m->entries.at[at - 1] : NULL;
}

void *map_get(const Map *m, const char *key)
{
    const Entry *e = entry_of(m, key);
    return e ? e->value : NULL;
}

bool map_has(const Map *m, const char *key) { return entry_of(m, key) != NULL; }

static void map_widen(Map *m)
{
    m->nslots = m->nslots ? m->nslots * 2 : 16;
    m->slots = NEW_ARRAY(m->arena, int, m->nslots);
    for (int i = 0; i < m->entries.n; i++) *slot_of(m, m->entries.at[i].key, m->entries.at[i].hash) = i + 1;
}

void map_set(Map *m, const char *key, void *value)
{
    if (2 * (m->entries.n + 1) > m->nslots) map_widen(m);
    uint64_t hash = hash_bytes(0, key, strlen(key));
    int *slot = slot_of(m, key, hash);
    if (*slot) {
        m->entries.at[*slot - 1].value = value;
        return;
    }
    Entry e = {str_copy(m->arena, key), value, hash};
    vec_push(m->arena, &m->entries, e);
    *slot = m->entries.n;
}

int map_count(const Map *m) { return m->entries.n; }
const char *map_key(const Map *m, int i) { return m->entries.at[i].key; }
void *map_value(const Map *m, int i) { return m->entries.at[i].value; }
