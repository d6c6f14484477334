//! Tests of a guest's own commands, without a port.

use guestwire::{Agent, Call, Command, CommandError, CommandResult, Guest};

#[derive(Default)]
struct Board {
    led: [bool; 4],
}

fn set_led(board: &mut Board, call: Call<'_>) -> CommandResult {
    let number = call.arguments.unsigned("led")?;
    let response = call.respond()?;
    let led = usize::try_from(number).ok().and_then(|number| board.led.get_mut(number));
    *led.ok_or(CommandError::Failed("This board has no such LED"))? = true;
    response.done()
}

impl Guest for Board {
    const VERSION: &'static str = "1.0.0";
    const COMMANDS: &'static [Command<Self>] = &[Command::new("board-set-led", set_led)];
}

/// Runs a request on a new board. Returns the answer and the LEDs.
fn run(request: &str) -> (String, [bool; 4]) {
    let mut agent: Agent<Board, 256, 512> = Agent::new(Board::default());
    assert_eq!(agent.push_slice(request.as_bytes()), request.len());
    let answer = String::from_utf8_lossy(agent.transmit()).into_owned();
    (answer, agent.guest().led)
}

#[test]
fn a_led_is_switched_on() {
    let (answer, led) = run(r#"{"execute": "board-set-led", "arguments": {"led": 3}}"#);
    assert_eq!(answer, "{\"return\": {}}\n");
    assert_eq!(led, [false, false, false, true]);
}

#[test]
fn a_led_that_the_board_lacks_is_an_error() {
    let (answer, led) = run(r#"{"execute": "board-set-led", "arguments": {"led": 4}}"#);
    assert!(answer.contains("This board has no such LED"), "{answer}");
    assert_eq!(led, [false; 4]);
}

#[test]
fn a_led_must_be_a_number() {
    let (answer, led) = run(r#"{"execute": "board-set-led", "arguments": {"led": "3"}}"#);
    assert!(answer.contains("Parameter 'led' expects uint64"), "{answer}");
    assert_eq!(led, [false; 4]);
}
