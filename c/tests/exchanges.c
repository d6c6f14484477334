/*
 * An agent that is told by standard input what to do, and writes to standard output what it transmits. tests/exchanges.rs
 * has its twin in Rust.
 *
 * A step is a letter: N new agent, B bytes (a length of 32 bits, and so many), L lost, C corrupted, R reset, X the next
 * answer that is owed is cancelled, E end: what was transmitted goes out, its length of 32 bits first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guestwire.h"

#define RX 512u
#define TX 2048u

struct board {
    int64_t number;
    unsigned waiting;
    bool frozen;
};

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

/* Number, unsigned, boolean and text, each required and optional. */
static void scalars(void *context, gw_call *call)
{
    int64_t integer = 0, maybe_integer = -1;
    uint64_t number = 0, maybe_number = 1;
    bool boolean = false, maybe_boolean = true, has_text = true;
    char text[16] = "", maybe_text[8] = "none";
    gw_writer *object;

    (void)context;
    if (!gw_arg_integer(call, "integer", &integer) || !gw_opt_integer(call, "maybe-integer", &maybe_integer, NULL)
        || !gw_arg_unsigned(call, "unsigned", &number) || !gw_opt_unsigned(call, "maybe-unsigned", &maybe_number, NULL)
        || !gw_arg_boolean(call, "boolean", &boolean) || !gw_opt_boolean(call, "maybe-boolean", &maybe_boolean, NULL)
        || !gw_arg_string(call, "text", text, sizeof text)
        || !gw_opt_string(call, "maybe-text", maybe_text, sizeof maybe_text, &has_text) || !gw_ready(call))
        return;
    object = gw_return_object(call);
    gw_put_integer(object, "integer", integer);
    gw_put_integer(object, "maybe-integer", maybe_integer);
    gw_put_unsigned(object, "unsigned", number);
    gw_put_unsigned(object, "maybe-unsigned", maybe_number);
    gw_put_boolean(object, "boolean", boolean);
    gw_put_boolean(object, "maybe-boolean", maybe_boolean);
    gw_put_string(object, "text", text);
    if (has_text)
        gw_put_string(object, "maybe-text", maybe_text);
    else
        gw_put_null(object, "maybe-text");
}

static void shutdown_handler(void *context, gw_call *call)
{
    char mode[16] = "powerdown";

    (void)context;
    if (gw_opt_string(call, "mode", mode, sizeof mode, NULL) && gw_ready(call))
        gw_return_nothing(call);
}

static void set_time(void *context, gw_call *call)
{
    struct board *board = (struct board *)context;
    int64_t time = 0;

    if (!gw_opt_integer(call, "time", &time, NULL) || !gw_ready(call))
        return;
    board->number = time;
    gw_return_nothing(call);
}

static void get_time(void *context, gw_call *call)
{
    const struct board *board = (const struct board *)context;

    gw_return_integer(call, board->number);
}

struct vcpus {
    int64_t sum;
    int64_t count;
};

static void read_vcpu_members(void *context, gw_call *call)
{
    struct vcpus *vcpus = (struct vcpus *)context;
    int64_t id = 0;
    bool online = false, can_offline = false;

    if (!gw_arg_integer(call, "logical-id", &id) || !gw_arg_boolean(call, "online", &online)
        || !gw_opt_boolean(call, "can-offline", &can_offline, NULL))
        return;
    vcpus->sum = (int64_t)((uint64_t)vcpus->sum + (uint64_t)id);
}

static void read_vcpu(void *context, gw_call *call)
{
    struct vcpus *vcpus = (struct vcpus *)context;

    if (gw_arg_object(call, NULL, read_vcpu_members, context))
        vcpus->count++;
}

