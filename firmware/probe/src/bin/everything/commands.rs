//! Every command of `guestwire::commands`: read and written, by both ends.

use core::hint::black_box;

use guestwire::commands::*;
use guestwire::{
    Client, Command, Guest,
    json::{Encoder, ObjectEncoder, Text, Value},
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

        /// As a table at run time has them.
        pub fn commands() {
            $(black_box(<$command>::command::<Typed>(|_, call| call.respond()?.done()));)*
            $(black_box(<$built_in>::command::<Typed>(|_, call| call.respond()?.done()));)*
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

/// What commands take and return, read and written: as a client that passes it on.
macro_rules! values {
    ($($type:ty)*) => {
        pub fn values(arguments: &mut Arguments<'_>, members: &mut ObjectEncoder<'_>) {
            $(if let Ok(value) = arguments.parse::<$type>("value") {
                let _ = value.encode_member("value", members);
            })*
        }
    };
}

values!(
    AgentInfo<'_> AuthorizedKeys<'_> Bytes<'_> CaptureMode CaptureOutput CcwAddress CommandInfo<'_> CpuStats<'_>
    DeviceId<'_> DeviceInfo<'_> Disk<'_> DiskAddress<'_> DiskBusType<'_> DiskSmart<'_> DiskStats DiskStatsInfo<'_> Done
    ExecPid ExecStatusReturn<'_> FileContent<'_> FilePosition FileSystem<'_> FileWritten FsTrimResult<'_>
    FsTrimmed<'_> FsfreezeState<'_> HostName<'_> InterfaceStatistics IpAddress<'_> IpAddressType<'_> LinuxCpuStats
    List<'_, u16> Load LogicalProcessor MemoryBlock MemoryBlockInfo MemoryBlockResponse<'_> MemoryBlockResponseType<'_>
    NetworkInterface<'_> NetworkRoute<'_> NvmeSmart Option<u16> OsInfo<'_> PciAddress PciDeviceId ShutdownMode Str<'_>
    Thousandths Timezone<'_> User<'_> Whence
);

pub fn texts(text: Text<'_>) {
    black_box((Str::default().as_str(), Bytes::default().decoded().is_ok(), List::<u16>::default().iter().count()));
    let _ = Encoder::new(&mut [0; 8]).value().encode(black_box(Some(true)));
    black_box(CaptureOutput::default().mode());
    black_box((Str::from(text).as_str(), Str::from("text") == "text", PciAddress::NONE));
    black_box((FsfreezeState::Frozen == FsfreezeState::Other(text), Str::from(IpAddressType::Other(text)) == "x"));
    black_box((CaptureOutput::from(true).mode().as_str(), CaptureOutput::from(CaptureMode::Merged).mode()));
}
