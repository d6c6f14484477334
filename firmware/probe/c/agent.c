/* The agent with the built-in commands and the same three as in src/bin/agent/commands.rs. */
#include "guestwire.h"
#include "port.h"

static int64_t nanoseconds;

static void get_time(void *context, gw_call *call)
{
    (void)context;
    if (gw_ready(call)) {
        gw_return_integer(call, nanoseconds);
    }
}

static void set_time(void *context, gw_call *call)
{
    int64_t time = 0;
    (void)context;
    if (gw_opt_integer(call, "time", &time, NULL) && gw_ready(call)) {
        nanoseconds = time;
        gw_return_nothing(call);
    }
}

static bool is_powerdown(const char *mode)
{
    const char *word = "powerdown";
    while (*mode == *word && *word != '\0') {
        mode++;
        word++;
    }
    return *mode == *word;
}

static void shutdown(void *context, gw_call *call)
{
    char mode[16] = "";
    bool is_present;
    (void)context;
    if (!gw_opt_string(call, "mode", mode, sizeof mode, &is_present) || !gw_ready(call)) {
        return;
    }
    if (!is_present) {
        nanoseconds = 0;
    } else if (is_powerdown(mode)) {
        nanoseconds = 1;
    } else {
        gw_fail(call, "mode is invalid");
        return;
    }
    gw_return_nothing(call);
}

static const gw_command commands[] = {
    {"guest-get-time", get_time, 0},
    {"guest-set-time", set_time, 0},
    {"guest-shutdown", shutdown, GW_NO_SUCCESS_RESPONSE},
};
static const gw_guest guest = {.version = "1.0.0", .commands = commands, .command_count = 3};
static gw_agent agent;
static uint8_t rx[256], tx[640];

void _start(void);

void _start(void)
{
    if (!gw_agent_init(&agent, &guest, NULL, rx, sizeof rx, tx, sizeof tx)) {
        for (;;) {
        }
    }
    for (;;) {
        size_t length;
        const uint8_t *response;
        uint8_t byte;
        while (gw_agent_transmit(&agent, &length) == NULL && port_read(&byte)) {
            gw_agent_push(&agent, byte);
        }
        while ((response = gw_agent_transmit(&agent, &length)) != NULL && port_write(response[0])) {
            gw_agent_transmitted(&agent, 1);
        }
    }
}
