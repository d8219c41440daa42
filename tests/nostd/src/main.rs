//! Proof that ifrit-core needs no operating system: linked into a program without std, it signs, verifies, parses and
//! makes a member. Its exit code is 45; any other names the check that failed, 101 is a panic.
//!
//! If anything below ifrit-core linked std, the compiler would stop at the second `panic_impl` (E0152). libc is linked for
//! start-up and exit only.
#![no_std]
#![no_main]

extern crate alloc;

mod heap;
mod proof;

/// What a run that proved everything exits with: unlike 0, nothing else gives it by chance.
const PROVED: i32 = 45;

#[link(name = "c")]
unsafe extern "C" {
    fn exit(code: i32) -> !;
}

#[unsafe(no_mangle)]
extern "C" fn main(_argc: i32, _argv: *const *const u8) -> i32 {
    match proof::all() {
        Ok(()) => PROVED,
        Err(failed) => failed,
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: libc's exit takes any code and does not return.
    unsafe { exit(101) }
}

// The precompiled `alloc` was built to unwind and names these two; with `panic = "abort"` neither is ever called.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() {}
