/* Checks what it can, and finds the parent of a value without a search. */
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include <jsmn.h>
