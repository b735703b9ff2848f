/* A Cortex-M board from its first instruction on: vectors, memory, floating point, and a console through the debugger
   (semihosting), which an emulator has too. There is no library beneath. */
#include "board.h"
#include <stdint.h>

extern uint32_t ram_start[], bss_start[], bss_end[], stack_top[], data_load[], data_start[], data_end[]; /* board.ld */
int main(void);

/* ---- the debugger ---- */
enum { SYS_WRITE0 = 0x04, SYS_EXIT = 0x18, EXIT_GOOD = 0x20026, EXIT_BAD = 0x20023 };

static void debugger(uint32_t what, const void *with)
{
    register uint32_t r0 __asm__("r0") = what;
    register const void *r1 __asm__("r1") = with;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void board_say(const char *text)
{
    debugger(SYS_WRITE0, text);
}

void board_exit(int failed)
{
    debugger(SYS_EXIT, (const void *)(uintptr_t)(failed ? EXIT_BAD : EXIT_GOOD));
    for (;;) {
    }
}

/* ---- from reset to main ---- */
static volatile uint32_t *const coprocessors = (volatile uint32_t *)0xE000ED88; /* CPACR */

static void reset(void)
{
    *coprocessors |= 0xFu << 20; /* full access to the floating-point unit */
    __asm__ volatile("dsb\n isb");
    for (volatile uint32_t *to = data_start, *from = data_load; to < data_end;) *to++ = *from++;
    for (volatile uint32_t *to = bss_start; to < bss_end;) *to++ = 0;
    board_exit(main());
}

static void fault(void)
{
    board_say("the processor stopped at a fault\n");
    board_exit(1);
}

extern const void *const board_vectors[16];
__attribute__((section(".vectors"), used)) const void *const board_vectors[16] = {
    stack_top, (const void *)reset, (const void *)fault, (const void *)fault, (const void *)fault,
    (const void *)fault, (const void *)fault,
};
