"""A filter of system calls for the reader: what it needs is allowed, everything else gets EPERM.

Written as the kernel's own little program (seccomp, classic BPF), so that nothing has to be installed.
It holds for code of any kind in the process, not only for Python's. Linux on x86-64; elsewhere
:func:`install` does nothing and says so.
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys

_SET_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_X86_64 = 0xC000003E
#: From here on the numbers are those of another way to call (x32).
_OTHER_CALLS = 0x40000000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _DENY, _KILL = 0x7FFF0000, 0x00050001, 0x80000000
#: Where the kernel puts things for the program: number, architecture, arguments of eight bytes each.
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
#: O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND
_WRITING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000

#: Call → its number. Nothing here opens a socket, begins a process, or changes a file or another process.
_ALLOWED = {
    **{"read": 0, "write": 1, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7, "lseek": 8},
    **{"mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigprocmask": 14, "rt_sigreturn": 15},
    **{"pread64": 17, "readv": 19, "writev": 20, "access": 21, "sched_yield": 24, "mremap": 25},
    **{"madvise": 28, "dup": 32, "nanosleep": 35, "getpid": 39, "exit": 60, "uname": 63, "getcwd": 79},
    **{"readlink": 89, "gettimeofday": 96, "getrlimit": 97, "getrusage": 98, "sysinfo": 99, "times": 100},
    **{"getuid": 102, "getgid": 104, "geteuid": 107, "getegid": 108, "getppid": 110, "gettid": 186},
    **{"time": 201, "futex": 202, "sched_getaffinity": 204, "getdents64": 217, "restart_syscall": 219},
    **{"clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231},
    **{"newfstatat": 262, "readlinkat": 267, "faccessat": 269, "set_robust_list": 273},
    **{"getrandom": 318, "membarrier": 324, "statx": 332, "rseq": 334, "faccessat2": 439},
}
#: Allowed for reading: call → (number, place of its flags among the arguments)
_OPENING = {"open": (2, 1), "openat": (257, 2)}
#: Asks for a limit, and would set one where its third argument points somewhere
_PRLIMIT = 302


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]


def install() -> bool:
    """Bind this process, and what it might become, for good. False where this kernel has no such filter."""
    if sys.platform != "linux" or platform.machine() != "x86_64" or sys.maxsize < 1 << 32:
        return False
    steps = _steps()
    code = b"".join(struct.pack("<HBBI", *step) for step in steps)
    program = _Program(len(steps), code)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    return bool(prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) == 0)


def _steps() -> list[tuple[int, int, int, int]]:
    """The program: (operation, steps to skip if so, steps to skip if not, operand)."""
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _X86_64),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _OTHER_CALLS),
        (_RETURN, 0, 0, _DENY),
    ]
    for number in _ALLOWED.values():
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    for number, flags in _OPENING.values():
        steps += [
            (_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, _ARGUMENTS + 8 * flags),
            (_ANY_BIT, 1, 0, _WRITING),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, _DENY),
        ]
    limit = _ARGUMENTS + 8 * 2
    steps += [
        (_EQUAL, 0, 5, _PRLIMIT),
        (_LOAD, 0, 0, limit),
        (_EQUAL, 0, 3, 0),
        (_LOAD, 0, 0, limit + 4),
        (_EQUAL, 0, 1, 0),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _DENY),
    ]
    return steps
