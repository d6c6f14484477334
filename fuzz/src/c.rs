//! The library for C: its functions in any order, with memory of exactly the sizes that they are told, against their twins
//! in Rust, serde_json, and what the header says.

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::{null, null_mut};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use guestwire::client::{ClientError, ClientLent};
use guestwire::frame::{DecoderLent, FrameError};
use guestwire::{Event, Reply};
use guestwire_c::*;

use crate::commands::scaled;
use crate::line::{Op, ops};
use crate::tree::Tree;

/// The first byte says what is used, the second how large its memory is.
pub fn c(bytes: &[u8]) {
    let [which, size, rest @ ..] = bytes else { return };
    let size = if *size == 255 { 4096 } else { (*size).into() };
    match which % 3 {
        0 => decoder(size, *which & 4 != 0, rest),
        1 => client(size, *which & 4 != 0, rest),
        _ => handler(rest),
    }
}

/// Memory of exactly this size, as a sanitizer sees it.
fn memory(size: usize) -> Box<[u8]> {
    vec![0xA5; size].into_boxed_slice()
}

/// `L` loses bytes, `C` corrupts one, `R` resets, `I` begins anew, `N` passes NULL.
fn decoder(size: usize, by_byte: bool, bytes: &[u8]) {
    let (mut buffer, mut twins) = (memory(size), memory(size));
    let mut decoder = gw_decoder { opaque: [0; GW_DECODER_WORDS] };
    let decoder = &raw mut decoder;
    // SAFETY: here and below, pointers are NULL or to memory of the length that is said, and what was lent is only read by
    // the library's functions.
    let is_there = unsafe {
        assert_eq!(gw_decoder_push(decoder, b'{', null_mut()), gw_event::GW_EVENT_MISUSE);
        gw_decoder_init(decoder, buffer.as_mut_ptr(), size)
    };
    assert_eq!(is_there, size > 0);
    if !is_there {
        return;
    }
    let mut twin = DecoderLent::new(&mut twins);
    for op in ops(bytes) {
        match op {
            Op::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    let mut value = gw_value { json: null(), length: 0 };
                    let mut count = 1;
                    // SAFETY: as above.
                    let event = unsafe {
                        match by_byte {
                            true => gw_decoder_push(decoder, bytes[0], &raw mut value),
                            false => {
                                let (start, length) = (bytes.as_ptr(), bytes.len());
                                gw_decoder_push_slice(decoder, start, length, &raw mut count, &raw mut value)
                            }
                        }
                    };
                    let due = if by_byte { (1, twin.push(bytes[0])) } else { twin.push_slice(bytes) };
                    assert_eq!(count, due.0);
                    bytes = &bytes[count..];
                    match due.1 {
                        Ok(None) => assert_eq!(event, gw_event::GW_EVENT_NONE),
                        Ok(Some(Event::Sentinel)) => assert_eq!(event, gw_event::GW_EVENT_SENTINEL),
                        Ok(Some(Event::Frame(frame))) => {
                            assert_eq!(event, gw_event::GW_EVENT_FRAME);
                            let text = std::str::from_utf8(frame.as_bytes()).expect("it is UTF-8");
                            check_value(value, &Tree::parse(text).expect("it is JSON"));
                        }
                        Err(error) => assert_eq!(event, event_of(error)),
                    }
                    assert_eq!(value.json.is_null(), event != gw_event::GW_EVENT_FRAME);
                }
            }
            // SAFETY: as above.
            Op::Call(call) => unsafe {
                let event_of =
                    |result: Result<(), FrameError>| result.map_or_else(event_of, |()| gw_event::GW_EVENT_NONE);
                match call {
                    b'L' => assert_eq!(gw_decoder_lost(decoder), event_of(twin.lost())),
                    b'C' => assert_eq!(gw_decoder_corrupted(decoder), event_of(twin.corrupted())),
                    b'I' => {
                        assert!(gw_decoder_init(decoder, buffer.as_mut_ptr(), size));
                        twin.reset();
                    }
                    b'N' => {
                        let mut count = 7;
                        let event = gw_decoder_push_slice(decoder, null(), 5, &raw mut count, null_mut());
                        assert_eq!((event, count), (gw_event::GW_EVENT_MISUSE, 0));
                        assert_eq!(gw_decoder_push(null_mut(), b'{', null_mut()), gw_event::GW_EVENT_MISUSE);
                    }
                    _ => {
                        assert!(gw_decoder_reset(decoder));
                        twin.reset();
                    }
                }
            },
        }
        // SAFETY: as above.
        assert_eq!(unsafe { gw_decoder_is_receiving(decoder) }, twin.is_receiving());
    }
}

