//! The audio thread makes no system call: the kernel itself is asked to report every one. Where a lock was contended, a thread woken or
//! slept, memory mapped or a file touched, there would be one.
#![allow(missing_docs, reason = "test code")]
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod common;

use common::{
    drive::{config, everything_moves, playing},
    models, phrase,
};
use std::{
    ffi::{c_int, c_void},
    mem::{offset_of, zeroed},
    ptr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use sympathy::{
    control::ParamId,
    engine::{Beats, Engine, Event, Transport},
    session,
};

/// Calls by number; the last place is for all beyond.
static CALLS: [AtomicU64; 512] = [const { AtomicU64::new(0) }; 512];

fn calls() -> Vec<(usize, u64)> {
    let counts = CALLS.iter().map(|count| count.swap(0, Ordering::SeqCst)).enumerate();
    counts.filter(|&(_, count)| count > 0).collect()
}

/// The kernel's `siginfo_t` of a SIGSYS.
#[repr(C)]
struct SystemCall {
    signal: [c_int; 4],
    address: *const c_void,
    number: c_int,
    architecture: u32,
}

extern "C" fn note(_: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    // SAFETY: for SIGSYS the kernel fills this layout.
    let number = unsafe { (*info.cast::<SystemCall>()).number };
    CALLS[usize::try_from(number).unwrap_or(usize::MAX).min(511)].fetch_add(1, Ordering::SeqCst);
}

/// From now on every system call of this thread is noted instead of made, but for the return from that note, `pause`, with which the
/// thread ends, and the clock, which is one only where the machine's own clock cannot be read without.
fn watch_this_thread() {
    const ALLOWED: [i64; 3] = [libc::SYS_rt_sigreturn, libc::SYS_pause, libc::SYS_clock_gettime];
    let step = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let mut filter = vec![step(load, 0, 0, offset_of!(libc::seccomp_data, nr) as u32)];
    for (i, number) in ALLOWED.iter().enumerate() {
        let to_the_end = (ALLOWED.len() - i) as u8;
        filter.push(step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, to_the_end, 0, *number as u32));
    }
    filter.push(step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_TRAP));
    filter.push(step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW));
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the handler only adds to atomic numbers; the program is copied by the kernel before the call returns.
    unsafe {
        let mut action: libc::sigaction = zeroed();
        action.sa_sigaction = note as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        assert_eq!(libc::sigaction(libc::SIGSYS, &action, ptr::null_mut()), 0);
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(
            libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program),
            0,
            "this kernel has no seccomp"
        );
    }
}

/// What a host does in ten seconds: blocks, every parameter, notes, jumps, a reset; prepared, so that only the engine works.
struct Performance {
    engine: Engine,
    audio: Vec<Vec<f32>>,
    blocks: Vec<(Vec<Event>, Transport)>,
}

const RATE: u32 = 48_000;
const BLOCK: usize = 256;

impl Performance {
    fn run(&mut self) {
        let (left, right) = self.audio.split_at_mut(1);
        let began = Instant::now();
        for (i, (events, transport)) in self.blocks.iter().enumerate() {
            let at = i * BLOCK..(i + 1) * BLOCK;
            if i == 900 {
                self.engine.reset();
            }
            if i % 50 == 0 {
                self.engine.note_on(60 + (i % 12) as u8, 0.8);
            }
            self.engine.process(&mut [&mut left[0][at.clone()], &mut right[0][at]], events, *transport);
            // To sleep would be a system call.
            let due = Duration::from_secs_f64(((i + 1) * BLOCK) as f64 / f64::from(RATE));
            while began.elapsed() < due {
                std::hint::spin_loop();
            }
        }
    }
}

#[test]
fn the_audio_thread_makes_no_system_call() {
    const SECONDS: f64 = 10.0;
    let mut values = config(RATE, 2, 64);
    values.values.set(ParamId::Mix, 70.0);
    let (engine, worker) = session::start(values, models::registry());
    let meters = Arc::clone(engine.meters());
    let _worker = worker.spawn();
    let changes = everything_moves(RATE, SECONDS, 3);
    let audio = phrase(RATE, SECONDS as f32 + 0.1, 2);
    let mut position = 0;
    let blocks = (0..(SECONDS * f64::from(RATE)) as usize / BLOCK).map(|i| {
        let at = i * BLOCK..(i + 1) * BLOCK;
        let inside = changes.iter().filter(|change| at.contains(&change.at));
        let events = inside
            .map(|change| Event { offset_samples: change.at - at.start, id: change.id, value: change.value })
            .collect();
        position = if i % 500 == 499 { 1_000_000 + i as i64 } else { position + BLOCK as i64 };
        let beats = Some(Beats::at(position as f64 / 24_000.0, 120.0));
        (events, Transport { beats, ..playing(position) })
    });
    let mut performance = Performance { engine, audio, blocks: blocks.collect() };

    let over = Arc::new(AtomicBool::new(false));
    let is_over = Arc::clone(&over);
    let (control, noted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (may_control, has_noted) = (Arc::clone(&control), Arc::clone(&noted));
    std::thread::spawn(move || {
        watch_this_thread();
        performance.run();
        is_over.store(true, Ordering::SeqCst);
        while !may_control.load(Ordering::SeqCst) {
            std::hint::spin_loop();
        }
        // That one is noticed at all.
        // SAFETY: a call without arguments.
        unsafe { libc::syscall(libc::SYS_getppid) };
        has_noted.store(true, Ordering::SeqCst);
        loop {
            // To end would be system calls; the program ends with the main thread.
            // SAFETY: a call without arguments.
            unsafe { libc::pause() };
        }
    });
    let wait_for = |flag: &AtomicBool| {
        let began = Instant::now();
        while !flag.load(Ordering::SeqCst) {
            assert!(began.elapsed() < Duration::from_secs(60), "it hangs after these calls: {:?}", calls());
            // An open editor looks all the while.
            meters.scope().watch();
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    wait_for(&over);
    assert_eq!(calls(), [], "system calls by number, and how often");
    control.store(true, Ordering::SeqCst);
    wait_for(&noted);
    assert_eq!(calls(), [(libc::SYS_getppid as usize, 1)]);
    assert!(meters.continuations() > 3, "something played");
}
