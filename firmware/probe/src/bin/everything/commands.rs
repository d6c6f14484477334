//! Every command of `guestwire::commands`: read and written, by both ends.

use core::hint::black_box;

use guestwire::commands::{
    Bytes, CaptureMode, CaptureOutput, Exec, ExecStatus, FileClose, FileFlush, FileOpen, FileRead, FileSeek, FileWrite,
    FsTrim, FsfreezeFreeze, FsfreezeFreezeList, FsfreezeState, FsfreezeStatus, FsfreezeThaw, GetCpustats, GetDevices,
    GetDisks, GetDiskstats, GetFsinfo, GetHostName, GetLoad, GetMemoryBlockInfo, GetMemoryBlocks, GetOsinfo, GetTime,
    GetTimezone, GetUsers, GetVcpus, Info, IpAddressType, List, NetworkGetInterfaces, NetworkGetRoute, PciAddress,
    Ping, Schema, SetMemoryBlocks, SetTime, SetUserPassword, SetVcpus, Shutdown, SshAddAuthorizedKeys,
    SshGetAuthorizedKeys, SshRemoveAuthorizedKeys, Str, SuspendDisk, SuspendHybrid, SuspendRam, SyncDelimited,
    SyncPlain,
};
use guestwire::{
    Client, Command, Guest,
    json::{Encoder, Text, Value},
    message::Arguments,
};

#[derive(Clone)]
pub struct Typed;

/// Those that an agent has built in are for clients only.
macro_rules! commands {
    ($($command:ty)*; $($built_in:ty)*) => {
        impl Guest for Typed {
            const VERSION: &'static str = "1.0.0";
            const COMMANDS: &'static [Command<Self>] = &[
                $(<$command>::command(|_, call| {
                    let (command, response): ($command, _) = call.parse()?;
                    response.object(|arguments| command.write(arguments))
                }),)*
                Command::new("content", |_, call| {
                    let (file, response): (FileRead, _) = call.parse()?;
                    let mut content = response.file_content(file.wanted().unwrap_or(0));
                    let count = black_box(content.space()).len();
                    content.respond(count, black_box(true))
                }),
                Command::new("values", |_, call| {
                    let string: Str<'_> = call.arguments.parse("string")?;
                    let bytes: Bytes<'_> = call.arguments.parse("bytes")?;
                    let list: List<'_, i64> = call.arguments.parse("list")?;
                    black_box((string.as_str(), string == "name", bytes.decoded()?.count(), list.iter().count()));
                    let (shutdown, response): (Shutdown<'_>, _) = call.parse()?;
                    black_box(shutdown.mode()?.as_str());
                    response.encode(List::<i64>::of(&|list| list.element().encode(black_box(1_i64))))
                }),
            ];
        }

        pub fn request<const RX: usize, const TX: usize>(client: &mut Client<RX, TX>, arguments: &mut Arguments<'_>) {
            $(if let Ok(command) = <$command>::read(arguments) {
                let _ = client.request(command);
            })*
            $(if let Ok(command) = <$built_in>::read(arguments) {
                let _ = client.request(command);
            })*
        }

        pub fn returned(value: Value<'_>, encoder: &mut Encoder<'_>) {
            $(if let Ok(returned) = <$command>::returned(value) {
                let _ = encoder.value().encode(returned);
            })*
            $(if let Ok(returned) = <$built_in>::returned(value) {
                let _ = encoder.value().encode(returned);
            })*
        }
    };
}

commands!(
    Exec<'_> ExecStatus FileClose FileFlush FileOpen<'_> FileRead FileSeek FileWrite<'_> FsTrim FsfreezeFreeze
    FsfreezeFreezeList<'_> FsfreezeStatus FsfreezeThaw GetCpustats GetDevices GetDisks GetDiskstats GetFsinfo
    GetHostName GetLoad GetMemoryBlockInfo GetMemoryBlocks GetOsinfo GetTime GetTimezone GetUsers GetVcpus
    NetworkGetInterfaces NetworkGetRoute SetMemoryBlocks<'_> SetTime SetUserPassword<'_> SetVcpus<'_> Shutdown<'_>
    SshAddAuthorizedKeys<'_> SshGetAuthorizedKeys<'_> SshRemoveAuthorizedKeys<'_> SuspendDisk SuspendHybrid
    SuspendRam;
    Info Ping SyncDelimited SyncPlain
);

pub fn values(text: Text<'_>) {
    black_box((Str::from(text).as_str(), Str::from("text") == "text", PciAddress::NONE));
    black_box((FsfreezeState::Frozen == FsfreezeState::Other(text), Str::from(IpAddressType::Other(text)) == "x"));
    black_box((CaptureOutput::from(true).mode().as_str(), CaptureOutput::from(CaptureMode::Merged).mode()));
}