static void set_vcpus(void *context, gw_call *call)
{
    struct vcpus vcpus = {0, 0};
    gw_writer *list;

    (void)context;
    if (!gw_arg_array(call, "vcpus", read_vcpu, &vcpus) || !gw_ready(call))
        return;
    list = gw_return_array(call);
    gw_put_integer(list, NULL, vcpus.count);
    gw_begin_object(list, NULL);
    gw_put_integer(list, "sum", vcpus.sum);
    gw_begin_array(list, "none");
    gw_end(list);
    gw_end(list);
    gw_put_thousandths(list, NULL, 1250);
}

static void count_text(void *context, gw_call *call)
{
    int64_t *count = (int64_t *)context;
    char text[32];

    if (gw_arg_string(call, NULL, text, sizeof text))
        *count += (int64_t)strlen(text);
}

static void exec(void *context, gw_call *call)
{
    char path[24] = "";
    int64_t length = 0;
    uint8_t input[32];
    size_t input_length = 0;
    bool has_arg = false, has_input = false;
    gw_writer *object;

    (void)context;
    if (!gw_arg_string(call, "path", path, sizeof path) || !gw_opt_array(call, "arg", count_text, &length, &has_arg)
        || !gw_opt_base64(call, "input-data", input, sizeof input, &input_length, &has_input) || !gw_ready(call))
        return;
    object = gw_return_object(call);
    gw_put_string(object, "path", path);
    gw_put_boolean(object, "has-arg", has_arg);
    gw_put_integer(object, "length", length);
    if (has_input)
        gw_put_base64(object, "input-data", input, input_length);
}

static void file_write(void *context, gw_call *call)
{
    uint8_t bytes[48];
    size_t length = 0;

    (void)context;
    if (gw_arg_base64(call, "buf-b64", bytes, sizeof bytes, &length) && gw_ready(call))
        gw_return_base64(call, bytes, length);
}

static void say(void *context, gw_call *call)
{
    char text[100];

    (void)context;
    if (gw_arg_string(call, "text", text, sizeof text) && gw_ready(call))
        gw_fail(call, text);
}

static void large(void *context, gw_call *call)
{
    uint64_t count = 0, i;
    gw_writer *list;

    (void)context;
    if (!gw_arg_unsigned(call, "count", &count) || !gw_ready(call))
        return;
    list = gw_return_array(call);
    for (i = 0; i < count && gw_begin_array(list, NULL); i++) {
        gw_put_string(list, NULL, "0123456789");
        if (!gw_end(list))
            return;
    }
}

/* Answered at the third call. */
static void wait_a_bit(void *context, gw_call *call)
{
    struct board *board = (struct board *)context;
    uint64_t number = 0;

    if (!gw_arg_unsigned(call, "number", &number) || !gw_ready(call))
        return;
    if (board->waiting < 2) {
        board->waiting++;
        gw_defer(call);
        return;
    }
    board->waiting = 0;
    gw_return_unsigned(call, number);
}

static void freeze(void *context, gw_call *call)
{
    struct board *board = (struct board *)context;

    if (!gw_arg_boolean(call, "frozen", &board->frozen) || !gw_ready(call))
        return;
    gw_return_boolean(call, board->frozen);
}

static bool is_frozen(void *context)
{
    const struct board *board = (const struct board *)context;

    return board->frozen;
}

static bool is_disabled(void *context, const char *command)
{
    (void)context;
    return strcmp(command, "guest-get-osinfo") == 0;
}

static void cancelled(void *context)
{
    struct board *board = (struct board *)context;

    board->waiting = 0;
}

static const gw_command commands[] = {
    {"test-scalars", scalars, 0},
    {"guest-shutdown", shutdown_handler, GW_NO_SUCCESS_RESPONSE},
    {"guest-set-time", set_time, 0},
    {"guest-get-time", get_time, 0},
    {"guest-set-vcpus", set_vcpus, 0},
    {"guest-exec", exec, 0},
    {"guest-file-write", file_write, 0},
    {"test-say", say, 0},
    {"test-large", large, 0},
    {"test-wait", wait_a_bit, 0},
    {"test-freeze", freeze, GW_ALLOWED_WHEN_FROZEN},
    {"guest-get-osinfo-again", get_time, 0},
    {"guest-get-osinfo", get_time, 0},
    {"guest-get", get_time, 0},
};

