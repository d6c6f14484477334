/*
 * guestwire: a QEMU guest agent, a client and a decoder for firmware, without an allocator and without libc.
 *
 * An agent: fill in a gw_guest, call gw_agent_init; then, for ever, gw_agent_push what the port receives, and send what
 * gw_agent_transmit gives, followed by gw_agent_transmitted. Handlers run inside these calls.
 *
 *     static void temperature(void *context, gw_call *call)
 *     {
 *         const struct board *board = context;
 *         gw_return_integer(call, board->temperature);
 *     }
 *
 *     static void set_limit(void *context, gw_call *call)
 *     {
 *         struct board *board = context;
 *         int64_t limit;
 *         if (!gw_arg_integer(call, "limit", &limit) || !gw_ready(call))
 *             return;
 *         board->limit = limit;
 *         gw_return_nothing(call);
 *     }
 *
 *     static const gw_command commands[] = {
 *         {"board-temperature", temperature, 0},
 *         {"board-set-limit", set_limit, 0},
 *     };
 *     static const gw_guest guest = {"1.0.0", commands, 2, NULL, NULL, NULL};
 *
 * In this file: the types, then gw_agent_* the agent; gw_arg_*, gw_opt_* (the same for what may be missing) what a handler
 * reads; gw_ready, gw_return_*, gw_fail, gw_defer what it answers; gw_put_*, gw_begin_*, gw_end objects and arrays; gw_value_*,
 * gw_text_* what a decoder or a client has received; gw_decoder_*; gw_client_*.
 *
 * The contract
 *
 * Errors. A function that returns bool returns false if it did nothing. Others answer a question: gw_*_is_*, gw_agent_owes,
 * gw_text_equals, and gw_client_lost, gw_client_corrupted and gw_client_reset, which always act on a client that is there.
 * NULL, a length of 0 where something is needed, an object that was not set up, and a call in the wrong place are errors,
 * never faults; only `context` may be NULL, and what is said to. Whatever else a pointer points to has to be there: arrays
 * as long as said, strings that end with a NUL.
 *
 * Memory. Nothing is allocated. gw_agent, gw_client and gw_decoder are yours: static, or zeroed before they are set up, and
 * before they are set up again if a handler did not return. No pointer to them is to const: even a question marks them busy.
 * They, their buffers and the gw_guest must outlive the last call, and must not be moved, copied or written to. Nothing has
 * to be freed. A gw_call or gw_writer is the library's, and gone when the function that was given it returns. Strings that
 * you pass are copied, but for what a gw_guest points to and for the names of arguments: those must outlive the handler.
 *
 * Threads and interrupts. There are no globals. Different objects may be used at the same time; one object by one thread or
 * interrupt handler at a time, so guard it if more than one does: an interrupt handler that finds it busy gets false, and
 * its byte is not taken. No function waits. An interrupt handler may push bytes if handlers of commands may run there; if
 * not, it queues them, and the main loop pushes them.
 *
 * Handlers. A handler must return: no longjmp, no C++ exception. Calls with the agent that called it fail; other agents may
 * be used. The same goes for is_frozen, is_disabled and cancelled of gw_guest, and for a client's gw_write.
 *
 * Enumerations. Use gw_kind, gw_event and gw_reply_kind, which are one byte, not enum gw_kind and so on, which C makes an
 * int.
 */
#ifndef GUESTWIRE_H
#define GUESTWIRE_H


#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With the header of another version a program does not link. */
#define gw_agent_init gw_agent_init_0_1
#define gw_client_init gw_client_init_0_1
#define gw_decoder_init gw_decoder_init_0_1

#if UINTPTR_MAX > 0xFFFFFFFFu
#define GW_64_BITS
#endif

