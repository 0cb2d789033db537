//! The few system calls of this program that have no safe function: the only file with `unsafe` code.
//!
//! An ioctl is a number and an argument, and only the driver behind the descriptor knows which argument it reads or
//! writes. Each function here pairs one number with the type that the kernel's headers give for it; a descriptor of
//! another device answers `ENOTTY` and touches nothing.

#![expect(
    unsafe_code,
    reason = "an ioctl's argument is checked by nobody but the kernel; there is no safe function for these"
)]

use std::ffi::c_int;
use std::io;
use std::os::fd::AsFd;

use rustix::ioctl::{Getter, IntegerSetter, Opcode, Setter, ioctl, opcode};
use time::OffsetDateTime;

/// `LPGETSTATUS` (`include/uapi/linux/lp.h`): writes the printer's status byte into an `int`.
const LPGETSTATUS: Opcode = 0x060b;
/// `LPABORT`: the argument itself says whether a write ends with `ENOSPC` when the printer is out of paper.
const LPABORT: Opcode = 0x0604;
/// `RTC_SET_TIME` (`include/uapi/linux/rtc.h`): reads a `struct rtc_time`.
const RTC_SET_TIME: Opcode = opcode::write::<RtcTime>(b'p', 0x0a);

/// `struct rtc_time`: broken-down UTC as in C's `struct tm`; the last three members are not read.
#[repr(C)]
#[derive(Debug, PartialEq, Eq)]
struct RtcTime {
    sec: c_int,
    min: c_int,
    hour: c_int,
    mday: c_int,
    /// From 0.
    mon: c_int,
    /// From 1900.
    year: c_int,
    wday: c_int,
    yday: c_int,
    isdst: c_int,
}

/// Asks a printer (usblp) for its status byte (GET_PORT_STATUS of the printer class); waits up to five seconds.
pub fn printer_status(printer: impl AsFd) -> io::Result<u8> {
    // SAFETY: LPGETSTATUS writes one `int` through its argument, and `Getter` points to room for one. Drivers that do
    // not know the number write nothing.
    let status = unsafe { ioctl(printer, Getter::<LPGETSTATUS, c_int>::new()) }?;
    Ok(status.to_le_bytes()[0])
}

/// Has a blocked write to a printer (usblp) end with `ENOSPC` when it says that it is out of paper; closing undoes it.
pub fn printer_abort(printer: impl AsFd) -> io::Result<()> {
    // SAFETY: LPABORT takes its argument as a number and follows no pointer; 0 and 1 are its values.
    unsafe { ioctl(printer, IntegerSetter::<LPABORT>::new_usize(1)) }?;
    Ok(())
}

/// Sets the clock chip (`/dev/rtc0`) to this time, in UTC, to the second.
pub fn set_clock_chip(chip: impl AsFd, to: OffsetDateTime) -> io::Result<()> {
    // SAFETY: RTC_SET_TIME reads one `struct rtc_time` through its argument; `RtcTime` is laid out like it, and its
    // size is part of the number. Nothing is written.
    unsafe { ioctl(chip, Setter::<RTC_SET_TIME, RtcTime>::new(broken_down(to))) }?;
    Ok(())
}

fn broken_down(time: OffsetDateTime) -> RtcTime {
    let time = time.to_offset(time::UtcOffset::UTC);
    RtcTime {
        sec: time.second().into(),
        min: time.minute().into(),
        hour: time.hour().into(),
        mday: time.day().into(),
        mon: c_int::from(u8::from(time.month())) - 1,
        year: time.year() - 1900,
        wday: 0,
        yday: 0,
        isdst: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_device_of_another_kind_refuses_and_changes_nothing() {
        let null = std::fs::File::open("/dev/null").unwrap();
        let refused = |error: io::Error| error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
        let errno = Some(rustix::io::Errno::NOTTY);
        assert_eq!(printer_status(&null).map_err(refused), Err(errno));
        assert_eq!(printer_abort(&null).map_err(refused), Err(errno));
        let time = datetime!(2026-11-23 14:05 UTC);
        assert_eq!(set_clock_chip(&null, time).map_err(refused), Err(errno));
    }

    #[test]
    fn numbers_are_those_of_the_kernel_on_this_architecture() {
        // _IOW('p', 0x0a, struct rtc_time): 36 bytes, as strace shows it.
        assert_eq!(RTC_SET_TIME, 0x4024_700a);
    }

    #[test]
    fn a_time_is_broken_down_in_utc() {
        let chip = broken_down(datetime!(2026-12-31 23:59:58 -1));
        assert_eq!((chip.year, chip.mon, chip.mday), (127, 0, 1));
        assert_eq!((chip.hour, chip.min, chip.sec), (0, 59, 58));
    }
}
