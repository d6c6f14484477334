/* A guest agent on a Unix socket, one client at a time: agent --listen PATH
 *
 * Three commands: one reads the name of the machine, one has arguments, one answers later while poll(2) waits. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "guestwire.h"

/* Milliseconds after which an answer that is owed is given up: until then the agent takes no other request. */
enum { DEADLINE = 5000 };

struct guest {
    bool is_waiting;
    struct timespec since;
};

static void host_name(void *context, gw_call *call)
{
    struct utsname name;
    (void)context;
    if (!gw_ready(call)) {
        return;
    }
    if (uname(&name) != 0) {
        gw_fail(call, "The machine's name is not known");
        return;
    }
    gw_put_string(gw_return_object(call), "host-name", name.nodename);
}

/* Returns an array with the text, so many times. */
static void repeat(void *context, gw_call *call)
{
    char text[128];
    uint64_t times = 1;
    (void)context;
    if (!gw_arg_string(call, "text", text, sizeof text) || !gw_opt_unsigned(call, "times", &times, NULL)
        || !gw_ready(call)) {
        return;
    }
    gw_writer *list = gw_return_array(call);
    while (times > 0 && gw_put_string(list, NULL, text)) {
        times--;
    }
}

static uint64_t milliseconds_since(const struct timespec *since)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)(now.tv_sec - since->tv_sec) * 1000 + (uint64_t)(now.tv_nsec / 1000000)
           - (uint64_t)(since->tv_nsec / 1000000);
}

static void wait_for(void *context, gw_call *call)
{
    struct guest *guest = context;
    uint64_t limit;
    if (!gw_arg_unsigned(call, "milliseconds", &limit) || !gw_ready(call)) {
        return;
    }
    if (!guest->is_waiting) {
        guest->is_waiting = true;
        clock_gettime(CLOCK_MONOTONIC, &guest->since);
    }
    if (milliseconds_since(&guest->since) < limit) {
        gw_defer(call);
        return;
    }
    guest->is_waiting = false;
    gw_return_unsigned(call, limit);
}

static void cancelled(void *context)
{
    struct guest *guest = context;
    guest->is_waiting = false;
}

static const gw_command commands[] = {
    {"guest-get-host-name", host_name, 0},
    {"example-repeat", repeat, 0},
    {"example-wait", wait_for, 0},
};

static const gw_guest description = {
    .version = "1.0.0",
    .commands = commands,
    .command_count = sizeof commands / sizeof commands[0],
    .cancelled = cancelled,
};

static gw_agent agent;
static struct guest guest;
static uint8_t rx[65535], tx[65535];

/* Serves a client until it goes. */
static void serve(int client)
{
    uint8_t received[4096];
    size_t start = 0, end = 0; /* of what the agent has not taken yet */
    for (;;) {
        size_t length;
        const uint8_t *response;
        gw_agent_retry(&agent);
        if (guest.is_waiting && milliseconds_since(&guest.since) >= DEADLINE) {
            gw_agent_cancel(&agent);
        }
        start += gw_agent_push_slice(&agent, received + start, end - start);
        response = gw_agent_transmit(&agent, &length);

        struct pollfd port = {.fd = client, .events = POLLIN};
        int timeout = -1;
        if (response != NULL) {
            port.events = POLLOUT;
        } else if (gw_agent_owes(&agent)) {
            port.events = 0;
            timeout = 10;
        }
        if (poll(&port, 1, timeout) < 0 && errno != EINTR) {
            return;
        }
        if ((port.revents & POLLOUT) != 0) {
            ssize_t sent = write(client, response, length);
            if (sent >= 0) {
                gw_agent_transmitted(&agent, (size_t)sent);
            } else if (errno != EINTR) {
                return;
            }
        } else if ((port.revents & POLLIN) != 0) {
            ssize_t count = read(client, received, sizeof received);
            if (count > 0) {
                start = 0;
                end = (size_t)count;
            } else if (count == 0 || errno != EINTR) {
                return;
            }
        } else if ((port.revents & (POLLHUP | POLLERR)) != 0) {
            return;
        }
    }
}

/* Removes a socket on which nobody listens any more. */
static void remove_stale(const struct sockaddr_un *address)
{
    struct stat status;
    int probe = socket(AF_UNIX, SOCK_STREAM, 0);
    if (probe < 0) {
        return;
    }
    if (lstat(address->sun_path, &status) == 0 && S_ISSOCK(status.st_mode)
        && connect(probe, (const struct sockaddr *)address, sizeof *address) != 0 && errno == ECONNREFUSED) {
        unlink(address->sun_path);
    }
    close(probe);
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (argc != 3 || strcmp(argv[1], "--listen") != 0 || strlen(argv[2]) >= sizeof address.sun_path) {
        fprintf(stderr, "Usage: agent --listen PATH\n");
        return 2;
    }
    if (!gw_agent_init(&agent, &description, &guest, rx, sizeof rx, tx, sizeof tx)) {
        fprintf(stderr, "agent: the description is wrong\n");
        return 1;
    }
    strcpy(address.sun_path, argv[2]);
    signal(SIGPIPE, SIG_IGN); /* write says it */
    remove_stale(&address);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0) {
        perror("agent");
        return 1;
    }
    fprintf(stderr, "agent: listening on %s\n", argv[2]);
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0) {
            if (errno == EINTR || errno == ECONNABORTED) {
                continue;
            }
            perror("agent");
            return 1;
        }
        gw_agent_reset(&agent); /* the next client must not get the last one's answers */
        serve(client);
        close(client);
    }
}
