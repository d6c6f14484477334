//! From the boot protocol's entry to Rust: PVH (QEMU's `-kernel`, libvirt's `<kernel>`) enters in protected mode without
//! paging, with the address of [`StartInfo`] in `ebx`.

use core::arch::global_asm;

use crate::paging::{LEVEL_2, LEVEL_3, LEVEL_4};

global_asm!(
    // The note that makes an ELF file bootable by PVH: XEN_ELFNOTE_PHYS32_ENTRY.
    ".section .note.pvh, \"a\", @note",
    ".balign 4",
    ".long 4, 8, 18",
    ".asciz \"Xen\"",
    ".quad start",
    ".section .text.start, \"ax\"",
    ".code32",
    ".global start",
    "start:",
    "cld",
    "mov edi, offset __bss_start",
    "mov ecx, offset __bss_end",
    "sub ecx, edi",
    "shr ecx, 2",
    "xor eax, eax",
    "rep stosd",
    // The first GiB is mapped one to one: present, writable, in pages of 2 MiB.
    "mov edi, offset {level_2}",
    "mov eax, 0x83",
    "2: mov [edi], eax",
    "add edi, 8",
    "add eax, 0x200000",
    "cmp eax, 0x40000083",
    "jne 2b",
    "mov eax, offset {level_2}",
    "or eax, 3",
    "mov [{level_3}], eax",
    "mov eax, offset {level_3}",
    "or eax, 3",
    "mov [{level_4}], eax",
    "mov eax, offset {level_4}",
    "mov cr3, eax",
    "mov eax, cr4",
    "or eax, 1 << 5", // PAE
    "mov cr4, eax",
    "mov ecx, 0xC0000080", // EFER
    "rdmsr",
    "or eax, 1 << 8", // LME
    "wrmsr",
    "mov eax, cr0",
    "or eax, 1 << 31", // PG
    "mov cr0, eax",
    "lgdt [5f]",
    "mov esp, offset __stack_end",
    "push 8",
    "lea eax, [3f]",
    "push eax",
    "retf",
    ".code64",
    "3: xor eax, eax",
    "mov ds, eax",
    "mov es, eax",
    "mov ss, eax",
    "mov esp, offset __stack_end",
    "mov edi, ebx",
    "call main",
    ".balign 8",
    "4: .quad 0, 0x00209A0000000000", // one segment of 64-bit code
    "5: .word 15",
    ".long 4b",
    level_2 = sym LEVEL_2,
    level_3 = sym LEVEL_3,
    level_4 = sym LEVEL_4,
);

/// What the boot loader tells: `struct hvm_start_info`.
#[repr(C)]
pub struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    modules: u32,
    modules_address: u64,
    command_line: u64,
}

impl StartInfo {
    /// The kernel's command line.
    ///
    /// # Safety
    /// `self` is the boot loader's, and nothing has written to the memory below the kernel.
    pub unsafe fn command_line(&self) -> &[u8] {
        if self.command_line == 0 {
            return &[];
        }
        let text: *const u8 = self.command_line as _;
        let mut length = 0;
        // SAFETY: the boot loader has put a string there that ends with NUL, in the first GiB.
        unsafe {
            while text.add(length).read_volatile() != 0 {
                length += 1;
            }
            core::slice::from_raw_parts(text, length)
        }
    }
}
