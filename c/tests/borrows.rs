//! What handlers do with pointers that the library made, in an order that Miri judges: `cargo +nightly miri test`.

use std::ffi::{CStr, c_char, c_void};
use std::ptr::{null, null_mut};

use guestwire_c::*;

struct Board {
    agent: *mut gw_agent,
    sum: i64,
    calls: u32,
    is_cancelled: bool,
}

/// The board that a handler was given. Nothing else uses it meanwhile.
unsafe fn board<'a>(context: *mut c_void) -> &'a mut Board {
    // SAFETY: each agent here was given one.
    unsafe { &mut *context.cast() }
}

unsafe extern "C" fn element(context: *mut c_void, call: *mut gw_call<'_>) {
    // SAFETY: as a handler may.
    unsafe {
        assert!(gw_arg_object(call, null(), Some(members), context));
    }
}

unsafe extern "C" fn members(context: *mut c_void, call: *mut gw_call<'_>) {
    let mut number = 0;
    let mut text = [0; 8];
    let mut is_present = true;
    // SAFETY: as a handler may.
    unsafe {
        assert!(gw_arg_integer(call, c"n".as_ptr(), &raw mut number));
        assert!(gw_opt_string(call, c"s".as_ptr(), text.as_mut_ptr(), text.len(), &raw mut is_present));
        board(context).sum += number;
    }
}

/// Reads an array of objects, and writes with both pointers in turn.
unsafe extern "C" fn nested(context: *mut c_void, call: *mut gw_call<'_>) {
    // SAFETY: as a handler may.
    unsafe {
        assert!(!gw_agent_push(board(context).agent, b' '), "it is in use");
        assert!(gw_arg_array(call, c"list".as_ptr(), Some(element), context));
        assert!(gw_ready(call));
        let object = gw_return_object(call);
        assert!(gw_put_integer(object, c"sum".as_ptr(), board(context).sum));
        assert!(gw_begin_array(object, c"empty".as_ptr()));
        assert!(!gw_arg_boolean(call, c"late".as_ptr(), null_mut()), "the arguments have been read");
        assert!(gw_end(object), "the writer stays usable");
        assert!(gw_return_array(call).is_null());
        assert!(!gw_fail(call, c"late".as_ptr()));
    }
}

unsafe extern "C" fn deferred(context: *mut c_void, call: *mut gw_call<'_>) {
    // SAFETY: as a handler may.
    unsafe {
        board(context).calls += 1;
        if board(context).calls < 3 {
            assert!(gw_defer(call))
        } else {
            assert!(gw_return_string(call, c"done".as_ptr()))
        }
    }
}

unsafe extern "C" fn failing(_: *mut c_void, call: *mut gw_call<'_>) {
    let mut bytes = [0; 4];
    let mut length = 0;
    // SAFETY: as a handler may.
    unsafe {
        assert!(gw_arg_base64(call, c"data".as_ptr(), bytes.as_mut_ptr(), bytes.len(), &raw mut length));
        let object = gw_return_object(call);
        assert!(gw_put_base64(object, c"data".as_ptr(), bytes.as_ptr(), length));
        assert!(gw_fail(call, c"no".as_ptr()));
        assert!(!gw_put_null(object, c"x".as_ptr()));
    }
}

unsafe extern "C" fn cancelled(context: *mut c_void) {
    // SAFETY: as the library calls it.
    unsafe { board(context).is_cancelled = true }
}

fn command(name: &'static CStr, handler: unsafe extern "C" fn(*mut c_void, *mut gw_call<'_>)) -> gw_command {
    gw_command { name: name.as_ptr(), handler: Some(handler), flags: 0 }
}

/// Pushes a request byte by byte, and gives what is to be transmitted.
unsafe fn ask(agent: *mut gw_agent, request: &[u8]) -> String {
    // SAFETY: the caller's.
    unsafe {
        request.iter().for_each(|byte| assert!(gw_agent_push(agent, *byte)));
        sent(agent)
    }
}

unsafe fn sent(agent: *mut gw_agent) -> String {
    let mut length = 0;
    // SAFETY: the caller's.
    unsafe {
        let bytes = gw_agent_transmit(agent, &raw mut length);
        if bytes.is_null() {
            return String::new();
        }
        let sent = String::from_utf8_lossy(std::slice::from_raw_parts(bytes, length)).into_owned();
        assert!(gw_agent_transmitted(agent, length));
        sent
    }
}

