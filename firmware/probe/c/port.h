/* The registers of a UART that does not exist: received, transmitted, and which of the two is ready. */
#include <stdbool.h>
#include <stdint.h>

static volatile uint8_t uart[3];

static bool port_read(uint8_t *byte)
{
    if ((uart[2] & 1) == 0) {
        return false;
    }
    *byte = uart[0];
    return true;
}

static bool port_write(uint8_t byte)
{
    if ((uart[2] & 2) == 0) {
        return false;
    }
    uart[1] = byte;
    return true;
}
