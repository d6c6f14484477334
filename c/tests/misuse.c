/*
 * Every wrong use that the library can see is an error, and the agent goes on. Exits with 1 at the first that is not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guestwire.h"

#define CHECK(what) check((what), #what, __LINE__)

static void check(bool is_right, const char *what, int line)
{
    if (!is_right) {
        fprintf(stderr, "misuse.c:%d: %s\n", line, what);
        exit(1);
    }
}

#define INTERNAL "{\"error\": {\"class\": \"GenericError\", \"desc\": \"Internal error in the command\"}}\n"

static gw_agent agent;
static uint8_t rx[256], tx[1024];

/* What the handler does, and how often it was called. */
static void (*act)(gw_call *call);
static int calls;

static void handler(void *context, gw_call *call)
{
    CHECK(context == &calls);
    calls++;
    act(call);
}

/* Nothing can be done with a call that has failed. */
static void all_fails(gw_call *call)
{
    int64_t integer = 77;
    uint64_t number = 77;
    bool boolean = false;
    char text[8] = "x";
    uint8_t bytes[8];
    size_t length = 77;

    CHECK(!gw_arg_integer(call, "n", &integer));
    CHECK(!gw_opt_integer(call, "n", &integer, NULL));
    CHECK(!gw_arg_unsigned(call, "n", &number));
    CHECK(!gw_arg_boolean(call, "n", &boolean));
    CHECK(!gw_arg_string(call, "n", text, sizeof text));
    CHECK(!gw_arg_base64(call, "n", bytes, sizeof bytes, &length));
    CHECK(!gw_arg_object(call, "n", handler, &calls));
    CHECK(!gw_arg_array(call, "n", handler, &calls));
    CHECK(!gw_ready(call));
    CHECK(!gw_return_nothing(call));
    CHECK(!gw_return_integer(call, 1));
    CHECK(!gw_return_unsigned(call, 1));
    CHECK(!gw_return_boolean(call, true));
    CHECK(!gw_return_string(call, "x"));
    CHECK(!gw_return_base64(call, bytes, 0));
    CHECK(gw_return_object(call) == NULL);
    CHECK(gw_return_array(call) == NULL);
    CHECK(!gw_fail(call, "late"));
    CHECK(!gw_defer(call));
    CHECK(integer == 77 && number == 77 && length == 77 && !boolean && text[0] == 'x');
}

static void nothing_is_written(gw_writer *writer, const char *name)
{
    CHECK(!gw_put_integer(writer, name, 1));
    CHECK(!gw_put_unsigned(writer, name, 1));
    CHECK(!gw_put_thousandths(writer, name, 1));
    CHECK(!gw_put_boolean(writer, name, true));
    CHECK(!gw_put_null(writer, name));
    CHECK(!gw_put_string(writer, name, "x"));
    CHECK(!gw_put_base64(writer, name, NULL, 0));
    CHECK(!gw_begin_object(writer, name));
    CHECK(!gw_begin_array(writer, name));
    CHECK(!gw_end(writer));
    CHECK(!gw_put_string(writer, name, NULL));
}

static void null_place(gw_call *call)
{
    CHECK(!gw_arg_integer(call, "n", NULL));
    all_fails(call);
}

static void null_name(gw_call *call)
{
    int64_t integer = 77;

    CHECK(!gw_arg_integer(call, NULL, &integer));
    all_fails(call);
}

static void empty_name(gw_call *call)
{
    int64_t integer = 77;

    CHECK(!gw_arg_integer(call, "", &integer));
    all_fails(call);
}

static void no_room(gw_call *call)
{
    char text[1];

    CHECK(!gw_arg_string(call, "s", text, 0));
    all_fails(call);
}

static void null_text(gw_call *call)
{
    CHECK(!gw_arg_string(call, "s", NULL, 5));
    all_fails(call);
}

static void null_bytes(gw_call *call)
{
    size_t length;

    CHECK(!gw_arg_base64(call, "s", NULL, 5, &length));
    all_fails(call);
}

static void null_length(gw_call *call)
{
    uint8_t bytes[8];

    CHECK(!gw_arg_base64(call, "s", bytes, sizeof bytes, NULL));
    all_fails(call);
}

