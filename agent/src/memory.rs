//! Blocks of memory, which can be taken online and offline.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use guestwire::commands::*;
use guestwire::{Call, CommandResult};

use crate::guest::{Linux, failed};
use crate::system::read_number;

const MEMORY: &str = "/sys/devices/system/memory";

fn block_folder(phys_index: u64) -> PathBuf {
    Path::new(MEMORY).join(format!("memory{phys_index}"))
}

fn is_online(block: &Path) -> io::Result<bool> {
    Ok(fs::read(block.join("state"))?.starts_with(b"online"))
}

fn memory_block(phys_index: u64) -> io::Result<MemoryBlock> {
    let folder = block_folder(phys_index);
    let online = match is_online(&folder) {
        // An old kernel has no such file: all is online.
        Err(error) if error.kind() == ErrorKind::NotFound => true,
        online => online?,
    };
    let can_offline = Some(read_number(folder.join("removable")).is_ok_and(|removable| removable != 0));
    Ok(MemoryBlock { phys_index, online, can_offline, ..Default::default() })
}

/// Sorted by their numbers. A kernel that cannot take memory offline lists none.
fn memory_blocks() -> io::Result<Vec<MemoryBlock>> {
    let entries = match fs::read_dir(MEMORY) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("memory"));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    numbers.into_iter().map(memory_block).collect()
}

pub fn get_memory_blocks(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let response = call.respond()?;
    match memory_blocks() {
        Ok(blocks) => response.array(|list| blocks.iter().try_for_each(|block| list.element().encode(*block))),
        Err(error) => failed(response, "failed to list the blocks of memory", error),
    }
}

/// What became of each.
pub fn set_memory_blocks(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let (SetMemoryBlocks { mem_blks, .. }, response) = call.parse()?;
    let outcomes: Vec<_> = mem_blks.iter().map(|wanted| set_memory_block(&wanted)).collect();
    response.array(|list| outcomes.into_iter().try_for_each(|outcome| list.element().encode(outcome)))
}

fn set_memory_block(wanted: &MemoryBlock) -> MemoryBlockResponse<'static> {
    use MemoryBlockResponseType::{NotFound, OperationFailed, OperationNotSupported, Success};
    let folder = block_folder(wanted.phys_index);
    let set = is_online(&folder).and_then(|online| match online == wanted.online {
        true => Ok(()),
        false => fs::write(folder.join("state"), if wanted.online { "online" } else { "offline" }),
    });
    let (response, error) = match set {
        Ok(()) => (Success, None),
        Err(error) if error.kind() != ErrorKind::NotFound => (OperationFailed, Some(error)),
        Err(error) if !Path::new(MEMORY).exists() => (OperationNotSupported, Some(error)),
        Err(error) if !folder.exists() => (NotFound, Some(error)),
        Err(_) if wanted.online => (Success, None),
        Err(error) => (OperationNotSupported, Some(error)),
    };
    let error_code = error.and_then(|error| error.raw_os_error()).map(i64::from);
    MemoryBlockResponse { response, error_code, phys_index: wanted.phys_index, ..Default::default() }
}

pub fn get_memory_block_info(_: &mut Linux, call: Call<'_>) -> CommandResult {
    let response = call.respond()?;
    let size = fs::read_to_string(Path::new(MEMORY).join("block_size_bytes"));
    match size.and_then(|size| u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)) {
        Ok(size) => response.encode(MemoryBlockInfo { size, ..Default::default() }),
        Err(error) => failed(response, "failed to read the size of a block of memory", error),
    }
}