static const gw_guest guest = {
    "1.0.0", commands, sizeof commands / sizeof commands[0], is_frozen, is_disabled, cancelled,
};

static uint32_t read_length(void)
{
    uint8_t bytes[4];

    if (fread(bytes, 1, sizeof bytes, stdin) != sizeof bytes)
        fail("the input ends in a length");
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* What was transmitted. */
static uint8_t *out;
static size_t out_length, out_room;

/* Sends all that there is to send, in parts of different lengths. */
static void transmit(gw_agent *agent)
{
    size_t length;
    const uint8_t *bytes;

    while ((bytes = gw_agent_transmit(agent, &length)) != NULL) {
        size_t part = length > 40 ? length / 2 : length;
        if (out_length + part > out_room) {
            out_room = 2 * (out_length + part);
            out = (uint8_t *)realloc(out, out_room);
            if (out == NULL)
                fail("no memory");
        }
        memcpy(out + out_length, bytes, part);
        out_length += part;
        if (!gw_agent_transmitted(agent, part))
            fail("transmitted");
    }
}

static bool cancel_next;

static void push(gw_agent *agent, const uint8_t *bytes, size_t length)
{
    size_t taken = 0;

    while (taken < length) {
        size_t count = 0;
        if (length % 2 == 0)
            count = gw_agent_push_slice(agent, bytes + taken, length - taken);
        else if (gw_agent_push(agent, bytes[taken]))
            count = 1;
        taken += count;
        transmit(agent);
        while (gw_agent_owes(agent)) {
            if (!(cancel_next ? gw_agent_cancel(agent) : gw_agent_retry(agent)))
                fail("an answer is owed");
            cancel_next = false;
            transmit(agent);
        }
    }
}

int main(void)
{
    gw_agent agent;
    struct board board;
    uint8_t *rx = NULL, *tx = NULL, *bytes = NULL;
    int step;

    memset(&agent, 0, sizeof agent);
    memset(&board, 0, sizeof board);
    while ((step = getchar()) != EOF) {
        bool is_done = true;
        switch (step) {
        case 'N':
            free(rx);
            free(tx);
            rx = (uint8_t *)malloc(RX);
            tx = (uint8_t *)malloc(TX);
            memset(&board, 0, sizeof board);
            cancel_next = false;
            if (rx == NULL || tx == NULL)
                fail("no memory");
            is_done = gw_agent_init(&agent, &guest, &board, rx, RX, tx, TX);
            break;
        case 'B': {
            uint32_t length = read_length();
            bytes = (uint8_t *)malloc(length + 1u);
            if (bytes == NULL || fread(bytes, 1, length, stdin) != length)
                fail("the input ends in bytes");
            push(&agent, bytes, length);
            free(bytes);
            break;
        }
        case 'L':
            is_done = gw_agent_lost(&agent);
            transmit(&agent);
            break;
        case 'C':
            is_done = gw_agent_corrupted(&agent);
            transmit(&agent);
            break;
        case 'R':
            is_done = gw_agent_reset(&agent);
            break;
        case 'X':
            cancel_next = true;
            break;
        case 'E': {
            const uint8_t length[4] = {(uint8_t)out_length, (uint8_t)(out_length >> 8), (uint8_t)(out_length >> 16),
                                       (uint8_t)(out_length >> 24)};
            fwrite(length, 1, sizeof length, stdout);
            fwrite(out, 1, out_length, stdout);
            out_length = 0;
            break;
        }
        default:
            fail("an unknown step");
        }
        if (!is_done)
            fail("a step failed");
    }
    free(rx);
    free(tx);
    free(out);
    return 0;
}
