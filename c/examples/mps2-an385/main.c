/* A guest agent on a UART: an interrupt receives, the main loop transmits. Three commands, one of which answers later. */
#include "board.h"
#include "guestwire.h"

/* Milliseconds after which an answer that is owed is given up: until then the agent takes no other request. */
#define DEADLINE 5000u

struct guest {
    /* A command waits since then. */
    bool is_waiting;
    uint32_t since;
};

static void host_name(void *context, gw_call *call)
{
    (void)context;
    if (gw_ready(call)) {
        gw_put_string(gw_return_object(call), "host-name", "toaster");
    }
}

static void led(void *context, gw_call *call)
{
    uint64_t number;
    bool on;
    (void)context;
    if (!gw_arg_unsigned(call, "number", &number) || !gw_arg_boolean(call, "on", &on) || !gw_ready(call)) {
        return;
    }
    if (number > 1) {
        gw_fail(call, "This board has no such LED");
        return;
    }
    uint32_t bit = (uint32_t)1 << number;
    set_leds(on ? leds() | bit : leds() & ~bit);
    gw_return_unsigned(call, leds());
}

/* It is called again and again until it has answered. */
static void wait_command(void *context, gw_call *call)
{
    struct guest *guest = context;
    uint64_t limit;
    if (!gw_arg_unsigned(call, "milliseconds", &limit) || !gw_ready(call)) {
        return;
    }
    if (limit > UINT32_MAX / 2) { /* the clock wraps around */
        gw_fail(call, "Nobody waits that long");
        return;
    }
    if (!guest->is_waiting) {
        guest->is_waiting = true;
        guest->since = milliseconds();
    }
    if (milliseconds() - guest->since < limit) {
        gw_defer(call);
        return;
    }
    guest->is_waiting = false;
    gw_return_unsigned(call, limit);
}

/* The request was dropped, or took too long. */
static void cancelled(void *context)
{
    struct guest *guest = context;
    guest->is_waiting = false;
}

static const gw_command commands[] = {
    {"guest-get-host-name", host_name, 0},
    {"board-led", led, 0},
    {"board-wait", wait_command, 0},
};

static const gw_guest description = {
    .version = "1.0.0",
    .commands = commands,
    .command_count = sizeof commands / sizeof commands[0],
    .cancelled = cancelled,
};

static gw_agent agent;
static uint8_t rx[512], tx[640];
static struct guest guest;

static void receive(void)
{
    uint8_t byte;
    /* The agent takes no byte while a response is transmitted or owed. Until then the bytes wait in the ring. */
    while (uart_peek(&byte) && gw_agent_push(&agent, byte)) {
        uart_next();
    }
}

static void transmit(void)
{
    size_t length;
    const uint8_t *bytes;
    while ((bytes = gw_agent_transmit(&agent, &length)) != NULL && uart_write(bytes[0])) {
        gw_agent_transmitted(&agent, 1);
    }
}

int main(void)
{
    board_start();
    if (!gw_agent_init(&agent, &description, &guest, rx, sizeof rx, tx, sizeof tx)) {
        log_text("the agent's description is wrong\n");
        return 1;
    }
    log_text("the agent is ready\n");
    for (;;) {
        uint8_t byte;
        gw_agent_retry(&agent);
        if (guest.is_waiting && milliseconds() - guest.since >= DEADLINE) {
            gw_agent_cancel(&agent);
        }
        receive();
        if (uart_lost()) {
            log_text("bytes are missing\n");
            gw_agent_lost(&agent);
        }
        transmit();
        if (gw_agent_transmit(&agent, NULL) == NULL && !uart_peek(&byte)) {
            board_sleep(); /* until there is something to do, or the clock ticks */
        }
    }
}