static void null_function(gw_call *call)
{
    CHECK(!gw_arg_object(call, "o", NULL, NULL));
    all_fails(call);
}

static void null_element_function(gw_call *call)
{
    CHECK(!gw_arg_array(call, "a", NULL, NULL));
    all_fails(call);
}

static void nothing_at_all(gw_call *call)
{
    (void)call;
}

static void ready_only(gw_call *call)
{
    int64_t integer;
    char text[8];

    CHECK(gw_arg_integer(call, "n", &integer));
    CHECK(gw_arg_string(call, "s", text, sizeof text));
    CHECK(gw_opt_object(call, "absent", NULL, NULL, NULL));
    CHECK(!gw_ready(call)); /* "o" and "a" were not read */
    all_fails(call);
}

static void read_nothing(void *context, gw_call *call)
{
    (void)context;
    (void)call;
}

/* Reads all that the request has. */
static bool read_all(gw_call *call)
{
    int64_t integer;
    char text[8];

    return gw_arg_integer(call, "n", &integer) && gw_arg_string(call, "s", text, sizeof text)
           && gw_arg_object(call, "o", read_nothing, NULL) && gw_arg_array(call, "a", read_nothing, NULL);
}

static void late_argument(gw_call *call)
{
    int64_t integer = 77;

    CHECK(read_all(call) && gw_ready(call));
    CHECK(!gw_arg_integer(call, "n", &integer) && integer == 77);
    all_fails(call);
}

static void ready_twice(gw_call *call)
{
    CHECK(read_all(call) && gw_ready(call) && !gw_ready(call));
    all_fails(call);
}

static void ready_in_object(void *context, gw_call *call)
{
    (void)context;
    CHECK(!gw_ready(call));
    all_fails(call);
}

static void ready_inside(gw_call *call)
{
    CHECK(!gw_arg_object(call, "o", ready_in_object, NULL));
    all_fails(call);
}

static void return_in_element(void *context, gw_call *call)
{
    (void)context;
    CHECK(!gw_return_integer(call, 1));
    all_fails(call);
}

static void return_inside(gw_call *call)
{
    CHECK(!gw_arg_array(call, "a", return_in_element, NULL));
    all_fails(call);
}

static void named_element(void *context, gw_call *call)
{
    int64_t integer = 77;

    (void)context;
    CHECK(!gw_arg_integer(call, "n", &integer) && integer == 77);
}

static void name_in_array(gw_call *call)
{
    CHECK(!gw_arg_array(call, "a", named_element, NULL));
    all_fails(call);
}

static void ready_and_nothing(gw_call *call)
{
    CHECK(read_all(call) && gw_ready(call));
}

static void return_twice(gw_call *call)
{
    CHECK(read_all(call) && gw_return_integer(call, 1) && !gw_return_integer(call, 2));
}

static void return_and_object(gw_call *call)
{
    CHECK(read_all(call) && gw_return_nothing(call) && gw_return_object(call) == NULL);
}

static void object_and_return(gw_call *call)
{
    gw_writer *object;

    CHECK(read_all(call));
    object = gw_return_object(call);
    CHECK(object != NULL && gw_put_null(object, "x") && !gw_return_integer(call, 1));
    nothing_is_written(object, "x");
}

/* RFC 3629: a lead alone, none, of 5 bytes, no continuation, too long, a surrogate, beyond U+10FFFF. */
static const char *const not_utf8[] = {
    "x\xE9", "\xE2\x82", "\x80", "\xF8\x88\x80\x80\x80", "\xC3(", "\xE2\x82(", "\xC0\x80", "\xE0\x9F\xBF",
    "\xF0\x8F\xBF\xBF", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF4\x90\x80\x80",
};
static size_t next_text;

static void text_not_utf8(gw_call *call)
{
    CHECK(read_all(call) && !gw_return_string(call, not_utf8[next_text]));
    all_fails(call);
}

static void null_string(gw_call *call)
{
    CHECK(read_all(call) && !gw_return_string(call, NULL));
    all_fails(call);
}

static void null_base64(gw_call *call)
{
    CHECK(read_all(call) && !gw_return_base64(call, NULL, 1));
    all_fails(call);
}

