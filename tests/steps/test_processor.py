"""Which processor this is, and the library of products that suits it."""

import pytest

from sk_sdlr.steps import _processor
from sk_sdlr.steps._processor import Processor, choose_library, parse, this_processor

ZEN_4, ZEN_5, INTEL = ("AuthenticAMD", 25), ("AuthenticAMD", 26), ("GenuineIntel", 6)


@pytest.mark.parametrize(
    ("maker", "family", "capability", "library"),
    [
        (*ZEN_4, "AVX512", "mkl"),
        (*ZEN_5, "AVX512", "onednn"),
        (*ZEN_5, "AVX512_BF16", "onednn"),
        (*ZEN_5, "AVX2", "mkl"),
        ("AuthenticAMD", 27, "AVX512", "onednn"),
        (*INTEL, "AVX512", "mkl"),
        ("GenuineIntel", 26, "AVX512", "mkl"),
        ("", 0, "DEFAULT", "mkl"),
    ],
)
def test_maker_family_and_instructions_choose_the_library(maker, family, capability, library):
    assert choose_library(maker, family, capability) == library


@pytest.mark.parametrize("library", ["mkl", "onednn"])
@pytest.mark.parametrize("processor", [ZEN_4, ZEN_5, INTEL])
def test_what_is_wanted_is_taken(processor, library):
    assert choose_library(*processor, "AVX512", library) == library


@pytest.mark.parametrize("wanted", ["", "MKL", "blas"])
def test_another_library_is_an_error(wanted):
    message = rf"SK_SDLR_MATMUL must be 'auto', 'mkl' or 'onednn'\. Got '{wanted}' instead\."
    with pytest.raises(ValueError, match=message):
        choose_library(*ZEN_5, "AVX512", wanted)


def test_first_processor_is_read():
    block = "vendor_id\t: {}\ncpu family\t: {}\nmodel\t\t: 17\nmodel name\t: {}\nflags\t: a b\n\n"
    text = block.format("AuthenticAMD", 25, "A: B") + block.format("GenuineIntel", 6, "C")
    assert parse(text) == Processor("AuthenticAMD", 25, "A: B")


@pytest.mark.parametrize("text", ["", "no colon", "processor : 0\nBogoMIPS : 50", "cpu family : x"])
def test_what_is_not_told_is_left_empty(text):
    assert parse(text) == Processor("", 0, "")


def test_other_systems_have_no_such_file(monkeypatch):
    def missing(self, **kwargs):
        raise FileNotFoundError

    monkeypatch.setattr(_processor.Path, "read_text", missing)
    assert this_processor.__wrapped__() == Processor("", 0, "")