fn event_of(error: FrameError) -> gw_event {
    match error {
        FrameError::Noise => gw_event::GW_EVENT_NOISE,
        FrameError::Syntax => gw_event::GW_EVENT_SYNTAX,
        FrameError::TooDeep => gw_event::GW_EVENT_TOO_DEEP,
        FrameError::Overflow => gw_event::GW_EVENT_OVERFLOW,
        FrameError::Lost => gw_event::GW_EVENT_LOST,
        other => panic!("{other:?}"),
    }
}

/// What the functions for values say is what serde_json says.
fn check_value(value: gw_value, tree: &Tree) {
    let whole = |text: &str| scaled(text, 0).filter(|(_, is_exact)| *is_exact).map(|(whole, _)| whole);
    let number = if let Tree::Number(text) = tree { whole(text) } else { None };
    let (mut integer, mut unsigned, mut boolean) = (7, 7, false);
    let mut text = gw_text { escaped: null(), length: 0 };
    let mut inner = gw_value { json: null(), length: 0 };
    // SAFETY: the value is there until the next byte is pushed, and the other pointers are to these locals.
    unsafe {
        let due = number.and_then(|number| i64::try_from(number).ok());
        assert_eq!(gw_value_integer(value, &raw mut integer).then_some(integer), due);
        let due = number.and_then(|number| u64::try_from(number).ok());
        assert_eq!(gw_value_unsigned(value, &raw mut unsigned).then_some(unsigned), due);
        let due = if let Tree::Boolean(boolean) = tree { Some(*boolean) } else { None };
        assert_eq!(gw_value_boolean(value, &raw mut boolean).then_some(boolean), due);
        assert_eq!(gw_value_text(value, &raw mut text), tree.text().is_some());
        match tree {
            Tree::Null => assert_eq!(gw_value_kind(value), gw_kind::GW_KIND_NULL),
            Tree::Boolean(_) => assert_eq!(gw_value_kind(value), gw_kind::GW_KIND_BOOLEAN),
            Tree::Number(_) => assert_eq!(gw_value_kind(value), gw_kind::GW_KIND_NUMBER),
            Tree::String(string) => {
                assert_eq!(gw_value_kind(value), gw_kind::GW_KIND_STRING);
                check_text(text, string);
            }
            Tree::Array(elements) => {
                assert_eq!(gw_value_kind(value), gw_kind::GW_KIND_ARRAY);
                for (index, element) in elements.iter().enumerate() {
                    assert!(gw_value_element(value, index, &raw mut inner));
                    check_value(inner, element);
                }
                assert!(!gw_value_element(value, elements.len(), &raw mut inner));
            }
            Tree::Object(members) => {
                assert_eq!(gw_value_kind(value), gw_kind::GW_KIND_OBJECT);
                for (name, _) in members {
                    let Ok(c_name) = CString::new(&**name) else { continue };
                    let pointer = CString::new(format!("/{}", name.replace('~', "~0").replace('/', "~1")));
                    let member = tree.member(name).expect("it has one");
                    assert!(gw_value_pointer(value, pointer.expect("no NUL").as_ptr(), &raw mut inner));
                    let start = inner.json;
                    assert!(gw_value_member(value, c_name.as_ptr(), &raw mut inner) && inner.json == start);
                    check_value(inner, member);
                }
                let has_none = members.iter().all(|(name, _)| name != "nobody has this");
                assert_eq!(gw_value_member(value, c"nobody has this".as_ptr(), &raw mut inner), !has_none);
            }
        }
        assert!(!gw_value_member(value, null(), &raw mut inner));
    }
}

fn check_text(text: gw_text, string: &str) {
    let has_nul = string.contains('\0');
    let (mut exact, mut short) = (memory(string.len() + 1), memory(string.len()));
    // SAFETY: the text is there until the next byte is pushed, and the places are as long as said.
    unsafe {
        assert_eq!(gw_text_copy(text, exact.as_mut_ptr().cast(), exact.len()), !has_nul);
        assert!(has_nul || CStr::from_bytes_with_nul(&exact).is_ok_and(|copy| copy.to_bytes() == string.as_bytes()));
        assert!(!gw_text_copy(text, short.as_mut_ptr().cast(), short.len()));
        if let Ok(string) = CString::new(string) {
            assert!(gw_text_equals(text, string.as_ptr()));
        }
        assert!(
            !gw_text_equals(text, null()) && !gw_text_equals(text, c"not this one".as_ptr())
                || string == "not this one"
        );
        let Ok(bytes) = STANDARD.decode(string.replace('\n', "")) else { return };
        let (mut exact, mut length) = (memory(bytes.len()), 0);
        let decodes = gw_text_base64(text, exact.as_mut_ptr(), exact.len(), &raw mut length);
        assert_eq!(decodes, !bytes.is_empty());
        assert!(!decodes || length == bytes.len() && *exact == *bytes);
        let mut short = memory(bytes.len().saturating_sub(1));
        assert!(!gw_text_base64(text, short.as_mut_ptr(), short.len(), &raw mut length));
    }
}

