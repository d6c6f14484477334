/* Asks a guest agent on a Unix socket, and prints what the command returns: client PATH COMMAND */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "guestwire.h"

enum { TIME_OUT = 5000 /* milliseconds of silence */ };

static gw_client client;
static uint8_t rx[1 << 20], tx[4096];

static const char *problem(gw_reply_kind kind)
{
    switch (kind) {
    case GW_REPLY_TOO_LONG:
        return "the response is too long";
    case GW_REPLY_ID_MISSING:
        return "the agent does not echo ids";
    default:
        return "out of step";
    }
}

/* Sends what is to be sent, and waits for a reply. Prints what is wrong and returns GW_REPLY_NONE if none comes. */
static gw_reply_kind exchange(int port, gw_reply *reply)
{
    static uint8_t received[4096];
    static size_t start, end; /* of what the client has not taken yet */
    for (;;) {
        size_t length, taken;
        const uint8_t *request;
        while ((request = gw_client_transmit(&client, &length)) != NULL) {
            ssize_t sent = write(port, request, length);
            if (sent < 0 && errno == EINTR) {
                continue;
            }
            if (sent < 0) {
                perror("client");
                return GW_REPLY_NONE;
            }
            gw_client_transmitted(&client, (size_t)sent);
        }
        while (start < end) {
            gw_reply_kind kind = gw_client_push_slice(&client, received + start, end - start, &taken, reply);
            start += taken;
            switch (kind) {
            case GW_REPLY_NONE:
            case GW_REPLY_UNATTRIBUTED: /* of noise before the request, perhaps */
                break;
            case GW_REPLY_SYNCHRONIZED:
            case GW_REPLY_RETURN:
            case GW_REPLY_ERROR:
                return kind;
            default:
                fprintf(stderr, "client: %s\n", problem(kind));
                return GW_REPLY_NONE;
            }
        }
        struct pollfd readable = {.fd = port, .events = POLLIN};
        int ready = poll(&readable, 1, TIME_OUT);
        ssize_t count = ready == 1 ? read(port, received, sizeof received) : ready;
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            fprintf(stderr, "client: the agent does not answer\n");
            return GW_REPLY_NONE;
        }
        start = 0;
        end = (size_t)count;
    }
}

/* What a terminal would obey. */
static void replace_controls(char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text, next = (unsigned char)text[1];
        if (byte < 0x20 || byte == 0x7F) {
            *text = '?';
        } else if (byte == 0xC2 && next >= 0x80 && next < 0xA0) { /* U+0080 to U+009F */
            *text++ = '?';
            *text = '?';
        }
    }
}

static void print_error(const gw_reply *reply)
{
    char class[64], description[1024];
    if (!gw_text_copy(reply->error_class, class, sizeof class)) {
        strcpy(class, "error");
    }
    if (!gw_text_copy(reply->description, description, sizeof description)) {
        strcpy(description, "(a long text)");
    }
    replace_controls(class);
    replace_controls(description);
    fprintf(stderr, "client: %s: %s\n", class, description);
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    gw_reply reply;
    if (argc != 3 || strlen(argv[1]) >= sizeof address.sun_path) {
        fprintf(stderr, "Usage: client PATH COMMAND\n");
        return 2;
    }
    strcpy(address.sun_path, argv[1]);
    signal(SIGPIPE, SIG_IGN); /* write says it */
    int port = socket(AF_UNIX, SOCK_STREAM, 0);
    if (port < 0 || connect(port, (struct sockaddr *)&address, sizeof address) != 0) {
        perror("client");
        return 1;
    }
    if (!gw_client_init(&client, rx, sizeof rx, tx, sizeof tx)) {
        return 1;
    }
    /* Another number than the last client's, whose response may still come. */
    gw_client_synchronize(&client, (int64_t)time(NULL) << 16 | (int64_t)(getpid() & 0xFFFF));
    if (exchange(port, &reply) != GW_REPLY_SYNCHRONIZED) {
        return 1;
    }
    if (!gw_client_execute(&client, argv[2], NULL, NULL)) {
        fprintf(stderr, "client: the request is too long\n");
        return 1;
    }
    switch (exchange(port, &reply)) {
    case GW_REPLY_RETURN:
        printf("%.*s\n", (int)reply.value.length, reply.value.json);
        return 0;
    case GW_REPLY_ERROR:
        print_error(&reply);
        return 1;
    default:
        return 1;
    }
}