static void null_description(gw_call *call)
{
    CHECK(!gw_fail(call, NULL));
    all_fails(call);
}

static void member_without_name(gw_call *call)
{
    gw_writer *object;

    CHECK(read_all(call));
    object = gw_return_object(call);
    CHECK(object != NULL && !gw_put_integer(object, NULL, 1));
    nothing_is_written(object, "x");
}

static void element_with_name(gw_call *call)
{
    gw_writer *array;

    CHECK(read_all(call));
    array = gw_return_array(call);
    CHECK(array != NULL && !gw_put_integer(array, "x", 1));
    nothing_is_written(array, NULL);
}

static void null_member(gw_call *call)
{
    gw_writer *object;

    CHECK(read_all(call));
    object = gw_return_object(call);
    CHECK(object != NULL && !gw_put_string(object, "x", NULL));
    nothing_is_written(object, "x");
}

static void null_bytes_in_member(gw_call *call)
{
    gw_writer *object;

    CHECK(read_all(call));
    object = gw_return_object(call);
    CHECK(object != NULL && !gw_put_base64(object, "x", NULL, 1));
    nothing_is_written(object, "x");
}

static void too_many_bytes(gw_call *call)
{
    gw_writer *object;

    CHECK(read_all(call));
    object = gw_return_object(call);
    CHECK(object != NULL && !gw_put_base64(object, "x", rx, SIZE_MAX));
    nothing_is_written(object, "x");
}

static void end_of_all(gw_call *call)
{
    gw_writer *object;

    CHECK(read_all(call));
    object = gw_return_object(call);
    CHECK(object != NULL && !gw_end(object));
    nothing_is_written(object, "x");
}

static void no_end(gw_call *call)
{
    gw_writer *object;

    CHECK(read_all(call));
    object = gw_return_object(call);
    CHECK(object != NULL && gw_begin_array(object, "x"));
}

static void too_deep(gw_call *call)
{
    gw_writer *array;
    int depth;

    CHECK(read_all(call));
    array = gw_return_array(call);
    for (depth = 1; depth < 32; depth++)
        CHECK(gw_begin_array(array, NULL));
    CHECK(!gw_begin_array(array, NULL));
    nothing_is_written(array, NULL);
}

static void agent_inside(gw_call *call)
{
    static const gw_guest guest = {"1.0.0", NULL, 0, NULL, NULL, NULL};
    size_t length = 77;

    CHECK(!gw_agent_push(&agent, ' '));
    CHECK(gw_agent_push_slice(&agent, (const uint8_t *)" ", 1) == 0);
    CHECK(gw_agent_transmit(&agent, &length) == NULL && length == 0);
    CHECK(!gw_agent_transmitted(&agent, 1));
    CHECK(!gw_agent_lost(&agent));
    CHECK(!gw_agent_corrupted(&agent));
    CHECK(!gw_agent_reset(&agent));
    CHECK(!gw_agent_is_receiving(&agent));
    CHECK(!gw_agent_owes(&agent));
    CHECK(!gw_agent_retry(&agent));
    CHECK(!gw_agent_cancel(&agent));
    CHECK(!gw_agent_init(&agent, &guest, NULL, rx, sizeof rx, tx, sizeof tx));
    CHECK(read_all(call) && gw_return_nothing(call));
}

static void description(gw_call *call)
{
    char text[] = "It is copied";

    CHECK(read_all(call) && gw_return_object(call) != NULL && gw_fail(call, text));
    memset(text, 0, sizeof text);
    all_fails(call);
}

/* Pushes a request, and compares the answer. */
static void answers(void (*handled)(gw_call *call), const char *expected)
{
    static const char request[] =
        "{\"execute\": \"test\", \"arguments\": {\"n\": 5, \"s\": \"text\", \"o\": {}, \"a\": [1]}}";
    size_t length;
    const uint8_t *sent;
    int before = calls;

    act = handled;
    CHECK(gw_agent_push_slice(&agent, (const uint8_t *)request, sizeof request - 1) == sizeof request - 1);
    CHECK(calls == before + 1);
    sent = gw_agent_transmit(&agent, &length);
    if (sent == NULL || length != strlen(expected) || memcmp(sent, expected, length) != 0) {
        fprintf(stderr, "%.*s instead of %s", (int)length, (const char *)sent, expected);
        exit(1);
    }
    CHECK(gw_agent_transmitted(&agent, length));
    CHECK(gw_agent_transmit(&agent, &length) == NULL && length == 0);
}