#ifdef __cplusplus
extern "C" { /* for the types of functions */
#endif


/**
 * Flag of a gw_command: nothing is sent when the command succeeds, as with guest-shutdown. Its handler still calls
 * gw_return_nothing.
 */
#define GW_NO_SUCCESS_RESPONSE 1

/**
 * Flag of a gw_command: the command is served while file systems are frozen.
 */
#define GW_ALLOWED_WHEN_FROZEN 2

/**
 * The least `rx_size` of gw_agent_init.
 */
#define GW_AGENT_RX_MIN 74

#if defined(GW_64_BITS)
/**
 * The size of a gw_agent in words of size_t: somewhat more than it takes today.
 */
#define GW_AGENT_WORDS 24
#endif

#if !defined(GW_64_BITS)
/**
 * The size of a gw_agent in words of size_t: somewhat more than it takes today.
 */
#define GW_AGENT_WORDS 16
#endif

#if defined(GW_64_BITS)
/**
 * The size of a gw_decoder in words of size_t: somewhat more than it takes today.
 */
#define GW_DECODER_WORDS 16
#endif

#if !defined(GW_64_BITS)
/**
 * The size of a gw_decoder in words of size_t: somewhat more than it takes today.
 */
#define GW_DECODER_WORDS 8
#endif

/**
 * The least `rx_size` of gw_client_init.
 */
#define GW_CLIENT_RX_MIN 34

/**
 * The least `tx_size` of gw_client_init.
 */
#define GW_CLIENT_TX_MIN 75

#if defined(GW_64_BITS)
/**
 * The size of a gw_client in words of uint64_t: somewhat more than it takes today.
 */
#define GW_CLIENT_WORDS 32
#endif

#if !defined(GW_64_BITS)
/**
 * The size of a gw_client in words of uint64_t: somewhat more than it takes today.
 */
#define GW_CLIENT_WORDS 16
#endif

/**
 * What a value is.
 */
enum gw_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * No value: NULL was passed.
     */
    GW_KIND_NONE,
    /**
     * null
     */
    GW_KIND_NULL,
    /**
     * true or false
     */
    GW_KIND_BOOLEAN,
    /**
     * Any number, whole or not.
     */
    GW_KIND_NUMBER,
    /**
     * A string.
     */
    GW_KIND_STRING,
    /**
     * An array.
     */
    GW_KIND_ARRAY,
    /**
     * An object.
     */
    GW_KIND_OBJECT,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum gw_kind gw_kind;
#else
typedef uint8_t gw_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a byte led to.
 */
enum gw_event
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Nothing yet.
     */
    GW_EVENT_NONE,
    /**
     * The byte 0xFF: an open frame has been dropped.
     */
    GW_EVENT_SENTINEL,
    /**
     * A whole frame.
     */
    GW_EVENT_FRAME,
    /**
     * Bytes between frames that cannot start a value.
     */
    GW_EVENT_NOISE,
    /**
     * The frame is not JSON (RFC 8259) or not UTF-8.
     */
    GW_EVENT_SYNTAX,
    /**
     * The frame nests deeper than 64 arrays and objects.
     */
    GW_EVENT_TOO_DEEP,
    /**
     * The frame is longer than the buffer.
     */
    GW_EVENT_OVERFLOW,
    /**
     * gw_decoder_lost was called in a frame, or where one may have begun.
     */
    GW_EVENT_LOST,
    /**
     * A pointer was NULL, or the decoder was not set up.
     */
    GW_EVENT_MISUSE,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum gw_event gw_event;
#else
typedef uint8_t gw_event;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a byte led to.
 */
enum gw_reply_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint8_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Nothing yet.
     */
    GW_REPLY_NONE,
    /**
     * Both ends are in step.
     */
    GW_REPLY_SYNCHRONIZED,
    /**
     * The command's return value.
     */
    GW_REPLY_RETURN,
    /**
     * The command was not run, or failed.
     */
    GW_REPLY_ERROR,
    /**
     * An error without id: it answers the request, or noise before it. The request still waits for its response, and the
     * caller's time-out decides.
     */
    GW_REPLY_UNATTRIBUTED,
    /**
     * The response is longer than the receive buffer. The request is over; gw_client_is_ready says whether the client is
     * still in step.
     */
    GW_REPLY_TOO_LONG,
    /**
     * A broken frame, noise, or bytes that are missing or wrong. The client is out of step.
     */
    GW_REPLY_BROKEN,
    /**
     * A response that was not asked for, or a sentinel. The client is out of step.
     */
    GW_REPLY_UNEXPECTED,
    /**
     * A return value without the id that the request had: see gw_client_omit_ids. The client is out of step.
     */
    GW_REPLY_ID_MISSING,
    /**
     * A pointer was NULL, or the client was not set up.
     */
    GW_REPLY_MISUSE,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum gw_reply_kind gw_reply_kind;
#else
typedef uint8_t gw_reply_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A request that reached its handler. It is valid until the handler returns.
 */
typedef struct gw_call gw_call;

/**
 * Writes the members of an object or the elements of an array. The library makes it, and it is valid until the handler, or
 * the function that it was given to, returns.
 *
 * All functions take the member's name first: printable ASCII in an object, NULL in an array. They return false if the
 * value does not fit the transmit buffer, if it is not as it should be, or if the name is not. Nothing can be written from
 * then on: an agent answers with an error, and a client sends no request.
 */
typedef struct gw_writer gw_writer;

/**
 * An agent: 64 bytes on 32 bits, its buffers not counted, aligned as size_t. Static, or zeroed before the first
 * gw_agent_init. Do not copy or move it.
 */
typedef struct gw_agent {
    /**
     * Not yours.
     */
    size_t opaque[GW_AGENT_WORDS];
} gw_agent;

/**
 * The function of a command. It reads arguments (gw_arg_*), calls gw_ready, acts, and gives one answer: gw_return_*,
 * gw_fail or gw_defer.
 *
 * Once a call has returned false, everything else it does with `call` returns false, too: it just returns, and the agent
 * answers with an error that says what was wrong.
 */
typedef void (*gw_handler)(void *context, struct gw_call *call);

/**
 * One command.
 */
typedef struct gw_command {
    /**
     * Its name, as in "execute": printable ASCII, not one of the agent's own (guest-sync, guest-sync-delimited, guest-ping,
     * guest-info).
     */
    const char *name;
    /**
     * Called for each request.
     */
    gw_handler handler;
    /**
     * 0, or GW_NO_SUCCESS_RESPONSE and GW_ALLOWED_WHEN_FROZEN joined by |.
     */
    uint32_t flags;
} gw_command;

/**
 * What an agent serves. It can be const, and so can its table: both stay in flash. They must neither change nor go away
 * while an agent uses them. One may serve several agents.
 */
typedef struct gw_guest {
    /**
     * Shown by guest-info: printable ASCII, such as "1.2.3".
     */
    const char *version;
    /**
     * The commands. NULL if there are none.
     */
    const struct gw_command *commands;
    /**
     * How many there are.
     */
    size_t command_count;
    /**
     * Whether file systems are frozen: then only commands with GW_ALLOWED_WHEN_FROZEN are served. NULL: never.
     */
    bool (*is_frozen)(void *context);
    /**
     * Whether a command is not to be served now: the place for an allow list. NULL: none is.
     */
    bool (*is_disabled)(void *context, const char *command);
    /**
     * The command that called gw_defer is not called again: its request was dropped (gw_agent_reset) or answered with an
     * error (gw_agent_cancel). gw_agent_init does not call it. NULL if no command defers.
     */
    void (*cancelled)(void *context);
} gw_guest;

/**
 * A JSON value of a frame, or of a reply: its text, which is part of the receive buffer. It is valid until the next byte is
 * pushed. Copy what you need longer.
 */
typedef struct gw_value {
    /**
     * JSON text, without a NUL at its end.
     */
    const char *json;
    /**
     * How many bytes.
     */
    size_t length;
} gw_value;

/**
 * The content of a JSON string, escapes included: part of the receive buffer, valid until the next byte is pushed.
 */
typedef struct gw_text {
    /**
     * The content, without a NUL at its end.
     */
    const char *escaped;
    /**
     * How many bytes.
     */
    size_t length;
} gw_text;

/**
 * Cuts a stream of bytes into frames: JSON values, and the sentinel 0xFF. An agent and a client have one inside. 32
 * bytes on 32 bits, its buffer not counted, aligned as size_t. Static, or zeroed before the first gw_decoder_init. Do not
 * copy or move it.
 */
typedef struct gw_decoder {
    /**
     * Not yours.
     */
    size_t opaque[GW_DECODER_WORDS];
} gw_decoder;

/**
 * The host end of the wire: 128 bytes on 32 bits, its buffers not counted, aligned as uint64_t. Static, or zeroed before the
 * first gw_client_init. Do not copy or move it.
 */
typedef struct gw_client {
    /**
     * Not yours.
     */
    uint64_t opaque[GW_CLIENT_WORDS];
} gw_client;

/**
 * Writes a request's arguments: gw_put_* with a name each.
 */
typedef void (*gw_write)(void *context, struct gw_writer *arguments);

/**
 * A reply. Its value and texts are part of the receive buffer, and valid until the next call with the client.
 */
typedef struct gw_reply {
    /**
     * With GW_REPLY_RETURN: what the command returned.
     */
    struct gw_value value;
    /**
     * With GW_REPLY_ERROR and GW_REPLY_UNATTRIBUTED: "GenericError", "CommandNotFound", or another class of an older agent.
     */
    struct gw_text error_class;
    /**
     * The same: a sentence for people.
     */
    struct gw_text description;
} gw_reply;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Makes an agent that serves `guest`.
 *
 * `context` is passed to all functions of `guest`; it may be NULL. `rx` holds the longest request: at least
 * GW_AGENT_RX_MIN bytes, of which at most 65535 are used on 32 bits. `tx` holds the longest response: at least that of
 * guest-info, which is about 300 bytes and 60 and its name for each command. Both are the agent's until it is no longer
 * used, and must not overlap.
 *
 * False if a pointer is NULL, a buffer is too small, a name or the version is not as it should be, a name is there twice or
 * is one of the agent's own, or a handler is missing. There is no agent then, not even one that was there before. Or if the
 * agent is running a handler: then nothing changes. An agent that is there already starts anew; call gw_agent_reset first
 * if an answer may be owed.
 */
bool gw_agent_init_0_1(struct gw_agent *agent,
                       const struct gw_guest *guest,
                       void *context,
                       uint8_t *rx,
                       size_t rx_size,
                       uint8_t *tx,
                       size_t tx_size);

/**
 * Takes one byte that was received, and runs the handler of the request that it completes.
 *
 * False if the byte was not taken. It has to be pushed again: a request waits until the previous response is transmitted,
 * or a deferred answer is owed. (Or there is no such agent, or it is busy.) A bad request is no failure: it is answered with
 * an error response.
 */
bool gw_agent_push(struct gw_agent *agent,
                   uint8_t byte);

/**
 * Takes bytes that were received, and runs the handlers of the requests that they complete. Returns how many it has taken,
 * from the start: push the others again once the response is transmitted.
 */
size_t gw_agent_push_slice(struct gw_agent *agent,
                           const uint8_t *bytes,
                           size_t length);

/**
 * The bytes to transmit next, and how many there are. NULL and 0 if there are none.
 *
 * They stay where and as they are, so that DMA may read them, until gw_agent_transmitted has counted them, gw_agent_reset,
 * or gw_agent_init. `length` may be NULL.
 */
const uint8_t *gw_agent_transmit(struct gw_agent *agent,
                                 size_t *length);

/**
 * Says that the first `count` bytes of gw_agent_transmit were sent. A larger count means all of them.
 *
 * Once all are sent, a request that was waiting is served: its handler runs in this call.
 */
bool gw_agent_transmitted(struct gw_agent *agent, size_t count);

/**
 * Says that bytes are missing here: an overrun, a full queue, a time-out in mid-request. What may be the rest of a request
 * is dropped, with one error response at most.
 */
bool gw_agent_lost(struct gw_agent *agent);

/**
 * Says that a byte came that is known to be wrong: a framing, parity or noise error, or a break. Do not push that byte.
 */
bool gw_agent_corrupted(struct gw_agent *agent);

/**
 * Forgets everything received and everything not yet sent. Call it when the port opens or closes: the next client must not
 * get the previous one's answers.
 */
bool gw_agent_reset(struct gw_agent *agent);

/**
 * Whether a request has begun and neither ended nor broken. A program with a clock may call gw_agent_lost when that lasts
 * too long.
 */
bool gw_agent_is_receiving(struct gw_agent *agent);

/**
 * Whether a handler has called gw_defer, and its answer is owed. No byte is taken until gw_agent_retry has it: what never
 * comes, gw_agent_cancel has to end.
 */
bool gw_agent_owes(struct gw_agent *agent);

/**
 * Calls the handler again whose answer is owed. False if none is.
 */
bool gw_agent_retry(struct gw_agent *agent);

/**
 * Gives an error as the answer that is owed, and calls `cancelled`. False if none is owed.
 */
bool gw_agent_cancel(struct gw_agent *agent);

/**
 * Reads a whole number from -2^63 to 2^63 - 1.
 *
 * All functions that read take the argument's name: printable ASCII, a string literal or what else outlives the handler,
 * for the agent's error has the name in it. In a function that gw_arg_array calls, NULL is the element. If the argument is
 * missing, of another type or out of range, they return false and leave `value` alone. Then just return: the agent's answer
 * says what is wrong with the argument, and gw_fail comes too late.
 */
bool gw_arg_integer(struct gw_call *call,
                    const char *name,
                    int64_t *value);

/**
 * Reads a whole number, if it is there. If not, that is no failure: `value` is left alone, so give it its default before.
 * `is_present` may be NULL.
 */
bool gw_opt_integer(struct gw_call *call,
                    const char *name,
                    int64_t *value,
                    bool *is_present);

/**
 * Reads a whole number from 0 to 2^64 - 1.
 */
bool gw_arg_unsigned(struct gw_call *call, const char *name, uint64_t *value);

/**
 * Reads a whole number from 0 on, if it is there: see gw_opt_integer.
 */
bool gw_opt_unsigned(struct gw_call *call, const char *name, uint64_t *value, bool *is_present);

/**
 * Reads true or false.
 */
bool gw_arg_boolean(struct gw_call *call, const char *name, bool *value);

/**
 * Reads true or false, if it is there: see gw_opt_integer.
 */
bool gw_opt_boolean(struct gw_call *call, const char *name, bool *value, bool *is_present);

/**
 * Copies a string to `text`, an array of `size` bytes: UTF-8, without escapes, with a NUL after it. Fails if it does not fit
 * with its NUL, or holds a NUL. What the array holds then is unspecified.
 */
bool gw_arg_string(struct gw_call *call,
                   const char *name,
                   char *text,
                   size_t size);

/**
 * Copies a string, if it is there: see gw_arg_string and gw_opt_integer.
 */
bool gw_opt_string(struct gw_call *call, const char *name, char *text, size_t size, bool *is_present);

/**
 * Decodes a base64 string to `bytes`, an array of `size` bytes, and says in `length` how many there are. Fails if they do
 * not fit. What the array holds then is unspecified.
 */
bool gw_arg_base64(struct gw_call *call,
                   const char *name,
                   uint8_t *bytes,
                   size_t size,
                   size_t *length);

/**
 * Decodes a base64 string, if it is there: see gw_arg_base64 and gw_opt_integer.
 */
bool gw_opt_base64(struct gw_call *call,
                   const char *name,
                   uint8_t *bytes,
                   size_t size,
                   size_t *length,
                   bool *is_present);

/**
 * Reads an object: calls `read` once, in which the names are those of the object's members. A member that it does not read
 * is unexpected, and the call fails.
 */
bool gw_arg_object(struct gw_call *call,
                   const char *name,
                   gw_handler read,
                   void *context);

/**
 * Reads an object, if it is there: see gw_arg_object and gw_opt_integer.
 */
bool gw_opt_object(struct gw_call *call, const char *name, gw_handler read, void *context, bool *is_present);

/**
 * Reads an array: calls `read` for each element, which reads it under the name NULL.
 */
bool gw_arg_array(struct gw_call *call, const char *name, gw_handler read, void *context);

/**
 * Reads an array, if it is there: see gw_arg_array and gw_opt_integer.
 */
bool gw_opt_array(struct gw_call *call, const char *name, gw_handler read, void *context, bool *is_present);

/**
 * Says that all arguments have been read. Call it before the command acts: it fails if an argument came that was not read.
 */
bool gw_ready(struct gw_call *call);

/**
 * Returns {}: the command has nothing to tell.
 *
 * All functions that return call gw_ready themselves if the handler has not. They fail if something was returned already,
 * or the response does not fit the transmit buffer; then an error is answered. What the command has done is done: if that
 * matters, give the buffer enough room for the longest answer.
 */
bool gw_return_nothing(struct gw_call *call);

/**
 * Returns a whole number.
 */
bool gw_return_integer(struct gw_call *call, int64_t value);

/**
 * Returns a whole number that is not negative.
 */
bool gw_return_unsigned(struct gw_call *call, uint64_t value);

/**
 * Returns true or false.
 */
bool gw_return_boolean(struct gw_call *call, bool value);

/**
 * Returns a string: UTF-8 that a NUL ends.
 */
bool gw_return_string(struct gw_call *call, const char *value);

/**
 * Returns bytes as a base64 string. `bytes` may be NULL if `length` is 0.
 */
bool gw_return_base64(struct gw_call *call, const uint8_t *bytes, size_t length);

/**
 * Returns an object: gw_put_* write its members. The library ends it when the handler returns. NULL if that fails; the
 * functions that write take NULL and return false.
 */
struct gw_writer *gw_return_object(struct gw_call *call);

/**
 * Returns an array: gw_put_* write its elements, each under the name NULL. The library ends it when the handler returns.
 * NULL if that fails; the functions that write take NULL and return false.
 */
struct gw_writer *gw_return_array(struct gw_call *call);

/**
 * Answers with an error, class GenericError: a text in UTF-8 for people. It is copied. Whatever the handler has written is
 * dropped. False, and another error is the answer, if a call has failed before.
 */
bool gw_fail(struct gw_call *call,
             const char *description);

/**
 * There is no answer yet: gw_agent_retry calls the handler again, from its beginning, with the same request. The agent
 * takes no byte before. What the handler has begun, it keeps in its context.
 */
bool gw_defer(struct gw_call *call);

/**
 * Writes a whole number.
 */
bool gw_put_integer(struct gw_writer *writer, const char *name, int64_t value);

/**
 * Writes a whole number that is not negative.
 */
bool gw_put_unsigned(struct gw_writer *writer, const char *name, uint64_t value);

/**
 * Writes so many thousandths as a number with a fraction: -1.250 for -1250. The guest agent's commands
 * have such numbers, and null, in what they return only, and never alone: so no other function has to do with them.
 */
bool gw_put_thousandths(struct gw_writer *writer, const char *name, int64_t value);

/**
 * Writes true or false.
 */
bool gw_put_boolean(struct gw_writer *writer, const char *name, bool value);

/**
 * Writes null.
 */
bool gw_put_null(struct gw_writer *writer, const char *name);

/**
 * Writes a string: UTF-8 that a NUL ends.
 */
bool gw_put_string(struct gw_writer *writer, const char *name, const char *value);

/**
 * Writes bytes as a base64 string. `bytes` may be NULL if `length` is 0.
 */
bool gw_put_base64(struct gw_writer *writer, const char *name, const uint8_t *bytes, size_t length);

/**
 * Begins an object. The members follow, then gw_end. At most 32 objects and arrays can be open.
 */
bool gw_begin_object(struct gw_writer *writer, const char *name);

/**
 * Begins an array. The elements follow, then gw_end. At most 32 objects and arrays can be open.
 */
bool gw_begin_array(struct gw_writer *writer, const char *name);

/**
 * Ends the innermost object or array that gw_begin_object or gw_begin_array has begun. The outermost, which the library has
 * begun, it ends itself.
 */
bool gw_end(struct gw_writer *writer);

/**
 * What a value is.
 */
gw_kind gw_value_kind(struct gw_value value);

/**
 * Reads a whole number from -2^63 to 2^63 - 1, in any spelling: 1e2, too. False if the value is something else.
 */
bool gw_value_integer(struct gw_value value, int64_t *integer);

/**
 * Reads a whole number from 0 to 2^64 - 1, in any spelling. False if the value is something else.
 */
bool gw_value_unsigned(struct gw_value value, uint64_t *number);

/**
 * Reads true or false. False if the value is something else.
 */
bool gw_value_boolean(struct gw_value value, bool *boolean);

/**
 * Finds the content of a string. False if the value is something else.
 */
bool gw_value_text(struct gw_value value, struct gw_text *text);

/**
 * Finds the member of that name. Returns false if the object has no such member.
 */
bool gw_value_member(struct gw_value object, const char *name, struct gw_value *member);

/**
 * Finds the element at an index, counted from 0. Returns false if the array is shorter. The time grows with the index.
 */
bool gw_value_element(struct gw_value array, size_t index, struct gw_value *element);

/**
 * Finds the value at a JSON Pointer (RFC 6901): "/0/ip-addresses/0/ip-address". Returns false if it leads nowhere.
 */
bool gw_value_pointer(struct gw_value value, const char *pointer, struct gw_value *inner);

/**
 * Copies a text to `place`, an array of `size` bytes: UTF-8, without escapes, with a NUL after it. False if it does not fit
 * with its NUL, or holds a NUL. What the array holds then is unspecified.
 */
bool gw_text_copy(struct gw_text text,
                  char *place,
                  size_t size);

/**
 * Whether a text means the same as a string in UTF-8.
 */
bool gw_text_equals(struct gw_text text, const char *other);

/**
 * Decodes base64 to `bytes`, an array of `size` bytes, and says in `length` how many there are. False if it is not base64,
 * or does not fit. What the array holds then is unspecified.
 */
bool gw_text_base64(struct gw_text text,
                    uint8_t *bytes,
                    size_t size,
                    size_t *length);

/**
 * Makes a decoder. `buffer` holds the longest frame, whitespace between tokens not counted; on 32 bits at most 65535 bytes
 * of it are used. It is the decoder's until that is no longer used. False if a pointer is NULL or `size` is 0: there is no
 * decoder then, not even one that was there before.
 */
bool gw_decoder_init_0_1(struct gw_decoder *decoder,
                         uint8_t *buffer,
                         size_t size);

/**
 * Takes one byte. With GW_EVENT_FRAME, `frame` is the frame. It may be NULL.
 */
gw_event gw_decoder_push(struct gw_decoder *decoder, uint8_t byte, struct gw_value *frame);

/**
 * Takes bytes until one of them leads to something, and says in `taken` how many: all with GW_EVENT_NONE, none with
 * GW_EVENT_MISUSE. Call it again with the others. With GW_EVENT_FRAME, `frame` is the frame. It may be NULL, `taken` must
 * not.
 */
gw_event gw_decoder_push_slice(struct gw_decoder *decoder,
                               const uint8_t *bytes,
                               size_t length,
                               size_t *taken,
                               struct gw_value *frame);

/**
 * Says that bytes are missing here. GW_EVENT_LOST if a frame was open.
 */
gw_event gw_decoder_lost(struct gw_decoder *decoder);

/**
 * Says that a byte came that is known to be wrong: GW_EVENT_SYNTAX or GW_EVENT_OVERFLOW if a frame was open,
 * GW_EVENT_NOISE on an idle line.
 */
gw_event gw_decoder_corrupted(struct gw_decoder *decoder);

/**
 * Forgets what was received: the port was closed or opened.
 */
bool gw_decoder_reset(struct gw_decoder *decoder);

/**
 * Whether a frame has begun and neither ended nor broken.
 */
bool gw_decoder_is_receiving(struct gw_decoder *decoder);

/**
 * Makes a client, out of step. `rx` holds the longest response, at least GW_CLIENT_RX_MIN bytes; on 32 bits at most 65535
 * are used. `tx` holds the longest request, at least GW_CLIENT_TX_MIN bytes. Both are the client's until it is no longer
 * used, and must not overlap. False if a pointer is NULL or a buffer is too small: there is no client then, not even one
 * that was there before. Or if the client is writing a request: then nothing changes.
 */
bool gw_client_init_0_1(struct gw_client *client,
                        uint8_t *rx,
                        size_t rx_size,
                        uint8_t *tx,
                        size_t tx_size);

/**
 * Starts to get in step: on every new connection, and whenever the client is out of step. `id` should be another each time,
 * best random; its low 48 bits are used. Transmit, then push what comes until GW_REPLY_SYNCHRONIZED. A request that was
 * waiting is abandoned.
 */
bool gw_client_synchronize(struct gw_client *client,
                           int64_t id);

/**
 * The same for agents that do not know guest-sync-delimited, or whose sentinel gets lost on the way.
 */
bool gw_client_synchronize_plain(struct gw_client *client, int64_t id);

/**
 * Sends requests without id from now on: for agents that refuse it (qemu-ga before QEMU 3.0) or do not echo it. Then the
 * client is out of step after each error but CommandNotFound.
 */
bool gw_client_omit_ids(struct gw_client *client);

/**
 * Sends a request. `arguments` writes its arguments, and is called with `context`; NULL if there are none. Nothing is sent,
 * and false returned, if the client is not ready, the request does not fit, or the arguments were not written as they
 * should be.
 */
bool gw_client_execute(struct gw_client *client,
                       const char *command,
                       gw_write arguments,
                       void *context);

/**
 * The same for a command that sends nothing when it succeeds, such as guest-shutdown: gw_client_reset then tells whether
 * silence meant success.
 */
bool gw_client_execute_silent(struct gw_client *client,
                              const char *command,
                              gw_write arguments,
                              void *context);

/**
 * The bytes to transmit next, and how many there are. NULL and 0 if there are none. They stay valid until the next call
 * with this client, other than gw_client_is_ready. `length` may be NULL.
 */
const uint8_t *gw_client_transmit(struct gw_client *client, size_t *length);

/**
 * Says that the first `count` bytes of gw_client_transmit were sent. A larger count means all of them. Call it before you
 * push what comes next.
 */
bool gw_client_transmitted(struct gw_client *client,
                           size_t count);

/**
 * Takes one byte that was received. `reply` must not be NULL.
 */
gw_reply_kind gw_client_push(struct gw_client *client, uint8_t byte, struct gw_reply *reply);

/**
 * Takes bytes that were received until they make a reply, and says in `taken` how many: all with GW_REPLY_NONE, none with
 * GW_REPLY_MISUSE. Call it again with the others. Neither `taken` nor `reply` may be NULL.
 */
gw_reply_kind gw_client_push_slice(struct gw_client *client,
                                   const uint8_t *bytes,
                                   size_t length,
                                   size_t *taken,
                                   struct gw_reply *reply);

/**
 * Says that bytes are missing here. False if the client was in step, and no longer is: no reply will come.
 */
bool gw_client_lost(struct gw_client *client);

/**
 * Says that a byte came that is known to be wrong. False if the client was in step, and no longer is.
 */
bool gw_client_corrupted(struct gw_client *client);

/**
 * Forgets what was asked and what is not yet sent: when the port opens or closes, and when a reply is overdue. Synchronize
 * next. True if the request given up was a silent one (gw_client_execute_silent) that has left: then silence is success.
 */
bool gw_client_reset(struct gw_client *client);

/**
 * Whether a request can be sent: the client is in step, and waits for nothing.
 */
bool gw_client_is_ready(struct gw_client *client);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#undef GW_64_BITS

#ifdef __cplusplus
}
#endif

#endif