/// `S` synchronizes, `E` executes, `W` everything was sent, `B` one byte was, `L` loses bytes, `C` corrupts one, `N` passes
/// NULL, anything else resets.
fn client(size: usize, by_byte: bool, bytes: &[u8]) {
    let (mut rx, mut tx, mut twins) =
        (memory(size), memory(GW_CLIENT_TX_MIN), [memory(size), memory(GW_CLIENT_TX_MIN)]);
    let mut client = gw_client { opaque: [0; GW_CLIENT_WORDS] };
    let client = &raw mut client;
    // SAFETY: here and below, as in `decoder`.
    let is_there = unsafe { gw_client_init(client, rx.as_mut_ptr(), size, tx.as_mut_ptr(), tx.len()) };
    assert_eq!(is_there, size >= GW_CLIENT_RX_MIN);
    let [twin_rx, twin_tx] = &mut twins;
    let Ok(mut twin) = ClientLent::new(twin_rx, twin_tx) else { return assert!(!is_there) };
    for op in ops(bytes) {
        match op {
            Op::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    let none = (gw_value { json: null(), length: 0 }, gw_text { escaped: null(), length: 0 });
                    let mut reply = gw_reply { value: none.0, error_class: none.1, description: none.1 };
                    let mut count = 1;
                    // SAFETY: as above.
                    let kind = unsafe {
                        match by_byte {
                            true => gw_client_push(client, bytes[0], &raw mut reply),
                            false => {
                                let (start, length) = (bytes.as_ptr(), bytes.len());
                                gw_client_push_slice(client, start, length, &raw mut count, &raw mut reply)
                            }
                        }
                    };
                    let due = if by_byte { (1, twin.push(bytes[0])) } else { twin.push_slice(bytes) };
                    assert_eq!(count, due.0);
                    bytes = &bytes[count..];
                    let due = match due.1 {
                        Ok(None) => gw_reply_kind::GW_REPLY_NONE,
                        Ok(Some(Reply::Synchronized)) => gw_reply_kind::GW_REPLY_SYNCHRONIZED,
                        Ok(Some(Reply::Return(value))) => {
                            check_value(reply.value, &Tree::parse(&value.to_string()).expect("it is JSON"));
                            gw_reply_kind::GW_REPLY_RETURN
                        }
                        Ok(Some(Reply::Error(error) | Reply::Unattributed(error))) => {
                            check_text(reply.error_class, &error.class.to_string());
                            check_text(reply.description, &error.desc.to_string());
                            match due.1 {
                                Ok(Some(Reply::Error(_))) => gw_reply_kind::GW_REPLY_ERROR,
                                _ => gw_reply_kind::GW_REPLY_UNATTRIBUTED,
                            }
                        }
                        Err(ClientError::ResponseTooLong) => gw_reply_kind::GW_REPLY_TOO_LONG,
                        Err(ClientError::IdMissing) => gw_reply_kind::GW_REPLY_ID_MISSING,
                        Err(ClientError::Broken(_)) => gw_reply_kind::GW_REPLY_BROKEN,
                        Err(ClientError::Unexpected) => gw_reply_kind::GW_REPLY_UNEXPECTED,
                        other => panic!("{other:?}"),
                    };
                    assert_eq!(kind, due);
                }
            }
            // SAFETY: as above.
            Op::Call(call) => unsafe {
                match call {
                    b'S' => {
                        assert!(gw_client_synchronize(client, 7));
                        twin.synchronize(7);
                    }
                    b'E' => {
                        let did = gw_client_execute(client, c"x".as_ptr(), None, null_mut());
                        assert_eq!(did, twin.execute("x").is_ok());
                    }
                    b'W' | b'B' => {
                        let count = if call == b'W' { usize::MAX } else { 1 };
                        assert!(gw_client_transmitted(client, count));
                        twin.transmitted(count);
                    }
                    b'L' => assert_eq!(gw_client_lost(client), twin.lost().is_ok()),
                    b'C' => assert_eq!(gw_client_corrupted(client), twin.corrupted().is_ok()),
                    b'N' => {
                        let mut count = 7;
                        let kind = gw_client_push_slice(client, bytes.as_ptr(), 1, &raw mut count, null_mut());
                        assert_eq!((kind, count), (gw_reply_kind::GW_REPLY_MISUSE, 0));
                        assert!(!gw_client_execute(client, null(), None, null_mut()));
                        assert!(!gw_client_init(null_mut(), rx.as_mut_ptr(), size, tx.as_mut_ptr(), tx.len()));
                    }
                    _ => assert_eq!(gw_client_reset(client), twin.reset()),
                }
            },
        }
        let mut length = 7;
        // SAFETY: as above, and the bytes stay until the next call.
        unsafe {
            let start = gw_client_transmit(client, &raw mut length);
            assert_eq!((start.is_null(), length), (twin.transmit().is_empty(), twin.transmit().len()));
            if !start.is_null() {
                assert_eq!(std::slice::from_raw_parts(start, length), twin.transmit());
            }
            assert_eq!(gw_client_is_ready(client), twin.is_ready());
        }
    }
}