static void no_agent(gw_agent *none)
{
    size_t length = 77;

    CHECK(!gw_agent_push(none, ' '));
    CHECK(gw_agent_push_slice(none, (const uint8_t *)" ", 1) == 0);
    CHECK(gw_agent_transmit(none, &length) == NULL && length == 0);
    CHECK(gw_agent_transmit(none, NULL) == NULL);
    CHECK(!gw_agent_transmitted(none, 1));
    CHECK(!gw_agent_lost(none));
    CHECK(!gw_agent_corrupted(none));
    CHECK(!gw_agent_reset(none));
    CHECK(!gw_agent_is_receiving(none));
    CHECK(!gw_agent_owes(none));
    CHECK(!gw_agent_retry(none));
    CHECK(!gw_agent_cancel(none));
}

/* Where two buffers may be, and where not. */
static const struct {
    size_t rx, rx_size, tx, tx_size;
    bool are_apart;
} places[] = {
    {0, 100, 100, 512, true},  {512, 100, 0, 512, true},                            /* one after the other */
    {0, 100, 99, 512, false},  {511, 100, 0, 512, false},                           /* one byte is in both */
    {0, 512, 0, 512, false},   {0, 100, 0, 512, false},   {412, 100, 0, 512, false},
    {200, 100, 0, 512, false}, {0, 600, 20, 512, false},                            /* one inside of the other */
};
static uint8_t memory[700];

static void agents(void)
{
    static const gw_command twice[] = {{"test", handler, 0}, {"test", handler, 0}};
    static const gw_command own[] = {{"guest-ping", handler, 0}};
    static const gw_command nameless[] = {{NULL, handler, 0}};
    static const gw_command empty[] = {{"", handler, 0}};
    static const gw_command foreign[] = {{"x\xC3\xA9", handler, 0}};
    static const gw_command unhandled[] = {{"test", NULL, 0}};
    static const gw_command flags[] = {{"test", handler, 4}};
    static const gw_command commands[] = {{"test", handler, 0}, {"other", handler, GW_ALLOWED_WHEN_FROZEN}};
    static const gw_guest good = {"1.0.0", commands, 2, NULL, NULL, NULL}, bare = {"1.0.0", NULL, 0, NULL, NULL, NULL};
    const gw_guest not_aligned = {"1.0.0", (const gw_command *)((const char *)commands + 1), 1, NULL, NULL, NULL};
    static const gw_guest bad[] = {
        {NULL, commands, 2, NULL, NULL, NULL},       {"", commands, 2, NULL, NULL, NULL},
        {"\xFF", commands, 2, NULL, NULL, NULL},     {"1.0.0", NULL, 2, NULL, NULL, NULL},
        {"1.0.0", commands, SIZE_MAX, NULL, NULL, NULL}, {"1.0.0", twice, 2, NULL, NULL, NULL},
        {"1.0.0", commands, SIZE_MAX / sizeof commands[0], NULL, NULL, NULL},
        {"1.0.0", commands, SIZE_MAX / 2 / sizeof commands[0] + 1, NULL, NULL, NULL},
        {"1.0.0", own, 1, NULL, NULL, NULL},         {"1.0.0", nameless, 1, NULL, NULL, NULL},
        {"1.0.0", empty, 1, NULL, NULL, NULL},       {"1.0.0", foreign, 1, NULL, NULL, NULL},
        {"1.0.0", unhandled, 1, NULL, NULL, NULL},   {"1.0.0", flags, 1, NULL, NULL, NULL},
    };
    size_t index;

    no_agent(NULL);
    no_agent(&agent);
    for (index = 0; index < sizeof bad / sizeof bad[0]; index++)
        CHECK(!gw_agent_init(&agent, &bad[index], &calls, rx, sizeof rx, tx, sizeof tx));
    CHECK(!gw_agent_init(&agent, &not_aligned, &calls, rx, sizeof rx, tx, sizeof tx));
    CHECK(!gw_agent_init(NULL, &good, &calls, rx, sizeof rx, tx, sizeof tx));
    CHECK(!gw_agent_init(&agent, NULL, &calls, rx, sizeof rx, tx, sizeof tx));
    CHECK(!gw_agent_init(&agent, &good, &calls, NULL, sizeof rx, tx, sizeof tx));
    CHECK(!gw_agent_init(&agent, &good, &calls, rx, 0, tx, sizeof tx));
    CHECK(!gw_agent_init(&agent, &good, &calls, rx, GW_AGENT_RX_MIN - 1, tx, sizeof tx));
    CHECK(!gw_agent_init(&agent, &good, &calls, rx, SIZE_MAX, tx, sizeof tx));
    CHECK(!gw_agent_init(&agent, &good, &calls, rx, sizeof rx, NULL, sizeof tx));
    CHECK(!gw_agent_init(&agent, &good, &calls, rx, sizeof rx, tx, 0));
    CHECK(!gw_agent_init(&agent, &good, &calls, rx, sizeof rx, tx, 300));
    for (index = 0; index < sizeof places / sizeof places[0]; index++)
        CHECK(gw_agent_init(&agent, &good, &calls, memory + places[index].rx, places[index].rx_size,
                            memory + places[index].tx, places[index].tx_size) == places[index].are_apart);
    no_agent(&agent);

    CHECK(gw_agent_init(&agent, &bare, &calls, rx, sizeof rx, tx, sizeof tx));
    CHECK(gw_agent_init(&agent, &good, &calls, rx, GW_AGENT_RX_MIN, tx, sizeof tx));
    CHECK(gw_agent_init(&agent, &good, &calls, rx, sizeof rx, tx, sizeof tx));
    CHECK(gw_agent_push_slice(&agent, NULL, 0) == 0);
    CHECK(gw_agent_push_slice(&agent, NULL, 5) == 0);
    CHECK(gw_agent_transmitted(&agent, 5));
    CHECK(!gw_agent_retry(&agent) && !gw_agent_cancel(&agent));
    /* The agent that was there is gone. */
    CHECK(!gw_agent_init(&agent, &good, &calls, rx, GW_AGENT_RX_MIN - 1, tx, sizeof tx));
    no_agent(&agent);
    CHECK(gw_agent_init(&agent, &good, &calls, rx, sizeof rx, tx, sizeof tx));
}

