/* The program to subtract from the other. */
#include "port.h"

void _start(void);

void _start(void)
{
    uint8_t byte;
    for (;;) {
        if (port_read(&byte)) {
            port_write(byte);
        }
    }
}