/// A request's arguments as text, a NUL, and what its handler does with them.
fn handler(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (text, steps) = (std::str::from_utf8(&bytes[..end]), bytes.get(end + 1..).unwrap_or_default());
    let Some((text, Tree::Object(arguments))) = text.ok().and_then(|text| Some((text, Tree::parse(text)?))) else {
        return;
    };
    let mut call = Handler { steps: steps.to_vec(), arguments, ..Handler::default() };
    let context = &raw mut call;
    let commands = [gw_command { name: c"x".as_ptr(), handler: Some(run), flags: 0 }];
    let guest = gw_guest {
        version: c"1.0.0".as_ptr(),
        commands: commands.as_ptr(),
        command_count: 1,
        is_frozen: None,
        is_disabled: None,
        cancelled: None,
    };
    let (mut rx, mut tx) = (memory(8192), memory(8192));
    let mut agent = gw_agent { opaque: [0; GW_AGENT_WORDS] };
    let agent = &raw mut agent;
    let request = format!("{{\"execute\":\"x\",\"arguments\":{text},\"id\":1}}\n");
    // SAFETY: all of this outlives the agent, and nobody else uses it meanwhile.
    let sent = unsafe {
        assert!(gw_agent_init(
            agent,
            &raw const guest,
            context.cast(),
            rx.as_mut_ptr(),
            rx.len(),
            tx.as_mut_ptr(),
            tx.len()
        ));
        if gw_agent_push_slice(agent, request.as_ptr(), request.len()) < request.len() && !gw_agent_owes(agent) {
            return;
        }
        let was_owed = gw_agent_owes(agent);
        assert_eq!(gw_agent_cancel(agent), was_owed);
        assert_eq!(was_owed, (*context).outcome == Some(Outcome::Deferred), "{:?}", (*context).steps);
        let mut length = 0;
        let start = gw_agent_transmit(agent, &raw mut length);
        if start.is_null() {
            String::new()
        } else {
            String::from_utf8_lossy(std::slice::from_raw_parts(start, length)).into()
        }
    };
    if !call.has_run {
        return; // too deep
    }
    let answer = Tree::parse(&sent).expect("it is JSON");
    let error = answer.member("error").and_then(|error| error.member("desc")).and_then(Tree::text);
    match call.outcome {
        None => match call.written() {
            Some(due) => assert_eq!(answer.member("return"), Some(&due), "{:?}", call.steps),
            None => assert_eq!(error, Some("Internal error in the command"), "{:?}: {sent}", call.steps),
        },
        Some(Outcome::Failed(text)) => assert_eq!(error, Some(&*text)),
        Some(Outcome::Error) => assert!(error.is_some(), "{:?}: {sent}", call.steps),
        Some(Outcome::Deferred) => assert_eq!(error, Some("The command was cancelled")),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Failed(String),
    Error,
    Deferred,
}

/// What a handler does, and what the header says of each call.
#[derive(Default)]
struct Handler {
    steps: Vec<u8>,
    at: usize,
    arguments: Vec<(String, Tree)>,
    read: Vec<&'static str>,
    is_ready: bool,
    has_run: bool,
    outcome: Option<Outcome>,
    /// What was returned whole.
    whole: Option<Tree>,
    /// The open brackets, the outermost first: the name of each, and what is in it.
    open: Vec<(String, Tree)>,
    is_wrong: bool,
}

const NAMES: [&CStr; 4] = [c"a", c"b", c"s", c"o"];

impl Handler {
    fn byte(&mut self) -> u8 {
        let byte = self.steps.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        byte
    }

    /// Whether reading an argument succeeds.
    fn reads(&mut self, name: &'static CStr, is_optional: bool, fits: impl Fn(&Tree) -> bool) -> bool {
        if self.outcome.is_some() {
            return false;
        }
        let name = name.to_str().expect("ASCII");
        let mut named = self.arguments.iter().filter(|(other, _)| other == name);
        let is_right = !self.is_ready
            && match (named.next(), named.next()) {
                (None, _) => is_optional,
                (Some((_, value)), None) => fits(value),
                _ => false,
            };
        self.read.push(name);
        if !is_right {
            self.outcome = Some(Outcome::Error);
        }
        is_right
    }

    fn readies(&mut self) -> bool {
        let is_read = |(name, _): &(String, Tree)| self.read.contains(&name.as_str());
        if self.outcome.is_none()
            && !self.is_ready
            && !(self.arguments.len() <= 32 && self.arguments.iter().all(is_read))
        {
            self.outcome = Some(Outcome::Error);
        }
        self.is_ready = true;
        self.outcome.is_none()
    }

    /// Whether something can be returned.
    fn returns(&mut self) -> bool {
        let is_ready = self.readies();
        let is_first = !self.is_wrong && self.whole.is_none() && self.open.is_empty();
        self.is_wrong |= is_ready && !is_first;
        is_ready && is_first
    }

    /// Whether what was written is not dropped.
    fn keeps(&self) -> bool {
        !self.is_wrong && !matches!(self.outcome, Some(Outcome::Failed(_)))
    }

    /// Whether a value can be written, with that name.
    fn puts(&mut self, has_name: bool) -> bool {
        let keeps = self.keeps();
        let innermost = self.open.last().map(|(_, tree)| matches!(tree, Tree::Object(_)));
        let is_right = !self.is_wrong && innermost == Some(has_name);
        self.is_wrong |= !is_right;
        is_right && keeps
    }

    fn put(&mut self, name: &str, value: Tree) {
        match self.open.last_mut().map(|(_, tree)| tree) {
            Some(Tree::Object(members)) => members.push((name.to_owned(), value)),
            Some(Tree::Array(elements)) => elements.push(value),
            _ => self.whole = Some(value),
        }
    }

    /// What is returned. `None`: it was not written as it should be.
    fn written(&self) -> Option<Tree> {
        match (&self.open[..], &self.whole) {
            _ if self.is_wrong => None,
            ([], whole) => whole.clone(),
            ([(_, only)], _) => Some(only.clone()),
            _ => None,
        }
    }
}

unsafe extern "C" fn run(context: *mut c_void, call: *mut gw_call<'_>) {
    // SAFETY: it is the context that the agent was given, which nobody else uses while the handler runs.
    let this = unsafe { &mut *context.cast::<Handler>() };
    this.has_run = true;
    let mut writer: *mut gw_writer<'_, '_> = null_mut();
    // A handler that is called again does nothing.
    if this.outcome.is_some() {
        return;
    }
    for _ in 0..64 {
        if this.at >= this.steps.len() {
            break;
        }
        let step = this.byte();
        let name = NAMES[usize::from(step >> 6)];
        let text = c"café \"\\\n";
        // SAFETY: `call` and `writer` are the library's, places are as long as said, and names are static.
        unsafe {
            match step % 16 {
                kind @ 0..=1 => {
                    let (mut place, mut is_there) = (7, true);
                    let did = match kind {
                        0 => gw_arg_integer(call, name.as_ptr(), &raw mut place),
                        _ => gw_opt_integer(call, name.as_ptr(), &raw mut place, &raw mut is_there),
                    };
                    assert_eq!(did, this.reads(name, kind == 1, |value| value.integer().is_some()));
                }
                kind @ 2..=3 => {
                    let mut place = memory(this.byte().into());
                    let (start, size) = (place.as_mut_ptr().cast::<c_char>(), place.len());
                    let did = match kind {
                        2 => gw_arg_string(call, name.as_ptr(), start, size),
                        _ => gw_opt_string(call, name.as_ptr(), start, size, null_mut()),
                    };
                    let fits =
                        |value: &Tree| value.text().is_some_and(|text| text.len() < size && !text.contains('\0'));
                    assert_eq!(did, this.reads(name, kind == 3, fits));
                }
                4 => {
                    let mut place = false;
                    let did = gw_arg_boolean(call, name.as_ptr(), &raw mut place);
                    assert_eq!(did, this.reads(name, false, |value| matches!(value, Tree::Boolean(_))));
                }
                5 => {
                    // Its members are not read.
                    let did = gw_opt_object(call, name.as_ptr(), Some(reads_nothing), null_mut(), null_mut());
                    assert_eq!(did, this.reads(name, true, |value| value.members().is_some_and(<[_]>::is_empty)));
                }
                6 => {
                    let is_right = !this.is_ready && this.readies();
                    if !is_right {
                        this.outcome.get_or_insert(Outcome::Error);
                    }
                    assert_eq!(gw_ready(call), is_right);
                }
                7 => {
                    let did = gw_return_integer(call, step.into());
                    let due = this.returns();
                    assert_eq!(did, due);
                    if due {
                        this.whole = Some(Tree::Number(step.to_string()));
                    }
                }
                8 => {
                    let is_object = step & 64 != 0;
                    let started = if is_object { gw_return_object(call) } else { gw_return_array(call) };
                    let due = this.returns();
                    assert_eq!(!started.is_null(), due);
                    if due {
                        writer = started;
                        this.open
                            .push((String::new(), if is_object { Tree::Object(vec![]) } else { Tree::Array(vec![]) }));
                    }
                }
                kind @ 9..=13 if !writer.is_null() => {
                    let has_name = step & 32 == 0;
                    let c_name = if has_name { name.as_ptr() } else { null() };
                    let name = name.to_str().expect("ASCII");
                    let due = kind != 13 && this.puts(has_name);
                    match kind {
                        9 => {
                            assert_eq!(gw_put_integer(writer, c_name, -5), due);
                            if due {
                                this.put(name, Tree::Number("-5".into()));
                            }
                        }
                        10 => {
                            assert_eq!(gw_put_string(writer, c_name, text.as_ptr()), due);
                            if due {
                                this.put(name, Tree::String(text.to_str().expect("UTF-8").into()));
                            }
                        }
                        11 => {
                            let bytes = memory(usize::from(step >> 5));
                            assert_eq!(gw_put_base64(writer, c_name, bytes.as_ptr(), bytes.len()), due);
                            if due {
                                this.put(name, Tree::String(STANDARD.encode(&bytes)));
                            }
                        }
                        12 => {
                            let is_object = step & 64 != 0;
                            let is_too_deep = this.open.len() >= 32;
                            this.is_wrong |= is_too_deep;
                            let due = due && !is_too_deep;
                            let did = match is_object {
                                true => gw_begin_object(writer, c_name),
                                false => gw_begin_array(writer, c_name),
                            };
                            assert_eq!(did, due);
                            if due {
                                let inner = if is_object { Tree::Object(vec![]) } else { Tree::Array(vec![]) };
                                this.open.push((name.to_owned(), inner));
                            }
                        }
                        _ => {
                            let is_right = !this.is_wrong && this.open.len() > 1;
                            let due = is_right && this.keeps();
                            this.is_wrong |= !is_right;
                            assert_eq!(gw_end(writer), due);
                            if let Some((name, inner)) = this.open.pop_if(|_| due) {
                                this.put(&name, inner);
                            }
                        }
                    }
                }
                14 => {
                    // What the agent says once a call has failed is what was wrong first.
                    let due = this.outcome.is_none();
                    assert_eq!(gw_fail(call, text.as_ptr()), due);
                    this.outcome.get_or_insert_with(|| Outcome::Failed(text.to_str().expect("UTF-8").into()));
                }
                15 if step >> 4 == 0 => {
                    let due = this.outcome.is_none();
                    assert_eq!(gw_defer(call), due);
                    this.outcome.get_or_insert(Outcome::Deferred);
                }
                15 if step >> 4 == 1 => {
                    assert!(!gw_return_string(call, null()));
                    this.outcome.get_or_insert(Outcome::Error);
                }
                _ => {
                    assert!(!gw_put_null(null_mut(), name.as_ptr()) && !gw_end(null_mut()));
                    assert!(!gw_ready(null_mut()));
                }
            }
        }
    }
}

unsafe extern "C" fn reads_nothing(_: *mut c_void, _: *mut gw_call<'_>) {}