static void handlers(void)
{
    static void (*const wrong[])(gw_call *call) = {
        null_place,     null_name,      empty_name,       no_room,           null_text,         null_bytes,
        null_length,    null_function,  nothing_at_all,   late_argument,     ready_twice,       ready_inside,
        return_inside,  name_in_array,  ready_and_nothing, return_twice,     return_and_object, object_and_return,
        null_string,    null_base64,    null_description, member_without_name, element_with_name, null_member,
        null_bytes_in_member, too_many_bytes, end_of_all, no_end,            too_deep,          null_element_function,
    };
    size_t index;

    for (index = 0; index < sizeof wrong / sizeof wrong[0]; index++)
        answers(wrong[index], INTERNAL);
    for (next_text = 0; next_text < sizeof not_utf8 / sizeof not_utf8[0]; next_text++)
        answers(text_not_utf8, INTERNAL);
    answers(ready_only, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"Parameter 'o' is unexpected\"}}\n");
    answers(agent_inside, "{\"return\": {}}\n");
    answers(description, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"It is copied\"}}\n");
    all_fails(NULL);
    nothing_is_written(NULL, "x");
    nothing_is_written(NULL, NULL);
}

static void defers(gw_call *call)
{
    CHECK(read_all(call) && gw_defer(call));
}

