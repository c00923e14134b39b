"""What the processor is, and which of torch's libraries multiplies float32 matrices faster on it.

torch multiplies them by MKL, which has its AVX-512 kernels on Intel's processors and AVX2 ones on
all others. oneDNN has AVX-512 kernels for all, but writes to a matrix of its own, which is a copy
more. That pays where AVX-512 does twice the work of AVX2: on AMD's from Zen 5 on. Zen 4 makes an
AVX-512 instruction of two halves.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

LIBRARIES = ("mkl", "onednn")
# AMD's family number of Zen 5.
FULL_WIDTH_FAMILY = 26


class Processor(NamedTuple):
    """A processor as Linux describes it; empty texts and 0 elsewhere."""

    maker: str = ""
    family: int = 0
    name: str = ""


@cache
def this_processor() -> Processor:
    """Return the processor of this machine."""
    try:
        return parse(Path("/proc/cpuinfo").read_text(errors="replace"))
    except OSError:
        return Processor()


def parse(text: str) -> Processor:
    """Return the first processor of a text in the form of /proc/cpuinfo.

    Parameters
    ----------
    text : str
        Lines of "key : value".

    Returns
    -------
    processor : Processor
        What the text says of it.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        found.setdefault(key.strip(), value.strip())
    family = found.get("cpu family", "")
    return Processor(
        found.get("vendor_id", ""),
        int(family) if family.isdecimal() else 0,
        found.get("model name", ""),
    )


def choose_library(maker: str, family: int, capability: str, wanted: str = "auto") -> str:
    """Return the library that multiplies float32 matrices faster.

    A rule, not a trial run: the same fit must give the same bits however busy the machine is.

    Parameters
    ----------
    maker : str
        Of the processor, as CPUID has it.
    family : int
        Of the processor, as its maker counts.
    capability : str
        What ``torch.backends.cpu.get_cpu_capability`` returns.
    wanted : {"auto", "mkl", "onednn"}, default="auto"
        Anything but "auto" is taken as it is.

    Returns
    -------
    library : {"mkl", "onednn"}
        "mkl" is torch's own product, whatever that is on the machine.

    Raises
    ------
    ValueError
        If `wanted` is none of these.
    """
    if wanted in LIBRARIES:
        return wanted
    if wanted != "auto":
        raise ValueError(
            "The environment variable SK_SDLR_MATMUL must be 'auto', 'mkl' or 'onednn'. "
            f"Got {wanted!r} instead."
        )
    is_wide = maker == "AuthenticAMD" and family >= FULL_WIDTH_FAMILY
    return "onednn" if is_wide and capability.startswith("AVX512") else "mkl"
