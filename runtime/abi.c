/* The structs of abi.def: they have no padding, so every field lies at the sum of the sizes before it, as code
   generation counts too; and as text. */
#include "nnrt.h"

enum { BYTES_U32 = 4, BYTES_I32 = 4, BYTES_U64 = 8, BYTES_I64 = 8, BYTES_F64 = 8, BYTES_PTR = sizeof(void *) };
#define STRUCT(name) enum { name##_bytes = 0
#define FIELD(kind, type, name) + (sizeof(type) == BYTES_##kind ? BYTES_##kind : 1 << 20)
#define END(name) }; _Static_assert(sizeof(struct name) == name##_bytes, #name " has padding or a wrong kind");
#include "abi.def"

#define STRUCT(name) #name "\n"
#define FIELD(kind, type, name) " " #kind " " #name ": " #type "\n"
#define END(name)
static const char layouts[] =
#include "abi.def"
    ;

const char *nnrt_layouts(void)
{
    return layouts;
}