/* A guest without a function `cancelled`. */
static void an_answer_that_is_cancelled(void)
{
    static const char request[] = "{\"execute\": \"test\", \"arguments\": {\"n\": 5, \"s\": \"\", \"o\": {}, \"a\": []}}";
    static const char due[] = "{\"error\": {\"class\": \"GenericError\", \"desc\": \"The command was cancelled\"}}\n";
    const uint8_t *sent;
    size_t length;

    act = defers;
    CHECK(gw_agent_push_slice(&agent, (const uint8_t *)request, sizeof request - 1) == sizeof request - 1);
    CHECK(gw_agent_owes(&agent) && gw_agent_cancel(&agent) && !gw_agent_owes(&agent));
    sent = gw_agent_transmit(&agent, &length);
    CHECK(sent != NULL && length == sizeof due - 1 && memcmp(sent, due, length) == 0);
    CHECK(gw_agent_reset(&agent));
}

/* While DMA reads a response, the agent may be used. */
static void response_stays(void)
{
    static const char ping[] = "{\"execute\": \"guest-ping\", \"id\": 1}", due[] = "{\"return\": {}, \"id\": 1}\n";
    const uint8_t *sent;
    size_t length, index;

    CHECK(gw_agent_push_slice(&agent, (const uint8_t *)ping, sizeof ping - 1) == sizeof ping - 1);
    sent = gw_agent_transmit(&agent, &length);
    CHECK(sent != NULL && length == sizeof due - 1 && gw_agent_transmitted(&agent, 4));
    for (index = 0; index < sizeof ping - 1; index++)
        CHECK(gw_agent_push(&agent, (uint8_t)ping[index]));
    CHECK(!gw_agent_push(&agent, '{') && gw_agent_lost(&agent) && gw_agent_corrupted(&agent));
    CHECK(!gw_agent_retry(&agent) && !gw_agent_cancel(&agent));
    CHECK(gw_agent_transmit(&agent, &length) == sent + 4 && length == sizeof due - 5);
    CHECK(memcmp(sent, due, sizeof due - 1) == 0);
    CHECK(gw_agent_reset(&agent) && gw_agent_transmit(&agent, NULL) == NULL);
}

static void decoders(void)
{
    static gw_decoder decoder;
    gw_value frame = {"x", 1};
    size_t taken = 77;

    CHECK(gw_decoder_push(NULL, ' ', &frame) == GW_EVENT_MISUSE);
    CHECK(gw_decoder_push(&decoder, ' ', &frame) == GW_EVENT_MISUSE);
    CHECK(gw_decoder_push_slice(&decoder, rx, 1, &taken, &frame) == GW_EVENT_MISUSE);
    CHECK(gw_decoder_lost(&decoder) == GW_EVENT_MISUSE && gw_decoder_corrupted(&decoder) == GW_EVENT_MISUSE);
    CHECK(!gw_decoder_reset(&decoder) && !gw_decoder_is_receiving(&decoder));
    CHECK(!gw_decoder_init(NULL, rx, sizeof rx) && !gw_decoder_init(&decoder, NULL, 5));
    CHECK(!gw_decoder_init(&decoder, rx, 0));
    CHECK(gw_decoder_init(&decoder, rx, 16));
    CHECK(gw_decoder_push_slice(&decoder, NULL, 1, &taken, &frame) == GW_EVENT_MISUSE);
    CHECK(gw_decoder_push_slice(&decoder, tx, 1, NULL, &frame) == GW_EVENT_MISUSE);
    CHECK(taken == 0 && frame.length == 1);
    CHECK(gw_decoder_push_slice(&decoder, (const uint8_t *)"[1, 2]", 6, &taken, NULL) == GW_EVENT_FRAME && taken == 6);
    CHECK(gw_decoder_push(&decoder, '{', NULL) == GW_EVENT_NONE && gw_decoder_is_receiving(&decoder));
    CHECK(gw_decoder_lost(&decoder) == GW_EVENT_LOST);
    CHECK(gw_decoder_reset(&decoder));
    CHECK(gw_decoder_push(&decoder, '?', &frame) == GW_EVENT_NOISE && frame.json == NULL);
    CHECK(gw_decoder_push(&decoder, 0xFF, NULL) == GW_EVENT_SENTINEL);
}

