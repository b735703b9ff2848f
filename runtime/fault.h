/* fault.h: why a call failed. Every handle begins with one. Private to the folder; names that only its files share
   begin with nnrt__. */
#ifndef NNRT_FAULT_H
#define NNRT_FAULT_H
#include "nnrt.h"

typedef enum nnrt_handle { NNRT__NO_HANDLE, NNRT__LIBRARY = 0x6e6e6c69, NNRT__SESSION = 0x6e6e7365 } nnrt_handle;
typedef struct nnrt_fault {
    char text[640];
    nnrt_handle handle; /* what it is the head of: hosts without types hand over the wrong one */
} nnrt_fault;

/* Keeps the sentence and returns the status. */
int32_t nnrt__fail(nnrt_fault *fault, int32_t status, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Copies the sentence of a failure into a caller's buffer; returns the status. */
int32_t nnrt__say(const nnrt_fault *fault, int32_t status, char *message, size_t size);
/* "f32[10, 784]" */
char *nnrt__shape_text(uint32_t dtype, uint32_t rank, const int64_t *dims, char *buffer, size_t size);
#endif