#[test]
fn handlers_borrow_nothing_twice() {
    let commands = [command(c"nested", nested), command(c"deferred", deferred), command(c"failing", failing)];
    let guest = gw_guest {
        version: c"1.0.0".as_ptr(),
        commands: commands.as_ptr(),
        command_count: commands.len(),
        is_frozen: None,
        is_disabled: None,
        cancelled: Some(cancelled),
    };
    let (mut rx, mut tx) = ([0; 256], [0; 1024]);
    let mut agent = gw_agent { opaque: [0; GW_AGENT_WORDS] };
    let agent = &raw mut agent;
    let mut board = Board { agent, sum: 0, calls: 0, is_cancelled: false };
    let context = &raw mut board;
    // SAFETY: everything outlives the agent, and nothing is used beside it but by handlers.
    unsafe {
        let (rx, tx) = ((&raw mut rx).cast(), (&raw mut tx).cast());
        assert!(gw_agent_init(agent, &raw const guest, context.cast(), rx, 256, tx, 1024));
        assert!(ask(agent, br#"{"execute": "guest-info"}"#).contains("deferred"));
        let request = br#"{"execute": "nested", "arguments": {"list": [{"n": 1}, {"s": "\u0061", "n": 20}]}}"#;
        assert!(ask(agent, request).contains("Internal error"), "it was misused");
        assert_eq!((*context).sum, 21);
        let request = br#"{"execute": "failing", "arguments": {"data": "AAEC"}}"#;
        assert!(ask(agent, request).contains("\"desc\": \"no\""));
        assert_eq!(ask(agent, br#"{"execute": "deferred"}"#), "");
        assert!(gw_agent_owes(agent) && gw_agent_retry(agent) && gw_agent_owes(agent) && gw_agent_retry(agent));
        assert_eq!(sent(agent), "{\"return\": \"done\"}\n");
        (*context).calls = 0;
        assert_eq!(ask(agent, br#"{"execute": "deferred"}"#), "");
        assert!(gw_agent_cancel(agent) && (*context).is_cancelled);
        assert!(sent(agent).contains("cancelled"));
        assert!(gw_agent_reset(agent) && !gw_agent_is_receiving(agent));
    }
}

unsafe extern "C" fn arguments(_: *mut c_void, writer: *mut gw_writer<'_, '_>) {
    // SAFETY: as such a function may.
    unsafe {
        assert!(gw_begin_array(writer, c"list".as_ptr()));
        assert!(gw_put_string(writer, null(), c"x\xC3\xA9".as_ptr()));
        assert!(gw_end(writer));
    }
}

#[test]
fn a_client_borrows_nothing_twice() {
    let (mut rx, mut tx) = ([0; 256], [0; 256]);
    let mut client = gw_client { opaque: [0; GW_CLIENT_WORDS] };
    let client = &raw mut client;
    let none = gw_text { escaped: null(), length: 0 };
    let mut reply = gw_reply { value: gw_value { json: null(), length: 0 }, error_class: none, description: none };
    let (mut taken, mut length) = (0, 0);
    // SAFETY: everything outlives the client, and nothing is used beside it.
    unsafe {
        let (rx, tx) = ((&raw mut rx).cast(), (&raw mut tx).cast());
        assert!(gw_client_init(client, rx, 256, tx, 256) && gw_client_synchronize(client, 7));
        let mut push =
            |bytes: &[u8]| gw_client_push_slice(client, bytes.as_ptr(), bytes.len(), &raw mut taken, &raw mut reply);
        assert_eq!(push(b"\xFF{\"return\": 7}"), gw_reply_kind::GW_REPLY_SYNCHRONIZED);
        assert!(gw_client_execute(client, c"test".as_ptr(), Some(arguments), null_mut()));
        let bytes = gw_client_transmit(client, &raw mut length);
        let sent = std::slice::from_raw_parts(bytes, length);
        assert_eq!(sent, b"{\"execute\": \"test\", \"arguments\": {\"list\": [\"x\\u00E9\"]}, \"id\": 8}\n");
        assert!(gw_client_transmitted(client, length));
        assert_eq!(
            push(br#"{"return": {"name": "eth\u0030", "data": "AAEC"}, "id": 8}"#),
            gw_reply_kind::GW_REPLY_RETURN
        );
        let mut value = reply.value;
        let mut text = none;
        let mut place: [c_char; 8] = [1; 8];
        assert!(gw_value_member(reply.value, c"name".as_ptr(), &raw mut value) && gw_value_text(value, &raw mut text));
        assert!(gw_text_copy(text, place.as_mut_ptr(), place.len()));
        assert_eq!(CStr::from_ptr(place.as_ptr()), c"eth0");
    }
}