static void values(void)
{
    static const gw_value none = {NULL, 0}, broken = {NULL, 5}, list = {"[1,\"a\"]", 7};
    static const gw_text no_text = {NULL, 5};
    gw_value value;
    gw_text text;
    int64_t integer;
    uint64_t number;
    bool boolean;
    char place[4];
    size_t length;

    CHECK(gw_value_kind(none) == GW_KIND_NONE && gw_value_kind(broken) == GW_KIND_NONE);
    CHECK(!gw_value_integer(none, &integer) && !gw_value_unsigned(none, &number) && !gw_value_boolean(none, &boolean));
    CHECK(!gw_value_text(none, &text) && !gw_value_member(none, "a", &value) && !gw_value_element(none, 0, &value));
    CHECK(!gw_value_pointer(none, "", &value) && !gw_value_pointer(list, NULL, &value));
    CHECK(gw_value_element(list, 1, &value) && gw_value_kind(value) == GW_KIND_STRING && !gw_value_element(list, 1, NULL));
    CHECK(!gw_value_element(list, 2, &value) && !gw_value_member(list, "a", &value));
    CHECK(!gw_value_member(list, NULL, &value));
    CHECK(gw_value_pointer(list, "/0", &value) && gw_value_integer(value, &integer) && integer == 1);
    CHECK(!gw_value_integer(value, NULL) && !gw_value_text(value, &text));
    CHECK(gw_value_pointer(list, "/1", &value) && gw_value_text(value, &text) && !gw_value_text(value, NULL));
    CHECK(gw_text_equals(text, "a") && !gw_text_equals(text, "b") && !gw_text_equals(text, NULL));
    CHECK(gw_text_copy(text, place, 2) && strcmp(place, "a") == 0 && !gw_text_copy(text, place, 1));
    CHECK(!gw_text_copy(text, NULL, 4) && !gw_text_copy(text, place, 0) && !gw_text_copy(no_text, place, 4));
    CHECK(!gw_text_base64(text, rx, sizeof rx, &length) && !gw_text_base64(text, NULL, 5, &length));
    CHECK(!gw_text_equals(no_text, "a"));
}

static gw_client client;

static void use_client(void *context, gw_writer *writer)
{
    (void)context;
    CHECK(gw_put_integer(writer, "n", 1));
    CHECK(!gw_client_reset(&client) && !gw_client_is_ready(&client));
    CHECK(!gw_client_init(&client, rx, sizeof rx, tx, sizeof tx));
}

static void no_name(void *context, gw_writer *writer)
{
    (void)context;
    CHECK(!gw_put_integer(writer, NULL, 1));
    nothing_is_written(writer, "x");
}

static void not_ended(void *context, gw_writer *writer)
{
    (void)context;
    CHECK(gw_begin_object(writer, "x"));
}

