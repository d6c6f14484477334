/* The sizes and alignments of the types that C allocates, and those of what C and the library share. */
#include <stdio.h>

#include "guestwire.h"

#define ALIGNED(type) struct aligned_##type { char first; type second; }
#define SHOW(type) printf("%zu %zu\n", sizeof(type), offsetof(struct aligned_##type, second))

ALIGNED(gw_agent);
ALIGNED(gw_client);
ALIGNED(gw_decoder);
ALIGNED(gw_guest);
ALIGNED(gw_command);
ALIGNED(gw_value);
ALIGNED(gw_text);
ALIGNED(gw_reply);
ALIGNED(gw_event);
ALIGNED(gw_kind);
ALIGNED(gw_reply_kind);

int main(void)
{
    SHOW(gw_agent);
    SHOW(gw_client);
    SHOW(gw_decoder);
    SHOW(gw_guest);
    SHOW(gw_command);
    SHOW(gw_value);
    SHOW(gw_text);
    SHOW(gw_reply);
    SHOW(gw_event);
    SHOW(gw_kind);
    SHOW(gw_reply_kind);
    return 0;
}