static void clients(void)
{
    static const char request[] = "{\"execute\": \"test\", \"arguments\": {\"n\": 1}, \"id\": 8}\n";
    static const char in_step[] = "\xFF{\"return\": 7}";
    gw_reply reply;
    size_t taken = 0, length = 0, index;

    CHECK(!gw_client_synchronize(NULL, 7) && !gw_client_synchronize(&client, 7));
    CHECK(!gw_client_execute(&client, "guest-ping", NULL, NULL) && !gw_client_is_ready(&client));
    CHECK(gw_client_push(&client, ' ', &reply) == GW_REPLY_MISUSE);
    CHECK(gw_client_push_slice(&client, rx, 1, &taken, &reply) == GW_REPLY_MISUSE);
    CHECK(gw_client_transmit(&client, &length) == NULL && !gw_client_transmitted(&client, 1));
    CHECK(!gw_client_lost(&client) && !gw_client_corrupted(&client) && !gw_client_reset(&client));
    CHECK(!gw_client_omit_ids(&client) && !gw_client_synchronize_plain(&client, 7));
    CHECK(!gw_client_init(NULL, rx, sizeof rx, tx, sizeof tx) && !gw_client_init(&client, NULL, 99, tx, sizeof tx));
    CHECK(!gw_client_init(&client, rx, GW_CLIENT_RX_MIN - 1, tx, sizeof tx));
    CHECK(!gw_client_init(&client, rx, sizeof rx, tx, GW_CLIENT_TX_MIN - 1));
    CHECK(gw_client_init(&client, rx, GW_CLIENT_RX_MIN, tx, GW_CLIENT_TX_MIN));
    CHECK(!gw_client_init(&client, rx, 0, tx, sizeof tx) && !gw_client_reset(&client));
    for (index = 0; index < sizeof places / sizeof places[0]; index++)
        CHECK(gw_client_init(&client, memory + places[index].rx, places[index].rx_size, memory + places[index].tx,
                             places[index].tx_size) == places[index].are_apart);
    CHECK(gw_client_init(&client, rx, sizeof rx, tx, sizeof tx));
    CHECK(!gw_client_execute(&client, "guest-ping", NULL, NULL));
    CHECK(gw_client_synchronize(&client, 7) && gw_client_transmit(&client, &length) == tx && tx[0] == 0xFF);
    CHECK(gw_client_transmitted(&client, length));
    taken = 77;
    CHECK(gw_client_push_slice(&client, NULL, 1, &taken, &reply) == GW_REPLY_MISUSE && taken == 0);
    CHECK(gw_client_push_slice(&client, rx, 1, NULL, &reply) == GW_REPLY_MISUSE);
    CHECK(gw_client_push_slice(&client, rx, 1, &taken, NULL) == GW_REPLY_MISUSE);
    CHECK(gw_client_push(&client, ' ', NULL) == GW_REPLY_MISUSE);
    CHECK(gw_client_push_slice(&client, (const uint8_t *)in_step, sizeof in_step - 1, &taken, &reply) == GW_REPLY_SYNCHRONIZED);
    CHECK(!gw_client_execute(&client, NULL, NULL, NULL));
    CHECK(!gw_client_execute(&client, "x\xE9", NULL, NULL));
    CHECK(!gw_client_execute(&client, "test", no_name, NULL));
    CHECK(!gw_client_execute(&client, "test", not_ended, NULL));
    CHECK(gw_client_transmit(&client, &length) == NULL && gw_client_is_ready(&client));
    CHECK(gw_client_execute(&client, "test", use_client, NULL) && !gw_client_is_ready(&client));
    CHECK(gw_client_transmit(&client, &length) == tx);
    CHECK(length == sizeof request - 1 && memcmp(tx, request, length) == 0);
}

/* A client that receives byte by byte, and shuts its guest down. */
static void shutdown_by_byte(void)
{
    static const char in_step[] = "\xFF{\"return\": 7}", refused[] = "{\"error\": {\"class\": \"C\", \"desc\": \"no\"}, \"id\": 8}";
    gw_reply reply;
    size_t index, length;

    CHECK(gw_client_init(&client, rx, sizeof rx, tx, sizeof tx) && gw_client_synchronize(&client, 7));
    CHECK(gw_client_transmit(&client, &length) != NULL && gw_client_transmitted(&client, length));
    for (index = 0; index < sizeof in_step - 2; index++)
        CHECK(gw_client_push(&client, (uint8_t)in_step[index], &reply) == GW_REPLY_NONE);
    CHECK(gw_client_push(&client, '}', &reply) == GW_REPLY_SYNCHRONIZED);
    CHECK(gw_client_execute_silent(&client, "guest-shutdown", NULL, NULL));
    CHECK(gw_client_transmit(&client, &length) != NULL && gw_client_transmitted(&client, length));
    for (index = 0; index < sizeof refused - 2; index++)
        CHECK(gw_client_push(&client, (uint8_t)refused[index], &reply) == GW_REPLY_NONE);
    CHECK(gw_client_push(&client, '}', &reply) == GW_REPLY_ERROR);
    CHECK(!gw_client_reset(&client));
    /* Once more, and nothing comes. */
    CHECK(gw_client_synchronize(&client, 7));
    CHECK(gw_client_transmit(&client, &length) != NULL && gw_client_transmitted(&client, length));
    for (index = 0; index < sizeof in_step - 1; index++)
        gw_client_push(&client, (uint8_t)in_step[index], &reply);
    CHECK(gw_client_execute_silent(&client, "guest-shutdown", NULL, NULL));
    CHECK(gw_client_transmit(&client, &length) != NULL && gw_client_transmitted(&client, length));
    CHECK(gw_client_reset(&client));
}

int main(void)
{
    agents();
    handlers();
    an_answer_that_is_cancelled();
    response_stays();
    decoders();
    values();
    clients();
    shutdown_by_byte();
    return 0;
}
